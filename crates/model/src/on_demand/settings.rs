//! What a configuration has about connecting by itself.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::OnDemandRule;

/// Whether and when a configuration connects and disconnects by itself. Spec OD-23.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct OnDemandSettings {
    /// Whether the rules count (ODP-1).
    #[serde(default)]
    pub enabled: bool,
    /// In order: the first that matches is the current one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "specta", specta(type = Vec<super::rule::Record>))]
    pub rules: Vec<OnDemandRule>,
    /// Users may neither switch it off nor pause it (ODP-2).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub user_override_disabled: bool,
    /// Seconds without traffic after which a session that began by a rule ends (ODP-16).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<u32>,
    /// Keys of a later version, kept so that saving loses nothing.
    #[serde(flatten)]
    #[cfg_attr(feature = "specta", specta(skip))]
    pub unknown: Map<String, Value>,
}

impl OnDemandSettings {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
