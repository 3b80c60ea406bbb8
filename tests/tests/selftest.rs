//! What `adit selftest` says of the protection, held against what a sniffer sees of its probes.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

use adit_tests::{Adit, Lab, Packet, UdpTunnelServer, WireGuardServer, address};
use serde_json::{Value, json};

#[test]
fn without_any_promise_nothing_is_said_to_be_kept() {
    let Some(lab) = Lab::new() else { return };
    let _server = UdpTunnelServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let outcomes = tried(&lab, &adit);
    assert!(outcomes.iter().all(|(_, outcome)| outcome == "notApplicable"), "{outcomes:?}");
    let said = adit.run(["selftest"]);
    assert!(said.contains("Nothing is held back at this moment"), "{said}");

    let protocol = json!({ "providerConfiguration": {
        "remote": "198.51.100.10:5000",
        "address": "10.77.0.2/24",
        "routes": [],
        "settings": { "ipv4": {
            "addresses": ["10.77.0.2/24"],
            "includedRoutes": [{ "destination": "0.0.0.0/0" }],
        }},
    }});
    adit.import_for("org.example.udp", "everything", &protocol);
    adit.connect("everything");
    // Who insists on the physical interface gets it at this strength, which is said and seen.
    let outcomes = tried(&lab, &adit);
    assert_eq!(outcome(&outcomes, "IPv4"), "passed");
    assert_eq!(outcome(&outcomes, "IPv4 past the tunnels"), "notApplicable");
    assert_eq!(outcome(&outcomes, "DNS past the tunnels"), "notApplicable");
    let said = adit.run(["selftest"]);
    assert!(said.contains("ok: What programs send goes through adit0."), "{said}");
    assert!(said.contains("who insists on an interface gets it"), "{said}");

    // A rule of somebody else that comes before all of ours.
    lab.client.sh("ip rule add pref 10 lookup main");
    let reason = adit.try_run(["selftest"]);
    assert_eq!(reason.status.code(), Some(1), "{reason:?}");
    assert!(reason.stdout.contains("failed: What programs send goes past the tunnels"));
    let outcomes = tried(&lab, &adit);
    assert_eq!(outcome(&outcomes, "IPv4"), "failed");
}

// spec: RTE-13
#[test]
fn what_is_promised_is_kept_and_nothing_of_a_probe_comes_out() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    // The sniffer sees what is not protected.
    let sniffer = lab.sniff_client();
    adit.run(["selftest"]);
    sniffer.stop().incoming().assert_some("a probe", is_probe);

    adit.import_with("home", &vpn.add_peer().conf(), &["--enforce-routes"]);
    adit.connect("home");
    assert_kept(&lab, &adit, true);
    // The firewall refuses what the rules of others lead past the tunnel.
    lab.client.sh("ip rule add pref 10 lookup main");
    assert_kept(&lab, &adit, true);
    lab.client.sh("ip rule del pref 10");
    adit.disconnect("home");

    adit.import_with("all", &vpn.add_peer().conf(), &["--include-all-networks"]);
    adit.connect("all");
    assert_kept(&lab, &adit, true);
    adit.disconnect("all");

    adit.run(["lockdown", "on"]);
    assert_kept(&lab, &adit, false);
}

/// All but the look-up of names, which needs a tunnel, is as promised; no probe comes out.
#[track_caller]
fn assert_kept(lab: &Lab, adit: &Adit, has_tunnel: bool) {
    let sniffer = lab.sniff_client();
    let outcomes = tried(lab, adit);
    for (subject, outcome) in outcomes {
        let expected = if subject == "Names" && !has_tunnel { "notApplicable" } else { "passed" };
        assert_eq!(outcome, expected, "{subject}: {}", adit.try_run(["selftest"]).stdout);
    }
    sniffer.stop().incoming().assert_none("a probe outside", is_probe);
}

/// The checks with their outcomes. Each outcome is as the sniffer sees the probes.
#[track_caller]
fn tried(lab: &Lab, adit: &Adit) -> Vec<(String, String)> {
    let sniffer = lab.sniff_client();
    let outcome = adit.try_run(["selftest", "--json"]);
    let checks: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    let sent = sniffer.stop().incoming();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let checks = checks.as_array().expect("a list");
    let outcomes: Vec<(String, String)> =
        checks.iter().map(|check| (text(&check["subject"]), text(&check["outcome"]))).collect();
    let is_kept =
        outcomes.iter().all(|(subject, outcome)| subject == "Names" || outcome == "passed");
    assert_eq!(sent.filter(is_probe).is_empty(), is_kept, "{checks:#?}\n{sent}");
    outcomes
}

#[track_caller]
fn outcome<'a>(outcomes: &'a [(String, String)], subject: &str) -> &'a str {
    let found = outcomes.iter().find(|(known, _)| known == subject);
    &found.expect("such a check").1
}

/// A datagram to nobody, or a question to the DNS server of the network.
fn is_probe(packet: &Packet) -> bool {
    packet.is_to_port(9)
        || packet.is_to_port(53) && packet.destination == Some(address::DNS.v4.into())
}
