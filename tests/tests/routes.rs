//! Which way a packet goes, in the real kernel, as the settings and the network change.

use std::net::IpAddr;

use adit_tests::{Adit, Home, Lab, Packet, UdpTunnelServer, address};
use serde_json::{Value, json};

/// Web servers of the internet, in one network.
const SITE: &str = "203.0.113.10";
const OTHER_SITE: &str = "203.0.113.20";
/// A host in the client's own network.
const NEIGHBOUR: &str = "10.20.0.3";

const OUTSIDE: IpAddr = IpAddr::V4(address::CLIENT.v4);
const INSIDE: IpAddr = IpAddr::V4(address::SERVER.v4);

// spec: SET-C3, SET-C5, V4-7, V4-8
#[test]
fn what_is_excluded_goes_outside_by_whatever_network_there_is() {
    let Some(lab) = Lab::new() else { return };
    let _server = UdpTunnelServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let mut routes = ipv4(&["0.0.0.0/0", "203.0.113.20/31"]);
    routes["ipv4"]["excludedRoutes"] = json!([{ "destination": "203.0.113.0/24" }]);
    import(&adit, &routes, &json!({}));
    adit.connect("routes");
    let way = |to: &str| lab.client.whoami(to).unwrap();
    assert_eq!((way("9.9.9.9"), way(SITE), way(OTHER_SITE)), (INSIDE, OUTSIDE, INSIDE));
    let _wifi = lab.add_uplink();
    lab.client.sh("ip link set eth0 down");
    let wifi = IpAddr::V4(address::CLIENT_WIFI.v4);
    adit.eventually("other uplink", || lab.client.whoami(SITE).is_ok_and(|way| way == wifi));
    lab.client.sh("ip link set eth0 up; ip route add default via 10.20.0.1");
    adit.eventually("first uplink", || lab.client.whoami(SITE).is_ok_and(|way| way == OUTSIDE));
    adit.disconnect("routes");
    adit.assert_no_residue();
}

// spec: RTE-2, RTE-3, RTE-23, RTE-C1
#[test]
fn the_longest_prefix_wins_and_the_system_where_it_is_as_long() {
    let Some(lab) = Lab::new() else { return };
    let _server = UdpTunnelServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let way = |to: &str| lab.client.whoami(to).unwrap();
    let route =
        |verb: &str, to: &str| lab.client.sh(&format!("ip route {verb} {to} via 10.20.0.1"));
    route("add", "203.0.0.0/8");
    import(&adit, &ipv4(&["0.0.0.0/0", "10.0.0.0/8", "203.0.113.0/24"]), &json!({}));
    adit.connect("routes");
    assert_eq!(way(NEIGHBOUR), OUTSIDE);
    assert_eq!((way("9.9.9.9"), way(SITE), way("203.0.114.1")), (INSIDE, INSIDE, OUTSIDE));
    // As a network may do at any time, and as an attacker with a DHCP server does.
    let goes = |to: &str, wanted| lab.client.whoami(to).is_ok_and(|way| way == wanted);
    for to in ["203.0.113.10/32", "203.0.113.0/24"] {
        route("add", to);
        adit.eventually("route of the system", || goes(SITE, OUTSIDE));
        route("del", to);
        adit.eventually("route of the tunnel", || goes(SITE, INSIDE));
    }
    route("add", "9.9.9.9/32");
    assert_eq!(way("9.9.9.9"), OUTSIDE);
    let status = adit.run(["status", "routes"]);
    assert!(status.contains("A route of this network sends"), "{status}");
}

