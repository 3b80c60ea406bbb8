//! Why a provider is told to stop (`NEProviderStopReason`).

use serde::{Deserialize, Serialize};

use crate::{ConnectionError, DisconnectError};

/// The reason given to a provider's `stop`. Raw values are Apple's. Spec STOP-0 to STOP-17.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
#[repr(u8)]
pub enum ProviderStopReason {
    /// No specific reason.
    None = 0,
    /// The user stopped the tunnel.
    UserInitiated = 1,
    /// The provider failed to function correctly.
    ProviderFailed = 2,
    /// There is no network.
    NoNetworkAvailable = 3,
    /// The network changed so that the tunnel cannot go on.
    UnrecoverableNetworkChange = 4,
    /// The provider was disabled.
    ProviderDisabled = 5,
    /// The authentication was cancelled.
    AuthenticationCanceled = 6,
    /// The configuration is invalid.
    ConfigurationFailed = 7,
    /// The session was idle too long.
    IdleTimeout = 8,
    /// The configuration was disabled.
    ConfigurationDisabled = 9,
    /// The configuration was removed.
    ConfigurationRemoved = 10,
    /// Another configuration took its place. The spelling is Apple's.
    Superceded = 11,
    /// The user logged out.
    UserLogout = 12,
    /// Another user came to the console.
    UserSwitch = 13,
    /// The connection could not be established.
    ConnectionFailed = 14,
    /// The machine went to sleep and the configuration disconnects on sleep.
    Sleep = 15,
    /// The provider is being updated.
    AppUpdate = 16,
    /// An internal error of the helper.
    InternalError = 17,
}

impl ProviderStopReason {
    /// All reasons, in the order of their raw values.
    pub const ALL: [Self; 18] = [
        Self::None,
        Self::UserInitiated,
        Self::ProviderFailed,
        Self::NoNetworkAvailable,
        Self::UnrecoverableNetworkChange,
        Self::ProviderDisabled,
        Self::AuthenticationCanceled,
        Self::ConfigurationFailed,
        Self::IdleTimeout,
        Self::ConfigurationDisabled,
        Self::ConfigurationRemoved,
        Self::Superceded,
        Self::UserLogout,
        Self::UserSwitch,
        Self::ConnectionFailed,
        Self::Sleep,
        Self::AppUpdate,
        Self::InternalError,
    ];

    /// What ends a session with this error, if the error says it all; else it depends on where it
    /// came from.
    #[must_use]
    pub fn of(error: &DisconnectError) -> Option<Self> {
        let said = Self::SAID.into_iter().find(|(said, _)| error.is(*said));
        said.map(|(_, reason)| reason)
    }

    /// What a person is told of a session that was ended for this reason; nothing if somebody wanted
    /// it so.
    #[must_use]
    pub fn error(self) -> Option<DisconnectError> {
        let said = Self::SAID.into_iter().find(|(_, reason)| *reason == self);
        said.map(|(error, _)| error.plain())
    }

    const SAID: [(ConnectionError, Self); 4] = [
        (ConnectionError::NoNetworkAvailable, Self::NoNetworkAvailable),
        (ConnectionError::UnrecoverableNetworkChange, Self::UnrecoverableNetworkChange),
        (ConnectionError::ConfigurationFailed, Self::ConfigurationFailed),
        (ConnectionError::PluginDisabled, Self::ProviderDisabled),
    ];

    /// Whether somebody wants the tunnel gone, so that what it held back may leave. So it may when its
    /// owner goes: to whoever comes, nothing was promised. Anything else only happens to it, and then
    /// its promise holds (RTE-7).
    #[must_use]
    pub fn lifts_hold(self) -> bool {
        match self {
            Self::UserInitiated
            | Self::ConfigurationDisabled
            | Self::ConfigurationRemoved
            | Self::Superceded
            | Self::UserLogout
            | Self::UserSwitch => true,
            Self::None
            | Self::ProviderFailed
            | Self::NoNetworkAvailable
            | Self::UnrecoverableNetworkChange
            | Self::ProviderDisabled
            | Self::AuthenticationCanceled
            | Self::ConfigurationFailed
            | Self::IdleTimeout
            | Self::ConnectionFailed
            | Self::Sleep
            | Self::AppUpdate
            | Self::InternalError => false,
        }
    }

    /// Apple's raw value.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: STOP-0
    #[test]
    fn raw_values_and_names_are_apples() {
        let names = [
            "none",
            "userInitiated",
            "providerFailed",
            "noNetworkAvailable",
            "unrecoverableNetworkChange",
            "providerDisabled",
            "authenticationCanceled",
            "configurationFailed",
            "idleTimeout",
            "configurationDisabled",
            "configurationRemoved",
            "superceded",
            "userLogout",
            "userSwitch",
            "connectionFailed",
            "sleep",
            "appUpdate",
            "internalError",
        ];
        for (code, (reason, name)) in ProviderStopReason::ALL.into_iter().zip(names).enumerate() {
            assert_eq!(usize::from(reason.code()), code);
            assert_eq!(serde_json::to_value(reason).unwrap(), name);
        }
    }
}
