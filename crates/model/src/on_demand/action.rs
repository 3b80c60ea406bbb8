//! What a rule does (`NEOnDemandRuleAction`, `NEEvaluateConnectionRule`).

use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::{Map, Value};

/// What happens while a rule is the current one. Spec OD-2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnDemandAction {
    /// Connect when something wants the network, or, if `eager`, as soon as the rule is the
    /// current one. Spec OD-3.
    Connect {
        /// Without waiting for something that wants the network.
        eager: bool,
    },
    /// Disconnect at once and stay so. Spec OD-4.
    Disconnect,
    /// Start nothing and end nothing. Spec OD-5.
    Ignore,
    /// Decide for each name that is looked up; the first that fits decides. Spec OD-6.
    EvaluateConnection(Vec<EvaluateConnectionRule>),
}

/// What happens when one of some names is looked up. Spec OD-15.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct EvaluateConnectionRule {
    /// Label suffixes: `example.com` is itself and whatever ends in `.example.com`.
    pub domains: Vec<String>,
    /// What to do for these.
    #[serde(flatten)]
    pub action: ConnectionAction,
    /// Keys of a later version. A rule that has one is about no name: what it asks is not known.
    #[serde(flatten)]
    #[cfg_attr(feature = "specta", specta(skip))]
    pub unknown: Map<String, Value>,
}

impl EvaluateConnectionRule {
    /// A rule of which all is known.
    #[must_use]
    pub fn new(domains: Vec<String>, action: ConnectionAction) -> Self {
        Self { domains, action, unknown: Map::new() }
    }
}

/// What a name that is looked up leads to (`NEEvaluateConnectionRuleAction`). Spec OD-16.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(tag = "action", rename_all = "camelCase")]
pub enum ConnectionAction {
    /// Connect if the name cannot be reached without the tunnel. Spec OD-17.
    #[serde(rename_all = "camelCase")]
    ConnectIfNeeded {
        /// Ask these in place of the network's own servers; any failure of theirs connects. Of an
        /// empty list none answers. Spec OD-19.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "specta", specta(type = Option<Vec<String>>))]
        dns_servers: Option<Vec<IpAddr>>,
        /// Anything but a plain 200 from here connects too. Spec OD-20.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        probe_url: Option<String>,
    },
    /// Do not connect for these. Spec OD-18.
    NeverConnect,
}

/// By hand, as the parameters of an action stand beside what is not known.
impl<'de> Deserialize<'de> for EvaluateConnectionRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Record {
            domains: Vec<String>,
            #[serde(flatten)]
            others: Map<String, Value>,
        }
        let Record { domains, others: mut unknown } = Record::deserialize(deserializer)?;
        let action = ConnectionAction::deserialize(Value::Object(unknown.clone()));
        let action = action.map_err(D::Error::custom)?;
        unknown.retain(|key, _| !action.keys().contains(&key.as_str()));
        Ok(Self { domains, action, unknown })
    }
}

impl ConnectionAction {
    /// Of its JSON.
    pub(super) fn keys(&self) -> &'static [&'static str] {
        match self {
            Self::ConnectIfNeeded { .. } => &["action", "dnsServers", "probeUrl"],
            Self::NeverConnect => &["action"],
        }
    }
}
