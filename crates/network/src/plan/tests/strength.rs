//! What is held back, so that nothing goes around a tunnel.

use super::*;

// spec: RTE-13, RTE-14, RTE-C2, D-16, D-17
#[test]
fn enforced_routes_beat_the_system_but_for_local_networks() {
    let mut settings = only_v4("10.0.0.2/32");
    include(&mut settings, &["0.0.0.0/0", "10.0.0.0/8"]);
    let mut state = state();
    state.main_routes = vec![
        route("0.0.0.0/0", false),
        route("10.10.0.0/16", true),
        route("10.20.0.0/16", false),
        elsewhere("10.30.0.0/16"),
    ];
    let strength = Strength { exclude_local_networks: true, ..ENFORCED };
    insta::assert_snapshot!(routes_of(&settings, strength, &state), @"
    route -4 table 44288 10.0.0.0/8 dev adit0
    route -4 table 44288 unreachable 10.0.0.0/8 metric 4294967295
    route -4 table 44288 throw 10.10.0.0/16
    route -4 table 44544 default dev adit0
    route -4 table 44544 unreachable default metric 4294967295
    route -4 table 44544 throw 10.10.0.0/16
    rule -4 5000: from all fwmark 0xad10000/0xffff0000 lookup main
    rule -4 5001: from all fwmark 0xad10000/0xffff0000 unreachable
    rule -4 5100: from all lookup 44288
    rule -4 5150: from all lookup 44544
    ");
}

#[test]
fn containers_of_this_computer_keep_their_network_where_routes_are_enforced() {
    let mut settings = only_v4("10.0.0.2/32");
    include(&mut settings, &["0.0.0.0/0"]);
    let inner = |destination| MainRoute { inner: true, ..elsewhere(destination) };
    let mut state = state();
    // No engine hands out public addresses, and a route beyond the bridge is none of theirs.
    let beyond = MainRoute { connected: false, ..inner("10.50.0.0/16") };
    state.main_routes = vec![inner("172.17.0.0/16"), inner("198.51.100.0/24"), beyond];
    insta::assert_snapshot!(routes_of(&settings, ENFORCED, &state), @"
    route -4 table 44544 default dev adit0
    route -4 table 44544 unreachable default metric 4294967295
    route -4 table 44544 throw 172.17.0.0/16
    rule -4 5000: from all fwmark 0xad10000/0xffff0000 lookup main
    rule -4 5001: from all fwmark 0xad10000/0xffff0000 unreachable
    rule -4 5150: from all lookup 44544
    ");
}

// spec: SET-7
#[test]
fn blocked_ipv6_goes_neither_inside_nor_outside() {
    let mut settings = only_v4("10.0.0.2/32");
    include(&mut settings, &["0.0.0.0/0"]);
    settings.blocked_routes = vec!["::/0".parse().unwrap()];
    insta::assert_snapshot!(planned(&settings, DEFAULT), @"
    link mtu 1500 up
    sysctl net/ipv4/conf/adit0/promote_secondaries = 1
    sysctl net/ipv4/conf/adit0/rp_filter = 2
    sysctl net/ipv4/conf/all/arp_ignore = 1
    sysctl net/ipv4/conf/eth0/rp_filter = 2
    sysctl net/ipv6/conf/adit0/accept_ra = 0
    sysctl net/ipv6/conf/adit0/addr_gen_mode = 1
    address 10.0.0.2/32
    route -4 table 44544 default dev adit0
    route -4 table 44544 unreachable default metric 4294967295
    route -6 table 44544 unreachable default
    route -6 table 44544 throw fe80::/10
    rule -4 5000: from all fwmark 0xad10000/0xffff0000 lookup main
    rule -6 5000: from all fwmark 0xad10000/0xffff0000 lookup main
    rule -4 5001: from all fwmark 0xad10000/0xffff0000 unreachable
    rule -6 5001: from all fwmark 0xad10000/0xffff0000 unreachable
    rule -6 5002: from all to fe80::/64 oif eth0 lookup main
    rule -6 5003: from all to fe80::/10 oif eth0 lookup main
    rule -6 5004: from all oif eth0 unreachable
    rule -4 5050: from all oif eth0 lookup main
    rule -4 5200: from all lookup main suppress_prefixlength 0
    rule -6 5200: from all lookup main suppress_prefixlength 0
    rule -4 5300: from all lookup 44544
    rule -6 5300: from all lookup 44544
    firewall refused ::-fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff fec0::/10
    ");
}

// spec: RTE-13
#[test]
fn a_bound_socket_is_refused_by_rules_in_ipv6_because_routes_do_not() {
    let mut settings = both("10.0.0.2/32", "fd00::2/128");
    include(&mut settings, &["2001:db8::/32", "2001:db8:1:2::/64"]);
    exclude(&mut settings, &["2001:db8:1::/48"]);
    let mut state = state();
    state.main_routes.push(route("2001:db8:1:2:3::/80", true));
    let rules = routes_of(&settings, ENFORCED, &state);
    let bound: Vec<&str> = rules.lines().filter(|line| line.contains(" oif ")).collect();
    insta::assert_snapshot!(bound.join("\n"), @"
    rule -6 5002: from all to 2001:db8:1:2::/64 oif eth0 unreachable
    rule -6 5003: from all to 2001:db8:1::/48 oif eth0 lookup main
    rule -6 5004: from all to 2001:db8::/32 oif eth0 unreachable
    ");
}

// spec: PROTO-11, PROTO-15, RTE-5, RTE-15
#[test]
fn all_networks_are_included_but_for_local_ones_whatever_else_is_said() {
    let mut settings = only_v4("10.0.0.2/32");
    include(&mut settings, &["0.0.0.0/0"]);
    exclude(&mut settings, &["203.0.113.0/24"]);
    let mut state = state();
    // Neither is a local network: a server's, and one that only a gateway knows.
    state.main_routes.extend([route("198.51.100.0/24", true), route("10.7.0.0/16", false)]);
    let strength = Strength { include_all_networks: true, ..ENFORCED };
    insta::assert_snapshot!(routes_of(&settings, strength, &state), @"
    route -4 table 44544 default dev adit0
    route -4 table 44544 unreachable default metric 4294967295
    rule -4 5000: from all fwmark 0xad10000/0xffff0000 lookup main
    rule -4 5001: from all fwmark 0xad10000/0xffff0000 unreachable
    rule -4 5150: from all lookup 44544
    ");
    let planned = |strength| plan(&tunnel(), &settings, strength, &state).unwrap();
    assert_eq!(firewall(&planned(strength)), "firewall everything\n");
    let strength = Strength { exclude_local_networks: true, ..strength };
    let everything = "firewall everything but on eth0 192.168.1.0/24 fe80::/64\n";
    assert_eq!(firewall(&planned(strength)), everything);
}

// spec: RTE-7
#[test]
fn what_includes_all_networks_holds_them_back_without_settings() {
    let strength = Strength { include_all_networks: true, ..DEFAULT };
    assert_eq!(hold(strength, &state()).to_string(), "firewall everything\n");
    let strength = Strength { exclude_local_networks: true, ..strength };
    let everything = "firewall everything but on eth0 192.168.1.0/24 fe80::/64\n";
    assert_eq!(hold(strength, &state()).to_string(), everything);
    assert_eq!(hold(ENFORCED, &state()), Plan::empty());
}

// spec: RTE-13, RTE-14
#[test]
fn the_firewall_has_enforced_routes_as_ranges() {
    let mut settings = both("10.0.0.2/32", "fd00::2/128");
    include(&mut settings, &["0.0.0.0/0", "2001:db8::/32"]);
    exclude(&mut settings, &["203.0.113.0/24"]);
    settings.blocked_routes = vec!["198.18.0.0/15".parse().unwrap()];
    let strength = Strength { exclude_local_networks: true, ..ENFORCED };
    let plan = plan(&tunnel(), &settings, strength, &state()).unwrap();
    assert_eq!(
        firewall(&plan),
        "\
        firewall inside 0.0.0.0-192.168.0.255 192.168.2.0-198.17.255.255 \
            198.20.0.0-203.0.112.255 203.0.114.0-223.255.255.255 \
            240.0.0.0-255.255.255.254 2001:db8::/32\n\
        firewall refused 198.18.0.0/15\n"
    );
}

fn firewall(plan: &Plan) -> String {
    plan.firewall.as_ref().unwrap().to_string()
}

/// A network that is connected to another interface than the physical one.
fn elsewhere(destination: &str) -> MainRoute {
    MainRoute { interface: Some("docker0".into()), ..route(destination, true) }
}
