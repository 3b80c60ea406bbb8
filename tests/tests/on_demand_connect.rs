//! Rules that connect when a program wants to reach the network.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::net::UdpSocket;
use std::thread;
use std::time::Instant;

use adit_tests::{Adit, Capture, Lab, Packet, Packets, Protocol, WireGuardServer, address};
use serde_json::json;
use socket2::SockRef;

const SITE: &str = "203.0.113.10";
/// What the outer sockets of tunnels bear.
const BYPASS_MARK: u32 = 0x0ad1_0000;
const IPV4_HEADER: usize = 20;
const SYN: u8 = 2;

// spec: OD-3, OD-26, OD-C2
#[test]
fn the_first_connection_starts_the_tunnel_and_goes_through_it() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    lab.assert_open();
    lab.client.whoami(SITE).unwrap();
    let start = Instant::now();
    lab.client.whoami(SITE).unwrap();
    println!("first byte without a tunnel: {} ms", start.elapsed().as_millis());
    for strength in ["--no-enforce-routes", "--enforce-routes", "--include-all-networks"] {
        adit.import_with("home", &vpn.add_peer().conf(), &[strength]);
        arm(&adit, &lab);
        let site = Capture::start(&lab.internet, "eth0");
        let before = repeated_syns(&lab);
        let sniffer = lab.sniff_client();
        let start = Instant::now();
        assert_eq!(lab.client.whoami(SITE).unwrap(), vpn.outer_ipv4());
        println!("first byte with {strength}: {} ms", start.elapsed().as_millis());
        adit.wait_for("home", "connected");
        let sent = sniffer.stop().incoming();
        sent.assert_only("the tunnel", |p| p.is_udp_to(vpn.endpoint()) || p.is_housekeeping());
        // All that were sent have arrived, and so the first.
        assert_eq!(syns(&site.stop()), 1 + repeated_syns(&lab) - before);
        adit.run(["remove", "home", "--yes"]);
        adit.assert_no_residue();
    }
}

// spec: OD-3, OD-26
#[test]
fn while_it_waits_nothing_gets_past_that_is_the_tunnels_alone() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    lab.assert_open();
    for strength in ["--enforce-routes", "--include-all-networks"] {
        adit.import_with("home", &vpn.add_peer().conf(), &[strength]);
        vpn.block();
        arm(&adit, &lab);
        // The first of the probes wants the tunnel, which does not come.
        lab.assert_closed_but_for(&vpn);
        adit.wait_for("home", "connecting");
        lab.assert_closed_but_for(&vpn);
        vpn.unblock();
        adit.wait_for("home", "connected");
        adit.run(["remove", "home", "--yes"]);
        adit.assert_no_residue();
    }
}

// spec: OD-3
#[test]
fn what_no_program_sends_to_the_tunnel_starts_nothing() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    adit.import_with("home", &vpn.add_peer().conf(), &["--no-enforce-routes"]);
    arm(&adit, &lab);
    let send = |to: &str, mark: u32| {
        lab.client.enter(|| {
            let any = if to.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
            let socket = UdpSocket::bind(any).unwrap();
            socket.set_broadcast(true).unwrap();
            SockRef::from(&socket).set_mark(mark).unwrap();
            // Some of it has no way out.
            let _ = socket.send_to(b"noise", to);
        });
    };
    for everybody in
        ["224.0.0.251:5353", "239.255.255.250:1900", "255.255.255.255:67", "[ff02::fb]:5353"]
    {
        send(everybody, 0);
    }
    // The kernel's own, on the interface that waits, and the local network.
    lab.client.sh("interface=$(ip -o link | grep -o 'adit[0-9]*' | head -1)
        ip -6 address add fd99::9/64 dev $interface
        ping -c 1 -W 1 10.20.0.3");
    let sniffer = lab.sniff_client();
    send(&format!("{SITE}:7000"), BYPASS_MARK);
    assert_eq!(adit.status("home"), "disconnected");
    sniffer.stop().incoming().assert_some("a marked packet", |p| p.is_to_port(7000));
    assert_eq!(adit.status("home"), "disconnected");
    // And what a program sends does.
    send(&format!("{SITE}:7000"), 0);
    adit.wait_for("home", "connected");
}

// spec: OD-25, OD-26
#[test]
fn a_start_that_fails_is_tried_again_later_and_says_so() {
    for (strength, is_enforced) in [("--enforce-routes", true), ("--no-enforce-routes", false)] {
        let Some(lab) = Lab::new() else { return };
        let vpn = WireGuardServer::start(&lab.server);
        let adit = Adit::start(&lab.client);
        lab.client.whoami(SITE).unwrap();
        // It is not found, which takes less time than a server that is silent.
        let lost = vpn.peer().endpoint("gone.test:51820").add();
        adit.import_with("home", &lost.conf(), &[strength]);
        arm(&adit, &lab);
        thread::scope(|scope| {
            scope.spawn(|| lab.client.whoami(SITE));
            adit.wait_for("home", "connecting");
            adit.wait_for("home", "disconnected");
        });
        let retry = || adit.session("home")["onDemand"]["retryAt"].clone();
        adit.eventually("a later try", || retry().is_string());
        let said = adit.run(["status", "home"]);
        assert!(said.contains("gone.test"), "{said}");
        let way = || lab.client.whoami(SITE);
        if is_enforced {
            // Refused at once while it waits, and not let out when it is tried again.
            adit.eventually("a refusal", || way().is_err());
        } else {
            adit.eventually("the way past it", || way().is_ok_and(|it| it == address::CLIENT.v4));
        }
        adit.run(["remove", "home", "--yes"]);
        adit.assert_no_residue();
        assert_eq!(way().unwrap(), address::CLIENT.v4);
    }
}

/// Has a configuration wait for the first packet.
fn arm(adit: &Adit, lab: &Lab) {
    adit.set_on_demand("home", &json!([{ "action": "connect" }]));
    let has_route = || lab.client.sh("ip route show table all").contains("default dev adit");
    adit.eventually("a waiting interface", has_route);
    assert_eq!(adit.status("home"), "disconnected");
}

/// First segments of connections to a web server, however often they came.
fn syns(packets: &Packets) -> usize {
    let is_syn = |packet: &&Packet| {
        let flags = packet.bytes.get(IPV4_HEADER + 13).copied().unwrap_or_default();
        packet.protocol == Protocol::Tcp && packet.is_to_port(80) && flags & SYN != 0
    };
    packets.incoming().iter().filter(is_syn).count()
}

/// How often the client had to send one again.
fn repeated_syns(lab: &Lab) -> usize {
    let counters = lab.client.sh("cat /proc/net/netstat");
    let mut lines = counters.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let mut counters = names.split(' ').zip(values.split(' '));
    counters.find(|(name, _)| *name == "TCPSynRetrans").unwrap().1.parse().unwrap()
}
