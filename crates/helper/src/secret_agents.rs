//! Whoever can be asked for secrets that the helper does not keep: programs in the session of their
//! owner.
//!
//! Of one owner's agents, whoever came last is asked first: that is where the person is. One that has
//! none passes the request on. One that comes while a request waits is asked too, so that an agent may
//! call another one. Only programs of the owner are asked and may answer, and one that is there for a
//! single configuration is asked about that alone.

mod registry;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use adit_api::{HelperError, SecretAnswer, SecretEvent, SecretRequest};
use adit_model::{ConfigurationId, Secrets};
use futures_util::{Stream, stream};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use self::registry::{Agent, Pending, Registry};

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

/// How long to wait for an agent when there is none: it comes back after the helper did.
const GRACE: Duration = Duration::from_secs(3);

impl SecretAgents {
    /// Registers an agent of `uid` for as long as the stream lives, perhaps for `only` one configuration.
    pub(crate) fn attend(
        &self,
        uid: u32,
        only: Option<ConfigurationId>,
    ) -> impl Stream<Item = SecretEvent> + Send + use<> {
        let (events, heard) = mpsc::unbounded_channel();
        // It cannot be closed yet.
        let _ = events.send(SecretEvent::Attending {});
        let number = self.locked().come(Agent { uid, only, events });
        let presence = Presence { agents: self.clone(), number };
        stream::unfold((heard, presence), |(mut heard, presence)| async {
            Some((heard.recv().await?, (heard, presence)))
        })
    }

    /// Whether there is an agent for everything of `uid`.
    pub(crate) fn is_attended(&self, uid: u32) -> bool {
        self.locked().is_attended(uid)
    }

    /// Asks the agents of `owner`. Dropping it withdraws the request.
    pub(crate) async fn ask(
        &self,
        owner: u32,
        request: SecretRequest,
    ) -> Result<Secrets, NotGiven> {
        let (answer, mut answered) = oneshot::channel();
        let number = self.locked().open(Pending::new(owner, request, answer));
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

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use adit_api::{SecretsUnavailable, SecretsWithdrawn};
    use adit_model::{Secret, SecretPlace, SecretPlaces};
    use futures_util::{FutureExt, StreamExt};

    use super::*;

    const ALICE: u32 = 1000;
    const BOB: u32 = 1001;

    #[tokio::test]
    async fn the_owners_last_agent_is_asked_first_and_nobody_elses() {
        let agents = SecretAgents::default();
        let mut older = pin!(agents.attend(ALICE, None));
        let mut newer = pin!(agents.attend(ALICE, None));
        let mut others = pin!(agents.attend(BOB, None));
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
    async fn one_that_is_there_for_another_configuration_is_not_asked() {
        let agents = SecretAgents::default();
        let other = ConfigurationId::from_random([2; 16]);
        let mut terminal = pin!(agents.attend(ALICE, Some(other)));
        assert_eq!(terminal.next().await, Some(SecretEvent::Attending {}));
        assert!(!agents.is_attended(ALICE));
        let mut asking = pin!(agents.ask(ALICE, request()));
        assert_eq!(asking.as_mut().now_or_never(), None);
        assert_eq!(terminal.next().now_or_never(), None);
        let mut right = pin!(agents.attend(ALICE, Some(request().id)));
        assert_eq!(right.next().await, Some(SecretEvent::Attending {}));
        let number = wanted(right.next().await);
        agents.answer(ALICE, number, given("x")).unwrap();
        assert_eq!(asking.await, Ok(secrets("x")));
    }

    #[tokio::test]
    async fn one_that_was_called_is_asked_when_it_comes() {
        let agents = SecretAgents::default();
        let mut tray = pin!(agents.attend(ALICE, None));
        tray.next().await;
        let mut asking = pin!(agents.ask(ALICE, request()));
        assert_eq!(asking.as_mut().now_or_never(), None);
        let number = wanted(tray.next().await);
        agents.answer(ALICE, number, SecretAnswer::Called {}).unwrap();
        assert_eq!(asking.as_mut().now_or_never(), None);
        let mut window = pin!(agents.attend(ALICE, None));
        window.next().await;
        let own = wanted(window.next().await);
        agents.answer(ALICE, own, SecretAnswer::Canceled {}).unwrap();
        assert_eq!(asking.as_mut().await, Err(NotGiven::Canceled));
    }

    #[tokio::test]
    async fn a_request_is_withdrawn_when_nobody_waits_for_it() {
        let agents = SecretAgents::default();
        let mut agent = pin!(agents.attend(ALICE, None));
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
        let mut agent = Box::pin(agents.attend(ALICE, None));
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
