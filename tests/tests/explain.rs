//! What Adit says about where something goes, held against where it goes.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

use std::collections::BTreeSet;
use std::net::IpAddr;

use adit_tests::{
    Adit, Capture, DnsServer, Lab, Packet, Probe, ProbeKind, Resolvconf, UdpTunnelServer,
    WireGuardServer, address,
};
use serde_json::{Value, json};

#[test]
fn a_names_servers_are_those_that_are_asked_whoever_decides() {
    for decides in ["file", "resolved", "networkManager", "resolvconf"] {
        let Some(lab) = Lab::new() else { return };
        let (mut resolved, mut manager) = (None, None);
        let is_there = match decides {
            "resolved" => resolved.insert(lab.client.start_resolved()).is_some(),
            "networkManager" => manager.insert(lab.client.start_network_manager()).is_some(),
            "resolvconf" => lab.client.install_resolvconf(Resolvconf::Openresolv),
            _ => true,
        };
        if !is_there {
            return;
        }
        let vpn = WireGuardServer::start(&lab.server);
        let adit = Adit::start(&lab.client);
        assert_eq!(assert_true(&lab, &adit, "site.test"), decides);

        adit.import("home", &vpn.add_peer().conf());
        adit.connect("home");
        for name in ["site.test", "inside.corp.test", "nowhere.test", "localhost"] {
            assert_eq!(assert_true(&lab, &adit, name), decides);
        }
        let said = adit.run(["explain", "dns", "site.test"]);
        assert!(said.contains("10.64.0.1 through adit0, the tunnel of home"), "{said}");
        adit.disconnect("home");
        assert_eq!(assert_true(&lab, &adit, "site.test"), decides);
    }
}

// spec: DNS-7, DNS-10, DNS-13, DNS-C2, DNS-C4
#[test]
fn a_names_domain_decides_in_a_split_tunnel() {
    let Some(lab) = Lab::new() else { return };
    let Some(resolved) = lab.client.start_resolved() else { return };
    // The shorter domain is the network's.
    resolved.ctl(["domain", "eth0", "~test"]);
    let _server = UdpTunnelServer::start(&lab.server);
    let inner = IpAddr::from([10, 77, 0, 1]);
    let _dns = DnsServer::start(&lab.server, &[inner], None, &[("inside.corp.test", vec![inner])]);
    let adit = Adit::start(&lab.client);
    let protocol = json!({ "providerConfiguration": {
        "remote": "198.51.100.10:5000",
        "address": "10.77.0.2/24",
        "routes": [],
        "settings": { "dns": { "servers": ["10.77.0.1"], "matchDomains": ["corp.test"] } },
    }});
    adit.import_for("org.example.udp", "split", &protocol);
    adit.connect("split");
    for name in ["inside.corp.test", "inside", "site.test", "anothercorp.test", "corp.test."] {
        assert_true(&lab, &adit, name);
    }
    let inside = explain(&adit, "inside");
    assert_eq!(inside["lookups"][0]["name"], "inside.corp.test");
    assert_eq!(inside["lookups"][0]["domain"], "corp.test");
    assert_eq!(inside["lookups"][0]["servers"][0]["address"], "10.77.0.1");
    let other = explain(&adit, "anothercorp.test");
    assert_eq!(other["lookups"][0]["domain"], "test");
    assert_eq!(other["lookups"][0]["servers"][0]["interface"], "eth0");
}

#[test]
fn a_domain_that_the_network_claims_is_refused_while_routes_are_enforced() {
    let Some(lab) = Lab::new() else { return };
    let Some(resolved) = lab.client.start_resolved() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    adit.import_with("home", &vpn.add_peer().conf(), &["--enforce-routes"]);
    // As a hostile network does that hands out domains (DHCP option 119).
    resolved.ctl(["domain", "eth0", "~site.test"]);
    assert_true(&lab, &adit, "www.site.test");
    adit.connect("home");
    assert_true(&lab, &adit, "inside.corp.test");

    let explained = explain(&adit, "www.site.test");
    let server = &explained["lookups"][0]["servers"][0];
    assert_eq!(server["interface"], "eth0", "{explained:#}");
    assert!(text(&server["refusedBy"]).starts_with("refuse: reject"), "{explained:#}");
    let said = adit.run(["explain", "dns", "www.site.test"]);
    assert!(said.contains("but Adit refuses it"), "{said}");
    let (outside, inside) = (lab.sniff_client(), Capture::start(&lab.client, "adit0"));
    let words = ["timeout", "3", "getent", "ahosts", "www.site.test"];
    assert!(!lab.client.try_run(words).status.success());
    // It is not asked through the tunnel either, which systemd-resolved tries over TCP.
    outside.stop().incoming().assert_none("a query outside", |packet| packet.is_to_port(53));
    inside.stop().assert_none("a query inside", |packet| packet.is_to_port(53));
}

