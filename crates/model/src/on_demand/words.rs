//! What rules ask for and do, in words: the same everywhere that people read them.

use std::fmt::{self, Display, Formatter};

use super::{
    ConnectionAction, DnsServerMatch, DnsServerMode, EvaluateConnectionRule, InterfaceType,
    OnDemandAction, OnDemandRule, RuleConditions, TimeWindow, Weekday,
    condition::{Condition, NetworkCondition},
};
use crate::InterfaceKind;

/// More of a list than this are counted in place of named.
const MOST_NAMED: usize = 4;

/// “On Wi-Fi “Café”: connect when something wants the network”
impl Display for OnDemandRule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { action, conditions } = self;
        write!(f, "{}: {action}", capitalised(&conditions.to_string()))
    }
}

/// In the middle of a sentence: “connect at once”.
impl Display for OnDemandAction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { eager: false } => {
                f.write_str("connect when something wants the network")
            }
            Self::Connect { eager: true } => f.write_str("connect at once"),
            Self::Disconnect => f.write_str("disconnect and stay so"),
            Self::Ignore => f.write_str("leave the tunnel as it is"),
            Self::EvaluateConnection(rules) if rules.is_empty() => {
                f.write_str("connect for no name")
            }
            Self::EvaluateConnection(rules) => {
                let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
                f.write_str(&rules.join("; "))
            }
        }
    }
}

/// “for corp.example connect if it cannot be resolved otherwise”
impl Display for EvaluateConnectionRule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let domains = one_of(&self.domains);
        match &self.action {
            ConnectionAction::NeverConnect => write!(f, "for {domains} do not connect"),
            ConnectionAction::ConnectIfNeeded { dns_servers, probe_url } => {
                match dns_servers {
                    None => write!(f, "for {domains} connect if it cannot be resolved otherwise")?,
                    Some(servers) => write!(
                        f,
                        "for {domains} connect unless it is resolved by {}",
                        one_of(servers)
                    )?,
                }
                match probe_url {
                    None => Ok(()),
                    Some(url) => write!(f, ", or if {url} does not answer"),
                }
            }
        }
    }
}

/// In the middle of a sentence: “on Wi-Fi “Café””, or “everywhere”.
impl Display for RuleConditions {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let asked: Vec<String> = self.all().iter().map(ToString::to_string).collect();
        if asked.is_empty() { f.write_str("everywhere") } else { f.write_str(&asked.join(", ")) }
    }
}

impl Display for Condition<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(condition) => condition.fmt(f),
            Self::Time(window) => window.fmt(f),
            Self::Unknown(name) => {
                write!(f, "if “{name}” holds, which this version does not know")
            }
            Self::Probe(url) => write!(f, "if {url} answers"),
        }
    }
}

impl Display for NetworkCondition<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface(interface) => write!(f, "on {}", interface_name(*interface)),
            Self::Ssid(ssids) => write!(f, "on Wi-Fi {}", one_of(&quoted(ssids))),
            Self::Bssid(bssids) => write!(f, "at the access point {}", one_of(bssids)),
            Self::SearchDomain(domains) => write!(f, "with the search domain {}", one_of(domains)),
            Self::DnsServers(DnsServerMatch { mode: DnsServerMode::Any, servers }) => {
                write!(f, "with the DNS server {}", one_of(servers))
            }
            Self::DnsServers(DnsServerMatch { mode: DnsServerMode::All, servers }) => {
                write!(f, "with no DNS server but {}", one_of(servers))
            }
            Self::GatewayMac(macs) => write!(f, "behind the router {}", one_of(macs)),
            Self::Metered(metered) => write!(f, "on {}", metered_name(*metered)),
            Self::ConnectionId(ids) => write!(f, "on the connection {}", one_of(&quoted(ids))),
        }
    }
}

/// In the middle of a sentence: “from 08:00 to 18:00 on Monday or Friday”.
impl Display for TimeWindow {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let time = |time: jiff::civil::Time| time.strftime("%H:%M").to_string();
        write!(f, "from {} to {}", time(self.from), time(self.until))?;
        match &self.days {
            None => Ok(()),
            Some(days) => write!(f, " on {}", joined(days, "or")),
        }
    }
}