// spec: PROTO-11, PROTO-15, RTE-13, RTE-14, RTE-C2
#[test]
fn enforced_routes_beat_the_system() {
    let Some(lab) = Lab::new() else { return };
    let server = UdpTunnelServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let way = |to: &str| lab.client.whoami(to).unwrap();
    lab.client.sh("ip route add 203.0.113.0/25 via 10.20.0.1");
    let mut routes = ipv4(&["10.0.0.0/8", "203.0.113.0/24", "2.0.0.0/8"]);
    routes["ipv4"]["excludedRoutes"] = json!([{ "destination": "203.0.113.20/32" }]);
    import(&adit, &routes, &json!({ "enforceRoutes": true }));
    let sniffer = lab.sniff_client();
    adit.connect("routes");
    assert_eq!((way(NEIGHBOUR), way(SITE), way("2.2.2.2")), (INSIDE, INSIDE, INSIDE));
    lab.client.sh("ip route add 2.2.2.0/24 via 10.20.0.1 dev eth0");
    assert_eq!(way("2.2.2.2"), INSIDE);
    sniffer.stop().incoming().assert_only_to(server.endpoint());
    assert_eq!(way(OTHER_SITE), OUTSIDE);
    adit.disconnect("routes");

    let strength = json!({ "enforceRoutes": true, "excludeLocalNetworks": true });
    import(&adit, &routes, &strength);
    adit.connect("routes");
    assert_eq!((way(NEIGHBOUR), way(SITE), way("10.30.0.1")), (OUTSIDE, INSIDE, INSIDE));
}

// spec: RTE-4, RTE-13, RTE-C3
#[test]
fn a_program_that_insists_on_an_interface_gets_it_unless_routes_are_enforced() {
    let Some(lab) = Lab::new() else { return };
    let _server = UdpTunnelServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let routes = json!({
        "ipv4": {
            "addresses": ["10.77.0.2/24"],
            "includedRoutes": [{ "destination": "0.0.0.0/0" }, { "destination": "203.0.113.0/24" }],
            "excludedRoutes": [{ "destination": "203.0.113.20/32" }],
        },
        "ipv6": {
            "addresses": ["fd77::2/64"],
            "includedRoutes": [{ "destination": "::/0" }, { "destination": "2001:db8:113::/64" }],
            "excludedRoutes": [{ "destination": "2001:db8:113::20/128" }],
        },
    });
    let [site, other] = [address::SITE, address::OTHER_SITE];
    for (enforced, protected) in [
        (false, &[][..]),
        (true, &[site.v4.into(), site.v6.into(), [9; 4].into(), address::SERVER2.v6.into()]),
    ] {
        import(&adit, &routes, &json!({ "enforceRoutes": enforced }));
        adit.connect("routes");
        let all: [IpAddr; 6] = [
            site.v4.into(),
            site.v6.into(),
            other.v4.into(),
            other.v6.into(),
            [9; 4].into(),
            address::SERVER2.v6.into(),
        ];
        for to in all {
            let sniffer = lab.sniff_client();
            let words = ["ping", "-c", "1", "-W", "0.2", "-I", "eth0", &to.to_string()];
            lab.client.try_run(words);
            let sent = sniffer.stop().incoming();
            let pinged = |packet: &Packet| packet.destination == Some(to);
            if protected.contains(&to) {
                sent.assert_none(&format!("{to} outside though routes are enforced"), pinged);
            } else {
                sent.assert_some(&format!("{to} outside"), pinged);
            }
        }
        adit.disconnect("routes");
        adit.assert_no_residue();
    }
}

// spec: TUN-18
#[test]
fn nothing_goes_outside_when_the_interface_is_taken_away() {
    let Some(lab) = Lab::new() else { return };
    let server = UdpTunnelServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    import(&adit, &ipv4(&["0.0.0.0/0", "203.0.113.0/24"]), &json!({}));
    adit.connect("routes");
    let before = adit.session("routes");
    // One that does not notice.
    let provider = adit.providers();
    lab.client.run(["kill", "-STOP", &provider[0]]);
    let sniffer = lab.sniff_client();
    // Also when the network changes meanwhile.
    lab.client.sh("ip link del adit0; ip link set eth0 mtu 1400");
    adit.eventually("way through the tunnel", || {
        let ways = [SITE, "9.9.9.9"].map(|to| lab.client.whoami(to));
        ways.into_iter().all(|way| way.is_ok_and(|way| way == INSIDE))
    });
    sniffer.stop().incoming().assert_only_to(server.endpoint());
    let after = adit.session("routes");
    for same in ["status", "connectedAt", "interface"] {
        assert_eq!(after[same], before[same], "{after}");
    }
    assert_ne!(adit.providers(), provider);
    adit.disconnect("routes");
    adit.assert_no_residue();
    assert_eq!(lab.client.whoami(SITE).unwrap(), OUTSIDE);
}

