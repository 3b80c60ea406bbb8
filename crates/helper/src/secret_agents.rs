//! Whoever can be asked for secrets that the helper does not keep: programs in the session of their
//! owner.
//!
//! Of one owner's agents, whoever came last is asked first: that is where the person is. One that has
//! none passes the request on. One that comes while a request waits is asked too, so that an agent may
//! call another one. Only programs of the owner are asked and may answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use adit_api::{
    HelperError, SecretAnswer, SecretEvent, SecretRequest, SecretsUnavailable, SecretsWithdrawn,
};
use adit_model::Secrets;
use futures_util::{Stream, stream};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

/// All agents and what they are asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct SecretAgents {
    registry: Arc<Mutex<Registry>>,
}

/// Why there are no secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotGiven {
    /// The person closed the request.
    Canceled,
    /// The reasons of those who were asked; none if there was nobody.
    Unavailable(Vec<String>),
}

#[derive(Debug, Default)]
struct Registry {
    /// By the order in which they came.
    agents: BTreeMap<u64, Agent>,
    requests: BTreeMap<u64, Pending>,
    last_number: u64,
}

#[derive(Debug)]
struct Agent {
    uid: u32,
    events: mpsc::UnboundedSender<SecretEvent>,
}

/// A request that waits for an answer.
#[derive(Debug)]
struct Pending {
    owner: u32,
    request: SecretRequest,
    /// Agents that have it before them, by the number under which they do.
    offers: BTreeMap<u64, u64>,
    /// Agents that have passed it on, or called another one.
    asked: BTreeSet<u64>,
    reasons: Vec<String>,
    answer: Option<oneshot::Sender<Result<Secrets, NotGiven>>>,
}

/// How long to wait for an agent when there is none: it comes back after the helper did.
const GRACE: Duration = Duration::from_secs(3);

impl SecretAgents {
    /// Registers an agent of `uid` for as long as the stream lives.
    pub(crate) fn attend(&self, uid: u32) -> impl Stream<Item = SecretEvent> + Send + use<> {
        let (events, heard) = mpsc::unbounded_channel();
        // It cannot be closed yet.
        let _ = events.send(SecretEvent::Attending {});
        let number = self.locked().come(Agent { uid, events });
        let presence = Presence { agents: self.clone(), number };
        stream::unfold((heard, presence), |(mut heard, presence)| async {
            Some((heard.recv().await?, (heard, presence)))
        })
    }

    /// Whether there is an agent of `uid`.
    pub(crate) fn is_attended(&self, uid: u32) -> bool {
        self.locked().agents.values().any(|agent| agent.uid == uid)
    }

    /// Asks the agents of `owner`. Dropping it withdraws the request.
    pub(crate) async fn ask(
        &self,
        owner: u32,
        request: SecretRequest,
    ) -> Result<Secrets, NotGiven> {
        let (answer, mut answered) = oneshot::channel();
        let request = Pending {
            owner,
            request,
            offers: BTreeMap::new(),
            asked: BTreeSet::new(),
            reasons: Vec::new(),
            answer: Some(answer),
        };
        let number = self.locked().open(request);
        let _withdrawal = Withdrawal { agents: self, number };
        let nobody = || NotGiven::Unavailable(Vec::new());
        if let Ok(answer) = timeout(GRACE, &mut answered).await {
            return answer.unwrap_or_else(|_| Err(nobody()));
        }
        if !self.locked().is_before_somebody(number) {
            return Err(nobody());
        }
        answered.await.unwrap_or_else(|_| Err(nobody()))
    }

    /// Takes the answer of a program of `uid`.
    pub(crate) fn answer(
        &self,
        uid: u32,
        offer: u64,
        answer: SecretAnswer,
    ) -> Result<(), HelperError> {
        self.locked().answer(uid, offer, answer)
    }

    /// The data is whole after every statement, so a panic elsewhere does not spoil it.
    fn locked(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An agent that is there.
struct Presence {
    agents: SecretAgents,
    number: u64,
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.agents.locked().leave(self.number);
    }
}

struct Withdrawal<'a> {
    agents: &'a SecretAgents,
    number: u64,
}

impl Drop for Withdrawal<'_> {
    fn drop(&mut self) {
        self.agents.locked().close(self.number);
    }
}

