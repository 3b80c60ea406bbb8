//! Why a profile cannot be imported.

use adit_model::InvalidConfiguration;

use crate::ImportError;

/// Why a profile was refused. No variant repeats a value that may be secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// More than [`crate::MAX_SIZE`] bytes.
    #[error("The file is larger than 1 MiB, so it is not a profile with a VPN.")]
    TooLarge,
    /// A property list that cannot be read.
    #[error("The profile is damaged: {0}.")]
    Damaged(String),
    /// Nested or filled to exhaust whoever reads it.
    #[error("The profile holds more than any profile does, so it is not read.")]
    Excessive,
    /// A CMS message without readable content.
    #[error(
        "The profile is encrypted or signed in a way that cannot be read; ask for it unencrypted."
    )]
    Sealed,
    /// Another property list.
    #[error("This is a property list, but no configuration profile.")]
    NotAProfile,
    /// Nothing in it is a VPN that Adit can have.
    #[error("There is no VPN in the profile that Adit can connect. {}", reasons.join(" "))]
    NothingUsable {
        /// What was left out and why.
        reasons: Vec<String>,
    },
    /// A value that means nothing.
    #[error("{path} is wrong: {reason}.")]
    Value {
        /// The keys that lead to it.
        path: String,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// A required key is absent.
    #[error("{path} is missing.")]
    Missing {
        /// The keys that would lead to it.
        path: String,
    },
    /// The WireGuard configuration inside.
    #[error("{path}: {error}")]
    WgQuick {
        /// The keys that lead to it.
        path: String,
        /// What is wrong, with its line there.
        error: ImportError,
    },
    /// The configuration as a whole.
    #[error("The configuration “{name}” cannot be used: {error}.")]
    Configuration {
        /// Its name.
        name: String,
        /// What is wrong with it.
        error: InvalidConfiguration,
    },
}
