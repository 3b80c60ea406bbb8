//! Which rule is the current one.

use std::fmt;

use jiff::civil;
use serde::{Deserialize, Serialize};

use super::{
    ConditionOutcome, ConditionTrace, CurrentRule, NetworkState, OnDemandRule, PrimaryNetwork,
    ProbeResults, RuleConditions, RuleOutcome, RuleTrace,
    condition::{Condition, NetworkCondition},
    domain,
    words::{all_of, kind_name, metered_name},
};
use crate::InterfaceKind;

/// What is to be done next to find the current rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Ask this URL past the tunnel, add what came of it to the [`ProbeResults`] and evaluate again.
    Probe(String),
    /// It is found.
    Verdict(Verdict),
}

/// The current rule, and how it came about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Absent when none matches: then nothing is started and nothing is ended. Spec OD-13.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<CurrentRule>,
    /// All rules, in order.
    pub trace: Vec<RuleTrace>,
}

/// Finds the current rule, or the probe that is needed for it: the first rule of which all
/// conditions hold. Spec section 14.2.
///
/// A probe is asked for only when all else of its rule holds, and never twice at the same URL.
#[must_use]
pub fn evaluate(
    rules: &[OnDemandRule],
    network: &NetworkState,
    now: civil::DateTime,
    probes: &ProbeResults,
) -> Step {
    let seen = Seen { network, now, probes };
    let mut verdict = Verdict::default();
    for (index, rule) in rules.iter().enumerate() {
        let (outcome, conditions) = match verdict.current {
            Some(_) => (RuleOutcome::NotReached, Vec::new()),
            None => match seen.look_at(&rule.conditions) {
                Looked::Needs(url) => return Step::Probe(url),
                Looked::At(conditions) => (outcome(&conditions), conditions),
            },
        };
        if outcome == RuleOutcome::Matched {
            verdict.current = Some(CurrentRule::of(index, rule));
        }
        verdict.trace.push(RuleTrace { index, rule: rule.to_string(), outcome, conditions });
    }
    Step::Verdict(verdict)
}

/// The next moment at which the time alone may change the verdict, in local time.
#[must_use]
pub fn next_change(rules: &[OnDemandRule], now: civil::DateTime) -> Option<civil::DateTime> {
    let windows = rules.iter().filter_map(|rule| rule.conditions.time.as_ref());
    windows.filter_map(|window| window.next_edge(now)).min()
}

impl CurrentRule {
    /// The rule at this place of the list, in words.
    #[must_use]
    pub fn of(index: usize, rule: &OnDemandRule) -> Self {
        let (action, reason) = (rule.action.to_string(), rule.conditions.to_string());
        Self { index, action, reason }
    }
}

fn outcome(conditions: &[ConditionTrace]) -> RuleOutcome {
    if conditions.iter().all(|condition| condition.outcome == ConditionOutcome::Held) {
        RuleOutcome::Matched
    } else {
        RuleOutcome::NotMatched
    }
}

/// What conditions are compared with.
struct Seen<'a> {
    network: &'a NetworkState,
    now: civil::DateTime,
    probes: &'a ProbeResults,
}

enum Looked {
    At(Vec<ConditionTrace>),
    /// At all but this URL.
    Needs(String),
}

/// Whether a condition holds, and what was seen of it.
type Found = (ConditionOutcome, String);

impl Seen<'_> {
    fn look_at(&self, conditions: &RuleConditions) -> Looked {
        let mut trace: Vec<ConditionTrace> = Vec::new();
        for condition in conditions.all() {
            let found = match condition {
                Condition::Network(wanted) => self.compare(wanted),
                Condition::Time(window) => {
                    held(window.contains(self.now), self.now.strftime("%A %H:%M").to_string())
                }
                Condition::Unknown(_) => held(false, "a later version wrote it"),
                Condition::Probe(url) => match self.probed(url, &trace) {
                    Some(found) => found,
                    None => return Looked::Needs(url.into()),
                },
            };
            let (outcome, seen) = found;
            trace.push(ConditionTrace { condition: condition.to_string(), seen, outcome });
        }
        Looked::At(trace)
    }

    fn compare(&self, wanted: NetworkCondition) -> Found {
        let Some(primary) = &self.network.primary else { return offline() };
        compare(wanted, primary)
    }

    /// Absent while it is not known. `others`: all other conditions of the rule.
    fn probed(&self, url: &str, others: &[ConditionTrace]) -> Option<Found> {
        if outcome(others) != RuleOutcome::Matched {
            return Some((ConditionOutcome::NotAsked, "something else does not hold".into()));
        }
        if self.network.primary.is_none() {
            return Some(offline());
        }
        let result = self.probes.get(self.network.generation, url)?;
        Some(held(result.succeeded(), result.to_string()))
    }
}

fn held(holds: bool, seen: impl Into<String>) -> Found {
    let outcome = if holds { ConditionOutcome::Held } else { ConditionOutcome::Failed };
    (outcome, seen.into())
}

fn offline() -> Found {
    held(false, "the computer is offline")
}

fn compare(wanted: NetworkCondition, primary: &PrimaryNetwork) -> Found {
    match wanted {
        NetworkCondition::Interface(interface) => {
            let seen = format!("{} is {}", primary.interface, kind_name(primary.kind));
            held(interface.is(primary.kind), seen)
        }
        // A name that is left from before counts for nothing once the primary is another network.
        NetworkCondition::Ssid(_) if primary.kind != InterfaceKind::WiFi => {
            held(false, format!("{} is {}", primary.interface, kind_name(primary.kind)))
        }
        NetworkCondition::Ssid(ssids) => match &primary.ssid {
            None => held(false, "a Wi-Fi whose name is not known"),
            Some(ssid) => held(ssids.contains(ssid), format!("Wi-Fi “{ssid}”")),
        },
        NetworkCondition::Bssid(bssids) => match &primary.bssid {
            None => held(false, "no access point is known"),
            Some(bssid) => held(bssids.contains(bssid), bssid.to_string()),
        },
        NetworkCondition::SearchDomain(wanted) => {
            let found = &primary.search_domains;
            let fits = |wanted: &String| found.iter().any(|found| domain::fits(wanted, found));
            held(wanted.iter().any(fits), enumerated(found, "no search domain"))
        }
        NetworkCondition::DnsServers(wanted) => {
            let found = &primary.dns_servers;
            held(wanted.fits(found), enumerated(found, "no DNS server"))
        }
        NetworkCondition::GatewayMac(wanted) => {
            let found: Vec<_> = primary.gateways.iter().filter_map(|gateway| gateway.mac).collect();
            let seen = enumerated(&found, "no router whose hardware address is known");
            held(found.iter().any(|mac| wanted.contains(mac)), seen)
        }
        NetworkCondition::Metered(wanted) => match primary.metered {
            None => held(false, "nobody says whether the network is metered"),
            Some(metered) => held(metered == wanted, metered_name(metered)),
        },
        NetworkCondition::ConnectionId(ids) => match &primary.connection_id {
            None => held(false, "no connection of NetworkManager"),
            Some(id) => held(ids.contains(id), format!("“{id}”")),
        },
    }
}

fn enumerated(found: &[impl fmt::Display], none: &str) -> String {
    if found.is_empty() { none.into() } else { all_of(found) }
}

#[cfg(test)]
mod tests;
