//! Rules that connect when a name is looked up that only the tunnel knows.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::thread;
use std::time::Instant;

use adit_tests::{Adit, Lab, Peer, Query, QueryType, WireGuardServer, address};
use serde_json::{Value, json};

/// The stub of the first tunnel.
const STUB: [u8; 4] = [127, 173, 0, 1];

// spec: OD-6, OD-15, OD-16, OD-17, OD-18, OD-26
#[test]
fn a_name_that_only_the_tunnel_knows_starts_it_and_is_answered_from_inside() {
    for with_resolved in [false, true] {
        let Some(lab) = Lab::new() else { return };
        let resolved = if with_resolved { lab.client.start_resolved() } else { None };
        if with_resolved && resolved.is_none() {
            return;
        }
        let vpn = WireGuardServer::start(&lab.server);
        let adit = Adit::start(&lab.client);
        adit.import("office", &office(&vpn).conf());
        adit.set_on_demand("office", &rules());
        wait_for_stub(&adit, &lab);

        // What is known outside is answered from there, and what is not meant does not count.
        let site = [address::SITE.v4.into()];
        assert!(lab.client.resolve("site.test").contains(&site[0]));
        assert!(lab.client.resolve("never.corp.test").is_empty());
        assert!(lab.client.resolve("nowhere.test").is_empty());
        assert_eq!(adit.status("office"), "disconnected");

        let start = Instant::now();
        let inside = lab.client.resolve("inside.corp.test");
        println!(
            "an internal name, with resolved {with_resolved}: {} ms",
            start.elapsed().as_millis()
        );
        assert!(inside.contains(&vpn.inner_ipv4().into()), "{inside:?}\n{}", adit.helper().log());
        adit.wait_for("office", "connected");
        adit.run(["remove", "office", "--yes"]);
        adit.assert_no_residue();
        assert!(lab.client.resolve("site.test").contains(&site[0]));
    }
}

// spec: OD-17
#[test]
fn a_network_that_answers_for_names_that_do_not_exist_is_seen_through() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let server = address::LAN.v4.to_string();
    let listen = format!("--listen-address={server}");
    let known = format!("--host-record=known.corp.test,{}", address::SITE.v4);
    let _advertising = lab.lan.spawn([
        "dnsmasq",
        "--no-daemon",
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
        "--bind-interfaces",
        &listen,
        &known,
        "--address=/#/203.0.113.99",
    ]);
    lab.client.write_file("/etc/resolv.conf", format!("nameserver {server}\n"));
    let adit = Adit::start(&lab.client);
    adit.eventually("answers for everybody", || !lab.client.resolve("nobody.test").is_empty());
    adit.import("office", &office(&vpn).conf());
    adit.set_on_demand("office", &rules());
    adit.eventually("a stub", || lab.client.ask_dns(STUB, "nobody.test", QueryType::A).is_ok());

    // What is known is not what everybody is told, and a name of no rule is nobody's affair.
    assert!(lab.client.resolve("known.corp.test").contains(&address::SITE.v4.into()));
    assert!(!lab.client.resolve("nobody.test").is_empty());
    assert_eq!(adit.status("office"), "disconnected");
    let inside = lab.client.resolve("inside.corp.test");
    assert!(inside.contains(&vpn.inner_ipv4().into()), "{inside:?}\n{}", adit.helper().log());
    assert_eq!(adit.status("office"), "connected");
}

// spec: OD-19
#[test]
fn the_servers_of_a_rule_are_asked_in_place_of_the_networks_and_any_failure_of_theirs_connects() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    adit.import("office", &office(&vpn).conf());
    let rule = |domain: &str, server: &str| json!({ "domains": [domain], "action": "connectIfNeeded", "dnsServers": [server] });
    let known = rule("www.site.test", &address::DNS.v4.to_string());
    let silent = rule("other.test", "203.0.113.99");
    let rules = json!([known, silent]);
    adit.set_on_demand(
        "office",
        &json!([{ "action": "evaluateConnection", "connectionRules": rules }]),
    );
    wait_for_stub(&adit, &lab);
    lab.dns.forget();
    assert!(!lab.client.resolve("www.site.test").is_empty());
    assert_eq!(adit.status("office"), "disconnected");
    // It is known outside, but not by the server that is to be asked.
    assert!(!lab.client.resolve("other.test").is_empty());
    adit.wait_for("office", "connected");
    assert!(vpn.dns().queries().iter().any(|query| query.name == "other.test"));
    let from_client = |query: &Query| query.from == address::CLIENT.v4;
    assert!(!lab.dns.queries().iter().any(|it| it.name == "other.test" && from_client(it)));
}

// spec: OD-20
#[test]
fn a_probe_that_fails_connects_although_the_name_is_known() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    adit.import("office", &office(&vpn).conf());
    let rule = |domain: &str, url: &str| json!({ "domains": [domain], "action": "connectIfNeeded", "probeUrl": url });
    // The web server answers everybody with 200, and nobody listens at the other port.
    let rules = json!([
        rule("www.site.test", "http://site.test/"),
        rule("other.test", "http://site.test:7303/"),
    ]);
    adit.set_on_demand(
        "office",
        &json!([{ "action": "evaluateConnection", "connectionRules": rules }]),
    );
    wait_for_stub(&adit, &lab);
    assert!(!lab.client.resolve("www.site.test").is_empty());
    assert_eq!(adit.status("office"), "disconnected");
    assert!(!lab.client.resolve("other.test").is_empty());
    adit.wait_for("office", "connected");
}

// spec: OD-6, OD-26
#[test]
fn many_who_ask_at_once_are_all_answered_by_one_start() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    adit.import("office", &office(&vpn).conf());
    adit.set_on_demand("office", &rules());
    wait_for_stub(&adit, &lab);
    vpn.block();
    thread::scope(|scope| {
        let asking = || scope.spawn(|| lab.client.resolve("inside.corp.test"));
        let asking: Vec<_> = (0..20).map(|_| asking()).collect();
        adit.wait_for("office", "connecting");
        vpn.unblock();
        for asked in asking {
            assert!(asked.join().unwrap().contains(&vpn.inner_ipv4().into()));
        }
    });
    assert_eq!(adit.status("office"), "connected");
    assert_eq!(adit.helper().log().matches("“office” is connected").count(), 1);
}

fn wait_for_stub(adit: &Adit, lab: &Lab) {
    adit.eventually("a stub", || lab.client.ask_dns(STUB, "site.test", QueryType::A).is_ok());
    assert_eq!(adit.status("office"), "disconnected");
}

/// Who has the server's own network inside, and its names.
fn office(vpn: &WireGuardServer) -> Peer {
    vpn.peer().allowed_ips("10.64.0.0/24").add()
}

fn rules() -> Value {
    json!([{ "action": "evaluateConnection", "connectionRules": [
        { "domains": ["never.corp.test"], "action": "neverConnect" },
        { "domains": ["corp.test", "site.test"], "action": "connectIfNeeded" },
    ]}])
}
