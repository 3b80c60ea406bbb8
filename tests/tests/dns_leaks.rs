//! With a full tunnel that is enforced, names are asked of the configured servers and of nobody else, whoever asks.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

use std::net::{IpAddr, Ipv4Addr};
use std::thread;

use adit_tests::{
    Adit, Capture, DnsServer, Lab, Machine, Packets, QueryType, WireGuardServer, address,
};
use serde_json::Value;

/// How strongly a tunnel stands, in the words of `adit export --format adit`.
const STRENGTHS: [&str; 2] = ["enforceRoutes", "includeAllNetworks"];

/// Servers that a program may ask by itself.
const ANYBODY: [Ipv4Addr; 2] = [Ipv4Addr::new(1, 1, 1, 1), Ipv4Addr::new(9, 9, 9, 9)];

#[test]
fn no_query_leaves_an_enforced_tunnel_whoever_asks() {
    for strength in STRENGTHS {
        let Some(lab) = Lab::new() else { return };
        let vpn = WireGuardServer::start(&lab.server);
        let adit = Adit::start(&lab.client);
        assert_sniffer_sees_every_kind(&lab);
        import(&lab, &adit, &vpn.add_peer().conf(), &[strength]);

        adit.connect("home");
        let (outside, inside) = (lab.sniff_client(), Capture::start(&lab.client, "adit0"));
        assert!(lab.client.resolve("inside.corp.test").contains(&vpn.inner_ipv4().into()));
        ask_everybody(&lab.client);
        outside.stop().incoming().assert_none("a query outside", is_query);
        let configured = [vpn.inner_ipv4().into(), vpn.inner_ipv6().into()];
        assert_only_asked(&inside.stop(), &configured);
        adit.disconnect("home");
        assert_sniffer_sees_every_kind(&lab);
        adit.assert_no_residue();
    }
}

#[test]
fn a_public_server_of_ones_own_is_asked_through_the_tunnel() {
    for strength in STRENGTHS {
        let Some(lab) = Lab::new() else { return };
        let [_, own] = ANYBODY;
        let _dns = dns_server(&lab.internet, own);
        let vpn = WireGuardServer::start(&lab.server);
        let adit = Adit::start(&lab.client);
        assert_sniffer_sees_every_kind(&lab);
        import(&lab, &adit, &with_dns(&vpn.add_peer().conf(), own), &[strength]);

        adit.connect("home");
        let (outside, inside) = (lab.sniff_client(), Capture::start(&lab.client, "adit0"));
        assert_eq!(lab.client.resolve("own.test"), [IpAddr::from(own)]);
        ask_everybody(&lab.client);
        outside.stop().incoming().assert_none("a query outside", is_query);
        let inside = inside.stop();
        inside.assert_some("a query to the own server", |packet| {
            is_query(packet) && packet.destination == Some(own.into())
        });
        assert_only_asked(&inside, &[own.into()]);
    }
}

#[test]
fn a_server_of_the_local_network_is_asked_there_and_no_other_is() {
    for strength in STRENGTHS {
        let Some(lab) = Lab::new() else { return };
        let own = address::LAN.v4;
        let _dns = dns_server(&lab.lan, own);
        let vpn = WireGuardServer::start(&lab.server);
        let adit = Adit::start(&lab.client);
        assert_sniffer_sees_every_kind(&lab);
        let conf = with_dns(&vpn.add_peer().conf(), own);
        import(&lab, &adit, &conf, &[strength, "excludeLocalNetworks"]);

        adit.connect("home");
        let outside = lab.sniff_lan();
        let past = lab.sniff_client();
        assert_eq!(lab.client.resolve("own.test"), [IpAddr::from(own)]);
        ask_everybody(&lab.client);
        outside.stop().assert_some("a query to the own server", |packet| {
            is_query(packet) && packet.destination == Some(own.into())
        });
        assert_only_asked(&past.stop().incoming(), &[own.into()]);
    }
}

/// Imports a WireGuard configuration with these switches on.
#[track_caller]
fn import(lab: &Lab, adit: &Adit, conf: &str, switches: &[&str]) {
    adit.import("home", conf);
    let archive = adit.run(["export", "home", "--format", "adit"]);
    let mut archive: Value = serde_json::from_str(&archive).expect("JSON");
    for switch in switches {
        archive["configuration"]["protocol"][switch] = true.into();
    }
    lab.client.write_file("/run/home.json", archive.to_string());
    adit.run(["import", "--replace", "/run/home.json"]);
}

/// What shows that the captures of a test prove something: nothing holds these queries back.
#[track_caller]
fn assert_sniffer_sees_every_kind(lab: &Lab) {
    let sniffer = lab.sniff_client();
    assert!(!lab.client.resolve("site.test").is_empty());
    ask_everybody(&lab.client);
    let seen = sniffer.stop().incoming();
    let system = IpAddr::from(address::DNS.v4);
    for server in ANYBODY.map(IpAddr::from).into_iter().chain([system, address::DNS.v6.into()]) {
        seen.assert_some(&format!("a query to {server}"), |packet| {
            is_query(packet) && packet.destination == Some(server)
        });
    }
}

/// As programs do that have servers of their own, over UDP and TCP, besides the system's and the router.
fn ask_everybody(client: &Machine) {
    let system = address::DNS.both();
    let servers = ANYBODY.map(IpAddr::from).into_iter().chain(system);
    thread::scope(|scope| {
        for server in servers.chain([address::ROUTER.v4.into()]) {
            scope.spawn(move || drop(client.ask_dns(server, "raw.test", QueryType::A)));
            let tcp = format!("exec 3<>/dev/tcp/{server}/53");
            scope.spawn(move || client.try_run(["timeout", "1", "bash", "-c", &tcp]));
        }
    });
}

fn is_query(packet: &adit_tests::Packet) -> bool {
    packet.is_to_port(53) || packet.is_to_port(853)
}

#[track_caller]
fn assert_only_asked(packets: &Packets, servers: &[IpAddr]) {
    let asked = packets.filter(is_query);
    asked.assert_only("queries to the configured servers", |packet| {
        packet.destination.is_some_and(|to| servers.contains(&to))
    });
}

/// A server that knows `own.test` as itself.
#[track_caller]
fn dns_server(machine: &Machine, address: Ipv4Addr) -> DnsServer {
    machine.sh(&format!("ip address replace {address}/32 dev lo"));
    DnsServer::start(machine, &[address.into()], None, &[("own.test", vec![address.into()])])
}

fn with_dns(conf: &str, server: Ipv4Addr) -> String {
    let is_dns = |line: &&str| line.starts_with("DNS");
    let dns = conf.lines().find(is_dns).unwrap_or("DNS");
    conf.replace(dns, &format!("DNS = {server}"))
}
