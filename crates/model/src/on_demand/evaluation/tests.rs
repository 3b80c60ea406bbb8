use jiff::civil::date;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::on_demand::ProbeResult;

const PROBE: &str = "http://probe.example/";

/// A network that has something of everything.
fn cafe() -> Value {
    json!({
        "interface": "wlan0", "kind": "wiFi", "ssid": "Café", "bssid": "00:11:22:aa:bb:cc",
        "dnsServers": ["10.0.0.53", "17.1.2.3"], "searchDomains": ["eu.corp.example", "lan"],
        "gateways": [{"address": "10.0.0.1", "mac": "02:00:00:00:00:01"}],
        "metered": true, "connectionId": "Café at the corner",
    })
}

fn wired() -> Value {
    json!({"interface": "eth0", "kind": "ethernet", "dnsServers": ["10.0.0.53"]})
}

fn cellular() -> Value {
    json!({"interface": "wwan0", "kind": "cellular"})
}

/// What a rule with these conditions comes to on a network.
struct Case(Value, fn() -> Value, bool);

// spec: OD-7, OD-8, OD-9, OD-10, OD-12, OD-C1, D-4, D-5
#[test]
fn the_truth_table_of_conditions() {
    let offline = || Value::Null;
    let cases = [
        // No condition always holds.
        Case(json!({}), cafe, true),
        Case(json!({}), offline, true),
        // The type of the primary interface.
        Case(json!({"interfaceType": "wiFi"}), cafe, true),
        Case(json!({"interfaceType": "wiFi"}), wired, false),
        Case(json!({"interfaceType": "ethernet"}), wired, true),
        Case(json!({"interfaceType": "ethernet"}), cellular, false),
        Case(json!({"interfaceType": "cellular"}), cellular, true),
        Case(json!({"interfaceType": "cellular"}), cafe, false),
        Case(json!({"interfaceType": "ethernet"}), offline, false),
        // Wi-Fi names: exact, and only on Wi-Fi.
        Case(json!({"ssids": ["Home", "Café"]}), cafe, true),
        Case(json!({"ssids": ["café"]}), cafe, false),
        Case(json!({"ssids": ["Caf"]}), cafe, false),
        Case(json!({"ssids": ["Café"]}), wired, false),
        Case(json!({"ssids": ["Café"]}), || with(wired(), "ssid", json!("Café")), false),
        Case(json!({"ssids": ["Café"]}), || json!({"interface": "w", "kind": "wiFi"}), false),
        Case(json!({"ssids": []}), cafe, false),
        Case(json!({"ssids": [r"\xff\x00"]}), || with(cafe(), "ssid", json!(r"\xff\x00")), true),
        // Search domains: any of them, equal or below.
        Case(json!({"searchDomains": ["LAN"]}), cafe, true),
        Case(json!({"searchDomains": ["other", "*.corp.example"]}), cafe, true),
        Case(json!({"searchDomains": ["corp.example"]}), cafe, false),
        Case(json!({"searchDomains": ["*.lan"]}), cafe, false),
        Case(json!({"searchDomains": ["lan"]}), wired, false),
        Case(json!({"searchDomains": []}), cafe, false),
        // DNS servers: any, or all of them.
        Case(servers("any", &["10.0.0.53"]), cafe, true),
        Case(servers("any", &["9.9.9.9", "17.*"]), cafe, true),
        Case(servers("any", &["9.9.9.9"]), cafe, false),
        Case(servers("all", &["10.0.0.53"]), cafe, false),
        Case(servers("all", &["10.0.0.53", "17.*", "9.9.9.9"]), cafe, true),
        Case(servers("all", &["10.0.0.53"]), wired, true),
        Case(servers("all", &["*"]), cellular, false),
        Case(servers("any", &[]), cafe, false),
        Case(servers("all", &[]), cafe, false),
        // Beyond Apple's.
        Case(json!({"bssids": ["00:11:22:AA:BB:CC"]}), cafe, true),
        Case(json!({"bssids": ["00:11:22:aa:bb:cd"]}), cafe, false),
        Case(json!({"gatewayMacs": ["02:00:00:00:00:01"]}), cafe, true),
        Case(json!({"gatewayMacs": ["02:00:00:00:00:01"]}), wired, false),
        Case(json!({"metered": true}), cafe, true),
        Case(json!({"metered": false}), cafe, false),
        Case(json!({"metered": false}), wired, false),
        Case(json!({"connectionIds": ["Café at the corner"]}), cafe, true),
        Case(json!({"connectionIds": ["Café"]}), cafe, false),
        Case(json!({"time": {"from": "09:00", "until": "17:00", "days": ["friday"]}}), cafe, true),
        Case(json!({"time": {"from": "09:00", "until": "17:00", "days": ["monday"]}}), cafe, false),
        Case(json!({"time": {"from": "13:00", "until": "12:00"}}), offline, false),
        Case(json!({"ofALaterVersion": true}), cafe, false),
        // All of them have to hold.
        Case(json!({"ssids": ["Café"], "interfaceType": "wiFi", "metered": true}), cafe, true),
        Case(json!({"ssids": ["Café"], "interfaceType": "wiFi", "metered": false}), cafe, false),
        Case(json!({"ssids": ["Café"], "searchDomains": []}), cafe, false),
    ];
    for Case(conditions, network, matches) in cases {
        let rules = [rule("ignore", conditions.clone())];
        let verdict = verdict(&rules, &network_state(network()));
        let shown = serde_json::to_string_pretty(&verdict.trace).unwrap();
        assert_eq!(verdict.current.is_some(), matches, "{conditions} {shown}");
    }
}

