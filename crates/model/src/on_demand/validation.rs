//! What settings of on demand must not be.

use serde_json::{Map, Value};

use super::{
    ConnectionAction, EvaluateConnectionRule, OnDemandAction, OnDemandRule, OnDemandSettings,
    RuleConditions, domain, key::Place,
};
use crate::{Fault, InvalidConfiguration};

/// They are looked at one after the other at each change of the network.
const MOST_RULES: usize = 128;
/// Of names, addresses and so on in one list.
const MOST_ITEMS: usize = 1024;
/// Seconds: 30 days.
const LONGEST_IDLE: u32 = 30 * 24 * 60 * 60;

impl OnDemandSettings {
    pub(crate) fn validate(&self) -> Result<(), InvalidConfiguration> {
        if self.rules.len() > MOST_RULES {
            return Err(fault("rules", Fault::TooMany { most: MOST_RULES }));
        }
        if self.idle_timeout.is_some_and(|seconds| !(1..=LONGEST_IDLE).contains(&seconds)) {
            return Err(fault("idleTimeout", Fault::NotASpan { most: LONGEST_IDLE }));
        }
        if let Some((field, reason)) = Place::Settings.fault(&self.unknown) {
            return Err(fault(&field, reason));
        }
        self.rules.iter().enumerate().try_for_each(|(index, rule)| {
            validate_rule(index + 1, rule)
                .map_err(|(field, reason)| fault(&format!("rules[{index}].{field}"), reason))
        })
    }
}

fn fault(field: &str, reason: Fault) -> InvalidConfiguration {
    InvalidConfiguration::new(format!("onDemand.{field}"), reason)
}

/// Where, and what is wrong there.
type Misplaced = (String, Fault);

fn validate_rule(
    number: usize,
    OnDemandRule { action, conditions }: &OnDemandRule,
) -> Result<(), Misplaced> {
    all_known(Place::Rule(number), &conditions.unknown)?;
    validate_conditions(conditions)?;
    let rules = match action {
        OnDemandAction::Connect { .. } | OnDemandAction::Disconnect | OnDemandAction::Ignore => {
            return Ok(());
        }
        OnDemandAction::EvaluateConnection(rules) => rules,
    };
    bounded("connectionRules", rules.len())?;
    rules.iter().enumerate().try_for_each(|(index, rule)| {
        all_known(Place::ConnectionRule(&rule.action, number), &rule.unknown)
            .and_then(|()| validate_connection_rule(rule))
            .map_err(|(field, reason)| (format!("connectionRules[{index}].{field}"), reason))
    })
}

fn all_known(place: Place<'_>, unknown: &Map<String, Value>) -> Result<(), Misplaced> {
    place.fault(unknown).map_or(Ok(()), Err)
}

fn validate_conditions(conditions: &RuleConditions) -> Result<(), Misplaced> {
    let length = |list: &Option<Vec<_>>| list.as_ref().map_or(0, Vec::len);
    bounded("ssids", conditions.ssids.as_ref().map_or(0, Vec::len))?;
    bounded("bssids", length(&conditions.bssids))?;
    bounded("gatewayMacs", length(&conditions.gateway_macs))?;
    bounded("connectionIds", conditions.connection_ids.as_ref().map_or(0, Vec::len))?;
    let servers = conditions.dns_servers.as_ref().map_or(0, |wanted| wanted.servers.len());
    bounded("dnsServers", servers)?;
    if let Some(time) = &conditions.time
        && time.from == time.until
    {
        return Err(("time".into(), Fault::NoTime));
    }
    validate_domains("searchDomains", conditions.search_domains.as_deref().unwrap_or_default())?;
    validate_url(conditions.probe_url.as_deref())
}

fn validate_connection_rule(rule: &EvaluateConnectionRule) -> Result<(), Misplaced> {
    if rule.domains.is_empty() {
        return Err(("domains".into(), Fault::Empty));
    }
    validate_domains("domains", &rule.domains)?;
    match &rule.action {
        ConnectionAction::ConnectIfNeeded { dns_servers, probe_url } => {
            bounded("dnsServers", dns_servers.as_ref().map_or(0, Vec::len))?;
            validate_url(probe_url.as_deref())
        }
        ConnectionAction::NeverConnect => Ok(()),
    }
}

fn bounded(field: &str, length: usize) -> Result<(), Misplaced> {
    if length <= MOST_ITEMS {
        return Ok(());
    }
    Err((field.into(), Fault::TooMany { most: MOST_ITEMS }))
}

fn validate_domains(field: &str, domains: &[String]) -> Result<(), Misplaced> {
    bounded(field, domains.len())?;
    match domains.iter().position(|text| !domain::is_pattern(text)) {
        None => Ok(()),
        Some(index) => {
            let text = domains[index].clone();
            Err((format!("{field}[{index}]"), Fault::NotADomain { text }))
        }
    }
}

fn validate_url(url: Option<&str>) -> Result<(), Misplaced> {
    let Some(text) = url else { return Ok(()) };
    let is_known = url::Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if is_known {
        return Ok(());
    }
    Err(("probeUrl".into(), Fault::NotAUrl { text: text.into() }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // spec: ERR-1
    #[test]
    fn each_fault_names_its_place() {
        let evaluate =
            |rule: Value| json!([{"action": "evaluateConnection", "connectionRules": [rule]}]);
        for (rules, field) in [
            (json!([{"action": "ignore"}, {"action": "ignore", "sssids": []}]), "rules[1].sssids"),
            (
                evaluate(json!({"domains": ["a"], "action": "neverConnect", "dnsServers": []})),
                "rules[0].connectionRules[0].dnsServers",
            ),
            (
                json!([{"action": "ignore", "searchDomains": ["a", "a..b"]}]),
                "rules[0].searchDomains[1]",
            ),
            (json!([{"action": "ignore", "probeUrl": "ftp://a.example/"}]), "rules[0].probeUrl"),
            (
                json!([{"action": "ignore", "time": {"from": "09:00", "until": "09:00"}}]),
                "rules[0].time",
            ),
            (
                evaluate(json!({"domains": [], "action": "neverConnect"})),
                "rules[0].connectionRules[0].domains",
            ),
            (
                evaluate(json!({"domains": ["*"], "action": "neverConnect"})),
                "rules[0].connectionRules[0].domains[0]",
            ),
            (
                evaluate(
                    json!({"domains": ["a"], "action": "connectIfNeeded", "probeUrl": "http:"}),
                ),
                "rules[0].connectionRules[0].probeUrl",
            ),
        ] {
            let settings = json!({"enabled": true, "rules": rules});
            let settings: OnDemandSettings = serde_json::from_value(settings).unwrap();
            assert_eq!(settings.validate().unwrap_err().field, format!("onDemand.{field}"));
        }
        let idle = OnDemandSettings { idle_timeout: Some(0), ..OnDemandSettings::default() };
        assert_eq!(idle.validate().unwrap_err().field, "onDemand.idleTimeout");
        let misspelt: OnDemandSettings =
            serde_json::from_value(json!({"enabled": true, "idleTimout": 60})).unwrap();
        let fault = misspelt.validate().unwrap_err().to_string();
        assert!(
            fault.contains("onDemand.idleTimout") && fault.contains("“idleTimeout”"),
            "{fault}"
        );
        let fine = json!({"enabled": true, "rules": [{"action": "connect", "ssids": [],
            "searchDomains": ["*.bücher.example"], "probeUrl": "https://[2001:db8::1]/x"}]});
        let fine: OnDemandSettings = serde_json::from_value(fine).unwrap();
        assert_eq!(fine.validate(), Ok(()));
    }
}