impl Registry {
    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    fn come(&mut self, agent: Agent) -> u64 {
        let (uid, number) = (agent.uid, self.number());
        self.agents.insert(number, agent);
        let waiting = self.requests.iter().filter(|(_, request)| request.owner == uid);
        for request in waiting.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.offer(request, number);
        }
        number
    }

    fn leave(&mut self, agent: u64) {
        self.agents.remove(&agent);
        let numbers: Vec<u64> = self.requests.keys().copied().collect();
        for number in numbers {
            let Some(request) = self.requests.get_mut(&number) else { continue };
            let had = request.offers.len() + request.asked.len();
            request.offers.retain(|_, offered| *offered != agent);
            request.asked.remove(&agent);
            if request.offers.len() + request.asked.len() < had {
                self.pass_on(number);
            }
        }
    }

    fn open(&mut self, request: Pending) -> u64 {
        let number = self.number();
        let owner = request.owner;
        self.requests.insert(number, request);
        // Without anybody it waits for somebody to come.
        if self.agents.values().any(|agent| agent.uid == owner) {
            self.pass_on(number);
        }
        number
    }

    fn close(&mut self, number: u64) {
        let Some(request) = self.requests.remove(&number) else { return };
        for (offer, agent) in request.offers {
            let Some(agent) = self.agents.get(&agent) else { continue };
            // It may be leaving.
            let _ = agent.events.send(SecretEvent::Withdrawn(SecretsWithdrawn { number: offer }));
        }
    }

    fn is_before_somebody(&self, number: u64) -> bool {
        self.requests.get(&number).is_some_and(|request| !request.offers.is_empty())
    }

    fn answer(&mut self, uid: u32, offer: u64, answer: SecretAnswer) -> Result<(), HelperError> {
        let found = self.requests.iter_mut().find(|(_, request)| {
            let is_open = request.owner == uid && request.answer.is_some();
            is_open && request.offers.contains_key(&offer)
        });
        let (&number, request) = found.ok_or(HelperError::NoSuchRequest {})?;
        match answer {
            SecretAnswer::Given(mut secrets) => {
                let wanted = &request.request.secrets;
                secrets.retain(|name, _| wanted.contains_key(name));
                if secrets.len() == wanted.len() {
                    request.complete(Ok(secrets));
                } else {
                    let reason = "Not everything that was asked for was given.".into();
                    request.cannot(offer, reason);
                    self.pass_on(number);
                }
            }
            SecretAnswer::Canceled {} => request.complete(Err(NotGiven::Canceled)),
            SecretAnswer::Unavailable(SecretsUnavailable { reason }) => {
                request.cannot(offer, reason);
                self.pass_on(number);
            }
            SecretAnswer::Called {} => {
                // It keeps the request before it, to hear when that is over.
                if let Some(agent) = request.offers.get(&offer).copied() {
                    request.asked.insert(agent);
                }
                self.offer_next(number);
            }
        }
        Ok(())
    }

    /// Has the next agent look at a request that nobody has before them.
    fn pass_on(&mut self, number: u64) {
        if self.is_before_somebody(number) || self.offer_next(number) {
            return;
        }
        if let Some(request) = self.requests.get_mut(&number) {
            let reasons = std::mem::take(&mut request.reasons);
            request.complete(Err(NotGiven::Unavailable(reasons)));
        }
    }

    fn offer_next(&mut self, number: u64) -> bool {
        let Some(request) = self.requests.get(&number) else { return false };
        let is_new = |number: &u64| {
            !request.asked.contains(number) && !request.offers.values().any(|has| has == number)
        };
        let next =
            self.agents.iter().rev().find(|(n, agent)| agent.uid == request.owner && is_new(n));
        let Some(agent) = next.map(|(number, _)| *number) else { return false };
        self.offer(number, agent);
        true
    }

    fn offer(&mut self, request: u64, agent: u64) {
        let number = self.number();
        let (Some(request), Some(to)) = (self.requests.get_mut(&request), self.agents.get(&agent))
        else {
            return;
        };
        request.offers.insert(number, agent);
        let wanted = SecretRequest { number, ..request.request.clone() };
        // One that is leaving takes itself off the list.
        let _ = to.events.send(SecretEvent::Wanted(wanted));
    }
}

impl Pending {
    fn complete(&mut self, answer: Result<Secrets, NotGiven>) {
        if let Some(waiting) = self.answer.take() {
            // Nobody waits any more for a start that was given up.
            let _ = waiting.send(answer);
        }
    }

