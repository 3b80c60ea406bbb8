//! Configurations: reading and changing them, and their keys.

use std::collections::BTreeMap;

use adit_model::{
    ConfigurationId, MachineStatus, Secret, Secrets, SessionStatus, VpnConfiguration,
    wireguard::Key,
};
use serde::{Deserialize, Serialize};

use super::SecretChanges;

messages! {
    /// The configurations that the caller may see. Spec MGR-20.
    pub struct List {}

    /// They may be none (D-2).
    pub struct Listing {
        /// By name.
        pub entries: Vec<Entry>,
        /// The machine as a whole.
        pub machine: MachineStatus,
    }

    /// A configuration and its session.
    pub struct Entry {
        /// As stored.
        pub configuration: VpnConfiguration,
        /// As it is at this moment.
        pub session: SessionStatus,
    }

    /// One configuration.
    pub struct Get {
        /// Which.
        pub id: ConfigurationId,
        /// Whether its secrets are wanted too.
        pub include_secrets: bool,
    }

    /// What was asked for.
    pub struct Got {
        /// The configuration.
        pub entry: Entry,
        /// Only on request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub secrets: Option<Secrets>,
        /// Which it has, wherever they are and whoever may read them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub secret_names: Vec<String>,
    }

    /// Store a configuration. Spec MGR-3.
    pub struct Save {
        /// With generation 0 to create it, else with the one it was loaded with.
        pub configuration: VpnConfiguration,
        /// Absent: those that are stored stay. What the owner keeps is not stored, but used by a session
        /// that runs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub secrets: Option<Secrets>,
        /// What becomes of these beyond that.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub secret_changes: SecretChanges,
    }

    /// As it was stored.
    pub struct SaveReply {
        /// With its new generation.
        pub configuration: VpnConfiguration,
    }

    /// Make a Curve25519 key pair and keep the private half until a save asks for it.
    pub struct GenerateKey {}

    /// Get the private half of a key pair that was made for the caller, who keeps it.
    pub struct PrivateKey {
        /// The other half, as Base64.
        #[cfg_attr(feature = "specta", specta(type = String))]
        pub public_key: Key,
    }

    /// That one.
    pub struct PrivateKeyReply {
        /// Base64.
        pub private_key: Secret,
    }

    /// Find out the public half of a stored Curve25519 key.
    pub struct PublicKey {
        /// Of this configuration.
        pub id: ConfigurationId,
        /// Its name among the secrets.
        pub secret: String,
    }

    /// The public half.
    pub struct PublicKeyReply {
        /// Base64.
        #[cfg_attr(feature = "specta", specta(type = String))]
        pub public_key: Key,
    }

    /// Delete a configuration. Spec MGR-4.
    pub struct Remove {
        /// Which.
        pub id: ConfigurationId,
    }

    /// Allow or forbid a configuration to start. Spec MGR-6.
    pub struct SetEnabled {
        /// Which.
        pub id: ConfigurationId,
        /// Allow or forbid.
        pub enabled: bool,
    }
}
