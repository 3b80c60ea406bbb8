//! Who is asked for what, and what follows from an answer.

use std::collections::{BTreeMap, BTreeSet};

use adit_api::{
    HelperError, SecretAnswer, SecretEvent, SecretRequest, SecretsUnavailable, SecretsWithdrawn,
};
use adit_model::{ConfigurationId, Secrets};
use tokio::sync::{mpsc, oneshot};

use super::NotGiven;

/// All agents and what they are asked.
#[derive(Debug, Default)]
pub(super) struct Registry {
    /// By the order in which they came.
    agents: BTreeMap<u64, Agent>,
    requests: BTreeMap<u64, Pending>,
    last_number: u64,
}

#[derive(Debug)]
pub(super) struct Agent {
    pub(super) uid: u32,
    /// The only configuration that it is there for, if it is not for all.
    pub(super) only: Option<ConfigurationId>,
    pub(super) events: mpsc::UnboundedSender<SecretEvent>,
}

/// A request that waits for an answer.
#[derive(Debug)]
pub(super) struct Pending {
    owner: u32,
    request: SecretRequest,
    /// Agents that have it before them, by the number under which they do.
    offers: BTreeMap<u64, u64>,
    /// Agents that have passed it on, or called another one.
    asked: BTreeSet<u64>,
    reasons: Vec<String>,
    answer: Option<oneshot::Sender<Result<Secrets, NotGiven>>>,
}

impl Registry {
    /// Whether there is an agent for everything of `uid`.
    pub(super) fn is_attended(&self, uid: u32) -> bool {
        self.agents.values().any(|agent| agent.uid == uid && agent.only.is_none())
    }

    pub(super) fn come(&mut self, agent: Agent) -> u64 {
        let number = self.number();
        let waiting = self.requests.iter().filter(|(_, request)| agent.is_for(request));
        let waiting: Vec<u64> = waiting.map(|(number, _)| *number).collect();
        self.agents.insert(number, agent);
        for request in waiting {
            self.offer(request, number);
        }
        number
    }

    pub(super) fn leave(&mut self, agent: u64) {
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

    pub(super) fn open(&mut self, request: Pending) -> u64 {
        let number = self.number();
        let is_for_somebody = self.agents.values().any(|agent| agent.is_for(&request));
        self.requests.insert(number, request);
        // Without anybody it waits for somebody to come.
        if is_for_somebody {
            self.pass_on(number);
        }
        number
    }

    pub(super) fn close(&mut self, number: u64) {
        let Some(request) = self.requests.remove(&number) else { return };
        for (offer, agent) in request.offers {
            let Some(agent) = self.agents.get(&agent) else { continue };
            // It may be leaving.
            let _ = agent.events.send(SecretEvent::Withdrawn(SecretsWithdrawn { number: offer }));
        }
    }

    pub(super) fn is_before_somebody(&self, number: u64) -> bool {
        self.requests.get(&number).is_some_and(|request| !request.offers.is_empty())
    }

    pub(super) fn answer(
        &mut self,
        uid: u32,
        offer: u64,
        answer: SecretAnswer,
    ) -> Result<(), HelperError> {
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

    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
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
        let next = self.agents.iter().rev().find(|(n, agent)| agent.is_for(request) && is_new(n));
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

impl Agent {
    fn is_for(&self, pending: &Pending) -> bool {
        self.uid == pending.owner && self.only.is_none_or(|id| id == pending.request.id)
    }
}

impl Pending {
    pub(super) fn new(
        owner: u32,
        request: SecretRequest,
        answer: oneshot::Sender<Result<Secrets, NotGiven>>,
    ) -> Self {
        let (offers, asked, reasons) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
        Self { owner, request, offers, asked, reasons, answer: Some(answer) }
    }

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
