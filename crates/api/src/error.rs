//! Why the helper refused.

use adit_varlink::ApiError;
use serde::{Deserialize, Serialize};

/// Each variant is a sentence to act on. Not being allowed to call a method at all is
/// `org.varlink.service.PermissionDenied`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "error", content = "parameters", rename_all_fields = "camelCase")]
pub enum HelperError {
    /// It does not exist, or the caller may not know of it (ENT-14).
    #[serde(rename = "org.adit.Helper.NoSuchConfiguration")]
    #[error("There is no such configuration.")]
    NoSuchConfiguration {
        /// What was asked for.
        id: String,
    },
    /// A request for secrets that is over, or none of the caller's.
    #[serde(rename = "org.adit.Helper.NoSuchRequest")]
    #[error("Nothing is asked for any more: it was answered elsewhere, or the start was given up.")]
    NoSuchRequest {},
    /// The caller may see the configuration, but not do that with it.
    #[serde(rename = "org.adit.Helper.NotAuthorized")]
    #[error("{message}")]
    NotAuthorized {
        /// What is needed, in a sentence.
        message: String,
    },
    /// Spec ERR-1.
    #[serde(rename = "org.adit.Helper.ConfigurationInvalid")]
    #[error("The configuration is not valid: {field}: {reason}.")]
    ConfigurationInvalid {
        /// The field.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Spec ERR-2.
    #[serde(rename = "org.adit.Helper.ConfigurationDisabled")]
    #[error("“{name}” is disabled.")]
    ConfigurationDisabled {
        /// The configuration.
        name: String,
    },
    /// Spec ERR-4.
    #[serde(rename = "org.adit.Helper.ConfigurationStale")]
    #[error(
        "Somebody else changed the configuration meanwhile. Load it again and repeat your change."
    )]
    ConfigurationStale {
        /// The generation that is stored.
        current_generation: u64,
    },
    /// Names are unique, so that they can be used on a command line.
    #[serde(rename = "org.adit.Helper.NameTaken")]
    #[error("There is already a configuration named “{name}”. Choose another name.")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// Two tunnels cannot have the same destination. Nothing was started.
    #[serde(rename = "org.adit.Helper.RoutesConflict")]
    #[error("“{name}” is connected and already leads to {route}. Disconnect it first.")]
    RoutesConflict {
        /// The other configuration.
        name: String,
        /// The destination that both want.
        route: String,
    },
    /// The provider is missing or cannot be trusted (ENT-C1).
    #[serde(rename = "org.adit.Helper.ProviderUnavailable")]
    #[error("{message}")]
    ProviderUnavailable {
        /// Why, in a sentence.
        message: String,
    },
    /// There are no rules to hold off or to let count.
    #[serde(rename = "org.adit.Helper.OnDemandOff")]
    #[error("“{name}” does not connect by itself: on demand is off.")]
    OnDemandOff {
        /// The configuration.
        name: String,
    },
    /// It has no apps.
    #[serde(rename = "org.adit.Helper.NotPerApp")]
    #[error("“{name}” carries traffic by where it goes, not by which app sends it.")]
    NotPerApp {
        /// The configuration.
        name: String,
    },
    /// Only a running session can do that.
    #[serde(rename = "org.adit.Helper.NotRunning")]
    #[error("“{name}” is not connected.")]
    NotRunning {
        /// The configuration.
        name: String,
    },
    /// The provider took too long over a message, or has too many before it.
    #[serde(rename = "org.adit.Helper.ProviderSilent")]
    #[error("The tunnel provider of “{name}” does not answer.")]
    ProviderSilent {
        /// The configuration.
        name: String,
    },
    /// Spec ERR-5.
    #[serde(rename = "org.adit.Helper.StorageFailed")]
    #[error("{message}")]
    StorageFailed {
        /// What failed, in a sentence.
        message: String,
    },
    /// The system refused something that cannot be put on the configuration.
    #[serde(rename = "org.adit.Helper.SystemFailed")]
    #[error("{message}")]
    SystemFailed {
        /// What failed, in a sentence.
        message: String,
    },
}

impl ApiError for HelperError {}
