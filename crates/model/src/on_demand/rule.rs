//! One rule (`NEOnDemandRule`).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    DnsServerMatch, EvaluateConnectionRule, InterfaceType, OnDemandAction, Ssid, TimeWindow,
};
use crate::MacAddress;

/// One action and what has to hold for it. Spec OD-1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Record", into = "Record")]
pub struct OnDemandRule {
    /// What to do.
    pub action: OnDemandAction,
    /// When.
    pub conditions: RuleConditions,
}

/// What has to hold, all of it; what is absent is not asked. An empty list is not absent: nothing
/// is in it, so it never holds. Spec OD-7 to OD-12.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct RuleConditions {
    /// The type of the primary interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface_type: Option<InterfaceType>,
    /// The primary network is wireless and has one of these names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "specta", specta(type = Option<Vec<String>>))]
    pub ssids: Option<Vec<Ssid>>,
    /// The access point is one of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "specta", specta(type = Option<Vec<String>>))]
    pub bssids: Option<Vec<MacAddress>>,
    /// One of the network's search domains is one of these; `*.example.com` is all below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search_domains: Option<Vec<String>>,
    /// What its DNS servers have to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_servers: Option<DnsServerMatch>,
    /// The hardware address of a gateway is one of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "specta", specta(type = Option<Vec<String>>))]
    pub gateway_macs: Option<Vec<MacAddress>>,
    /// Traffic costs money, or does not. Never holds when nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metered: Option<bool>,
    /// `NetworkManager` has the connection under one of these names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_ids: Option<Vec<String>>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeWindow>,
    /// A GET past the tunnel is answered with 200, without a redirection. Asked last, and only if
    /// all else holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe_url: Option<String>,
    /// Conditions of a later version. A rule that has one never matches: what it asks is not known.
    #[serde(flatten)]
    #[cfg_attr(feature = "specta", specta(skip))]
    pub unknown: Map<String, Value>,
}

impl OnDemandRule {
    /// A rule that always matches.
    #[must_use]
    pub fn always(action: OnDemandAction) -> Self {
        Self { action, conditions: RuleConditions::default() }
    }
}

/// A rule in JSON: the parameters of the action stand beside it.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename = "OnDemandRule", rename_all = "camelCase")]
pub(super) struct Record {
    action: Action,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    eager: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    connection_rules: Option<Vec<EvaluateConnectionRule>>,
    #[serde(flatten)]
    conditions: RuleConditions,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename = "OnDemandAction", rename_all = "camelCase")]
enum Action {
    Connect,
    Disconnect,
    Ignore,
    EvaluateConnection,
}

impl TryFrom<Record> for OnDemandRule {
    type Error = &'static str;

    fn try_from(record: Record) -> Result<Self, Self::Error> {
        let Record { action, eager, connection_rules, conditions } = record;
        let action = match (action, eager, connection_rules) {
            (Action::Connect, eager, None) => {
                OnDemandAction::Connect { eager: eager.unwrap_or_default() }
            }
            (Action::Disconnect, None, None) => OnDemandAction::Disconnect,
            (Action::Ignore, None, None) => OnDemandAction::Ignore,
            (Action::EvaluateConnection, None, Some(rules)) => {
                OnDemandAction::EvaluateConnection(rules)
            }
            (Action::EvaluateConnection, _, None) => {
                return Err("a rule that evaluates connections needs connectionRules");
            }
            (_, Some(_), _) => return Err("only a rule that connects can be eager"),
            (_, None, Some(_)) => {
                return Err("only a rule that evaluates connections can have connectionRules");
            }
        };
        Ok(Self { action, conditions })
    }
}

impl From<OnDemandRule> for Record {
    fn from(OnDemandRule { action, conditions }: OnDemandRule) -> Self {
        let (action, eager, connection_rules) = match action {
            OnDemandAction::Connect { eager } => (Action::Connect, eager.then_some(true), None),
            OnDemandAction::Disconnect => (Action::Disconnect, None, None),
            OnDemandAction::Ignore => (Action::Ignore, None, None),
            OnDemandAction::EvaluateConnection(rules) => {
                (Action::EvaluateConnection, None, Some(rules))
            }
        };
        Self { action, eager, connection_rules, conditions }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // spec: OD-1, OD-2
    #[test]
    fn a_rule_is_the_same_in_json() {
        for rule in [
            json!({"action": "connect", "eager": true, "interfaceType": "wiFi", "ssids": ["Café"]}),
            json!({"action": "disconnect", "ssids": [], "metered": false}),
            json!({"action": "ignore", "probeUrl": "http://a.example/", "ofALaterVersion": [1]}),
            json!({"action": "evaluateConnection", "connectionRules": [
                {"domains": ["a.example"], "action": "connectIfNeeded", "dnsServers": ["10.0.0.1"]},
                {"domains": ["b.example"], "action": "neverConnect"},
            ]}),
            json!({
                "action": "connect",
                "dnsServers": {"mode": "all", "servers": ["17.*"]},
                "gatewayMacs": ["00:11:22:aa:bb:cc"],
                "time": {"days": ["monday"], "from": "08:00:00", "until": "18:00:00"},
            }),
        ] {
            let read: OnDemandRule = serde_json::from_value(rule.clone()).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), rule);
        }
    }

    #[test]
    fn an_empty_list_is_not_an_absent_one() {
        let read = |rule| serde_json::from_value::<OnDemandRule>(rule).unwrap().conditions;
        assert_eq!(read(json!({"action": "ignore", "ssids": []})).ssids, Some(Vec::new()));
        assert_eq!(read(json!({"action": "ignore"})).ssids, None);
    }

    #[test]
    fn parameters_belong_to_their_action() {
        for (rule, reason) in [
            (json!({"action": "ignore", "eager": true}), "only a rule that connects"),
            (json!({"action": "evaluateConnection"}), "needs connectionRules"),
            (json!({"action": "connect", "connectionRules": []}), "can have connectionRules"),
            (json!({"action": "dance"}), "unknown variant"),
        ] {
            let error = serde_json::from_value::<OnDemandRule>(rule).unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
        }
    }
}
