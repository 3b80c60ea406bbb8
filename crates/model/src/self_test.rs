//! Whether what is promised holds, tried out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::codes::codes;

/// Something that was tried, and what came of it. `subject` and `text` say it in English; `code` and `arguments` are for
/// those who say it in another language.
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
    /// Which of all outcomes it is, a [`CheckCode`] unless a later version has others.
    pub code: String,
    /// What differs from one such outcome to the other.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, String>,
}

impl Check {
    /// What came of trying `subject`.
    #[must_use]
    pub fn new(
        code: CheckCode,
        subject: impl Into<String>,
        outcome: CheckOutcome,
        text: impl Into<String>,
    ) -> Self {
        Self {
            subject: subject.into(),
            outcome,
            text: text.into(),
            code: code.as_str().into(),
            arguments: BTreeMap::new(),
        }
    }

    /// Adds an argument of its sentences.
    #[must_use]
    pub fn with(mut self, name: &str, value: &(impl ToString + ?Sized)) -> Self {
        self.arguments.insert(name.into(), value.to_string());
        self
    }
}

codes! {
    /// Every outcome that there is. Whoever speaks another language has words for each.
    CheckCode;
    NamesElsewhere = "names.elsewhere",
    NamesInside = "names.inside",
    NamesNobody = "names.nobody",
    NamesUnclaimed = "names.unclaimed",
    NetworkNone = "network.none",
    OrdinaryInside = "ordinary.inside",
    OrdinaryOutside = "ordinary.outside",
    OrdinaryStopped = "ordinary.stopped",
    OrdinaryUnwanted = "ordinary.unwanted",
    OrdinaryUnwantedStopped = "ordinary.unwanted-stopped",
    PastLeaves = "past.leaves",
    PastMayLeave = "past.may-leave",
    PastMayLeaveStopped = "past.may-leave-stopped",
    PastStopped = "past.stopped",
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