// spec: OD-1, OD-12, OD-13, MGR-8, D-9
#[test]
fn the_first_rule_that_matches_is_the_only_one() {
    let rules = [
        rule("connect", json!({"ssids": ["Home"]})),
        rule("disconnect", json!({"interfaceType": "wiFi"})),
        rule("ignore", json!({})),
    ];
    let current = |network| verdict(&rules, &network_state(network)).current.map(|rule| rule.index);
    assert_eq!(current(cafe()), Some(1));
    assert_eq!(current(wired()), Some(2));
    assert_eq!(current(Value::Null), Some(2));
    let none = verdict(&rules[..2], &network_state(wired()));
    assert_eq!(none.current, None);
    assert_eq!(verdict(&[], &network_state(wired())), Verdict::default());
}

// spec: OD-11, D-6
#[test]
fn a_probe_is_asked_last_and_only_a_plain_200_counts() {
    let rules = [
        rule("connect", json!({"ssids": ["Home"], "probeUrl": "http://not.asked.example/"})),
        rule("disconnect", json!({"ssids": ["Café"], "probeUrl": PROBE})),
        rule("ignore", json!({})),
    ];
    let network = network_state(cafe());
    let step = |probes: &ProbeResults| evaluate(&rules, &network, friday_noon(), probes);
    let mut probes = ProbeResults::new(network.generation);
    assert_eq!(step(&probes), Step::Probe(PROBE.into()));
    let failed = ProbeResult::Failed { reason: "the server does not answer".into() };
    for (result, current) in [
        (ProbeResult::Answered { status: 200 }, 1),
        (ProbeResult::Answered { status: 204 }, 2),
        (ProbeResult::Answered { status: 302 }, 2),
        (failed, 2),
    ] {
        probes = ProbeResults::new(network.generation);
        probes.add(network.generation, PROBE, result);
        let Step::Verdict(verdict) = step(&probes) else { panic!("asked twice") };
        assert_eq!(verdict.current.unwrap().index, current);
        assert_eq!(verdict.trace[0].conditions[1].outcome, ConditionOutcome::NotAsked);
    }
    let offline = network_state(Value::Null);
    let asked = [rule("connect", json!({"probeUrl": PROBE}))];
    assert_eq!(verdict(&asked, &offline).current, None);
}

#[test]
fn an_answer_from_before_a_change_is_void() {
    let rules = [rule("connect", json!({"probeUrl": PROBE}))];
    let mut network = network_state(cafe());
    let before = network.generation;
    network.generation += 1;
    let answered = || ProbeResult::Answered { status: 200 };
    // It came in time, and the network changed afterwards.
    let mut old = ProbeResults::new(before);
    old.add(before, PROBE, answered());
    assert_eq!(evaluate(&rules, &network, friday_noon(), &old), Step::Probe(PROBE.into()));
    // It was asked before the change and came after it.
    let mut new = ProbeResults::new(network.generation);
    new.add(before, PROBE, answered());
    assert_eq!(evaluate(&rules, &network, friday_noon(), &new), Step::Probe(PROBE.into()));
}

#[test]
fn the_trace_says_what_was_asked_and_what_was_seen() {
    let rules = [
        rule("disconnect", json!({"ssids": ["Home"], "metered": true, "probeUrl": PROBE})),
        rule("connect", json!({"searchDomains": ["lan"]})),
        rule("ignore", json!({})),
    ];
    let shown = verdict(&rules, &network_state(cafe()));
    let lines: Vec<String> = shown
        .trace
        .iter()
        .flat_map(|rule| {
            let line = |seen: &ConditionTrace| {
                format!("  {:?}: {}; {}", seen.outcome, seen.condition, seen.seen)
            };
            let head = format!("{:?}: {}", rule.outcome, rule.rule);
            std::iter::once(head).chain(rule.conditions.iter().map(line))
        })
        .collect();
    let expected = [
        "NotMatched: On Wi-Fi “Home”, on a metered network, if http://probe.example/ answers: \
         disconnect and stay so",
        "  Failed: on Wi-Fi “Home”; Wi-Fi “Café”",
        "  Held: on a metered network; a metered network",
        "  NotAsked: if http://probe.example/ answers; something else does not hold",
        "Matched: With the search domain lan: connect when something wants the network",
        "  Held: with the search domain lan; eu.corp.example and lan",
        "NotReached: Everywhere: leave the tunnel as it is",
    ];
    assert_eq!(lines, expected);
    let current = shown.current.unwrap();
    assert_eq!(current.reason, "with the search domain lan");
}

