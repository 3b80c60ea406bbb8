//! What of a list of rules may surprise.

use serde::{Deserialize, Serialize};

use super::{
    ConnectionAction, InterfaceType, OnDemandAction, OnDemandRule, OnDemandSettings,
    RuleConditions,
    words::{one_of, quoted},
};
use crate::Severity;

/// Something about rules that a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct RuleNote {
    /// The rule's place in the list, from 0; absent when it is about the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<usize>,
    /// How bad it is.
    pub severity: Severity,
    /// A sentence or two.
    pub text: String,
}

impl OnDemandSettings {
    /// What may surprise, in the order of the rules.
    #[must_use]
    pub fn lint(&self) -> Vec<RuleNote> {
        let mut notes = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let about = |severity, text| RuleNote { rule: Some(index), severity, text };
            match shadow(&self.rules, index) {
                Some(text) => notes.push(about(Severity::Warning, text)),
                None => notes.extend(lint_rule(rule).map(|(severity, text)| about(severity, text))),
            }
        }
        notes.extend(self.missing_rule());
        notes
    }

    /// Spec OD-13.
    fn missing_rule(&self) -> Option<RuleNote> {
        let text = if self.rules.is_empty() {
            if !self.enabled {
                return None;
            }
            "On demand is on and there are no rules, so nothing connects by itself."
        } else if self.rules.iter().any(|rule| rule.conditions == RuleConditions::default()) {
            return None;
        } else {
            "No rule matches everywhere: where none does, nothing is started and nothing is ended. \
             Add a last rule without conditions."
        };
        Some(RuleNote { rule: None, severity: Severity::Warning, text: text.into() })
    }
}

/// Why a rule is never reached.
fn shadow(rules: &[OnDemandRule], index: usize) -> Option<String> {
    let conditions = &rules[index].conditions;
    let covers = |earlier: &OnDemandRule| {
        earlier.conditions == RuleConditions::default() || earlier.conditions == *conditions
    };
    let earlier = rules[..index].iter().position(covers)?;
    let why = if rules[earlier].conditions == RuleConditions::default() {
        "matches everywhere"
    } else {
        "asks for the same"
    };
    Some(format!("This rule never counts: rule {} before it {why}.", earlier + 1))
}

fn lint_rule(rule: &OnDemandRule) -> impl Iterator<Item = (Severity, String)> {
    let impossible =
        impossible(&rule.conditions).map(|why| format!("This rule never matches: {why}."));
    let forged = forged(rule);
    let warnings = impossible.into_iter().chain(connections(&rule.action));
    let warnings = warnings.map(|text| (Severity::Warning, text));
    warnings.chain(forged.map(|text| (Severity::Notice, text)))
}

fn impossible(conditions: &RuleConditions) -> Option<String> {
    let RuleConditions {
        interface_type,
        ssids,
        bssids,
        search_domains,
        dns_servers,
        gateway_macs,
        metered: _,
        connection_ids,
        time,
        probe_url: _,
        unknown,
    } = conditions;
    let empty = [
        ("the Wi-Fi names", ssids.as_ref().map(Vec::len)),
        ("the access points", bssids.as_ref().map(Vec::len)),
        ("the search domains", search_domains.as_ref().map(Vec::len)),
        ("the DNS servers", dns_servers.as_ref().map(|wanted| wanted.servers.len())),
        ("the routers", gateway_macs.as_ref().map(Vec::len)),
        ("the connections", connection_ids.as_ref().map(Vec::len)),
        ("the days", time.as_ref().and_then(|time| time.days.as_ref()).map(Vec::len)),
    ];
    if let Some((list, _)) = empty.iter().find(|(_, length)| *length == Some(0)) {
        return Some(format!("the list of {list} is empty"));
    }
    if let Some(name) = unknown.keys().next() {
        return Some(format!("this version does not know “{name}”"));
    }
    match interface_type {
        Some(InterfaceType::Ethernet | InterfaceType::Cellular) if ssids.is_some() => {
            Some("only a Wi-Fi has a Wi-Fi name".into())
        }
        Some(InterfaceType::Ethernet | InterfaceType::Cellular | InterfaceType::WiFi) | None => {
            None
        }
    }
}

