//! What happens to a session.

use crate::{DisconnectError, NetworkSettingsError, ProviderStopReason};

/// What happens to a session.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The configuration is stored.
    Stored(SecretsNeeded),
    /// The configuration is gone.
    Removed,
    /// Somebody asks for the tunnel. Whether that is allowed was decided before.
    Start,
    /// Somebody or something asks for its end.
    Stop(ProviderStopReason),
    /// The owner has given the secrets.
    SecretsGiven,
    /// The owner has not.
    SecretsMissing(SecretsMissing),
    /// The provider process runs and listens.
    Launched,
    /// It could not be run; nothing of it is left.
    LaunchFailed(DisconnectError),
    /// The provider asks for settings.
    SettingsRequested(Request),
    /// What was asked for is active.
    SettingsApplied(RequestId),
    /// It is not, and what was before is in force again.
    SettingsFailed(RequestId, NetworkSettingsError),
    /// The provider says that the tunnel is established, or why it is not.
    StartCompleted(Result<(), DisconnectError>),
    /// The provider has lost (true) or found (false) the way to its server.
    Reasserting(bool),
    /// The provider gives up.
    Canceled(Option<DisconnectError>),
    /// The provider has done what it does at the end.
    StopAcknowledged,
    /// The provider does not answer.
    ProviderHangs,
    /// Another version of it is installed.
    ProviderUpdated,
    /// The provider process is gone.
    ProviderExited,
    /// Somebody deleted the tunnel's interface.
    InterfaceLost,
    /// Another one was made in its place, or cannot be.
    InterfaceRestored(Result<(), DisconnectError>),
    /// Whether there is a network is different.
    NetworkChanged {
        /// An attempt to connect can be made.
        online: bool,
    },
    /// Nothing of the settings is left on the system.
    Reverted,
    /// The limit that was armed has passed.
    LimitPassed,
}

/// Whether a provider needs secrets that the helper does not keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SecretsNeeded {
    /// None.
    #[default]
    No,
    /// They are asked for before a provider is launched.
    Wanted,
    /// They were given, and count until the session ends.
    AtHand,
}

/// Why secrets are not given.
#[derive(Debug, Clone, PartialEq)]
pub enum SecretsMissing {
    /// The person closed the request. Spec STOP-6.
    Canceled,
    /// There is nobody to ask, or they have none.
    Unavailable(DisconnectError),
}

/// Numbers the settings requests of a session.
pub type RequestId = u64;

/// A provider's request for network settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Its number.
    pub id: RequestId,
    /// Whether it clears the settings in place of setting some.
    pub clears: bool,
}
