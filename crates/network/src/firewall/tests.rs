//! Policies as rules, and those in a kernel.

use std::process::Command;

use super::*;
use crate::netns::{in_own_namespace, ip};

// spec: RTE-5, RTE-8
#[test]
fn the_kernel_shows_exactly_the_tables() {
    in_own_namespace(|| async {
        ip("link add eth0 type veth peer name far0");
        let firewall = Firewall::open();
        for policy in policies() {
            firewall.establish(&policy).unwrap();
            let wanted = tables(&policy);
            assert_eq!(listed("inet"), text(wanted.inet.as_ref()));
            assert_eq!(listed("netdev"), text(wanted.netdev.as_ref()));
        }
        firewall.establish(&Policy::default()).unwrap();
        assert_eq!(nft("list ruleset"), "");
    });
}

// spec: RTE-5
#[test]
fn the_decision_about_a_packet_names_the_rule() {
    let closed = with(Policy::default(), 1, asks_on_the_link(connected("adit1")));
    let enforcing = with(Policy::default(), 1, asks_on_the_link(enforced("adit1")));
    let decided_by = |policy: &Policy, destination: &str, port, output: &str| {
        let tables = tables(policy);
        let packet = Outgoing {
            destination: destination.parse().unwrap(),
            to: Some((Transport::Udp, port)),
            output: output.into(),
        };
        let decision = decide(tables.inet.iter().chain(&tables.netdev), &packet).unwrap();
        (decision.passes, decision.rule)
    };
    let decided =
        |destination: &str, port, output: &str| decided_by(&closed, destination, port, output);
    let refused = (false, "refuse: reject with icmpx admin-prohibited".to_owned());
    let inside = |server| format!("dns: oifname \"adit1\" ip daddr {server} accept");
    assert_eq!(decided("10.0.0.1", 53, "adit1"), (true, inside("10.0.0.1")));
    assert_eq!(decided("9.9.9.9", 53, "adit1"), refused);
    assert_eq!(decided("192.168.1.9", 53, "eth0"), refused);
    assert_eq!(decided("203.0.113.9", 443, "eth0"), refused);
    assert_eq!(
        decided("203.0.113.9", 443, "adit1"),
        (true, "leaving: oifname \"adit1\" accept".to_owned())
    );
    let on_the_link = "egress: ip daddr 192.168.1.53 udp dport 53 accept".to_owned();
    assert_eq!(decided("192.168.1.53", 53, "eth0"), (true, on_the_link));

    assert_eq!(decided_by(&enforcing, "10.0.0.1", 53, "adit1"), (true, inside("10.0.0.1")));
    assert_eq!(decided_by(&enforcing, "203.0.113.9", 53, "adit1"), refused);
    assert_eq!(decided_by(&enforcing, "203.0.113.9", 53, "eth0"), refused);
    assert!(decided_by(&enforcing, "203.0.113.9", 443, "adit1").0);
}

fn policies() -> [Policy; 6] {
    [
        with(Policy::default(), 1, asks_on_the_link(connected("adit1"))),
        locked_down(&["192.168.1.0/24", "fe80::/64"]),
        with(locked_down(&[]), 0, connected("adit0")),
        with(Policy::default(), 0, enforced("adit0")),
        with(with(locked_down(&["10.0.0.0/9"]), 0, connected("adit0")), 7, enforced("adit7")),
        with(Policy::default(), 3, Guard { reach: Reach::Nothing, ..connected("adit3") }),
    ]
}

fn locked_down(networks: &[&str]) -> Policy {
    Policy { lockdown: Some(outside(networks)), ..Policy::default() }
}

fn with(mut policy: Policy, slot: u8, guard: Guard) -> Policy {
    policy.sessions.insert(slot, guard);
    policy
}

fn outside(networks: &[&str]) -> Outside {
    let networks = networks.iter().map(|network| network.parse().unwrap()).collect();
    Outside { interface: Some("eth0".into()), networks }
}

fn connected(interface: &str) -> Guard {
    let through = Through {
        interface: interface.into(),
        addresses: vec!["10.0.0.2".parse().unwrap(), "fd00::2".parse().unwrap()],
        dns_servers: Some(vec!["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()]),
    };
    Guard { reach: Reach::Everything(outside(&["192.168.1.0/24"])), through: Some(through) }
}

fn asks_on_the_link(guard: Guard) -> Guard {
    let dns_servers = Some(vec!["192.168.1.53".parse().unwrap(), "10.0.0.1".parse().unwrap()]);
    Guard { through: guard.through.map(|through| Through { dns_servers, ..through }), ..guard }
}

fn enforced(interface: &str) -> Guard {
    let range = |first: &str, last: &str| ranges::Range {
        first: first.parse().unwrap(),
        last: last.parse().unwrap(),
    };
    let inside = vec![
        range("10.0.0.0", "10.255.255.255"),
        range("172.16.0.0", "172.16.1.255"),
        range("198.18.0.9", "198.18.0.9"),
        range("198.51.100.0", "255.255.255.255"),
    ];
    let refused = vec![
        range("::", "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        range("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ];
    Guard { reach: Reach::Destinations { inside, refused }, ..connected(interface) }
}

fn text(table: Option<&Table>) -> String {
    table.map(Table::to_string).unwrap_or_default()
}

/// What nft(8) shows of our table, nothing if there is none.
fn listed(family: &str) -> String {
    // Some versions write a mask of leading ones as if it were a network's.
    nft(&format!("list table {family} adit"))
        .replace("mark 0x0ad10000/16", "mark & 0xffff0000 == 0x0ad10000")
}

fn nft(arguments: &str) -> String {
    let output = Command::new("nft").args(arguments.split(' ')).output().unwrap();
    assert!(output.status.success() || output.stderr.starts_with(b"Error: No such"), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