#[test]
fn the_time_says_when_to_look_again() {
    let rules = [
        rule("connect", json!({"time": {"from": "09:00", "until": "17:00"}})),
        rule("ignore", json!({"time": {"from": "12:30", "until": "13:00"}})),
    ];
    assert_eq!(next_change(&rules, friday_noon()), Some(date(2026, 1, 2).at(12, 30, 0, 0)));
    assert_eq!(next_change(&rules[..0], friday_noon()), None);
}

proptest! {
    #[test]
    fn what_is_current_is_the_first_that_matches_and_probes_come_last(
        rules in prop::collection::vec(any_rule(), 0..6),
        network in any_network(),
        answers: [bool; 2],
    ) {
        let network = network_state(network);
        let mut probes = ProbeResults::new(network.generation);
        let mut asked = Vec::new();
        let verdict = loop {
            match evaluate(&rules, &network, friday_noon(), &probes) {
                Step::Verdict(verdict) => break verdict,
                Step::Probe(url) => {
                    // Never twice, and only for a rule that holds but for it.
                    prop_assert!(!asked.contains(&url));
                    let fits = |rule: &OnDemandRule| {
                        let mut rule = rule.clone();
                        let asks = rule.conditions.probe_url.take();
                        asks.as_ref() == Some(&url) && matches_alone(&rule, &network)
                    };
                    prop_assert!(rules.iter().any(fits));
                    let status = if answers[asked.len() % 2] { 200 } else { 302 };
                    probes.add(network.generation, url.clone(), ProbeResult::Answered { status });
                    asked.push(url);
                }
            }
        };
        prop_assert_eq!(verdict.trace.len(), rules.len());
        let current = verdict.current.as_ref().map(|rule| rule.index);
        for trace in &verdict.trace {
            let expected = match current {
                Some(current) if trace.index == current => RuleOutcome::Matched,
                Some(current) if trace.index > current => RuleOutcome::NotReached,
                Some(_) | None => RuleOutcome::NotMatched,
            };
            prop_assert_eq!(trace.outcome, expected);
        }
        if rules.iter().any(|rule| rule.conditions == RuleConditions::default()) {
            prop_assert!(current.is_some());
        }
    }
}

fn matches_alone(rule: &OnDemandRule, network: &NetworkState) -> bool {
    verdict(std::slice::from_ref(rule), network).current.is_some()
}

fn any_rule() -> impl Strategy<Value = OnDemandRule> {
    let maybe = |values: Vec<Value>| prop::option::of(prop::sample::select(values));
    let conditions = (
        maybe(vec![json!("wiFi"), json!("ethernet")]),
        maybe(vec![json!([]), json!(["Café"]), json!(["Home"])]),
        maybe(vec![json!(["lan"]), json!(["*.corp.example"])]),
        maybe(vec![json!(PROBE), json!("http://other.example/")]),
    );
    conditions.prop_map(|(interface, ssids, domains, probe)| {
        let fields = [
            ("interfaceType", interface),
            ("ssids", ssids),
            ("searchDomains", domains),
            ("probeUrl", probe),
        ];
        let set = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        rule("ignore", Value::Object(set.collect()))
    })
}

fn any_network() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![cafe(), wired(), cellular(), Value::Null])
}

fn verdict(rules: &[OnDemandRule], network: &NetworkState) -> Verdict {
    let probes = ProbeResults::new(network.generation);
    match evaluate(rules, network, friday_noon(), &probes) {
        Step::Verdict(verdict) => verdict,
        Step::Probe(url) => panic!("asks {url}"),
    }
}

fn friday_noon() -> civil::DateTime {
    date(2026, 1, 2).at(12, 0, 0, 0)
}

fn rule(action: &str, conditions: Value) -> OnDemandRule {
    serde_json::from_value(with(conditions, "action", json!(action))).unwrap()
}

fn network_state(primary: Value) -> NetworkState {
    let primary = serde_json::from_value(primary).unwrap();
    NetworkState { generation: 7, primary }
}

fn servers(mode: &str, servers: &[&str]) -> Value {
    json!({"dnsServers": {"mode": mode, "servers": servers}})
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}
