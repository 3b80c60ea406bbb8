//! Policies as rules, and those in a kernel.

use std::process::Command;

use super::*;
use crate::app_group::{AppGroup, Members};
use crate::netns::{in_own_namespace, ip};

/// Each table is written down as the kernel shows it.
#[test]
fn each_policy_has_these_rules() {
    let policies = policies().map(|policy| tables(&policy).inet);
    let written = [
        include_str!("tests/asked_on_the_link.nft"),
        include_str!("tests/locked_down.nft"),
        include_str!("tests/locked_down_and_connected.nft"),
        include_str!("tests/enforced.nft"),
        include_str!("tests/everything_together.nft"),
        include_str!("tests/default.nft"),
        include_str!("tests/apps.nft"),
    ];
    for (table, written) in policies.iter().zip(written) {
        assert_eq!(text(table.as_ref()), written);
    }
    for (policy, written) in [
        (locked_down(&["192.168.1.0/24"]), include_str!("tests/packet_sockets.nft")),
        (with(open(), 0, enforced("adit0")), include_str!("tests/packet_sockets_enforced.nft")),
    ] {
        assert_eq!(text(tables(&policy).netdev.as_ref()), written);
    }
    let nothing = with(open(), 0, Guard { reach: Reach::Nothing, ..connected("adit0") });
    assert_eq!(tables(&nothing).netdev, None);
}

#[test]
fn a_kernel_without_the_hook_is_told_of_and_an_interface_that_is_gone_is_not() {
    let item = packet_sockets_pass(&io::Error::from_raw_os_error(libc::EOPNOTSUPP));
    assert_eq!((item.code.as_str(), item.severity), ("firewall.packet-sockets", Severity::Warning));
    assert!(item.text.contains("Operation not supported"), "{item:?}");
    in_own_namespace(|| async {
        let mut firewall = Firewall::open();
        let policy = locked_down(&[]);
        assert_eq!(firewall.establish(&policy).unwrap(), [], "without eth0");
        assert!(listed("inet").contains("policy drop"), "the rest is in force");
        ip("link add eth0 type veth peer name wlan0");
        assert_eq!(firewall.establish(&policy).unwrap(), []);
        assert_eq!(listed("netdev"), text(tables(&policy).netdev.as_ref()));
    });
}

/// Invariant 1: what bears the mark is accepted before DNS is refused, since a server may listen at
/// the port of DNS.
// spec: RTE-8
#[test]
fn a_server_may_listen_at_the_port_of_dns() {
    let to_server = udp(Way::Out("eth0".into()), "203.0.113.1", 53);
    for policy in closed_policies() {
        assert_eq!(outcome(&policy, &Packet { marked: true, ..to_server.clone() }), Outcome::Pass);
        assert_eq!(outcome(&policy, &to_server), Outcome::Refuse);
    }
}

/// Invariant 2: DNS is refused before the tunnel and the local networks are allowed, so that no other
/// server is asked, inside or outside.
// spec: RTE-10
#[test]
fn only_the_tunnels_own_servers_are_asked_for_names() {
    let policy = with(locked_down(&["192.168.1.0/24"]), 0, connected("adit0"));
    let asked =
        |way: &str, server, port| outcome(&policy, &udp(Way::Out(way.into()), server, port));
    for port in [53, 853] {
        assert_eq!(asked("adit0", "10.0.0.1", port), Outcome::Pass);
        assert_eq!(asked("adit0", "10.0.0.9", port), Outcome::Refuse);
        assert_eq!(asked("eth0", "10.0.0.1", port), Outcome::Refuse);
        assert_eq!(asked("eth0", "192.168.1.1", port), Outcome::Refuse);
    }
    assert_eq!(asked("adit0", "10.0.0.9", 443), Outcome::Pass);
    assert_eq!(asked("eth0", "192.168.1.1", 443), Outcome::Pass);
    assert_eq!(asked("eth0", "203.0.113.1", 443), Outcome::Refuse);
    // With enforced routes too.
    let policy = with(Policy::default(), 0, enforced("adit0"));
    let asked = |way: &str, server| outcome(&policy, &udp(Way::Out(way.into()), server, 53));
    assert_eq!(asked("adit0", "10.0.0.1"), Outcome::Pass);
    assert_eq!(asked("adit0", "10.0.0.9"), Outcome::Refuse);
    assert_eq!(asked("eth0", "192.168.1.1"), Outcome::Refuse);
}

