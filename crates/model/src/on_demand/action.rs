//! What a rule does (`NEOnDemandRuleAction`, `NEEvaluateConnectionRule`).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct EvaluateConnectionRule {
    /// Label suffixes: `example.com` is itself and whatever ends in `.example.com`.
    pub domains: Vec<String>,
    /// What to do for these.
    #[serde(flatten)]
    pub action: ConnectionAction,
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
