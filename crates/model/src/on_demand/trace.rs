//! How a decision came about: rule by rule, condition by condition.

use serde::{Deserialize, Serialize};

/// One rule that was looked at, or would have been.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct RuleTrace {
    /// Its place in the list, from 0.
    pub index: usize,
    /// The rule in words.
    pub rule: String,
    /// What came of it.
    pub outcome: RuleOutcome,
    /// Its conditions, in the order in which they were looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<ConditionTrace>,
}

/// What came of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum RuleOutcome {
    /// All conditions hold: it is the current one.
    Matched,
    /// One does not.
    NotMatched,
    /// A rule before it is the current one.
    NotReached,
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct ConditionTrace {
    /// What is asked for, in words.
    pub condition: String,
    /// What was found, in words.
    pub seen: String,
    /// Whether it holds.
    pub outcome: ConditionOutcome,
}

/// What came of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum ConditionOutcome {
    /// It holds.
    Held,
    /// It does not.
    Failed,
    /// A probe that was not sent, as something else does not hold.
    NotAsked,
}