/// Invariant 3: what reaches the tunnel's address beside the tunnel vanishes (CVE-2019-14899), and
/// what reaches it through the tunnel does not, wherever the rule stands.
#[test]
fn a_tunnels_address_is_reached_through_the_tunnel_only() {
    let guard = || Guard { reach: Reach::Nothing, ..connected("adit0") };
    for policy in closed_policies().into_iter().chain([Policy::default()]) {
        let policy = with(policy, 0, guard());
        let to_it = |way: &str| udp(Way::In(way.into()), "10.0.0.2", 5000);
        assert_eq!(outcome(&policy, &to_it("eth0")), Outcome::Drop);
        assert_eq!(outcome(&policy, &Packet { known: true, ..to_it("eth0") }), Outcome::Drop);
        assert_eq!(outcome(&policy, &to_it("adit0")), Outcome::Pass);
        assert_eq!(outcome(&policy, &to_it("lo")), Outcome::Pass);
    }
    // Two tunnels may have the same address.
    let twins = with(
        with(Policy::default(), 0, guard()),
        1,
        Guard { reach: Reach::Nothing, ..connected("adit1") },
    );
    let comes_by = |way: &str| outcome(&twins, &udp(Way::In(way.into()), "10.0.0.2", 5000));
    assert_eq!(
        ["adit0", "adit1", "eth0"].map(comes_by),
        [Outcome::Pass, Outcome::Pass, Outcome::Drop]
    );
}

/// Invariant 4: what goes to a server beside the tunnel bears the mark, which no ordinary program can
/// set, whatever the address.
#[test]
fn without_the_mark_nobody_talks_to_a_server_beside_the_tunnel() {
    let to_server = udp(Way::Out("eth0".into()), "203.0.113.1", 51820);
    for policy in closed_policies() {
        assert_eq!(outcome(&policy, &to_server), Outcome::Refuse);
        assert_eq!(outcome(&policy, &Packet { marked: true, ..to_server.clone() }), Outcome::Pass);
    }
}

/// Invariant 5: what comes in beside the tunnel is an answer to what bore the mark.
#[test]
fn only_answers_to_marked_packets_come_in() {
    let from_server = udp(Way::In("eth0".into()), "203.0.113.9", 40000);
    for policy in closed_policies() {
        let comes_in = |marked, known| {
            outcome(&policy, &Packet { marked, known, ..from_server.clone() }) == Outcome::Pass
        };
        assert!(comes_in(true, true));
        assert!(!comes_in(true, false) && !comes_in(false, true) && !comes_in(false, false));
    }
}

// spec: RTE-5, RTE-6
#[test]
fn what_is_forwarded_goes_through_a_tunnel_and_what_is_old_stalls() {
    let policy = with(locked_down(&["192.168.1.0/24"]), 0, connected("adit0"));
    let through = |to: &str| Way::Through("docker0".into(), to.into());
    assert_eq!(outcome(&policy, &udp(through("adit0"), "198.51.100.1", 443)), Outcome::Pass);
    assert_eq!(outcome(&policy, &udp(through("eth0"), "198.51.100.1", 443)), Outcome::Refuse);
    assert_eq!(outcome(&policy, &udp(through("eth0"), "192.168.1.1", 443)), Outcome::Refuse);
    let answer = udp(Way::Through("adit0".into(), "docker0".into()), "172.17.0.2", 443);
    assert_eq!(outcome(&policy, &answer), Outcome::Refuse);
    assert_eq!(outcome(&policy, &Packet { known: true, ..answer }), Outcome::Pass);
    let tcp = udp(Way::Out("eth0".into()), "198.51.100.1", 443);
    let tcp = Packet { to: Some((Transport::Tcp, 443)), ..tcp };
    assert_eq!(outcome(&policy, &tcp), Outcome::Refuse);
    assert_eq!(outcome(&policy, &Packet { known: true, ..tcp }), Outcome::Drop);
}

#[test]
fn who_wants_all_in_a_tunnel_has_to_agree_to_what_is_outside() {
    let session =
        |networks: &[&str]| Guard { reach: Reach::Everything(outside(networks)), through: None };
    let both = with(locked_down(&["192.168.1.0/24"]), 0, session(&[]));
    assert_eq!(both.closed(), Some(outside(&[])));
    let both = with(locked_down(&["192.168.1.0/24"]), 0, session(&["192.168.1.0/24", "fe80::/64"]));
    assert_eq!(both.closed(), Some(outside(&["192.168.1.0/24"])));
    let moved = Outside { interface: Some("wlan0".into()), ..outside(&["192.168.1.0/24"]) };
    let moved = Guard { reach: Reach::Everything(moved), through: None };
    let both = with(locked_down(&["192.168.1.0/24"]), 0, moved);
    assert_eq!(both.closed(), Some(outside(&[])));
    assert_eq!(Policy::default().closed(), None);
}

