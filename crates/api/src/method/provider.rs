//! The providers that are installed.

use serde::{Deserialize, Serialize};
use serde_json::Value;

messages! {
    /// The installed providers.
    pub struct Providers {}

    /// By id.
    pub struct ProviderListing {
        /// They may be none.
        pub providers: Vec<Provider>,
    }

    /// One provider.
    pub struct Provider {
        /// Its id.
        pub id: String,
        /// For people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub name: Option<String>,
        /// What it can be, in the words of the manifest.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub kinds: Vec<String>,
        /// JSON Schema of its `providerConfiguration`. Its keyword `secrets` says which secrets it
        /// takes, by name; `{peers.publicKey}` in a name is that of each peer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "specta", specta(type = Option<Value>))]
        pub configuration_schema: Option<Value>,
        /// Why it cannot be used.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub reason: Option<String>,
    }
}