impl Display for Weekday {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // The variants are the names.
        fmt::Debug::fmt(self, f)
    }
}

pub(super) fn interface_name(interface: InterfaceType) -> &'static str {
    match interface {
        InterfaceType::Ethernet => kind_name(InterfaceKind::Ethernet),
        InterfaceType::WiFi => kind_name(InterfaceKind::WiFi),
        InterfaceType::Cellular => kind_name(InterfaceKind::Cellular),
    }
}

pub(super) fn kind_name(kind: InterfaceKind) -> &'static str {
    match kind {
        InterfaceKind::Ethernet => "Ethernet",
        InterfaceKind::WiFi => "Wi-Fi",
        InterfaceKind::Cellular => "a mobile network",
        InterfaceKind::Other => "another kind of interface",
    }
}

pub(super) fn metered_name(metered: bool) -> &'static str {
    if metered { "a metered network" } else { "a network that is not metered" }
}

/// “a, b or c”; of a long list only the beginning.
pub(super) fn one_of(items: &[impl Display]) -> String {
    beginning(items, "or")
}

/// “a, b and c”; of a long list only the beginning.
pub(super) fn all_of(items: &[impl Display]) -> String {
    beginning(items, "and")
}

fn beginning(items: &[impl Display], last: &str) -> String {
    let more = items.len().saturating_sub(MOST_NAMED);
    if more < 2 {
        return joined(items, last);
    }
    let named: Vec<String> = items.iter().take(MOST_NAMED).map(ToString::to_string).collect();
    format!("{} {last} {more} others", named.join(", "))
}

fn joined(items: &[impl Display], last: &str) -> String {
    match items {
        [] => "of an empty list".into(),
        [only] => only.to_string(),
        [first @ .., end] => {
            let first: Vec<String> = first.iter().map(ToString::to_string).collect();
            format!("{} {last} {end}", first.join(", "))
        }
    }
}

pub(super) fn quoted(items: &[impl Display]) -> Vec<String> {
    items.iter().map(|item| format!("“{item}”")).collect()
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_rule_reads_as_a_sentence() {
        for (rule, sentence) in [
            (json!({"action": "ignore"}), "Everywhere: leave the tunnel as it is"),
            (
                json!({"action": "connect", "ssids": ["Café"]}),
                "On Wi-Fi “Café”: connect when something wants the network",
            ),
            (
                json!({"action": "disconnect", "interfaceType": "ethernet", "searchDomains":
                    ["a.example", "b.example"]}),
                "On Ethernet, with the search domain a.example or b.example: disconnect and stay so",
            ),
            (
                json!({"action": "connect", "eager": true, "time": {"from": "08:00", "until": "18:30",
                    "days": ["monday", "friday"]}, "probeUrl": "http://x.example/"}),
                "From 08:00 to 18:30 on Monday or Friday, if http://x.example/ answers: connect at once",
            ),
            (
                json!({"action": "evaluateConnection", "connectionRules": [
                    {"domains": ["wiki.example"], "action": "neverConnect"},
                    {"domains": ["example"], "action": "connectIfNeeded", "dnsServers": ["10.0.0.1"],
                     "probeUrl": "https://y.example/"},
                ]}),
                "Everywhere: for wiki.example do not connect; for example connect unless it is \
                 resolved by 10.0.0.1, or if https://y.example/ does not answer",
            ),
            (
                json!({"action": "ignore", "ssids": [], "metered": true}),
                "On Wi-Fi of an empty list, on a metered network: leave the tunnel as it is",
            ),
            (
                json!({"action": "ignore", "dnsServers": {"mode": "all",
                    "servers": ["1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4", "1.1.1.5", "17.*"]}}),
                "With no DNS server but 1.1.1.1, 1.1.1.2, 1.1.1.3, 1.1.1.4 or 2 others: leave the \
                 tunnel as it is",
            ),
        ] {
            assert_eq!(read(rule).to_string(), sentence);
        }
    }

    fn read(rule: Value) -> OnDemandRule {
        serde_json::from_value(rule).unwrap()
    }
}
