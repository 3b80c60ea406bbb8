//! Keys of settings in JSON that are not known, which are slips of the pen more often than those of a later version.

use serde_json::{Map, Value};

use super::ConnectionAction;
use crate::Fault;

/// Where keys stand, and which are known there.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    Settings,
    /// In a rule with this number, from 1.
    Rule(usize),
    /// In a connection rule with this action, of a rule with this number.
    ConnectionRule(&'a ConnectionAction, usize),
}

const OF_SETTINGS: &[&str] = &["enabled", "rules", "userOverrideDisabled", "idleTimeout"];
const OF_RULE: &[&str] = &[
    "action",
    "eager",
    "connectionRules",
    "interfaceType",
    "ssids",
    "bssids",
    "searchDomains",
    "dnsServers",
    "gatewayMacs",
    "metered",
    "connectionIds",
    "time",
    "probeUrl",
];
/// Letters that may be wrong, missing or too many in each of so many.
const LETTERS_TO_A_SLIP: usize = 3;

impl Place<'_> {
    /// The first key that is not known here, and what to say of it.
    pub(super) fn fault(self, unknown: &Map<String, Value>) -> Option<(String, Fault)> {
        let key = unknown.keys().next()?;
        let rule = match self {
            Self::Settings => None,
            Self::Rule(number) | Self::ConnectionRule(_, number) => Some(number),
        };
        let meant = nearest(key, &self.known()).map(Into::into);
        Some((key.clone(), Fault::UnknownKey { rule, meant }))
    }

    fn known(self) -> Vec<&'static str> {
        match self {
            Self::Settings => OF_SETTINGS.into(),
            Self::Rule(_) => OF_RULE.into(),
            Self::ConnectionRule(action, _) => [&["domains"][..], action.keys()].concat(),
        }
    }
}

/// What somebody meant who wrote `key`: a part of the name, or a slip.
fn nearest(key: &str, known: &[&'static str]) -> Option<&'static str> {
    let nearest = known.iter().copied().min_by_key(|name| distance(key, name))?;
    (distance(key, nearest) * LETTERS_TO_A_SLIP <= key.len()).then_some(nearest)
}

fn distance(key: &str, name: &str) -> usize {
    let (key, name) = (key.to_lowercase(), name.to_lowercase());
    let is_part = key.len() > 2 && (name.starts_with(&key) || key.starts_with(&name));
    if is_part { 1 } else { strsim::osa_distance(&key, &name) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::on_demand::{EvaluateConnectionRule, OnDemandRule, OnDemandSettings};

    #[test]
    fn what_is_meant_is_guessed_and_nothing_far_fetched() {
        for (key, meant) in [
            ("ssid", Some("ssids")),
            ("interface", Some("interfaceType")),
            ("InterfaceTypeMatch", Some("interfaceType")),
            ("probeURL", Some("probeUrl")),
            ("dns", Some("dnsServers")),
            ("conectionIds", Some("connectionIds")),
            ("colour", None),
            ("x", None),
        ] {
            assert_eq!(nearest(key, OF_RULE), meant, "{key}");
        }
    }

    #[test]
    fn all_keys_are_known_and_no_others() {
        let evaluate =
            json!({"action": "evaluateConnection", "eager": false, "connectionRules": []});
        let connect = json!({
            "action": "connect", "eager": true, "interfaceType": "wiFi", "ssids": [], "bssids": [],
            "searchDomains": [], "dnsServers": {"servers": []}, "gatewayMacs": [], "metered": true,
            "connectionIds": [], "time": {"from": "08:00", "until": "09:00"}, "probeUrl": "",
        });
        let keys = |value: &Value| -> BTreeSet<String> {
            value.as_object().unwrap().keys().cloned().collect()
        };
        let set =
            |keys: &[&str]| -> BTreeSet<String> { keys.iter().map(ToString::to_string).collect() };
        assert_eq!(&keys(&evaluate) | &keys(&connect), set(OF_RULE));
        let read: OnDemandRule = serde_json::from_value(connect).unwrap();
        assert!(read.conditions.unknown.is_empty(), "{read:?}");
        let settings = OnDemandSettings {
            enabled: true,
            rules: vec![read],
            user_override_disabled: true,
            idle_timeout: Some(1),
            unknown: Map::new(),
        };
        let written = serde_json::to_value(settings).unwrap();
        assert_eq!(keys(&written), set(OF_SETTINGS));
    }

    #[test]
    fn what_a_connection_rule_does_not_know_is_kept() {
        let later = json!({"domains": ["a.example"], "action": "connectIfNeeded",
            "probeUrl": "http://a.example/", "probeURL": "http://b.example/"});
        let rule: EvaluateConnectionRule = serde_json::from_value(later.clone()).unwrap();
        assert_eq!(serde_json::to_value(&rule).unwrap(), later);
        let (key, reason) = Place::ConnectionRule(&rule.action, 2).fault(&rule.unknown).unwrap();
        assert_eq!(
            (key.as_str(), reason.to_string()),
            ("probeURL", "is no key of rule 2; perhaps “probeUrl” is meant".into())
        );
        let never = json!({"domains": ["a.example"], "action": "neverConnect", "probeUrl": "x"});
        let never: EvaluateConnectionRule = serde_json::from_value(never).unwrap();
        assert!(never.unknown.contains_key("probeUrl"));
    }
}
