//! The WireGuard provider, as the helper starts it.

use std::{
    net::{IpAddr, Ipv4Addr, UdpSocket},
    sync::Arc,
    time::{Duration, Instant},
};

use adit_model::{
    ConnectionError, NetworkPath, PacketTunnelNetworkSettings, PathStatus, ProviderStopReason,
    Secrets, VpnConfiguration, wireguard::WireGuardPeer,
};
use adit_provider::{
    Host, HostError, PacketTunnelProvider, ProviderError, StartRequest, TunnelProvider, UdpBinding,
    protocol::{Family, HostCallError},
};
use serde_json::Value;
use tokio::{sync::watch, task::JoinHandle, time::sleep_until};

use crate::{
    engine::Engine,
    search::Search,
    setup::Setup,
    supervisor::{Supervisor, Surroundings, way_out},
};

/// How long a server has to answer, within the time that the helper gives a start. Spec PTP-3.
const START_LIMIT: Duration = Duration::from_secs(45);

/// How long a network may take to come, as when the computer has just woken.
const OFFLINE_LIMIT: Duration = Duration::from_secs(15);

/// A name is not found when it was looked up this often while there is a network.
const LOOKUPS: u32 = 3;

/// The message that is answered with a [`Status`](crate::Status).
const STATUS_MESSAGE: &[u8] = b"status";

/// A session: the engine, and what keeps it in touch with its servers.
pub struct WireGuardProvider {
    engine: Arc<Engine>,
    supervisor: JoinHandle<()>,
    surroundings: watch::Sender<Surroundings>,
    host: Host,
    setup: Setup,
    remote: IpAddr,
}

impl PacketTunnelProvider for WireGuardProvider {
    async fn start(request: StartRequest, host: Host) -> Result<Self, ProviderError> {
        let StartRequest { configuration, secrets, flow, path, .. } = request;
        let setup = Setup::read(&configuration, &secrets)?;
        let sockets = open_sockets(&host, setup.wireguard.listen_port.unwrap_or(0)).await?;
        let engine = Engine::start(setup.parameters(), flow, sockets).map_err(|error| {
            ConnectionError::PluginFailed
                .because(format!("The tunnel could not be started: {error}"))
        })?;
        let mut supervisor = supervisor(&setup, host.clone(), engine, path);
        let remote = connect(&mut supervisor, &setup).await?;
        let settings = setup.wireguard.network_settings(remote);
        supervisor.engine.set_mtu(mtu(&settings, &supervisor.surroundings.path));
        host.set_tunnel_network_settings(Some(settings))
            .await
            .map_err(|error| ConnectionError::ConfigurationFailed.because(error.to_string()))?;
        // Changes of the path are told to the session only from here on.
        supervisor.follow_path(host.default_path().borrow().clone());
        let (surroundings, watched) = watch::channel(supervisor.surroundings.clone());
        Ok(Self {
            engine: Arc::clone(&supervisor.engine),
            supervisor: tokio::spawn(supervisor.run(watched)),
            surroundings,
            host,
            setup,
            remote,
        })
    }
}

impl TunnelProvider for WireGuardProvider {
    async fn stop(self, _reason: ProviderStopReason) {
        self.supervisor.abort();
        // It is cancelled, or was over before.
        let _ = self.supervisor.await;
        drop(self.engine);
    }

    async fn handle_app_message(&mut self, message: Vec<u8>) -> Option<Vec<u8>> {
        if message != STATUS_MESSAGE {
            return None;
        }
        serde_json::to_vec(&self.engine.status()).ok()
    }

    async fn wake(&mut self) {
        self.surroundings.send_modify(|surroundings| surroundings.wakes += 1);
    }

    async fn path_changed(&mut self, path: NetworkPath) {
        let path = way_out(path);
        self.surroundings.send_if_modified(|surroundings| {
            std::mem::replace(&mut surroundings.path, path.clone()) != path
        });
    }

    /// Follows everything but keys, peers and the port.
    async fn configuration_changed(
        &mut self,
        configuration: VpnConfiguration,
        secrets: Secrets,
    ) -> bool {
        let Ok(setup) = Setup::read(&configuration, &secrets) else { return false };
        if !self.setup.has_engine_of(&setup) {
            return false;
        }
        let settings = setup.wireguard.network_settings(self.remote);
        self.engine.set_mtu(mtu(&settings, &self.surroundings.borrow().path));
        if settings != self.setup.wireguard.network_settings(self.remote)
            && let Err(error) = self.host.set_tunnel_network_settings(Some(settings)).await
        {
            tracing::warn!(%error, "the changed settings are not in force");
            return false;
        }
        self.setup = setup;
        true
    }

    /// A [`Status`](crate::Status).
    fn status(&mut self) -> Value {
        serde_json::to_value(self.engine.status()).unwrap_or_default()
    }
}

/// The MTU that the interface gets.
fn mtu(settings: &PacketTunnelNetworkSettings, path: &NetworkPath) -> u16 {
    let physical = path.interface.as_ref().map(|interface| interface.mtu);
    u16::try_from(settings.interface_mtu(physical)).unwrap_or(u16::MAX)
}

