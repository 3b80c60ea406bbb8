//! What a session wants done.

use std::time::Duration;

use super::RequestId;
use crate::{NetworkSettingsError, ProviderStopReason, VpnStatus};

/// What must be done, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Tell everybody.
    StatusChanged(VpnStatus),
    /// Ask the owner for the secrets that the helper does not keep; answer `SecretsGiven` or
    /// `SecretsMissing`.
    AskForSecrets {
        /// The server did not accept those that were given before. Spec CERR-8.
        refused: bool,
    },
    /// Make the interface and start a provider process; answer `Launched` or `LaunchFailed`.
    LaunchProvider,
    /// Start another provider process on the interface of the one before; answer `Launched` or
    /// `LaunchFailed`.
    RelaunchProvider,
    /// Tell the provider to establish the tunnel.
    StartProvider,
    /// Tell the provider to end it; answer `StopAcknowledged`.
    StopProvider(ProviderStopReason),
    /// End the process whatever it does; answer `ProviderExited`.
    KillProvider,
    /// Make the system as the request says; answer `SettingsApplied` or `SettingsFailed`.
    ApplySettings(RequestId),
    /// Answer the provider's request.
    AnswerSettings(RequestId, Result<(), NetworkSettingsError>),
    /// Answer the provider's completed start.
    AnswerStartCompleted(StartAnswer),
    /// Undo everything that was ever applied; answer `Reverted`.
    RevertSettings,
    /// Send `LimitPassed` after this time, in place of any limit armed before.
    ArmLimit(Duration),
    /// Forget the limit.
    DisarmLimit,
}

/// What a provider hears when it says that the tunnel is established. Spec TUN-10.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartAnswer {
    /// Noted.
    Accepted,
    /// It has no active settings; it may set some and say so again.
    SettingsNotApplied,
}
