//! Whether what is promised holds, tried out.

use serde::{Deserialize, Serialize};

/// Something that was tried, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// What was tried, in a few words.
    pub subject: String,
    /// Whether it is as it should be.
    pub outcome: CheckOutcome,
    /// What was seen, as sentences.
    pub text: String,
}

/// Whether something is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum CheckOutcome {
    /// It is.
    Passed,
    /// It is not.
    Failed,
    /// Nothing is promised here, so that nothing can be broken.
    NotApplicable,
}
