//! Beginning a session, and replacing a provider that ended.

use adit_model::{NetworkSettingsError, VpnStatus, session::Event};
use jiff::Timestamp;

use super::Actor;
use crate::{
    session::{
        Reporter, StartRequest,
        account::Account,
        run::{LaunchError, Run},
    },
    trigger::ParkedTunnel,
};

impl Actor {
    /// Keeps an interface for the next run, in the place of any other.
    pub(super) fn inherit(&mut self, parked: Option<ParkedTunnel>) {
        let Some(parked) = parked else { return };
        if let Some(before) = self.parked.replace(parked) {
            tokio::spawn(before.clear());
        }
    }

    /// Clears an interface away that no run has taken or is going to take.
    pub(super) fn disinherit(&mut self) {
        let comes_after_this_run =
            self.machine.is_wanted() && self.machine.status() == VpnStatus::Disconnecting;
        let is_to_come = comes_after_this_run || self.machine.asks_for_secrets();
        if !is_to_come && let Some(parked) = self.parked.take() {
            tokio::spawn(parked.clear());
        }
    }

    pub(super) fn launch(&mut self) {
        self.is_behind = false;
        let Some(start) = self.start.clone() else { return };
        self.open_account(&start);
        let reporter = self.reporter_of_run();
        match self.claim_and_launch(&start, &reporter) {
            Ok(run) => {
                self.run = Some(run);
                tokio::spawn(async move { reporter.event(Event::Launched).await });
            }
            Err(error) => self.launch_failed(&error, reporter),
        }
        self.publish(VpnStatus::Connecting);
    }

    /// Once: it may have begun with a request for secrets.
    pub(super) fn open_account(&mut self, start: &StartRequest) {
        let (history, configuration) = (&self.surroundings.history, &self.record.configuration);
        self.account.get_or_insert_with(|| {
            Account::open(history, configuration, start.cause.clone(), Timestamp::now())
        });
    }

    pub(super) fn relaunch(&mut self) {
        self.is_behind = false;
        let was_established = self.machine.connected_at().is_some();
        if let Some(account) = self.account.as_mut().filter(|_| was_established) {
            account.provider_restarted();
        }
        let reporter = self.reporter_of_provider();
        let Some(run) = &mut self.run else { return };
        match run.relaunch(&self.record.configuration, reporter.clone()) {
            Ok(()) => {
                tokio::spawn(async move { reporter.event(Event::Launched).await });
            }
            Err(error) => self.launch_failed(&error, reporter),
        }
    }

    fn launch_failed(&self, error: &LaunchError, reporter: Reporter) {
        tracing::debug!(id = %self.id, "the launch failed: {error}");
        let error = error.to_disconnect_error();
        tokio::spawn(async move { reporter.event(Event::LaunchFailed(error)).await });
    }

    /// Takes the destinations that are known before the tunnel is.
    pub(super) fn claim_expected(&self) -> Result<(), NetworkSettingsError> {
        let configuration = &self.record.configuration;
        let expected = configuration.claimed_routes().to_vec();
        self.surroundings.claims.take(configuration, expected)
    }

    /// What a session may hold on to when the settings it asked for were not applied.
    pub(super) fn narrow_claim(&self) {
        let configuration = &self.record.configuration;
        let applied = self.run.as_ref().and_then(|run| run.applied_routes(configuration));
        let expected = || configuration.claimed_routes().to_vec();
        self.surroundings.claims.narrow(self.id, applied.unwrap_or_else(expected));
    }

    fn claim_and_launch(
        &mut self,
        start: &StartRequest,
        reporter: &Reporter,
    ) -> Result<Run, LaunchError> {
        self.claim_expected().map_err(LaunchError::Taken)?;
        let configuration = &self.record.configuration;
        let (parked, surroundings) = (&mut self.parked, &self.surroundings);
        Run::launch(configuration, &self.machine, start, parked, surroundings, reporter.clone())
    }

    /// For a new run and its first provider.
    pub(super) fn reporter_of_run(&mut self) -> Reporter {
        let reporter = self.reporter_of_provider();
        self.run_number = reporter.number;
        reporter
    }

    /// For the next provider of the run, or what comes before it.
    pub(super) fn reporter_of_provider(&mut self) -> Reporter {
        self.provider_number += 1;
        Reporter { number: self.provider_number, inbox: self.inbox.clone() }
    }
}
