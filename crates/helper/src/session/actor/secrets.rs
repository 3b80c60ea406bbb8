//! Secrets that the helper does not keep.

use adit_model::{
    Secrets,
    session::{Event, SecretsMissing, SecretsNeeded},
};

use super::Actor;
use crate::{
    session::{Report, run::LaunchError, secrets},
    store::Record,
};

impl Actor {
    /// A provider that runs follows the change, if all that it needs is at hand.
    pub(super) fn stored(&mut self, record: Record, given: Secrets) {
        let before = std::mem::replace(&mut self.record, record);
        if self.machine.status().is_active() {
            self.secrets.follow(&before, given, &self.record);
        }
        let needed = self.secrets.needed(&self.record.configuration);
        self.feed(Event::Stored(needed));
        let Some(run) = &self.run else { return };
        match needed {
            SecretsNeeded::No | SecretsNeeded::AtHand => {
                run.configuration_changed(&self.whole_record());
            }
            SecretsNeeded::Wanted => {
                self.is_behind = true;
                self.publish(self.machine.status());
            }
        }
    }

    /// The configuration with all its secrets, as it is for this session.
    pub(super) fn whole_record(&self) -> Record {
        let mut whole = self.secrets.complete(&self.record);
        if let Some(start) = &self.start {
            start.overrule(&mut whole);
        }
        whole
    }

    /// Asks the owner. Meanwhile nobody else gets the destinations.
    pub(super) fn ask_for_secrets(&mut self, refused: bool) {
        if refused && let Some(start) = &mut self.start {
            start.forget_credentials();
        }
        let Some(start) = self.start.clone() else { return };
        self.open_account(&start);
        let reporter = self.reporter_of_provider();
        if let Err(taken) = self.claim_expected() {
            let error = LaunchError::Taken(taken).to_disconnect_error();
            let event = Event::SecretsMissing(SecretsMissing::Unavailable(error));
            tokio::spawn(async move { reporter.event(event).await });
            return;
        }
        if let Some(brought) = start.brings(&self.record.configuration.protocol.user_secrets) {
            tokio::spawn(async move { reporter.report(Report::SecretsGiven(brought)).await });
            return;
        }
        let configuration = self.record.configuration.clone();
        let refusal = self.machine.last_error().filter(|_| refused).cloned();
        let request = secrets::request(&configuration, &start.cause, refused);
        let agents = self.surroundings.secret_agents.clone();
        tracing::info!("{}.", secrets::waiting(&configuration).title);
        let asking = tokio::spawn(async move {
            let report = match agents.ask(configuration.owner, request).await {
                Ok(given) => Report::SecretsGiven(given),
                Err(why) => {
                    let missing = secrets::missing(why, &configuration, refusal.as_ref());
                    Report::Event(Event::SecretsMissing(missing))
                }
            };
            reporter.report(report).await;
        });
        self.asking = Some(asking.abort_handle());
        self.publish(self.machine.status());
    }

    /// Withdraws a request that nobody has to answer any more.
    pub(super) fn stop_asking(&mut self) {
        if !self.machine.asks_for_secrets()
            && let Some(asking) = self.asking.take()
        {
            asking.abort();
        }
    }
}
