//! The errors a user or an app can meet, with Apple's domains and codes.

use serde::{Deserialize, Serialize};

use crate::Fault;

/// Errors of configuring and starting (`NEVPNError`). Spec ERR-1 to ERR-6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[repr(u8)]
pub enum VpnError {
    /// A property is missing or wrong.
    #[error("The configuration is not valid.")]
    ConfigurationInvalid = 1,
    /// The configuration is switched off.
    #[error("The configuration is disabled. Enable it first.")]
    ConfigurationDisabled = 2,
    /// The server could not be reached.
    #[error("The connection to the server failed.")]
    ConnectionFailed = 3,
    /// Somebody else changed the configuration meanwhile.
    #[error("The configuration was changed by someone else. Load it again.")]
    ConfigurationStale = 4,
    /// The store could not be read or written.
    #[error("The configuration could not be read or written.")]
    ConfigurationReadWriteFailed = 5,
    /// Anything else.
    #[error("The configuration failed for an unknown reason.")]
    ConfigurationUnknown = 6,
}

/// Why an established or starting session ended (`NEVPNConnectionError`). Spec CERR-1 to CERR-19.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[repr(u8)]
pub enum ConnectionError {
    /// The machine slept too long.
    #[error("The computer slept too long for the session to go on.")]
    Overslept = 1,
    /// No network.
    #[error("There is no network connection.")]
    NoNetworkAvailable = 2,
    /// The network changed.
    #[error("The network changed and the tunnel could not follow.")]
    UnrecoverableNetworkChange = 3,
    /// Settings or configuration were refused.
    #[error("The configuration could not be used.")]
    ConfigurationFailed = 4,
    /// The server's name was not found.
    #[error("The server's address could not be found.")]
    ServerAddressResolutionFailed = 5,
    /// The server did not answer.
    #[error("The server does not answer.")]
    ServerNotResponding = 6,
    /// The server stopped answering.
    #[error("The server has stopped answering.")]
    ServerDead = 7,
    /// Credentials were refused.
    #[error("The server refused the credentials.")]
    AuthenticationFailed = 8,
    /// The client certificate is invalid.
    #[error("The client certificate is not valid.")]
    ClientCertificateInvalid = 9,
    /// The client certificate is for the future.
    #[error("The client certificate is not valid yet.")]
    ClientCertificateNotYetValid = 10,
    /// The client certificate has expired.
    #[error("The client certificate has expired.")]
    ClientCertificateExpired = 11,
    /// The provider process died.
    #[error("The tunnel provider stopped unexpectedly.")]
    PluginFailed = 12,
    /// The configuration no longer exists.
    #[error("The configuration does not exist.")]
    ConfigurationNotFound = 13,
    /// The provider is missing or must be updated.
    #[error("The tunnel provider is not installed or needs an update.")]
    PluginDisabled = 14,
    /// Both sides could not agree on a protocol.
    #[error("The server and this computer could not agree on a protocol.")]
    NegotiationFailed = 15,
    /// The server ended the session.
    #[error("The server ended the session.")]
    ServerDisconnected = 16,
    /// The server certificate is invalid.
    #[error("The server's certificate is not valid.")]
    ServerCertificateInvalid = 17,
    /// The server certificate is for the future.
    #[error("The server's certificate is not valid yet.")]
    ServerCertificateNotYetValid = 18,
    /// The server certificate has expired.
    #[error("The server's certificate has expired.")]
    ServerCertificateExpired = 19,
}

/// Why network settings were not applied (`NETunnelProviderError`). Spec TUN-14 to TUN-16.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkSettingsError {
    /// The settings contradict themselves; nothing was changed.
    #[error("The network settings are not valid: {0}")]
    Invalid(String),
    /// The session stops, or a newer request took the place of this one.
    #[error("The request was cancelled.")]
    Canceled,
    /// The system refused them; what was there before is in force again.
    #[error("The network settings could not be applied: {0}")]
    Failed(String),
}

/// Why a session ended, as shown to people and kept until the next successful connect. Spec SES-9.
///
/// `domain` and `code` are those of whoever failed: a provider's own error passes through unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct DisconnectError {
    /// Whose numbering `code` follows.
    pub domain: String,
    /// The number within the domain.
    pub code: i64,
    /// A sentence that says what happened and what to do.
    pub message: String,
}

/// A configuration that cannot be stored or started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[error("{field}: {reason}")]
pub struct InvalidConfiguration {
    /// Path of the field, in the words of the JSON form.
    pub field: String,
    /// What is wrong with it and what would be right.
    pub reason: Fault,
}

impl VpnError {
    /// Apple's error domain.
    pub const DOMAIN: &str = "NEVPNErrorDomain";
}

impl ConnectionError {
    /// Apple's error domain.
    pub const DOMAIN: &str = "NEVPNConnectionErrorDomain";

    /// All of them, in the order of their codes.
    pub const ALL: [Self; 19] = [
        Self::Overslept,
        Self::NoNetworkAvailable,
        Self::UnrecoverableNetworkChange,
        Self::ConfigurationFailed,
        Self::ServerAddressResolutionFailed,
        Self::ServerNotResponding,
        Self::ServerDead,
        Self::AuthenticationFailed,
        Self::ClientCertificateInvalid,
        Self::ClientCertificateNotYetValid,
        Self::ClientCertificateExpired,
        Self::PluginFailed,
        Self::ConfigurationNotFound,
        Self::PluginDisabled,
        Self::NegotiationFailed,
        Self::ServerDisconnected,
        Self::ServerCertificateInvalid,
        Self::ServerCertificateNotYetValid,
        Self::ServerCertificateExpired,
    ];

    /// This error with its standard sentence.
    #[must_use]
    pub fn plain(self) -> DisconnectError {
        self.because(self.to_string())
    }

    /// This error with a sentence that knows more.
    #[must_use]
    pub fn because(self, message: impl Into<String>) -> DisconnectError {
        DisconnectError {
            domain: Self::DOMAIN.into(),
            code: i64::from(self as u8),
            message: message.into(),
        }
    }
}

impl DisconnectError {
    /// Whether it is this error, whatever its sentence knows.
    #[must_use]
    pub fn is(&self, error: ConnectionError) -> bool {
        self.domain == ConnectionError::DOMAIN && self.code == i64::from(error as u8)
    }
}

impl NetworkSettingsError {
    /// Apple's error domain.
    pub const DOMAIN: &str = "NETunnelProviderErrorDomain";

    /// Apple's code.
    #[must_use]
    pub fn code(&self) -> i64 {
        match self {
            Self::Invalid(_) => 1,
            Self::Canceled => 2,
            Self::Failed(_) => 3,
        }
    }
}

impl InvalidConfiguration {
    /// Names the field and what is wrong with it.
    pub fn new(field: impl Into<String>, reason: impl Into<Fault>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }
}
