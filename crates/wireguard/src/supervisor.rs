//! Keeps the engine in touch with its servers: finds them, follows the network, says when they
//! are silent.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use adit_model::{ConnectionError, NetworkPath, PathStatus, wireguard::Key};
use adit_provider::{Host, HostError, ProviderError};
use tokio::{sync::watch, time::sleep_until};

use crate::{
    engine::Engine,
    search::{PATIENCE, Search, Step},
};

/// A server that was asked and is silent for this long is said to be gone.
const SILENCE: Duration = Duration::from_secs(15);

/// What the helper said about the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Surroundings {
    /// The physical network.
    pub(crate) path: NetworkPath,
    /// How often the machine woke.
    pub(crate) wakes: u64,
}

pub(crate) struct Supervisor {
    pub(crate) host: Host,
    pub(crate) engine: Arc<Engine>,
    /// The peers that have an endpoint.
    pub(crate) searches: Vec<Search>,
    /// Those of them without which there is no tunnel.
    pub(crate) servers: Vec<Key>,
    pub(crate) surroundings: Surroundings,
    /// Since when the helper knows that the servers are silent.
    pub(crate) reasserting: Option<Instant>,
}

impl Supervisor {
    /// Works until it is aborted, or the engine fails or the helper is gone.
    pub(crate) async fn run(mut self, mut surroundings: watch::Receiver<Surroundings>) {
        let mut news = self.engine.news();
        loop {
            if let Some(fault) = self.engine.fault() {
                let error = ConnectionError::PluginFailed.because(fault);
                let _ = self.host.cancel(Some(error)).await;
                return;
            }
            if self.search().await.is_err() || self.report().await.is_err() {
                tracing::warn!("the connection to the Adit service is lost");
                return;
            }
            let due = self.due_at(Instant::now());
            tokio::select! {
                // The engine lives as long as this does.
                _ = news.changed() => {}
                changed = surroundings.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let there = surroundings.borrow_and_update().clone();
                    self.follow(there, Instant::now());
                }
                () = sleep_until(due.unwrap_or_else(far_away).into()), if due.is_some() => {}
            }
        }
    }

    /// Takes every step of a search that is due.
    pub(crate) async fn search(&mut self) -> Result<(), ProviderError> {
        if self.is_cut_off() {
            return Ok(());
        }
        for index in 0..self.searches.len() {
            let now = Instant::now();
            let liveness = self.engine.liveness(&self.searches[index].key);
            if liveness.asked_at.is_none() && liveness.established {
                self.searches[index].answered();
            }
            let due = self.search_due_at(&self.searches[index], now);
            if due.is_none_or(|due| due > now) {
                continue;
            }
            let step = match self.searches[index].advance(now) {
                Step::Try(address) => Some(address),
                Step::LookUp => {
                    let addresses = self.look_up(&self.searches[index]).await?;
                    self.searches[index].found(addresses, Instant::now())
                }
            };
            let Some(address) = step else { continue };
            let key = self.searches[index].key;
            tracing::debug!(%address, "asking a peer");
            self.engine.set_endpoint(&key, address);
            self.engine.handshake(&key);
        }
        Ok(())
    }

    /// A server that shook hands, and where it is.
    pub(crate) fn reached(&self) -> Option<SocketAddr> {
        let mut servers = self.servers.iter();
        servers.find_map(|key| {
            self.engine.liveness(key).established.then(|| self.engine.endpoint(key)).flatten()
        })
    }

    /// When there is something to do next, if nothing happens before.
    pub(crate) fn due_at(&self, now: Instant) -> Option<Instant> {
        let searches = self.searches.iter().filter_map(|search| self.search_due_at(search, now));
        let silent = self.silent_since().filter(|_| self.reasserting.is_none());
        let offline = self.surroundings.path.status == PathStatus::Unsatisfied;
        searches.filter(|_| !offline).chain(silent.map(|since| since + SILENCE)).min()
    }

    /// Whether searching is in vain until a network comes, which will be told to an established
    /// tunnel.
    fn is_cut_off(&self) -> bool {
        self.surroundings.path.status == PathStatus::Unsatisfied && self.reached().is_some()
    }

    fn search_due_at(&self, search: &Search, now: Instant) -> Option<Instant> {
        let insisting = self.reasserting.is_some() && self.servers.contains(&search.key);
        search.due_at(self.engine.liveness(&search.key), insisting, now)
    }

    /// Tells the helper when the servers fall silent and when one speaks again. Spec TUN-8.
    async fn report(&mut self) -> Result<(), HostError> {
        let now = Instant::now();
        match self.reasserting {
            None => {
                let silent = self.silent_since().is_some_and(|since| now >= since + SILENCE);
                if silent {
                    tracing::info!("the server does not answer; looking for it again");
                    self.reasserting = Some(now);
                    self.host.set_reasserting(true).await?;
                }
            }
            Some(since) => {
                let heard = |key| self.engine.liveness(key).heard_at.is_some_and(|at| at > since);
                if self.servers.iter().any(heard) {
                    tracing::info!("the server answers again");
                    self.reasserting = None;
                    self.host.set_reasserting(false).await?;
                }
            }
        }
        Ok(())
    }

    /// Since when all servers have been asked in vain.
    fn silent_since(&self) -> Option<Instant> {
        let asked = self.servers.iter().map(|key| self.engine.liveness(key).asked_at);
        asked.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// The same before the session is established, when only the path can change.
    pub(crate) fn follow_path(&mut self, path: NetworkPath) {
        let path = way_out(path);
        if path != self.surroundings.path {
            self.follow(Surroundings { path, ..self.surroundings.clone() }, Instant::now());
        }
    }

    /// Tells the servers where we are when that changed, and asks whether they are still there
    /// after a sleep; wakes come in bursts and before the network does. Spec PRV-3, PRV-6.
    fn follow(&mut self, there: Surroundings, now: Instant) {
        let woke = there.wakes != self.surroundings.wakes;
        let moved = there.path != self.surroundings.path;
        self.surroundings = there;
        if self.surroundings.path.status == PathStatus::Unsatisfied {
            return;
        }
        for search in &mut self.searches {
            let recent = search.tried_at().is_some_and(|at| now < at + PATIENCE);
            if moved || (woke && !recent) {
                self.engine.handshake(&search.key);
                search.asked(now);
            }
        }
    }

    /// The addresses of an endpoint that there is a socket for; none if it is not found.
    async fn look_up(&self, search: &Search) -> Result<Vec<SocketAddr>, ProviderError> {
        // Where there is IPv6 alone, the network may have another address for one of IPv4.
        let only_ipv6 = self.surroundings.path.has_only_ipv6();
        let is_reached = |address: &IpAddr| address.is_ipv6() || !only_ipv6;
        let addresses = match search.literal().filter(is_reached) {
            Some(address) => vec![address],
            None => match self.host.resolve(&search.endpoint.host).await {
                Ok(addresses) => addresses,
                Err(HostError::Refused(error)) => {
                    tracing::debug!(%error, "a peer's name was not found");
                    Vec::new()
                }
                Err(error @ HostError::Lost(_)) => {
                    return Err(ConnectionError::PluginFailed.because(error.to_string()));
                }
            },
        };
        let sockets = addresses.into_iter().map(|ip| SocketAddr::new(ip, search.endpoint.port));
        Ok(sockets.filter(|address| self.engine.serves(*address)).collect())
    }
}

/// For a timer that is switched off.
fn far_away() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

/// A path without what makes no difference to where servers are.
pub(crate) fn way_out(path: NetworkPath) -> NetworkPath {
    NetworkPath { expensive: None, ..path }
}