    fn cannot(&mut self, offer: u64, reason: String) {
        self.asked.extend(self.offers.remove(&offer));
        self.reasons.push(reason);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use adit_model::{ConfigurationId, Secret, SecretPlace, SecretPlaces};
    use futures_util::{FutureExt, StreamExt};

    use super::*;

    const ALICE: u32 = 1000;
    const BOB: u32 = 1001;

    #[tokio::test]
    async fn the_owners_last_agent_is_asked_first_and_nobody_elses() {
        let agents = SecretAgents::default();
        let mut older = pin!(agents.attend(ALICE));
        let mut newer = pin!(agents.attend(ALICE));
        let mut others = pin!(agents.attend(BOB));
        for agent in [&mut older, &mut newer] {
            assert_eq!(agent.next().await, Some(SecretEvent::Attending {}));
        }
        assert_eq!(others.next().await, Some(SecretEvent::Attending {}));
        let mut asking = pin!(agents.ask(ALICE, request()));
        assert_eq!(asking.as_mut().now_or_never(), None);
        let number = wanted(newer.next().await);
        assert_eq!(older.next().now_or_never(), None);
        assert_eq!(others.next().now_or_never(), None);
        let not_asked = Err(HelperError::NoSuchRequest {});
        assert_eq!(agents.answer(BOB, number, given("mine")), not_asked);
        agents.answer(ALICE, number, unavailable("Not here.")).unwrap();
        assert_eq!(agents.answer(ALICE, number, given("late")), not_asked);
        let number = wanted(older.next().await);
        agents.answer(ALICE, number, given("x")).unwrap();
        assert_eq!(asking.await, Ok(secrets("x")));
        assert_eq!(agents.answer(ALICE, number, given("again")), not_asked);
    }

    #[tokio::test]
    async fn one_that_was_called_is_asked_when_it_comes() {
        let agents = SecretAgents::default();
        let mut tray = pin!(agents.attend(ALICE));
        tray.next().await;
        let mut asking = pin!(agents.ask(ALICE, request()));
        assert_eq!(asking.as_mut().now_or_never(), None);
        let number = wanted(tray.next().await);
        agents.answer(ALICE, number, SecretAnswer::Called {}).unwrap();
        assert_eq!(asking.as_mut().now_or_never(), None);
        let mut window = pin!(agents.attend(ALICE));
        window.next().await;
        let own = wanted(window.next().await);
        agents.answer(ALICE, own, SecretAnswer::Canceled {}).unwrap();
        assert_eq!(asking.as_mut().await, Err(NotGiven::Canceled));
    }

    #[tokio::test]
    async fn a_request_is_withdrawn_when_nobody_waits_for_it() {
        let agents = SecretAgents::default();
        let mut agent = pin!(agents.attend(ALICE));
        agent.next().await;
        let mut asking = Box::pin(agents.ask(ALICE, request()));
        assert_eq!(asking.as_mut().now_or_never(), None);
        let number = wanted(agent.next().await);
        drop(asking);
        let withdrawn = SecretEvent::Withdrawn(SecretsWithdrawn { number });
        assert_eq!(agent.next().await, Some(withdrawn));
        let late = agents.answer(ALICE, number, given("x"));
        assert_eq!(late, Err(HelperError::NoSuchRequest {}));
    }

    #[tokio::test]
    async fn without_an_agent_it_says_so_and_with_some_their_reasons() {
        let agents = SecretAgents::default();
        let nobody = Err(NotGiven::Unavailable(Vec::new()));
        assert_eq!(agents.ask(ALICE, request()).await, nobody);
        let mut agent = Box::pin(agents.attend(ALICE));
        agent.next().await;
        let mut asking = pin!(agents.ask(ALICE, request()));
        assert_eq!(asking.as_mut().now_or_never(), None);
        let number = wanted(agent.next().await);
        agents.answer(ALICE, number, SecretAnswer::Given(Secrets::new())).unwrap();
        let reasons = vec!["Not everything that was asked for was given.".into()];
        assert_eq!(asking.await, Err(NotGiven::Unavailable(reasons)));
        let mut asking = pin!(agents.ask(ALICE, request()));
        assert_eq!(asking.as_mut().now_or_never(), None);
        drop(agent);
        assert_eq!(asking.await, nobody);
    }

    fn wanted(event: Option<SecretEvent>) -> u64 {
        let Some(SecretEvent::Wanted(request)) = event else { panic!("{event:?}") };
        request.number
    }

    fn given(text: &str) -> SecretAnswer {
        SecretAnswer::Given(secrets(text))
    }

    fn unavailable(reason: &str) -> SecretAnswer {
        SecretAnswer::Unavailable(SecretsUnavailable { reason: reason.into() })
    }

    fn secrets(text: &str) -> Secrets {
        Secrets::from([("password".into(), Secret::new(text))])
    }

    fn request() -> SecretRequest {
        SecretRequest {
            number: 0,
            id: ConfigurationId::from_random([1; 16]),
            name: "home".into(),
            server: "vpn.example".into(),
            username: None,
            secrets: SecretPlaces::from([("password".into(), SecretPlace::Keyring)]),
            refused: false,
            may_ask: true,
        }
    }
}
