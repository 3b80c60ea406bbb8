//! Deciding, name by name, whether a look-up starts the tunnel.
//!
//! The answer is held back while the tunnel starts, and then comes from inside. Spec OD-6, OD-17 to OD-21,
//! OD-26.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use adit_model::{
    ConfigurationId, SessionStatus, VpnStatus,
    on_demand::{
        ConnectionAction, ConnectionFindings, ConnectionStep, EvaluateConnectionRule, Resolution,
    },
};
use adit_network::{
    Slot, asked_servers,
    probe::probe,
    resolver::{OutsideResolver, ResolveError},
    stub::{NameServer, Question, Way, answers, forward},
};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{Wanted, forgery::Forgeries};
use crate::surroundings::Surroundings;

/// The domains that have to be listened to: of the others it is known that they start nothing.
pub(super) fn domains(rules: &[EvaluateConnectionRule]) -> Vec<String> {
    let starting = rules.iter().filter(|rule| match rule.action {
        ConnectionAction::ConnectIfNeeded { .. } => true,
        ConnectionAction::NeverConnect => false,
    });
    let domains = starting.flat_map(|rule| &rule.domains);
    domains.map(|domain| domain.strip_prefix("*.").unwrap_or(domain).to_owned()).collect()
}

/// Listens where the stub of a slot does. One that has ended may still be answering there for a while.
pub(super) async fn listen(slot: Slot) -> io::Result<(Ipv4Addr, NameServer)> {
    let addresses = (0..MOST_ADDRESSES).map(|k| Ipv4Addr::new(127, 173, k, slot.number() + 1));
    let mut refused = io::ErrorKind::AddrInUse.into();
    for address in addresses {
        match NameServer::bind(address).await {
            Ok(server) => return Ok((address, server)),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// A stub that runs until it is dropped. What it was asked before is still answered then.
#[derive(Debug)]
pub(super) struct Stub {
    serving: JoinHandle<()>,
    session: watch::Receiver<SessionStatus>,
}

/// What a stub decides by.
pub(super) struct Deciding {
    pub(super) id: ConfigurationId,
    pub(super) rules: Vec<EvaluateConnectionRule>,
    pub(super) session: watch::Receiver<SessionStatus>,
    pub(super) surroundings: Arc<Surroundings>,
    pub(super) wanted: mpsc::Sender<Wanted>,
}

/// What comes of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Decision {
    /// It is answered past the tunnel: by these servers, or by the network's own.
    Outside(Option<Vec<IpAddr>>),
    /// It needs the tunnel. Why, in the middle of a sentence.
    Inside(String),
}

/// A stub's rules with the questions that are being decided on.
struct Decider {
    deciding: Deciding,
    /// Of the configuration's session too: it takes the interface over.
    slot: Slot,
    forgeries: Forgeries,
    /// Who asks for a name that is being looked up waits for the same decision.
    under_way: Mutex<BTreeMap<Topic, Shared<BoxFuture<'static, Decision>>>>,
}

/// The name, and the type if that matters.
type Topic = (String, Option<u16>);

const MOST_ADDRESSES: u8 = 8;

/// How long an answer is held back. Spec OD-26.
const HOLD: Duration = Duration::from_secs(10);
/// How long questions still come that were meant for the stub when the tunnel's servers took its place.
const FAREWELL: Duration = Duration::from_secs(3);

impl Stub {
    /// Answers what is asked there.
    pub(super) fn start(server: NameServer, slot: Slot, deciding: Deciding) -> Self {
        let session = deciding.session.clone();
        let decider = Arc::new(Decider {
            deciding,
            slot,
            forgeries: Forgeries::default(),
            under_way: Mutex::default(),
        });
        let serving = server.serve(move |question| Arc::clone(&decider).answer(question));
        Self { serving: tokio::spawn(serving), session }
    }

    /// Goes on until the tunnel's own servers are in its place, or nobody's.
    pub(super) fn retire(self) {
        tokio::spawn(async move {
            let mut session = self.session.clone();
            // Its task has ended if this fails.
            let _ = session.wait_for(|session| session.status == VpnStatus::Connecting).await;
            let _ = session.wait_for(|session| session.status != VpnStatus::Connecting).await;
            sleep(FAREWELL).await;
        });
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Decider {
    async fn answer(self: Arc<Self>, question: Question) -> Option<Vec<u8>> {
        let answer = if self.is_connected() {
            self.ask_inside(&question).await
        } else {
            match self.decide_together(&question).await {
                Decision::Outside(servers) => self.ask_outside(&question, servers).await,
                Decision::Inside(reason) => self.ask_when_connected(&question, reason).await,
            }
        };
        answer.or_else(|| question.failure())
    }

    async fn decide_together(self: &Arc<Self>, question: &Question) -> Decision {
        let kind = (!question.is_about_addresses()).then(|| question.kind());
        let topic = (question.name().to_ascii_lowercase(), kind);
        let decision = self.under_way().get(&topic).cloned();
        let decision = decision.unwrap_or_else(|| {
            let (decider, question) = (Arc::clone(self), question.clone());
            let deciding = async move { decider.decide(&question).await };
            let decision = deciding.boxed().shared();
            self.under_way().insert(topic.clone(), decision.clone());
            decision
        });
        let decided = decision.await;
        self.under_way().remove(&topic);
        decided
    }

    /// Asks what the rules want to know.
    async fn decide(&self, question: &Question) -> Decision {
        let Deciding { rules, surroundings, .. } = &self.deciding;
        let mut findings = ConnectionFindings::default();
        let mut asked = None;
        loop {
            match ConnectionStep::of(rules, question.name(), &findings) {
                ConnectionStep::Resolve(servers) => {
                    findings.resolution = Some(self.resolve(question, servers.as_ref()).await);
                    asked = servers;
                }
                ConnectionStep::Probe(url) => {
                    findings.probe = Some(probe(&surroundings.network, &url).await);
                }
                ConnectionStep::Connect { rule: _, reason } => return Decision::Inside(reason),
                ConnectionStep::DoNotConnect { rule: _ } => return Decision::Outside(asked),
            }
        }
    }

    /// Whether a name can be looked up past the tunnel. Of other things than addresses, whether there is
    /// an answer at all.
    async fn resolve(&self, question: &Question, servers: Option<&Vec<IpAddr>>) -> Resolution {
        let failed = |reason: &str| Resolution::Failed { reason: reason.into() };
        if !question.is_about_addresses() {
            return match self.ask_outside(question, servers.cloned()).await {
                Some(answer) if answers(&answer) => Resolution::Resolved,
                Some(_) => failed("it has no answer outside"),
                None => failed("the network’s DNS servers do not answer"),
            };
        }
        let asked = self.servers(servers.cloned()).await;
        let (link, servers) = &asked;
        let resolver = OutsideResolver::default().link(*link);
        match resolver.resolve(question.name(), servers).await {
            Ok(found) if self.forgeries.include(question.name(), &found, &asked).await => {
                failed("the network answers for it as for names that do not exist")
            }
            Ok(_) => Resolution::Resolved,
            Err(ResolveError::NotFound(_) | ResolveError::InvalidName(_)) => {
                failed("it does not exist outside")
            }
            Err(ResolveError::NoAddress(_) | ResolveError::MulticastName(_)) => {
                failed("it has no address outside")
            }
            Err(ResolveError::NoServers(_) | ResolveError::NoAnswer { .. }) => {
                failed("the network’s DNS servers do not answer")
            }
        }
    }

    async fn ask_when_connected(&self, question: &Question, reason: String) -> Option<Vec<u8>> {
        tracing::debug!(name = question.name(), %reason, "a name needs the tunnel");
        if !self.connects(reason).await {
            return None;
        }
        self.ask_inside(question).await
    }

    /// Has the tunnel started, and waits for it. Returns whether it is there in time.
    async fn connects(&self, reason: String) -> bool {
        let cause = format!("a program looked up a name that needs the tunnel ({reason})");
        // If it is full, the tunnel is wanted already.
        let _ = self.deciding.wanted.try_send(Wanted { cause });
        let mut session = self.deciding.session.clone();
        let connected = async {
            let mut has_begun = false;
            loop {
                let status = session.borrow_and_update().status;
                match status {
                    VpnStatus::Connected | VpnStatus::Reasserting => return true,
                    VpnStatus::Connecting => has_begun = true,
                    VpnStatus::Invalid | VpnStatus::Disconnected if has_begun => return false,
                    VpnStatus::Invalid | VpnStatus::Disconnected | VpnStatus::Disconnecting => {}
                }
                if session.changed().await.is_err() {
                    return false;
                }
            }
        };
        timeout(HOLD, connected).await.unwrap_or(false)
    }

    async fn ask_outside(
        &self,
        question: &Question,
        servers: Option<Vec<IpAddr>>,
    ) -> Option<Vec<u8>> {
        let (link, servers) = self.servers(servers).await;
        forward(question, &servers, Way::Outside(link)).await
    }

    /// Asks the tunnel's servers, or whoever stands in their place. A tunnel without any leads to the
    /// network's own.
    async fn ask_inside(&self, question: &Question) -> Option<Vec<u8>> {
        let settings = self.deciding.surroundings.parking.last_settings(self.deciding.id);
        let inner = settings.and_then(|settings| settings.dns);
        let inner = inner.map(|dns| asked_servers(&dns, self.slot));
        let servers = match inner.filter(|servers| !servers.is_empty()) {
            Some(servers) => servers,
            None => self.servers(None).await.1,
        };
        forward(question, &servers, Way::ByRoutes).await
    }

    /// The physical link, and the servers of a rule, or else the link's.
    async fn servers(&self, of_rule: Option<Vec<IpAddr>>) -> (Option<NonZeroU32>, Vec<IpAddr>) {
        let (link, servers) = self.deciding.surroundings.network.underlying_dns().await;
        (link, of_rule.unwrap_or(servers))
    }

    fn is_connected(&self) -> bool {
        match self.deciding.session.borrow().status {
            VpnStatus::Connected | VpnStatus::Reasserting => true,
            VpnStatus::Invalid
            | VpnStatus::Disconnected
            | VpnStatus::Connecting
            | VpnStatus::Disconnecting => false,
        }
    }

    /// The map is whole after every statement, so a panic elsewhere does not spoil it.
    fn under_way(&self) -> MutexGuard<'_, BTreeMap<Topic, Shared<BoxFuture<'static, Decision>>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_connect_is_listened_to() {
        let rule = |domain: &str, action| EvaluateConnectionRule::new(vec![domain.into()], action);
        let if_needed = || ConnectionAction::ConnectIfNeeded { dns_servers: None, probe_url: None };
        let rules = [
            rule("wiki.corp.example", ConnectionAction::NeverConnect),
            rule("corp.example", if_needed()),
            rule("*.lab.example", if_needed()),
        ];
        assert_eq!(domains(&rules), ["corp.example", "lab.example"]);
        assert_eq!(domains(&rules[..1]), [""; 0]);
    }
}