#[test]
fn a_name_that_cannot_be_one_is_refused() {
    let Some(lab) = Lab::new() else { return };
    let adit = Adit::start(&lab.client);
    for name in ["", "a b", "a..b", "../etc"] {
        adit.refused(1, ["explain", "dns", name]);
    }
}

// spec: RTE-2, RTE-23
#[test]
fn a_packet_goes_where_its_route_is_said_to_lead() {
    let Some(lab) = Lab::new() else { return };
    let _server = UdpTunnelServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let settings = json!({
        "ipv4": {
            "addresses": ["10.77.0.2/24"],
            "includedRoutes": [{ "destination": "0.0.0.0/0" }, { "destination": "10.0.0.0/8" }],
            "excludedRoutes": [{ "destination": "203.0.113.20/32" }],
        },
        "blockedRoutes": ["2001:db8:113::/64"],
    });
    let protocol = |enforce: bool| {
        json!({ "enforceRoutes": enforce, "providerConfiguration": {
            "remote": "198.51.100.10:5000",
            "address": "10.77.0.2/24",
            "routes": [],
            "settings": settings,
        }})
    };
    let [nine, site, excluded, neighbour, site6]: [IpAddr; 5] = [
        [9; 4].into(),
        address::SITE.v4.into(),
        address::OTHER_SITE.v4.into(),
        address::LAN.v4.into(),
        address::SITE.v6.into(),
    ];
    let goes = |to| way(&lab, &adit, to);
    assert_eq!(goes(site), ("leaves".into(), "32766: from all lookup main".into()));
    assert_eq!(goes(address::CLIENT.v4.into()).0, "thisComputer");

    adit.import_for("org.example.udp", "everything", &protocol(false));
    adit.connect("everything");
    assert_eq!(goes(nine), ("leaves".into(), "5300: from all lookup 44544".into()));
    assert_eq!(goes([10, 1, 2, 3].into()), ("leaves".into(), "5100: from all lookup 44288".into()));
    assert_eq!(goes(excluded), ("leaves".into(), "32766: from all lookup main".into()));
    let main = "5200: from all lookup main suppress_prefixlength 0";
    assert_eq!(goes(neighbour), ("leaves".into(), main.into()));
    assert_eq!(goes(site6).0, "refusedByRoutes");
    assert_eq!(goes([10, 77, 0, 2].into()).0, "thisComputer");
    let said = adit.run(["explain", "route", "9.9.9.9"]);
    assert!(said.contains("9.9.9.9 goes through adit0, the tunnel of everything."), "{said}");
    // As other programs do.
    lab.client.sh("ip rule add pref 100 to 203.0.113.10 lookup main");
    assert_eq!(goes(site).1, "100: from all to 203.0.113.10 lookup main");
    lab.client.sh("ip rule add pref 99 not to 128.0.0.0/1 prohibit");
    let refused = "99: not from all to 128.0.0.0/1 prohibit";
    assert_eq!(goes(neighbour), ("refusedByRoutes".into(), refused.into()));
    lab.client.sh("ip rule del pref 99; ip rule del pref 100");
    adit.disconnect("everything");

    adit.import_for("org.example.udp", "everything", &protocol(true));
    adit.connect("everything");
    assert_eq!(goes(neighbour), ("leaves".into(), "5100: from all lookup 44288".into()));
    assert_eq!(goes(excluded), ("leaves".into(), "32766: from all lookup main".into()));
    // It comes before all of ours, and then the firewall refuses what is enforced.
    lab.client.sh("ip rule add pref 100 to 203.0.113.10 lookup main");
    assert_eq!(goes(site).0, "refusedByFirewall");
    let said = adit.run(["explain", "route", "203.0.113.10"]);
    assert!(said.contains("would go through eth0, but Adit refuses it"), "{said}");
    lab.client.sh("ip rule del pref 100");
    adit.disconnect("everything");

    adit.run(["lockdown", "on"]);
    assert_eq!(goes(site).0, "refusedByFirewall");
    assert_eq!(goes(neighbour).0, "refusedByFirewall");
    adit.run(["lockdown", "off"]);
    assert_eq!(goes(site).0, "leaves");
}

