//! The types and the varlink file say the same.

use std::net::IpAddr;

use adit_model::{
    Check, CheckCode, CheckOutcome, ConfigurationId, ConnectionError, HealthCode, HealthItem,
    Lockdown, LookupReason, LookupServer, MachineStatus, NameLookup, NetworkDescription,
    PastSession, ProviderStopReason, RouteExplanation, RouteOutcome, Secret, SecretChange,
    SecretPlace, SecretPlaces, Secrets, SessionStatus, SessionTraffic, Severity, StartCause,
    TunnelProviderProtocol, VpnConfiguration, VpnStatus,
    on_demand::{CurrentRule, Obstacle, OnDemandRule, OnDemandStatus, PauseEnd, RefusalCode},
    wireguard::Key,
};
use adit_varlink::idl::Interface;
use serde_json::{Value, json};

use super::*;
use crate::{Event, Lagged, SessionEnd, Snapshot};

#[test]
fn the_varlink_file_says_what_the_types_say() {
    let interface = Interface::parse(IDL).unwrap();
    assert_eq!(interface.differences(&helper_methods()), Vec::<String>::new());
    let entry = example();
    let check = |name: &str, value: Value| interface.check_type(name, &value).unwrap();
    check("Entry", serde_json::to_value(&entry).unwrap());
    let held_off = OnDemandStatus::Paused { end: PauseEnd::NextNetwork };
    check("OnDemandStatus", serde_json::to_value(held_off).unwrap());
    let machine = MachineStatus {
        lockdown: Some(Lockdown { allow_local_networks: true, set_by: 1000 }),
        blocking: true,
        health: entry.session.health.clone(),
    };
    let snapshot = Event::Snapshot(Snapshot { entries: vec![entry], machine });
    check("Event", serde_json::to_value(snapshot).unwrap());
    check("NameLookup", serde_json::to_value(lookup()).unwrap());
    let route = RouteExplanation {
        outcome: RouteOutcome::RefusedByFirewall,
        interface: Some("eth0".into()),
        rule: Some("32766: from all lookup main".into()),
        route: Some("default via 10.0.0.1 dev eth0 table main".into()),
        firewall: Some("refuse: drop".into()),
    };
    let passed = Check::new(CheckCode::OrdinaryInside, "IPv4", CheckOutcome::Passed, "A text.")
        .with("what", "IPv4");
    check("Check", serde_json::to_value(passed).unwrap());
    let network = NetworkDescription {
        addresses: vec!["link eth0 mtu 1500 up".into()],
        rules: vec!["-4 32766: from all lookup main".into()],
        routes: Vec::new(),
        firewall: String::new(),
    };
    check("NetworkDescription", serde_json::to_value(network).unwrap());
    let ended = SessionEnd { session: past() };
    check("Event", serde_json::to_value(Event::SessionEnded(Box::new(ended))).unwrap());
    for event in [
        SecretEvent::Attending {},
        SecretEvent::Wanted(request()),
        SecretEvent::Withdrawn(SecretsWithdrawn { number: 1 }),
    ] {
        check("SecretEvent", serde_json::to_value(event).unwrap());
    }
    for answer in [
        SecretAnswer::Given(Secrets::from([("password".into(), Secret::new("x"))])),
        SecretAnswer::Canceled {},
        SecretAnswer::Unavailable(SecretsUnavailable { reason: "A reason.".into() }),
        SecretAnswer::Called {},
    ] {
        check("SecretAnswer", serde_json::to_value(answer).unwrap());
    }
    check("RouteExplanation", serde_json::to_value(route).unwrap());
    check("Event", serde_json::to_value(Event::Lagged(Lagged { missed: 3 })).unwrap());
    for change in [
        SecretChange::Set(Secret::new("x")),
        SecretChange::KeyOf(Key::new([1; 32])),
        SecretChange::Remove {},
    ] {
        check("SecretChange", serde_json::to_value(change).unwrap());
    }
}