// spec: D-23, SET-8, SET-10, SET-C2
#[test]
fn the_mtu_follows_the_physical_link() {
    let Some(Home { lab, vpn, adit }) = Home::connected() else { return };
    let mtu = || lab.client.sh("cat /sys/class/net/adit0/mtu");
    assert_eq!(mtu(), "1420\n");
    for (physical, expected) in [(1400, "1320\n"), (1300, "1280\n"), (1500, "1420\n")] {
        lab.client.sh(&format!("ip link set eth0 mtu {physical}"));
        adit.eventually("MTU", || mtu() == expected);
    }
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
}

// spec: TUN-2, TUN-9, TUN-14, TUN-C1, TUN-C2
#[test]
fn settings_replace_each_other_without_a_gap_and_wrong_ones_change_nothing() {
    let Some(lab) = Lab::new() else { return };
    let _server = UdpTunnelServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let first = ipv4(&["203.0.113.0/24", "2.0.0.0/8", "10.99.0.0/16"]);
    let second = ipv4(&["203.0.113.10/32", "203.0.113.0/25", "3.0.0.0/8"]);
    import(&adit, &first, &json!({}));
    adit.connect("routes");
    let way = |to: &str| lab.client.whoami(to).unwrap();
    assert_eq!((way(SITE), way("2.2.2.2"), way("3.3.3.3")), (INSIDE, INSIDE, OUTSIDE));

    let sniffer = lab.sniff_client();
    let asking = lab.client.spawn(["ping", "-i", "0.005", SITE]);
    for settings in [&second, &first, &second] {
        import(&adit, settings, &json!({}));
        let inside = if settings == &first { "2.2.2.2" } else { "3.3.3.3" };
        adit.eventually("change", || lab.client.whoami(inside).is_ok_and(|way| way == INSIDE));
    }
    drop(asking);
    let to_site = |packet: &Packet| packet.destination == Some(address::SITE.v4.into());
    sniffer.stop().incoming().assert_none("a packet of the tunnel", to_site);
    assert_eq!((way(SITE), way("2.2.2.2"), way("3.3.3.3")), (INSIDE, OUTSIDE, INSIDE));
    assert!(!adit.residue().contains("10.99.0.0"), "{}", adit.residue());

    let before = adit.residue();
    let mut wrong = first;
    wrong["mtu"] = json!(100);
    import(&adit, &wrong, &json!({}));
    adit.helper().wait_for_log("SettingsInvalid");
    assert_eq!(adit.residue(), before);
    assert_eq!(adit.status("routes"), "connected");
    assert_eq!((way(SITE), way("2.2.2.2"), way("3.3.3.3")), (INSIDE, OUTSIDE, INSIDE));
    adit.disconnect("routes");
    adit.assert_no_residue();
}

/// Settings with these included routes.
fn ipv4(routes: &[&str]) -> Value {
    let routes: Vec<Value> = routes.iter().map(|to| json!({ "destination": to })).collect();
    json!({ "ipv4": { "addresses": ["10.77.0.2/24"], "includedRoutes": routes } })
}

/// A configuration of the provider in Python with these settings and this strength.
fn import(adit: &Adit, settings: &Value, strength: &Value) {
    let mut protocol = strength.clone();
    protocol["providerConfiguration"] = json!({
        "remote": "198.51.100.10:5000",
        "address": "10.77.0.2/24",
        "routes": [],
        "settings": settings,
    });
    adit.import_for("org.example.udp", "routes", &protocol);
}