// spec: RTE-5, RTE-8
#[test]
fn the_kernel_shows_exactly_the_tables() {
    in_own_namespace(|| async {
        ip("link add eth0 type veth peer name wlan0");
        let mut firewall = Firewall::open();
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
    let closed = with(open(), 1, asks_on_the_link(connected("adit1")));
    let enforcing = with(Policy::default(), 1, asks_on_the_link(enforced("adit1")));
    let decided_by = |policy: &Policy, destination: &str, port, output: &str| {
        let tables = tables(policy);
        let packet = udp(Way::Out(output.into()), destination, port);
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
    let on_the_link =
        "egress: oifname \"eth0\" ip daddr 192.168.1.53 udp dport 53 accept".to_owned();
    assert_eq!(decided("192.168.1.53", 53, "eth0"), (true, on_the_link));

    assert_eq!(decided_by(&enforcing, "10.0.0.1", 53, "adit1"), (true, inside("10.0.0.1")));
    assert_eq!(decided_by(&enforcing, "203.0.113.9", 53, "adit1"), refused);
    assert_eq!(decided_by(&enforcing, "203.0.113.9", 53, "eth0"), refused);
    assert!(decided_by(&enforcing, "203.0.113.9", 443, "adit1").0);
}

#[test]
fn as_many_ranges_as_a_tunnel_may_have_are_one_transaction() {
    in_own_namespace(|| async {
        // Neighbouring ranges first, and then with gaps.
        let range = |number: u32| {
            let first = 0x0A00_0000 + if number < 100 { number * 256 } else { number * 512 };
            let address = |bits: u32| std::net::Ipv4Addr::from(bits).into();
            ranges::Range { first: address(first), last: address(first + 255) }
        };
        let inside = (0..10_000).map(range).collect();
        let reach = Reach::Destinations { inside, refused: Vec::new() };
        let many = with(Policy::default(), 0, Guard { reach, ..connected("adit0") });
        let mut firewall = Firewall::open();
        firewall.establish(&many).unwrap();
        assert!(listed("inet").contains("10.78.30.0/24"));
        // Half a set is not the set.
        nft("delete element inet adit inside0v4 { 10.78.30.0/24 }");
        firewall.establish(&many).unwrap();
        assert!(listed("inet").contains("10.78.30.0/24"));
    });
}

fn policies() -> [Policy; 7] {
    [
        with(open(), 1, asks_on_the_link(connected("adit1"))),
        locked_down(&["192.168.1.0/24", "fe80::/64"]),
        with(locked_down(&[]), 0, connected("adit0")),
        with(open(), 0, enforced("adit0")),
        with(with(locked_down(&["10.0.0.0/9"]), 0, connected("adit0")), 7, enforced("adit7")),
        with(open(), 3, Guard { reach: Reach::Nothing, ..connected("adit3") }),
        with_apps(),
    ]
}

/// Without a local network, and with all that may be open.
fn closed_policies() -> [Policy; 3] {
    let connecting = Guard { reach: Reach::Everything(outside(&[])), through: None };
    [
        locked_down(&[]),
        with(Policy::default(), 1, connecting),
        with(locked_down(&["192.168.1.0/24"]), 2, connected("adit2")),
    ]
}

fn udp(way: Way, destination: &str, port: u16) -> Packet {
    Packet::new(way, destination.parse().unwrap(), Some((Transport::Udp, port)))
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Pass,
    Drop,
    /// The program is told.
    Refuse,
}

fn outcome(policy: &Policy, packet: &Packet) -> Outcome {
    match decide(tables(policy).inet.iter(), packet) {
        None | Some(Decision { passes: true, .. }) => Outcome::Pass,
        Some(Decision { rule, .. }) if rule.contains("reject with") => Outcome::Refuse,
        Some(_) => Outcome::Drop,
    }
}

fn locked_down(networks: &[&str]) -> Policy {
    Policy { lockdown: Some(outside(networks)), ..open() }
}

/// Of a machine with two interfaces.
fn open() -> Policy {
    let ways_out = ["eth0", "wlan0"].map(str::to_owned).into();
    Policy { ways_out, ..Policy::default() }
}

fn with(mut policy: Policy, slot: u8, guard: Guard) -> Policy {
    policy.sessions.insert(slot, guard);
    policy
}

/// Two groups of apps, of which the second has no tunnel at present.
fn with_apps() -> Policy {
    let members = |cgroup| Members { name: String::new(), cgroup, level: 2 };
    let group = AppGroup::new(0).unwrap();
    let names = Some([127, 173, 64, 4].into());
    let through = connected("adit3").through.unwrap();
    let through = Through { dns_servers: None, apps: Some(AppWay { group, names }), ..through };
    let guard = Guard { reach: Reach::Nothing, through: Some(through) };
    let apps = [(0, members(1 << 40)), (1, members((1 << 40) + 1))].into();
    Policy { apps, ..with(open(), 3, guard) }
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
        apps: None,
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
