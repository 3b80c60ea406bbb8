//! A client and the helper: their versions, and the helper's events.

use crate::Event;
use serde::{Deserialize, Serialize};

messages! {
    /// The first call of every client.
    pub struct Hello {
        /// The caller's version.
        pub version: String,
        /// What the caller understands beyond it.
        pub features: Vec<String>,
    }

    /// The helper's answer.
    pub struct HelloReply {
        /// The helper's version.
        pub version: String,
        /// What the helper offers beyond it.
        pub features: Vec<String>,
    }

    /// Hear of every change. Spec SES-8, MGR-13.
    pub struct Watch {}

    /// One change.
    pub struct WatchReply {
        /// Which.
        #[cfg_attr(feature = "specta", specta(type = serde_json::Value))]
        pub event: Event,
    }
}
