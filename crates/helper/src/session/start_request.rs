//! What a session is started with.

use adit_model::StartCause;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a session is started with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StartRequest {
    pub(crate) cause: StartCause,
    /// For the provider.
    pub(crate) options: Option<Map<String, Value>>,
}