/// One socket a family, for those that the machine has. A port that one of them cannot have is an
/// error: the server may be reached by that family alone.
async fn open_sockets(host: &Host, port: u16) -> Result<Vec<UdpSocket>, ProviderError> {
    let mut sockets = Vec::new();
    let mut refusal = None;
    for family in [Family::Ipv4, Family::Ipv6] {
        match host.open_udp(UdpBinding::Unconnected { family, port }).await {
            Ok(socket) => sockets.push(socket),
            Err(HostError::Refused(error)) if port != 0 && has_family(host, family).await => {
                return Err(socket_refused(&error));
            }
            Err(HostError::Refused(error)) => {
                tracing::debug!(?family, %error, "a family is left out");
                refusal = Some(error);
            }
            Err(error @ HostError::Lost(_)) => {
                return Err(ConnectionError::PluginFailed.because(error.to_string()));
            }
        }
    }
    match refusal {
        Some(error) if sockets.is_empty() => Err(socket_refused(&error)),
        Some(_) | None => Ok(sockets),
    }
}

async fn has_family(host: &Host, family: Family) -> bool {
    host.open_udp(UdpBinding::Unconnected { family, port: 0 }).await.is_ok()
}

fn socket_refused(reason: &HostCallError) -> ProviderError {
    ConnectionError::ConfigurationFailed
        .because(format!("No socket could be opened for the tunnel: {reason}."))
}

fn supervisor(setup: &Setup, host: Host, engine: Engine, path: NetworkPath) -> Supervisor {
    let search = |peer: &WireGuardPeer| Some(Search::new(peer.public_key, peer.endpoint.clone()?));
    Supervisor {
        host,
        engine: Arc::new(engine),
        searches: setup.wireguard.peers.iter().filter_map(search).collect(),
        servers: setup.servers(),
        surroundings: Surroundings { path: way_out(path), wakes: 0 },
        reasserting: None,
    }
}

/// Waits until a server shakes hands; its address. If all peers come to us there is nobody to wait
/// for.
async fn connect(supervisor: &mut Supervisor, setup: &Setup) -> Result<IpAddr, ProviderError> {
    if supervisor.servers.is_empty() {
        return Ok(Ipv4Addr::UNSPECIFIED.into());
    }
    let limit = Instant::now() + START_LIMIT;
    let mut news = supervisor.engine.news();
    let mut paths = supervisor.host.default_path();
    let mut offline_until = None;
    loop {
        let path = paths.borrow_and_update().clone();
        supervisor.follow_path(path);
        supervisor.search().await?;
        if let Some(server) = supervisor.reached() {
            tracing::info!("the server answered");
            return Ok(server.ip());
        }
        let now = Instant::now();
        let servers = || {
            let searches = supervisor.searches.iter();
            searches.filter(|search| supervisor.servers.contains(&search.key))
        };
        let online = supervisor.surroundings.path.status == PathStatus::Satisfied;
        offline_until = if online { None } else { offline_until.or(Some(now + OFFLINE_LIMIT)) };
        if offline_until.is_some_and(|until| now >= until) {
            return Err(ConnectionError::NoNetworkAvailable.plain());
        }
        if now >= limit && servers().any(|server| !server.addresses().is_empty()) {
            return Err(unanswered(servers(), setup));
        }
        if now >= limit || (online && servers().all(|server| server.unfound() >= LOOKUPS)) {
            return Err(unfound(servers()));
        }
        let limits = [supervisor.due_at(now), offline_until, Some(limit)];
        let due = limits.into_iter().flatten().min().unwrap_or(limit);
        tokio::select! {
            _ = news.changed() => {}
            Ok(()) = paths.changed() => {}
            () = sleep_until(due.into()) => {}
        }
    }
}

fn unfound<'a>(servers: impl Iterator<Item = &'a Search>) -> ProviderError {
    let names = listed(servers.map(|server| format!("“{}”", server.endpoint.host)));
    ConnectionError::ServerAddressResolutionFailed.because(format!(
        "The address of the server {names} was not found. Check its name and your network \
         connection."
    ))
}

/// WireGuard answers nothing to those whom it does not know, so a wrong key looks like silence.
fn unanswered<'a>(
    servers: impl Iterator<Item = &'a Search> + Clone,
    setup: &Setup,
) -> ProviderError {
    let names = listed(servers.clone().map(|server| server.endpoint.to_string()));
    let tried = servers.flat_map(Search::addresses).map(ToString::to_string);
    ConnectionError::ServerNotResponding.because(format!(
        "The server {names} does not answer. It was asked for {} seconds at {}. A WireGuard \
         server is also silent when a key is wrong: check the peer's public key and preshared \
         key, and that the server knows this computer's public key, {}. If they are right, the \
         server is down or a firewall blocks UDP.",
        START_LIMIT.as_secs(),
        listed(tried),
        setup.private_key.public_key(),
    ))
}

fn listed(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}
