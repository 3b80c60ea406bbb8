//! The calls of a provider.

use std::{
    fmt,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
    time::Duration,
};

use adit_model::{ConnectionError, session::Event};
use adit_varlink::{CallError, Client, Method, NoError};
use tokio::{sync::Mutex, time::timeout};
use tracing::Instrument;

use super::Reporter;

/// The connection on which the provider is called, one call after the other.
#[derive(Clone)]
pub(super) struct ProviderCalls {
    client: Arc<Mutex<Option<Client>>>,
    reporter: Reporter,
}

/// A provider that takes longer to answer hangs. What it is called for takes it moments, or as long as
/// its settings take to be in force.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

impl ProviderCalls {
    /// Reports a provider that hangs.
    pub(super) fn new(client: Client, reporter: Reporter) -> Self {
        Self { client: Arc::new(Mutex::new(Some(client))), reporter }
    }

    pub(super) async fn call<M>(&self, call: &M) -> Result<M::Reply, CallError<NoError>>
    where
        M: Method<Error = NoError> + Sync,
    {
        self.call_with(call, &[]).await
    }

    /// The reply if it comes within `limit`. The call itself is carried through: half a call would
    /// leave its reply to be taken for that of the next.
    pub(super) async fn call_within<M>(&self, limit: Duration, call: M) -> Option<M::Reply>
    where
        M: Method<Error = NoError> + Sync,
    {
        let calls = self.clone();
        let calling = tokio::spawn(async move { calls.call(&call).await }.in_current_span());
        timeout(limit, calling).await.ok()?.ok()?.ok()
    }

    pub(super) async fn call_with<M>(
        &self,
        call: &M,
        fds: &[OwnedFd],
    ) -> Result<M::Reply, CallError<NoError>>
    where
        M: Method<Error = NoError> + Sync,
    {
        let fds: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
        let mut connected = self.client.lock().await;
        let client = connected.as_mut().ok_or(CallError::Disconnected)?;
        if let Ok(answer) = timeout(ANSWER_LIMIT, client.call_with_fds(call, &fds)).await {
            return Ok(answer?.0);
        }
        // Half a call would leave its reply to be taken for that of the next.
        *connected = None;
        drop(connected);
        tracing::warn!("a provider does not answer any more");
        self.reporter.event(Event::ProviderHangs).await;
        Err(CallError::Disconnected)
    }

    pub(super) fn are_idle(&self) -> bool {
        self.client.try_lock().is_ok()
    }

    /// Closes the connection, unless a call hangs in it: then the process is killed anyway.
    pub(super) fn close(&self) {
        if let Ok(mut client) = self.client.try_lock() {
            *client = None;
        }
    }
}

/// A provider that breaks the protocol is not asked again: it is as good as dead. Spec STOP-2.
pub(super) async fn protocol_broken(reporter: &Reporter, error: &CallError<NoError>) {
    match error {
        // It exits, or is being ended; the process itself tells.
        CallError::Disconnected => {}
        CallError::Wire(_)
        | CallError::Api(_)
        | CallError::Service(_)
        | CallError::UnknownError { .. }
        | CallError::InvalidReply { .. } => {
            does_not_speak(reporter, error).await;
        }
    }
}

/// Ends the session of a provider that cannot be understood.
pub(super) async fn does_not_speak(reporter: &Reporter, error: impl fmt::Display) {
    tracing::warn!(%error, "a provider does not speak the protocol");
    let error = ConnectionError::PluginFailed
        .because(format!("The tunnel provider does not speak the protocol: {error}"));
    reporter.event(Event::Canceled(Some(error))).await;
}
