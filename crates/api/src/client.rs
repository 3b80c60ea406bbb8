//! The client that the app and the command line use.

use std::{
    env, io,
    path::{Path, PathBuf},
    time::Duration,
};

use adit_model::{ConfigurationId, ROOT};
use adit_varlink::{CallError, Client, Limits, Method};
use futures_util::{Stream, StreamExt};
use tokio::net::UnixStream;

use crate::{AttendSecrets, Event, Hello, HelloReply, HelperError, SecretEvent, Watch};

/// Where the helper of the system listens.
pub const DEFAULT_SOCKET: &str = "/run/adit/helper.sock";
/// The environment variable that names another.
pub const SOCKET_VARIABLE: &str = "ADIT_SOCKET";

/// A helper that does not say hello within this time is not going to.
const HELLO_LIMIT: Duration = Duration::from_secs(5);

/// A connection to the helper: one call at a time, or one subscription.
pub struct HelperClient {
    client: Client,
    helper: HelloReply,
}

/// Why there is no connection.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConnectError {
    /// Nothing listens.
    #[error(
        "The Adit service is not running (nothing listens on {0}). Start it with: systemctl start adit-helper"
    )]
    NotRunning(PathBuf),
    /// The socket is not for the caller.
    #[error("You may not use the Adit service on {0}.")]
    NotPermitted(PathBuf),
    /// Somebody else listens, who would get to know secrets.
    #[error(
        "Whoever listens on {0} is not the Adit service: it runs as the user {1} and not as root."
    )]
    NotTrusted(PathBuf, u32),
    /// It does not answer.
    #[error("The Adit service does not answer. Restart it with: systemctl restart adit-helper")]
    NoAnswer,
    /// Its version does not fit this one.
    #[error(
        "The Adit service has version {helper}, this program has {own}. Update and restart the older of the two."
    )]
    OtherVersion {
        /// The helper's.
        helper: String,
        /// This program's.
        own: &'static str,
    },
    /// Anything else.
    #[error("The Adit service cannot be reached: {0}")]
    Failed(String),
}

/// The socket to use: [`SOCKET_VARIABLE`] if it is set, else [`DEFAULT_SOCKET`].
#[must_use]
pub fn socket_path() -> PathBuf {
    env::var_os(SOCKET_VARIABLE).map_or_else(|| DEFAULT_SOCKET.into(), PathBuf::from)
}

impl HelperClient {
    /// Connects and says hello.
    pub async fn connect(socket: &Path) -> Result<Self, ConnectError> {
        let stream = connect(socket).await?;
        // The other way round than the helper: it reads little and may answer much.
        let limits = Limits { message: 16 << 20, sent: 1 << 20, ..Limits::default() };
        let mut client = Client::from_stream(stream).with_limits(limits);
        let own = env!("CARGO_PKG_VERSION");
        let hello = Hello { version: own.into(), features: Vec::new() };
        let helper = tokio::time::timeout(HELLO_LIMIT, client.call(&hello))
            .await
            .map_err(|_| ConnectError::NoAnswer)?
            .map_err(|error| ConnectError::Failed(error.to_string()))?;
        if !compatible(own, &helper.version) {
            return Err(ConnectError::OtherVersion { helper: helper.version, own });
        }
        Ok(Self { client, helper })
    }

    /// The helper's version and features.
    #[must_use]
    pub fn helper(&self) -> &HelloReply {
        &self.helper
    }

    /// Calls a method.
    pub async fn call<M>(&mut self, call: &M) -> Result<M::Reply, CallError<HelperError>>
    where
        M: Method<Error = HelperError>,
    {
        self.client.call(call).await
    }

    /// Turns the connection into a stream of events: a snapshot, then every change.
    pub async fn watch(
        self,
    ) -> Result<
        impl Stream<Item = Result<Event, CallError<HelperError>>> + Send + Unpin,
        CallError<HelperError>,
    > {
        let replies = self.client.stream(&Watch {}).await?;
        Ok(replies.map(|reply| reply.map(|reply| reply.event)))
    }

    /// Turns the connection into a stream of requests for secrets of the caller, or of one configuration
    /// of theirs, who is one of those that are asked for as long as it lasts.
    pub async fn attend_secrets(
        self,
        id: Option<ConfigurationId>,
    ) -> Result<
        impl Stream<Item = Result<SecretEvent, CallError<HelperError>>> + Send + Unpin,
        CallError<HelperError>,
    > {
        let replies = self.client.stream(&AttendSecrets { id }).await?;
        Ok(replies.map(|reply| reply.map(|reply| reply.event)))
    }
}

/// A connection to whoever may know secrets: root, and at a socket that the caller has chosen, the
/// caller. The kernel names who listens.
async fn connect(socket: &Path) -> Result<UnixStream, ConnectError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            ConnectError::NotRunning(socket.into())
        }
        io::ErrorKind::PermissionDenied => ConnectError::NotPermitted(socket.into()),
        _ => ConnectError::Failed(error.to_string()),
    };
    let stream = UnixStream::connect(socket).await.map_err(failed)?;
    let uid = stream.peer_cred().map_err(failed)?.uid();
    let chosen = socket != Path::new(DEFAULT_SOCKET);
    if uid == ROOT || (chosen && uid == rustix::process::geteuid().as_raw()) {
        return Ok(stream);
    }
    Err(ConnectError::NotTrusted(socket.into(), uid))
}

/// Versions of the same compatible series, in the sense of semantic versioning.
fn compatible(own: &str, other: &str) -> bool {
    let series = |version: &str| -> Option<(u64, u64)> {
        let mut parts = version.split(['.', '-', '+']);
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?.parse().ok()?;
        Some(if major == 0 { (0, minor) } else { (major, 0) })
    };
    series(own).is_some() && series(own) == series(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_one_series_go_together() {
        assert!(compatible("0.1.0", "0.1.7"));
        assert!(!compatible("0.1.0", "0.2.0"));
        assert!(compatible("1.2.0", "1.9.3-beta"));
        assert!(!compatible("1.2.0", "2.0.0"));
        assert!(!compatible("1.2.0", "nonsense"));
    }
}