// spec: RTE-10
#[test]
fn a_port_decides_where_names_are_asked_for() {
    let Some(lab) = Lab::new() else { return };
    let adit = Adit::start(&lab.client);
    let outcome = |to: &str, protocol: &str| {
        let words = ["explain", "route", to, "--protocol", protocol, "--json"];
        let explained: Value = serde_json::from_str(&adit.run(words)).expect("JSON");
        text(&explained["outcome"])
    };
    let kinds = [("udp", 53), ("tcp", 53), ("udp", 443), ("tcp", 80)];
    for (lockdown, closed) in [
        (["lockdown", "off"].as_slice(), &[][..]),
        (&["lockdown", "on", "--allow-local-networks"], &[("udp", 53), ("tcp", 53)]),
        (&["lockdown", "on"], &kinds),
    ] {
        adit.run(lockdown.iter().copied());
        for (protocol, port) in kinds {
            let neighbour = address::LAN.v4;
            let to = format!("{neighbour}:{port}");
            let is_closed = closed.contains(&(protocol, port));
            let expected = if is_closed { "refusedByFirewall" } else { "leaves" };
            assert_eq!(outcome(&to, protocol), expected, "{to} {protocol}");
            // And so it is.
            let kind = if protocol == "udp" { ProbeKind::Udp(port) } else { ProbeKind::Tcp(port) };
            let sniffer = lab.sniff_client();
            let probe = Probe::send(&lab.client, kind, neighbour.into(), None);
            let sent = sniffer.stop();
            assert_eq!(sent.iter().any(|packet| probe.is(packet)), !is_closed, "{to} {protocol}");
        }
    }
    let said = adit.run(["explain", "route", "10.20.0.3:80"]);
    assert!(said.contains("10.20.0.3:80 would go through eth0, but Adit refuses it."), "{said}");
}

/// What is said to become of packets to an address, and by which rule. Sees on each interface that it is so.
#[track_caller]
fn way(lab: &Lab, adit: &Adit, to: IpAddr) -> (String, String) {
    let words = ["explain", "route", &to.to_string(), "--json"];
    let explained: Value = serde_json::from_str(&adit.run(words)).expect("JSON");
    let present = ["eth0", "adit0", "lo"]
        .into_iter()
        .filter(|name| lab.client.has_file(format!("/sys/class/net/{name}")));
    let captures: Vec<(&str, Capture)> =
        present.map(|name| (name, Capture::start(&lab.client, name))).collect();
    let _ = lab.client.try_run(["ping", "-c", "1", "-W", "0.2", &to.to_string()]);
    let is_sent = |packet: &Packet| packet.destination == Some(to) && !packet.is_housekeeping();
    let seen: Vec<&str> = captures
        .into_iter()
        .filter_map(|(name, capture)| (!capture.stop().filter(is_sent).is_empty()).then_some(name))
        .collect();
    let interface = text(&explained["interface"]);
    let outcome = text(&explained["outcome"]);
    let expected = match outcome.as_str() {
        "leaves" | "thisComputer" => vec![interface.as_str()],
        _ => Vec::new(),
    };
    assert_eq!(seen, expected, "{to}: {explained:#}");
    (outcome, text(&explained["rule"]))
}

fn explain(adit: &Adit, name: &str) -> Value {
    serde_json::from_str(&adit.run(["explain", "dns", name, "--json"])).expect("JSON")
}

/// Looks a name up and sees on each interface that exactly the servers are asked that Adit names: the first of the
/// first lookup in any case, and nobody but those named. Returns who decides.
#[track_caller]
fn assert_true(lab: &Lab, adit: &Adit, name: &str) -> String {
    let explained = explain(adit, name);
    let mut named = BTreeSet::new();
    for lookup in explained["lookups"].as_array().expect("a list") {
        for server in lookup["servers"].as_array().expect("a list") {
            named.insert((text(&server["interface"]), text(&server["address"])));
        }
    }
    let interfaces = ["eth0", "adit0"];
    let present =
        interfaces.into_iter().filter(|name| lab.client.has_file(format!("/sys/class/net/{name}")));
    let captures: Vec<(&str, Capture)> =
        present.map(|name| (name, Capture::start(&lab.client, name))).collect();
    let _ = lab.client.resolve(name);
    let mut asked = BTreeSet::new();
    for (interface, capture) in captures {
        let queries = capture.stop().filter(|packet| packet.is_to_port(53));
        asked.extend(queries.destinations().map(|to| (interface.to_owned(), to.to_string())));
    }
    assert!(asked.is_subset(&named), "{name}: {asked:?} were asked, and not of {explained:#}");
    let first = &explained["lookups"][0]["servers"][0];
    if !first.is_null() {
        let first = (text(&first["interface"]), text(&first["address"]));
        assert!(asked.contains(&first), "{name}: {asked:?} were asked, and not {first:?}");
    }
    assert_eq!(asked.is_empty(), named.is_empty(), "{name}: {explained:#}");
    text(&explained["resolver"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("none").to_owned()
}
