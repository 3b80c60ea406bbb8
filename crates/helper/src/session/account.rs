//! What is kept of the session that runs, for the history.

use std::sync::Arc;

use adit_model::{
    PastSession, ProviderStopReason, SessionTraffic, StartCause, VpnConfiguration, session::Session,
};
use jiff::Timestamp;

use crate::session_history::SessionHistory;

/// The session that runs, as it would have to be told if its end was never seen.
pub(super) struct Account {
    history: Arc<SessionHistory>,
    session: PastSession,
}

impl Account {
    pub(super) fn open(
        history: &Arc<SessionHistory>,
        configuration: &VpnConfiguration,
        start_cause: StartCause,
        started_at: Timestamp,
    ) -> Self {
        let session = PastSession {
            id: configuration.id,
            name: configuration.name.clone(),
            start_cause,
            started_at,
            connected_at: None,
            ended_at: None,
            stop_reason: ProviderStopReason::InternalError,
            last_error: None,
            traffic: None,
            provider_restarts: 0,
        };
        let account = Self { history: Arc::clone(history), session };
        account.write();
        account
    }

    /// That of a session that an earlier helper began.
    pub(super) fn resume(
        history: &Arc<SessionHistory>,
        configuration: &VpnConfiguration,
        start_cause: StartCause,
        connected_at: Timestamp,
    ) -> Self {
        let Some(session) = history.resume(configuration.id) else {
            // The history was lost.
            let mut account = Self::open(history, configuration, start_cause, connected_at);
            account.connected(connected_at);
            return account;
        };
        Self { history: Arc::clone(history), session }
    }

    pub(super) fn connected(&mut self, at: Timestamp) {
        if self.session.connected_at.is_none() {
            self.session.connected_at = Some(at);
            self.write();
        }
    }

    pub(super) fn provider_restarted(&mut self) {
        self.session.provider_restarts += 1;
        self.write();
    }

    /// Takes down how the session of `machine` ended.
    pub(super) fn close(
        mut self,
        machine: &Session,
        traffic: Option<SessionTraffic>,
        ended_at: Timestamp,
    ) -> PastSession {
        self.session.ended_at = Some(ended_at);
        self.session.stop_reason = machine.stop_reason().unwrap_or(ProviderStopReason::None);
        self.session.last_error = machine.last_error().cloned();
        self.session.traffic = traffic;
        self.history.over(self.session.clone());
        self.session
    }

    fn write(&self) {
        self.history.running(self.session.clone());
    }
}