fn request() -> SecretRequest {
    SecretRequest {
        number: 1,
        id: ConfigurationId::from_random([1; 16]),
        name: "home".into(),
        server: "vpn.example".into(),
        username: Some("alice".into()),
        secrets: SecretPlaces::from([("password".into(), SecretPlace::Keyring)]),
        refused: false,
        may_ask: true,
    }
}

fn past() -> PastSession {
    PastSession {
        id: ConfigurationId::from_random([1; 16]),
        name: "home".into(),
        start_cause: StartCause::User { uid: 1000 },
        started_at: "2026-01-02T03:04:05Z".parse().unwrap(),
        connected_at: Some("2026-01-02T03:04:06Z".parse().unwrap()),
        ended_at: Some("2026-01-02T04:04:06Z".parse().unwrap()),
        stop_reason: ProviderStopReason::Superceded,
        last_error: Some(ConnectionError::ServerDead.plain()),
        traffic: Some(SessionTraffic { rx_bytes: 2, tx_bytes: 1 }),
        provider_restarts: 3,
    }
}

fn lookup() -> NameLookup {
    let (address, interface) = (IpAddr::from([10, 0, 0, 1]), Some("adit0".into()));
    NameLookup {
        name: "wiki.corp.example".into(),
        reason: LookupReason::Domain,
        domain: Some("corp.example".into()),
        servers: vec![LookupServer {
            address,
            asks: Some("https://dns.example/".into()),
            interface,
            refused_by: Some("refuse: drop".into()),
        }],
    }
}

/// Every field of them.
fn on_demand_rules() -> Vec<OnDemandRule> {
    let rules = json!([
        {
            "action": "connect",
            "eager": true,
            "interfaceType": "wiFi",
            "ssids": ["Café"],
            "bssids": ["00:11:22:aa:bb:cc"],
            "searchDomains": ["*.example"],
            "dnsServers": {"mode": "all", "servers": ["17.*"]},
            "gatewayMacs": ["00:11:22:aa:bb:cc"],
            "metered": true,
            "connectionIds": ["Home"],
            "time": {"days": ["monday"], "from": "08:00", "until": "18:00"},
            "probeUrl": "http://probe.example/",
        },
        {"action": "evaluateConnection", "connectionRules": [
            {"domains": ["a.example"], "action": "connectIfNeeded", "dnsServers": ["10.0.0.1"],
             "probeUrl": "http://probe.example/"},
            {"domains": ["b.example"], "action": "neverConnect"},
        ]},
    ]);
    serde_json::from_value(rules).unwrap()
}

fn example() -> Entry {
    let id = ConfigurationId::from_random([1; 16]);
    let protocol = TunnelProviderProtocol::new("org.example.vpn", "vpn.example");
    let mut configuration = VpnConfiguration::new(id, "home", protocol);
    configuration.protocol.user_secrets = request().secrets;
    configuration.on_demand.rules = on_demand_rules();
    Entry {
        configuration,
        session: SessionStatus {
            id,
            status: VpnStatus::Reasserting,
            sequence: 4,
            connected_at: None,
            start_cause: Some(StartCause::OnDemand { rule: 0, reason: "a reason".into() }),
            interface: Some("adit0".into()),
            blocking: false,
            last_error: Some(ConnectionError::ServerDead.plain()),
            on_demand: Some(OnDemandStatus::Armed {
                rule: Some(CurrentRule {
                    index: 0,
                    action: "An action".into(),
                    reason: "A reason".into(),
                }),
                retry_at: None,
                obstacle: Some(Obstacle::Refused {
                    message: "A sentence.".into(),
                    code: RefusalCode::Provider,
                    reason: "A reason.".into(),
                }),
            }),
            health: vec![
                HealthItem::new(
                    HealthCode::DnsSplitUnavailable,
                    Severity::Warning,
                    "A title",
                    "A text.",
                )
                .with("domains", "corp.example"),
            ],
        },
    }
}
