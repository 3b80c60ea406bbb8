//! Events that go on when the helper is replaced by another one.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use adit_varlink::CallError;
use futures_util::{StreamExt, stream::BoxStream};
use tokio::time::{Instant, sleep};

use crate::{ConnectError, Event, HelperClient, HelperError};

/// How long a helper may be away. It is back at once after a crash or an update.
const PATIENCE: Duration = Duration::from_secs(10);
/// After which it is looked for again.
const PAUSE: Duration = Duration::from_millis(50);

/// Hears of every change, from the helper and from the next one should that one end.
pub struct Subscription {
    socket: PathBuf,
    patience: Duration,
    version: String,
    connection: Connection,
}

type Events = BoxStream<'static, Result<Event, CallError<HelperError>>>;

enum Connection {
    Open(Events),
    /// Since then.
    Lost(Instant),
}

/// Why nothing more is heard.
#[derive(Debug, thiserror::Error)]
pub enum SubscriptionError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The helper does not say what it should, or it ended and none came in its place.
    #[error(transparent)]
    Call(#[from] CallError<HelperError>),
}

impl Subscription {
    /// Connects to the helper at `socket`.
    pub async fn open(socket: &Path) -> Result<Self, SubscriptionError> {
        let (version, events) = connect(socket).await?;
        let connection = Connection::Open(events);
        Ok(Self { socket: socket.into(), patience: PATIENCE, version, connection })
    }

    /// Another time for which a helper may be away.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The version of the helper that was heard last.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The next event: at first a snapshot, and so again from a helper that came in the place of the
    /// one before. May be dropped while it waits.
    pub async fn next(&mut self) -> Result<Event, SubscriptionError> {
        loop {
            match &mut self.connection {
                Connection::Open(events) => match events.next().await {
                    Some(Ok(event)) => return Ok(event),
                    Some(Err(CallError::Disconnected)) | None => {
                        self.connection = Connection::Lost(Instant::now());
                    }
                    Some(Err(error)) => return Err(error.into()),
                },
                Connection::Lost(since) => match connect(&self.socket).await {
                    Ok((version, events)) => {
                        self.version = version;
                        self.connection = Connection::Open(events);
                    }
                    Err(error) if !may_pass(&error) => return Err(error),
                    Err(_) if since.elapsed() > self.patience => {
                        return Err(CallError::Disconnected.into());
                    }
                    Err(_) => sleep(PAUSE).await,
                },
            }
        }
    }
}

async fn connect(socket: &Path) -> Result<(String, Events), SubscriptionError> {
    let helper = HelperClient::connect(socket).await?;
    let version = helper.helper().version.clone();
    Ok((version, helper.watch().await?.boxed()))
}

/// Whether a helper that is just starting could be the reason.
fn may_pass(error: &SubscriptionError) -> bool {
    match error {
        SubscriptionError::Connect(error) => match error {
            ConnectError::NotRunning(_) | ConnectError::NoAnswer | ConnectError::Failed(_) => true,
            ConnectError::NotPermitted(_)
            | ConnectError::NotTrusted(..)
            | ConnectError::OtherVersion { .. } => false,
        },
        SubscriptionError::Call(error) => matches!(error, CallError::Disconnected),
    }
}
