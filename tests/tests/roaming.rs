//! The computer moves between networks, and sleeps, and its tunnel goes on.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use adit_tests::{Adit, Capture, Home, Lab, Packet, Probing, UdpTunnelServer, WireGuardServer};
use serde_json::{Value, json};

/// Of a handshake's first message, in an IPv4 packet.
const INITIATION: usize = 20 + 8 + 148;
/// `InhibitDelayMaxSec` of logind.conf(5).
const LOGINDS_LIMIT: Duration = Duration::from_secs(5);

// spec: NW-6, PRV-6
#[test]
fn a_session_goes_on_through_every_change_of_network_and_nothing_gets_out() {
    let Some(Home { lab, vpn, adit }) = Home::imported_with(&["--enforce-routes"]) else { return };
    lab.assert_open();
    let wifi = lab.add_uplink();
    let sniffers = [lab.sniff_client(), Capture::start(&lab.router, wifi.router_port)];
    adit.connect("home");
    let since = connected_at(&adit);
    let probing = Probing::start(&lab.client, Duration::from_millis(50));
    let through = |way: std::io::Result<IpAddr>| way.is_ok_and(|way| way == vpn.outer_ipv4());
    let goes_on = |what| {
        let start = Instant::now();
        adit.eventually(what, || through(lab.client.whoami("203.0.113.10")));
        println!("{what}: traffic again after {} ms", start.elapsed().as_millis());
    };
    let nothing = "true";
    for (what, at_the_router, change) in [
        (
            "another address",
            nothing,
            "ip address del 10.20.0.2/24 dev eth0; ip address add 10.20.0.77/24 dev eth0
             ip route replace default via 10.20.0.1 dev eth0 metric 100",
        ),
        (
            "another gateway",
            "ip address del 10.20.0.1/24 dev lan; ip address add 10.20.0.254/24 dev lan",
            "ip route replace default via 10.20.0.254 dev eth0 metric 100",
        ),
        ("another interface", nothing, "ip link set eth0 down"),
        (
            "the first interface",
            nothing,
            "ip link set eth0 up; ip route replace default via 10.20.0.254 dev eth0 metric 100",
        ),
    ] {
        lab.router.sh(at_the_router);
        lab.client.sh(change);
        goes_on(what);
    }
    lab.client.sh("ip link set eth0 down; ip link set wifi0 down");
    thread::sleep(Duration::from_secs(30));
    let back = "ip link set wifi0 up; ip route replace default via 10.30.0.1 dev wifi0 metric 600";
    lab.client.sh(back);
    goes_on("none for half a minute");
    let sent = probing.stop();
    for sniffer in sniffers {
        sent.assert_none_seen(&sniffer.stop());
    }
    assert_eq!(connected_at(&adit), since);
    assert_eq!(adit.status("home"), "connected");
}

// spec: NW-17, PRV-6
#[test]
fn a_server_is_found_again_over_the_other_version_of_ip() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let conf = vpn.peer().endpoint("vpn.test:51820").add().conf();
    let is_through = || lab.client.whoami("203.0.113.10").is_ok_and(|it| it == vpn.outer_ipv4());
    lab.dns.set("vpn.test", &[vpn.endpoint_v6().ip()]);
    adit.import_with("home", &conf, &["--enforce-routes"]);
    lab.assert_open();
    adit.connect("home");
    assert!(is_through());
    let since = connected_at(&adit);

    // A network without IPv6, and a server that has moved meanwhile.
    lab.dns.set("vpn.test", &[vpn.endpoint().ip()]);
    let watch = lab.watch_for_leaks(Duration::from_millis(50));
    lab.client.sh("ip -6 route flush dev eth0; ip -6 address flush dev eth0");
    let start = Instant::now();
    adit.eventually("the server's other address", is_through);
    println!("traffic again after {} ms", start.elapsed().as_millis());
    watch.assert_no_leak();
    assert_eq!(connected_at(&adit), since);
    adit.disconnect("home");
    adit.assert_no_residue();
}

// spec: PRV-2, PRV-3, PRV-C2
#[test]
fn a_tunnel_shakes_hands_once_when_the_computer_woke() {
    let Some(lab) = Lab::new() else { return };
    let logind = lab.client.start_logind();
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    adit.import("home", &vpn.add_peer().conf());
    adit.connect("home");
    let since = connected_at(&adit);
    // A handshake of the last 5 s says as much as another one would.
    thread::sleep(Duration::from_secs(6));
    let took = logind.fall_asleep();
    println!("sleep was held back for {} ms", took.as_millis());
    assert!(took < LOGINDS_LIMIT, "{took:?}");
    let sniffer = lab.sniff_client();
    for _ in 0..5 {
        logind.wake();
    }
    let is_initiation =
        |packet: &Packet| packet.is_udp_to(vpn.endpoint()) && packet.length == INITIATION;
    adit.eventually("handshake", || !sniffer.packets().filter(is_initiation).is_empty());
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
    assert_eq!(sniffer.stop().filter(is_initiation).len(), 1);
    assert_eq!(connected_at(&adit), since);
    // The next sleep is held back too.
    assert!(logind.fall_asleep() < LOGINDS_LIMIT);
}

