//! The calls of a provider.

use std::{
    fmt,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
    time::Duration,
};

use adit_model::{ConnectionError, session::Event};
use adit_provider::protocol::Start;
use adit_varlink::{CallError, Client, Empty, Method, NoError};
use tokio::{sync::Mutex, time::timeout};

use super::Reporter;

/// The connection on which the provider is called, one call after the other.
#[derive(Clone)]
pub(super) struct ProviderCalls {
    client: Arc<Mutex<Option<Client>>>,
}

impl ProviderCalls {
    pub(super) fn new(client: Client) -> Self {
        Self { client: Arc::new(Mutex::new(Some(client))) }
    }

    pub(super) async fn call<M>(&self, call: &M) -> Result<M::Reply, CallError<NoError>>
    where
        M: Method<Error = NoError> + Sync,
    {
        let mut client = self.client.lock().await;
        client.as_mut().ok_or(CallError::Disconnected)?.call(call).await
    }

    /// The reply if it comes within `limit`. The call itself is carried through: half a call would
    /// leave its reply to be taken for that of the next.
    pub(super) async fn call_within<M>(&self, limit: Duration, call: M) -> Option<M::Reply>
    where
        M: Method<Error = NoError> + Sync,
    {
        let calls = self.clone();
        let calling = tokio::spawn(async move { calls.call(&call).await });
        timeout(limit, calling).await.ok()?.ok()?.ok()
    }

    pub(super) async fn call_with(
        &self,
        call: &Start,
        fds: &[OwnedFd],
    ) -> Result<Empty, CallError<NoError>> {
        let fds: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
        let mut client = self.client.lock().await;
        let client = client.as_mut().ok_or(CallError::Disconnected)?;
        Ok(client.call_with_fds(call, &fds).await?.0)
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
