//! The apps of per-app configurations.

use adit_model::ConfigurationId;
use serde::{Deserialize, Serialize};

messages! {
    /// Have what the calling process sends go through a per-app tunnel or nowhere. Spec MGR-30.
    pub struct JoinApps {
        /// Of this configuration.
        pub id: ConfigurationId,
    }
}