// spec: PRV-C1
#[test]
fn a_provider_that_hangs_delays_sleep_for_a_while_only() {
    let Some(lab) = Lab::new() else { return };
    let logind = lab.client.start_logind();
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    adit.import("home", &vpn.add_peer().conf());
    adit.connect("home");
    let provider = &adit.providers()[0];
    lab.client.run(["kill", "-STOP", provider]);
    let took = logind.fall_asleep();
    assert!(took > Duration::from_secs(1) && took < LOGINDS_LIMIT, "{took:?}");
    lab.client.run(["kill", "-CONT", provider]);
    logind.wake();
    assert_eq!(adit.status("home"), "connected");
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
}

// spec: PROTO-8, STOP-15
#[test]
fn who_wants_it_is_disconnected_at_sleep_and_stays_so() {
    let Some(lab) = Lab::new() else { return };
    let logind = lab.client.start_logind();
    let _server = UdpTunnelServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let settings = json!({ "ipv4": {
        "addresses": ["10.77.0.2/24"],
        "includedRoutes": [{ "destination": "203.0.113.0/24" }],
    }});
    let protocol = json!({
        "disconnectOnSleep": true,
        "providerConfiguration": {
            "remote": "198.51.100.10:5000",
            "address": "10.77.0.2/24",
            "routes": [],
            "settings": settings,
        },
    });
    adit.import_for("org.example.udp", "home", &protocol);
    adit.connect("home");
    let took = logind.fall_asleep();
    assert!(took < LOGINDS_LIMIT, "{took:?}");
    assert_eq!(adit.status("home"), "disconnected");
    adit.assert_no_residue();
    assert!(adit.run(["history"]).contains("The computer went to sleep."));
    logind.wake();
    thread::sleep(Duration::from_millis(500));
    assert_eq!(adit.status("home"), "disconnected");
    adit.connect("home");
}

#[test]
fn a_way_on_which_nothing_comes_back_is_told_until_something_does() {
    let Some(Home { lab, vpn, adit }) = Home::connected() else { return };
    let since = connected_at(&adit);
    vpn.block();
    let asking = lab.client.spawn(["ping", "-i", "0.5", "203.0.113.10"]);
    adit.wait_for("home", "reasserting");
    let told = adit.run(["status", "home"]);
    assert!(told.contains("Nothing comes back since "), "{told}");
    assert!(told.contains("The server does not answer."), "{told}");
    vpn.unblock();
    adit.wait_for("home", "connected");
    drop(asking);
    assert!(!adit.run(["status", "home", "--json"]).contains("path.dead"));
    assert_eq!(connected_at(&adit), since);
}

// spec: NW-4, OD-14
#[test]
fn a_cable_that_is_pulled_is_no_network_although_its_route_stays() {
    let Some(Home { lab, vpn, adit }) = Home::imported() else { return };
    adit.set_on_demand("home", &json!([{"action": "connect", "eager": true}]));
    adit.wait_for("home", "connected");
    let since = connected_at(&adit);
    lab.unplug();
    let told = || adit.run(["status", "home"]);
    adit.eventually("a word", || told().contains("This computer has no network"));
    assert!(lab.client.sh("ip -4 route show default").contains("linkdown"));
    let explained = || adit.run(["on-demand", "explain", "home"]);
    adit.eventually("a word of the rules", || explained().starts_with("This computer is offline."));
    assert_eq!(adit.status("home"), "connected");
    lab.plug();
    let way = || lab.client.whoami("203.0.113.10");
    adit.eventually("the tunnel", || way().is_ok_and(|way| way == vpn.outer_ipv4()));
    adit.eventually("no word", || !told().contains("no network"));
    assert_eq!(connected_at(&adit), since);

    // Nothing begins without a network, and it says so.
    adit.disconnect("home");
    lab.unplug();
    adit.eventually("offline", || explained().starts_with("This computer is offline."));
    adit.run(["on-demand", "resume", "home"]);
    adit.eventually("the reason", || told().contains("Not connected. This computer is offline."));
    assert_eq!(adit.status("home"), "disconnected");
    lab.plug();
    adit.wait_for("home", "connected");
}

/// When the session became connected, as long as it is the same.
#[track_caller]
fn connected_at(adit: &Adit) -> Value {
    let session = adit.session("home");
    assert!(!session["connectedAt"].is_null(), "{session}");
    session["connectedAt"].clone()
}
