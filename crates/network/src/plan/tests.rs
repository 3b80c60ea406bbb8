//! What a tunnel asks for, as the system is to have it.

mod strength;

use adit_model::{
    InterfaceKind, Ipv4Settings, Ipv6Settings, NetworkPath, PathInterface, PathStatus, Prefix,
    Route as ModelRoute,
};

use super::*;
use crate::{Slot, state::MainRoute};

// spec: PRV-11, RTE-2, SET-8, TUN-5, V4-6, V6-5
#[test]
fn full_tunnel_of_both_families() {
    let mut settings = both("10.0.0.2/32", "fd00::2/128");
    include(&mut settings, &["0.0.0.0/0", "::/0"]);
    settings.tunnel_overhead_bytes = Some(80);
    insta::assert_snapshot!(planned(&settings, DEFAULT), @"
    link mtu 1420 up
    sysctl net/ipv4/conf/adit0/promote_secondaries = 1
    sysctl net/ipv4/conf/adit0/rp_filter = 2
    sysctl net/ipv4/conf/all/arp_ignore = 1
    sysctl net/ipv4/conf/eth0/rp_filter = 2
    sysctl net/ipv6/conf/adit0/accept_ra = 0
    sysctl net/ipv6/conf/adit0/addr_gen_mode = 1
    sysctl net/ipv6/conf/adit0/disable_ipv6 = 0
    address 10.0.0.2/32
    address fd00::2/128
    route -4 table 44544 default dev adit0
    route -4 table 44544 unreachable default metric 4294967295
    route -6 table 44544 default dev adit0
    route -6 table 44544 unreachable default metric 4294967295
    route -6 table 44544 throw fe80::/10
    rule -4 5000: from all fwmark 0xad10000/0xffff0000 lookup main
    rule -6 5000: from all fwmark 0xad10000/0xffff0000 lookup main
    rule -4 5001: from all fwmark 0xad10000/0xffff0000 unreachable
    rule -6 5001: from all fwmark 0xad10000/0xffff0000 unreachable
    rule -4 5050: from all oif eth0 lookup main
    rule -6 5050: from all oif eth0 lookup main
    rule -4 5200: from all lookup main suppress_prefixlength 0
    rule -6 5200: from all lookup main suppress_prefixlength 0
    rule -4 5300: from all lookup 44544
    rule -6 5300: from all lookup 44544
    ");
}

// spec: SET-6, V4-3, V4-7, V4-8, V4R-3
#[test]
fn split_tunnel_with_an_exclusion_inside_an_inclusion() {
    let mut settings = only_v4("10.0.0.2/24");
    include(&mut settings, &["10.0.0.0/8", "10.1.2.0/24"]);
    exclude(&mut settings, &["10.1.0.0/16", "172.16.0.0/12"]);
    insta::assert_snapshot!(planned(&settings, DEFAULT), @"
    link mtu 1500 up
    sysctl net/ipv4/conf/adit0/promote_secondaries = 1
    sysctl net/ipv4/conf/adit0/rp_filter = 2
    sysctl net/ipv4/conf/all/arp_ignore = 1
    sysctl net/ipv4/conf/eth0/rp_filter = 2
    sysctl net/ipv6/conf/adit0/accept_ra = 0
    sysctl net/ipv6/conf/adit0/addr_gen_mode = 1
    address 10.0.0.2/24
    route -4 table 44288 10.0.0.0/8 dev adit0
    route -4 table 44288 unreachable 10.0.0.0/8 metric 4294967295
    route -4 table 44288 10.0.0.0/24 dev adit0
    route -4 table 44288 unreachable 10.0.0.0/24 metric 4294967295
    route -4 table 44288 throw 10.1.0.0/16
    route -4 table 44288 10.1.2.0/24 dev adit0
    route -4 table 44288 unreachable 10.1.2.0/24 metric 4294967295
    rule -4 5000: from all fwmark 0xad10000/0xffff0000 lookup main
    rule -4 5001: from all fwmark 0xad10000/0xffff0000 unreachable
    rule -4 5050: from all oif eth0 lookup main
    rule -4 5100: from all lookup 44288
    ");
}

// spec: RTE-3, RTE-23
#[test]
fn the_system_keeps_what_is_within_or_equal_to_an_included_network() {
    let mut settings = only_v4("10.0.0.2/32");
    include(&mut settings, &["192.168.0.0/16", "198.51.100.0/24", "10.0.0.0/9"]);
    let mut state = state();
    state.main_routes.extend([route("198.51.100.0/24", false), route("10.0.0.0/8", false)]);
    insta::assert_snapshot!(routes_of(&settings, DEFAULT, &state), @"
    route -4 table 44288 10.0.0.0/9 dev adit0
    route -4 table 44288 unreachable 10.0.0.0/9 metric 4294967295
    route -4 table 44288 192.168.0.0/16 dev adit0
    route -4 table 44288 unreachable 192.168.0.0/16 metric 4294967295
    route -4 table 44288 throw 192.168.1.0/24
    route -4 table 44288 throw 198.51.100.0/24
    rule -4 5000: from all fwmark 0xad10000/0xffff0000 lookup main
    rule -4 5001: from all fwmark 0xad10000/0xffff0000 unreachable
    rule -4 5050: from all oif eth0 lookup main
    rule -4 5100: from all lookup 44288
    ");
}

// spec: SET-2
#[test]
fn a_server_inside_an_included_network_needs_no_route() {
    let mut settings = only_v4("10.0.0.2/32");
    settings.tunnel_remote_address = "203.0.113.7".parse().unwrap();
    include(&mut settings, &["203.0.113.0/24"]);
    insta::assert_snapshot!(routes_of(&settings, DEFAULT, &state()), @"
    route -4 table 44288 203.0.113.0/24 dev adit0
    route -4 table 44288 unreachable 203.0.113.0/24 metric 4294967295
    rule -4 5000: from all fwmark 0xad10000/0xffff0000 lookup main
    rule -4 5001: from all fwmark 0xad10000/0xffff0000 unreachable
    rule -4 5050: from all oif eth0 lookup main
    rule -4 5100: from all lookup 44288
    ");
}

// spec: TUN-6, RTE-16
#[test]
fn a_per_app_tunnel_carries_all_that_its_apps_send_and_nothing_else() {
    let mut settings = only_v4("10.0.0.2/32");
    include(&mut settings, &["10.0.0.0/8"]);
    exclude(&mut settings, &["10.1.0.0/16"]);
    settings.dns = Some(adit_model::DnsSettings {
        servers: vec!["10.0.0.1".parse().unwrap()],
        ..Default::default()
    });
    let strength = Strength { apps: crate::AppGroup::new(5), ..DEFAULT };
    insta::assert_snapshot!(planned(&settings, strength), @"
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
    rule -4 4900: from all fwmark 0xae50000/0xffff0000 lookup 44544
    rule -4 4900: from all oif adit0 lookup 44544
    rule -4 5000: from all fwmark 0xad10000/0xffff0000 lookup main
    rule -4 5001: from all fwmark 0xad10000/0xffff0000 unreachable
    apps dns stub 127.173.64.1 asks 10.0.0.1
    ");
}

#[test]
fn routes_in_a_table_of_the_user_come_without_rules() {
    let mut settings = only_v4("10.0.0.2/24");
    include(&mut settings, &["0.0.0.0/0"]);
    exclude(&mut settings, &["172.16.0.0/12"]);
    settings.route_table = RouteTable::Table(254);
    insta::assert_snapshot!(planned(&settings, DEFAULT), @"
    link mtu 1500 up
    sysctl net/ipv4/conf/adit0/promote_secondaries = 1
    sysctl net/ipv4/conf/adit0/rp_filter = 2
    sysctl net/ipv4/conf/all/arp_ignore = 1
    sysctl net/ipv4/conf/eth0/rp_filter = 2
    sysctl net/ipv6/conf/adit0/accept_ra = 0
    sysctl net/ipv6/conf/adit0/addr_gen_mode = 1
    address 10.0.0.2/24
    route -4 table 254 default dev adit0
    route -4 table 254 10.0.0.0/24 dev adit0
    ");
    settings.route_table = RouteTable::Off;
    insta::assert_snapshot!(planned(&settings, DEFAULT), @"
    link mtu 1500 up
    sysctl net/ipv4/conf/adit0/promote_secondaries = 1
    sysctl net/ipv4/conf/adit0/rp_filter = 2
    sysctl net/ipv4/conf/all/arp_ignore = 1
    sysctl net/ipv4/conf/eth0/rp_filter = 2
    sysctl net/ipv6/conf/adit0/accept_ra = 0
    sysctl net/ipv6/conf/adit0/addr_gen_mode = 1
    address 10.0.0.2/24
    ");
}

// spec: RTE-2, DNS-9
#[test]
fn all_parts_of_a_default_route_are_a_default_route() {
    let mut whole = both("10.0.0.2/32", "fd00::2/128");
    let mut parts = whole.clone();
    include(&mut whole, &["0.0.0.0/0", "::/0"]);
    let quarters = ["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2"];
    include(&mut parts, &quarters);
    include(&mut parts, &["::/1", "8000::/1"]);
    let dns = adit_model::DnsSettings {
        servers: vec!["10.0.0.1".parse().unwrap()],
        match_domains: Some(vec!["corp.example".into()]),
        ..adit_model::DnsSettings::default()
    };
    (whole.dns, parts.dns) = (Some(dns.clone()), Some(dns));
    assert_eq!(planned(&parts, DEFAULT), planned(&whole, DEFAULT));

    // With more than one next hop they cannot be one route, but they take all traffic the same.
    let mut routed = only_v4("10.0.0.2/32");
    let via = |net: &str, gateway: &str| {
        ModelRoute::to(net.parse().unwrap()).via(gateway.parse().unwrap())
    };
    routed.ipv4.as_mut().unwrap().included_routes =
        vec![via("0.0.0.0/1", "10.0.0.9"), via("128.0.0.0/1", "10.0.0.8")];
    assert!(is_default_route(&routed) && routed.includes_default());

    // The longer ones decide, so nothing is left to the half.
    let mut blocked = only_v4("10.0.0.2/32");
    include(&mut blocked, &["0.0.0.0/0", "0.0.0.0/1"]);
    blocked.blocked_routes = quarters.map(|net| net.parse().unwrap()).into();
    assert!(!is_default_route(&blocked));
    let mut refused = only_v4("10.0.0.2/32");
    refused.blocked_routes = vec!["0.0.0.0/0".parse().unwrap()];
    assert_eq!(planned(&blocked, DEFAULT), planned(&refused, DEFAULT));

    let mut half = only_v4("10.0.0.2/32");
    include(&mut half, &["0.0.0.0/1"]);
    assert!(!is_default_route(&half));
}

// spec: ETH-4, ETH-6, V4-4, V6-3
#[test]
fn an_ethernet_tunnel_has_neighbours_and_a_router() {
    let mut settings = both("10.0.0.2/24", "fd00::2/64");
    include(&mut settings, &["0.0.0.0/0", "10.0.0.128/25", "::/0"]);
    settings.ipv4.as_mut().unwrap().router = Some([10, 0, 0, 1].into());
    settings.ipv6.as_mut().unwrap().router = Some("fe80::1".parse().unwrap());
    settings.mtu = Some(1400);
    let mut as_packets = settings.clone();
    settings.ethernet_address = Some(MacAddress([2, 0, 0, 0x12, 0x34, 0x56]));
    let planned_frames = planned(&settings, DEFAULT);
    let (frames, rules) = planned_frames.split_once("rule").unwrap();
    insta::assert_snapshot!(frames, @"
    link address 02:00:00:12:34:56 mtu 1400 up
    sysctl net/ipv4/conf/adit0/arp_announce = 2
    sysctl net/ipv4/conf/adit0/promote_secondaries = 1
    sysctl net/ipv4/conf/adit0/rp_filter = 2
    sysctl net/ipv4/conf/all/arp_ignore = 1
    sysctl net/ipv4/conf/eth0/rp_filter = 2
    sysctl net/ipv6/conf/adit0/accept_ra = 0
    sysctl net/ipv6/conf/adit0/addr_gen_mode = 1
    sysctl net/ipv6/conf/adit0/disable_ipv6 = 0
    address 10.0.0.2/24
    address fd00::2/64
    address fe80::ff:fe12:3456/64
    route -4 table 44288 10.0.0.0/24 dev adit0
    route -4 table 44288 unreachable 10.0.0.0/24 metric 4294967295
    route -4 table 44288 10.0.0.128/25 dev adit0
    route -4 table 44288 unreachable 10.0.0.128/25 metric 4294967295
    route -6 table 44288 fd00::/64 dev adit0
    route -6 table 44288 unreachable fd00::/64 metric 4294967295
    route -4 table 44544 default via 10.0.0.1 dev adit0 onlink
    route -4 table 44544 unreachable default metric 4294967295
    route -6 table 44544 default via fe80::1 dev adit0 onlink
    route -6 table 44544 unreachable default metric 4294967295
    route -6 table 44544 throw fe80::/10
    ");
    // Behind a packet tunnel's interface there is nobody to choose from.
    let with_router = planned(&as_packets, DEFAULT);
    as_packets.ipv4.as_mut().unwrap().router = None;
    as_packets.ipv6.as_mut().unwrap().router = None;
    assert_eq!(with_router, planned(&as_packets, DEFAULT));
    assert_eq!(with_router.split_once("rule").unwrap().1, rules, "the same way into the tunnel");
}

// spec: V4R-3
#[test]
fn a_gateway_is_used_unless_it_is_the_tunnel_itself() {
    let mut settings = only_v4("10.0.0.2/32");
    let ipv4 = settings.ipv4.as_mut().unwrap();
    let via = |gateway: &str| ModelRoute::to(Prefix::DEFAULT).via(gateway.parse().unwrap());
    ipv4.included_routes = vec![via("10.9.9.9")];
    assert!(
        planned(&settings, DEFAULT)
            .contains("route -4 table 44544 default via 10.9.9.9 dev adit0 onlink\n")
    );
    settings.ipv4.as_mut().unwrap().included_routes = vec![via("10.0.0.2")];
    assert!(planned(&settings, DEFAULT).contains("route -4 table 44544 default dev adit0\n"));
}

// spec: RTE-C1, SET-6, SET-7, X-7
#[test]
fn weaknesses_of_a_full_tunnel_on_this_network_are_named() {
    let codes = |settings: &PacketTunnelNetworkSettings, strength, state: &NetworkState| {
        let health = plan(&tunnel(), settings, strength, state).unwrap().health;
        health.into_iter().map(|item| item.code).collect::<Vec<_>>()
    };
    let mut settings = only_v4("10.0.0.2/32");
    include(&mut settings, &["0.0.0.0/0"]);
    let mut state = state();
    assert_eq!(codes(&settings, DEFAULT, &state), ["leak.ipv6"]);
    settings.blocked_routes = vec!["::/0".parse().unwrap()];
    assert!(codes(&settings, DEFAULT, &state).is_empty());

    state.main_routes.push(route("172.16.0.0/12", false));
    assert!(codes(&settings, DEFAULT, &state).is_empty(), "private networks have such routes");
    state.main_routes.push(route("0.0.0.0/1", false));
    assert_eq!(codes(&settings, DEFAULT, &state), ["route.shadowed"]);
    assert!(codes(&settings, ENFORCED, &state).is_empty());
    state.shared_bridges.insert("br0".into());
    assert_eq!(codes(&settings, ENFORCED, &state), ["bridge.shared"]);

    let mut settings = both("10.0.0.2/32", "fd00::2/128");
    include(&mut settings, &["10.0.0.0/8", "2001:db8::/32"]);
    state.ipv6 = false;
    assert_eq!(codes(&settings, DEFAULT, &state), ["ipv6.unavailable"]);
    assert!(!plan(&tunnel(), &settings, DEFAULT, &state).unwrap().to_string().contains("2001:db8"));
}

// spec: TUN-14
#[test]
fn invalid_settings_never_become_a_plan() {
    let settings = PacketTunnelNetworkSettings::new("192.0.2.1".parse().unwrap());
    let outcome = plan(&tunnel(), &settings, DEFAULT, &state());
    assert_eq!(outcome, Err(InvalidSettings::NoAddress));
}

const DEFAULT: Strength = Strength {
    enforce_routes: false,
    include_all_networks: false,
    exclude_local_networks: false,
    apps: None,
};
const ENFORCED: Strength = Strength { enforce_routes: true, ..DEFAULT };

fn planned(settings: &PacketTunnelNetworkSettings, strength: Strength) -> String {
    plan(&tunnel(), settings, strength, &state()).unwrap().to_string()
}

/// Only the routes and rules of a plan.
fn routes_of(
    settings: &PacketTunnelNetworkSettings,
    strength: Strength,
    state: &NetworkState,
) -> String {
    let plan = plan(&tunnel(), settings, strength, state).unwrap();
    let lines = plan.routes.iter().map(Route::to_string);
    lines.chain(plan.rules.iter().map(Rule::to_string)).collect::<Vec<_>>().join("\n")
}

fn tunnel() -> Tunnel {
    Tunnel { slot: Slot::new(0).unwrap(), interface: "adit0".into(), index: 7 }
}

/// A home network with both families.
fn state() -> NetworkState {
    NetworkState {
        path: NetworkPath {
            status: PathStatus::Satisfied,
            interface: Some(PathInterface {
                name: "eth0".into(),
                index: 2,
                kind: InterfaceKind::Ethernet,
                mtu: 1500,
            }),
            gateways: vec!["192.168.1.1".parse().unwrap()],
            addresses: vec!["192.168.1.9".parse().unwrap()],
            expensive: None,
        },
        ways_out: ["eth0".into()].into(),
        shared_bridges: [].into(),
        main_routes: vec![
            route("0.0.0.0/0", false),
            route("192.168.1.0/24", true),
            route("::/0", false),
            route("fe80::/64", true),
        ],
        strict_rp_filter: true,
        ipv6: true,
    }
}

fn route(destination: &str, connected: bool) -> MainRoute {
    let destination = destination.parse().unwrap();
    MainRoute { destination, interface: Some("eth0".into()), connected, inner: false }
}

fn only_v4(address: &str) -> PacketTunnelNetworkSettings {
    let mut settings = PacketTunnelNetworkSettings::new("203.0.113.1".parse().unwrap());
    settings.ipv4 = Some(Ipv4Settings::new([address.parse().unwrap()]));
    settings
}

fn both(ipv4: &str, ipv6: &str) -> PacketTunnelNetworkSettings {
    let mut settings = only_v4(ipv4);
    settings.ipv6 = Some(Ipv6Settings::new([ipv6.parse().unwrap()]));
    settings
}

fn include(settings: &mut PacketTunnelNetworkSettings, routes: &[&str]) {
    for route in routes {
        match route.parse().unwrap() {
            IpNet::V4(net) => {
                settings.ipv4.as_mut().unwrap().included_routes.push(ModelRoute::to(net));
            }
            IpNet::V6(net) => {
                settings.ipv6.as_mut().unwrap().included_routes.push(ModelRoute::to(net));
            }
        }
    }
}

fn exclude(settings: &mut PacketTunnelNetworkSettings, routes: &[&str]) {
    for route in routes {
        match route.parse().unwrap() {
            IpNet::V4(net) => {
                settings.ipv4.as_mut().unwrap().excluded_routes.push(ModelRoute::to(net));
            }
            IpNet::V6(net) => {
                settings.ipv6.as_mut().unwrap().excluded_routes.push(ModelRoute::to(net));
            }
        }
    }
}