fn connections(action: &OnDemandAction) -> Option<String> {
    let rules = match action {
        OnDemandAction::EvaluateConnection(rules) => rules,
        OnDemandAction::Connect { .. } | OnDemandAction::Disconnect | OnDemandAction::Ignore => {
            return None;
        }
    };
    if rules.is_empty() {
        return Some("This rule connects for no name: its list is empty.".into());
    }
    let unasked = rules.iter().find(|rule| match &rule.action {
        ConnectionAction::ConnectIfNeeded { dns_servers, .. } => {
            dns_servers.as_ref().is_some_and(Vec::is_empty)
        }
        ConnectionAction::NeverConnect => false,
    })?;
    Some(format!(
        "Each lookup of {} connects: the list of servers that could make it needless is empty.",
        one_of(&unasked.domains)
    ))
}

/// A name is all that keeps the tunnel down, and everybody can give a network any name (OD-8).
fn forged(rule: &OnDemandRule) -> Option<String> {
    match rule.action {
        OnDemandAction::Disconnect | OnDemandAction::Ignore => {}
        OnDemandAction::Connect { .. } | OnDemandAction::EvaluateConnection(_) => return None,
    }
    let conditions = &rule.conditions;
    let ssids = conditions.ssids.as_ref().filter(|ssids| !ssids.is_empty())?;
    if conditions.gateway_macs.is_some() || conditions.probe_url.is_some() {
        return None;
    }
    Some(format!(
        "Whoever names a network {} keeps the tunnel down there. Ask for the router’s hardware \
         address too, or for an HTTPS probe.",
        one_of(&quoted(ssids))
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    // spec: OD-13, D-9
    #[test]
    fn a_list_without_a_last_resort_is_reported() {
        let texts = texts(json!([{"action": "connect", "ssids": ["a"]}]));
        assert_eq!(texts.len(), 1);
        assert!(texts[0].starts_with("- No rule matches everywhere"), "{texts:?}");
        assert_eq!(lint(json!([{"action": "ignore"}])), []);
    }

    #[test]
    fn what_can_never_happen_is_reported_where_it_stands() {
        let found = texts(json!([
            {"action": "connect", "ssids": []},
            {"action": "connect", "ssids": ["a"], "interfaceType": "ethernet"},
            {"action": "connect", "later": 1},
            {"action": "evaluateConnection", "connectionRules": []},
            {"action": "evaluateConnection", "metered": true, "connectionRules": [
                {"domains": ["a.example"], "action": "connectIfNeeded", "dnsServers": []}]},
            {"action": "disconnect", "ssids": ["Home"]},
            {"action": "connect", "ssids": ["Home"]},
        ]));
        for (found, expected) in found.iter().zip([
            "0 This rule never matches: the list of the Wi-Fi names is empty.",
            "1 This rule never matches: only a Wi-Fi has a Wi-Fi name.",
            "2 This rule never matches: this version does not know “later”.",
            "3 This rule connects for no name: its list is empty.",
            "4 This rule never counts: rule 4 before it matches everywhere.",
            "5 This rule never counts: rule 4 before it matches everywhere.",
            "6 This rule never counts: rule 4 before it matches everywhere.",
        ]) {
            assert_eq!(found, expected);
        }
        let found = texts(json!([
            {"action": "disconnect", "ssids": ["Home"]},
            {"action": "connect", "ssids": ["Home"]},
            {"action": "evaluateConnection", "connectionRules": [
                {"domains": ["a.example"], "action": "connectIfNeeded", "dnsServers": []}]},
        ]));
        assert!(found[0].starts_with("0 Whoever names a network “Home” keeps"), "{found:?}");
        assert_eq!(found[1], "1 This rule never counts: rule 1 before it asks for the same.");
        assert!(found[2].starts_with("2 Each lookup of a.example connects"), "{found:?}");
        assert_eq!(found.len(), 3);
    }

    fn texts(rules: Value) -> Vec<String> {
        let text = |note: RuleNote| match note.rule {
            Some(rule) => format!("{rule} {}", note.text),
            None => format!("- {}", note.text),
        };
        lint(rules).into_iter().map(text).collect()
    }

    fn lint(rules: Value) -> Vec<RuleNote> {
        let rules = serde_json::from_value(rules).unwrap();
        OnDemandSettings { enabled: true, rules, ..OnDemandSettings::default() }.lint()
    }
}
