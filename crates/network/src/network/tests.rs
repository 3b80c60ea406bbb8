//! Plans in a kernel. Each test has a network namespace of its own; see `netns` for what it needs.

mod firewall;
mod healing;
mod machine;
mod neighbour;
mod router_advertisement;

use std::fs;

use adit_model::{InterfaceKind, NetworkSettingsError, PathStatus, RouteTable};

use self::machine::*;
use super::*;
use crate::netns::{in_own_namespace, ip};

// spec: PTP-7, RTE-1, TUN-5, TUN-12, V4-2
#[test]
fn the_kernel_shows_exactly_the_plan() {
    in_own_namespace(|| async {
        let machine = Machine::new();
        let (tunnel, _device) = open_tunnel(0);
        let mut settings = settings("10.0.0.2/24", Some("fd00::2/64"));
        include(&mut settings, &["0.0.0.0/0", "::/0", "192.168.0.0/16", "2001:db8:1::/48"]);
        exclude(&mut settings, &["192.168.7.0/24"]);
        settings.blocked_routes = vec!["198.18.0.0/15".parse().unwrap()];
        settings.tunnel_overhead_bytes = Some(80);

        let plan = machine.plan(&tunnel, &settings).await;
        machine.network.apply(&tunnel, &plan).await.unwrap();
        assert_eq!(kernel_text(), routing_text(&plan));
        let link = ip("-o link show adit0");
        assert!(link.contains("mtu 1420") && link.contains(",UP"), "{link}");
        let addresses = ip("-o address show adit0");
        assert!(addresses.contains("inet 10.0.0.2/24") && addresses.contains("noprefixroute"));
        assert!(addresses.contains("inet6 fd00::2/64") && !addresses.contains("fe80"));

        let before = ip("-4 route show table all") + &ip("-6 route show table all");
        machine.network.apply(&tunnel, &plan).await.unwrap();
        assert_eq!(ip("-4 route show table all") + &ip("-6 route show table all"), before);
    });
}

// spec: TUN-9, TUN-C1
#[test]
fn at_no_instant_is_there_neither_the_old_nor_the_new() {
    in_own_namespace(|| async {
        let machine = Machine::new();
        let (tunnel, _device) = open_tunnel(0);
        let mut old = settings("10.0.0.2/24", None);
        include(&mut old, &["198.18.0.0/16", "203.0.113.0/24"]);
        let mut new = settings("10.0.0.3/24", None);
        include(&mut new, &["198.19.0.0/16", "203.0.113.0/24"]);
        let (old, new) = (machine.plan(&tunnel, &old).await, machine.plan(&tunnel, &new).await);
        machine.network.apply(&tunnel, &old).await.unwrap();

        let mut account = Account::open();
        for plan in [&new, &old, &new] {
            machine.network.apply(&tunnel, plan).await.unwrap();
            let done = account.read().await;
            let added = done.iter().take_while(|done| **done == Done::Added).count();
            assert!(added > 0 && added < done.len(), "{done:?}");
            assert!(!done[added..].contains(&Done::Added), "added after a deletion: {done:?}");
            assert_eq!(kernel_text(), routing_text(plan));
            assert!(routed("203.0.113.1").contains("dev adit0"), "what both include");
        }
        let addresses = ip("-o address show adit0");
        assert!(addresses.contains("10.0.0.3/24") && !addresses.contains("10.0.0.2/24"));
    });
}

// spec: TUN-9, TUN-16
#[test]
fn a_plan_that_fails_halfway_leaves_what_was_there() {
    in_own_namespace(|| async {
        let machine = Machine::new();
        let (tunnel, _device) = open_tunnel(0);
        // Somebody else has one of its routes.
        ip("route add 198.51.100.0/24 via 192.168.1.1 metric 1024");
        let mut bad = settings("10.0.0.9/24", None);
        include(&mut bad, &["198.18.0.0/16", "198.51.100.0/24"]);
        bad.route_table = RouteTable::Table(254);
        bad.dns = Some(all_names("10.0.0.1"));
        let bad = machine.plan(&tunnel, &bad).await;
        let culprit = "route -4 table 254 198.51.100.0/24 dev adit0";

        let error = machine.network.apply(&tunnel, &bad).await.unwrap_err();
        assert!(error.to_string().contains(culprit), "{error}");
        assert_eq!(kernel_text(), "");
        assert!(!ip("-o address show adit0").contains("inet"));

        let mut good = settings("10.0.0.2/24", None);
        include(&mut good, &["198.18.0.0/16"]);
        let good = machine.plan(&tunnel, &good).await;
        machine.network.apply(&tunnel, &good).await.unwrap();
        let error = machine.network.apply(&tunnel, &bad).await.unwrap_err();
        assert!(error.to_string().contains(culprit), "{error}");
        assert!(matches!(NetworkSettingsError::from(error), NetworkSettingsError::Failed(_)));
        assert_eq!(kernel_text(), routing_text(&good));
        assert!(ip("-o address show adit0").contains("10.0.0.2/24"));
        assert!(!ip("-o address show adit0").contains("10.0.0.9/24"));
        assert!(ip("route show").contains("198.51.100.0/24 via 192.168.1.1"));
        assert_eq!(machine.resolv_conf(), RESOLV_CONF);
    });
}

// spec: DNS-21, TUN-18, TUN-C3
#[test]
fn clearing_and_reverting_leave_the_system_as_it_was() {
    in_own_namespace(|| async {
        let machine = Machine::new();
        fs::write("/proc/sys/net/ipv4/conf/eth0/rp_filter", "1").unwrap();
        let before = everything();
        let (tunnel, device) = open_tunnel(0);
        let mut settings = settings("10.0.0.2/24", Some("fd00::2/128"));
        include(&mut settings, &["0.0.0.0/0", "::/0"]);
        settings.dns = Some(all_names("10.0.0.1"));
        let plan = machine.plan(&tunnel, &settings).await;

        machine.network.apply(&tunnel, &plan).await.unwrap();
        assert!(machine.resolv_conf().contains("nameserver 10.0.0.1"));
        assert_eq!(rp_filter("eth0"), "2");
        assert_eq!(
            machine.network.underlying_dns().await.1,
            ["192.168.1.1".parse::<IpAddr>().unwrap()]
        );
        assert_eq!(
            machine.plan(&tunnel, &settings).await,
            plan,
            "what we change is no part of the state"
        );

        machine.network.apply(&tunnel, &Plan::empty()).await.unwrap();
        assert_eq!(kernel_text(), "");
        assert!(!ip("-o address show adit0").contains("inet"));
        assert_eq!(machine.resolv_conf(), RESOLV_CONF);
        assert_eq!(rp_filter("eth0"), "1");

        // The interface may go before its session does.
        machine.network.apply(&tunnel, &plan).await.unwrap();
        drop(device);
        machine.network.revert(tunnel.slot).await.unwrap();
        assert_eq!(everything(), before);
        assert_eq!(machine.resolv_conf(), RESOLV_CONF);
    });
}

// spec: TUN-18
#[test]
fn the_tunnels_destinations_are_refused_when_its_interface_vanishes() {
    in_own_namespace(|| async {
        let machine = Machine::new();
        let (tunnel, device) = open_tunnel(0);
        let mut settings = settings("10.0.0.2/24", Some("fd00::2/128"));
        include(&mut settings, &["0.0.0.0/0", "::/0", "198.18.0.0/15"]);
        let plan = machine.plan(&tunnel, &settings).await;
        machine.network.apply(&tunnel, &plan).await.unwrap();
        assert!(
            routed("198.18.0.1").contains("dev adit0") && routed("9.9.9.9").contains("dev adit0")
        );
        assert!(routed("2620:fe::9").contains("dev adit0"));
        assert!(routed("192.168.1.77").contains("dev eth0"), "the local network stays local");
        assert!(routed("9.9.9.9 mark 0x0ad10000").contains("dev eth0"), "the loop guard");
        assert!(routed("9.9.9.9 oif eth0").contains("dev eth0"), "a bound socket");

        drop(device);
        for destination in ["198.18.0.1", "9.9.9.9", "2620:fe::9"] {
            assert!(is_refused(destination), "{}", routed(destination));
        }
        ip("route del default");
        assert!(is_refused("9.9.9.9 mark 0x0ad10000"), "neither the tunnel nor a loop");
    });
}

// spec: TUN-18, DNS-C3
#[test]
fn a_crash_is_undone_by_the_next_process() {
    in_own_namespace(|| async {
        let mut machine = Machine::new();
        fs::write("/proc/sys/net/ipv4/conf/eth0/rp_filter", "1").unwrap();
        let before = everything();
        let (tunnel, device) = open_tunnel(0);
        let (kept, kept_device) = open_tunnel(1);
        let mut settings = settings("10.0.0.2/24", None);
        include(&mut settings, &["0.0.0.0/0"]);
        settings.dns = Some(all_names("10.0.0.1"));
        let plan = machine.plan(&tunnel, &settings).await;
        machine.network.apply(&tunnel, &plan).await.unwrap();
        let mut other = self::settings("10.1.0.2/24", None);
        include(&mut other, &["198.18.0.0/15"]);
        let other = machine.plan(&kept, &other).await;
        machine.network.apply(&kept, &other).await.unwrap();

        machine.crash();
        assert!(machine.resolv_conf().contains("nameserver 10.0.0.1"));
        let keep = BTreeSet::from([kept.slot]);
        let recovered = machine.network.recover(&keep).await.unwrap();
        assert!(recovered.rules > 0 && recovered.routes > 0 && recovered.dns);
        assert_eq!(machine.resolv_conf(), RESOLV_CONF);
        assert!(routed("198.18.0.1").contains("dev adit1"), "a session that still runs is kept");
        assert!(routed("198.18.0.1 mark 0x0ad10000").contains("dev eth0"), "with its loop guard");
        machine.network.apply(&kept, &other).await.unwrap();
        assert_eq!(kernel_text(), routing_text(&other));

        machine.crash();
        let recovered = machine.network.recover(&BTreeSet::new()).await.unwrap();
        assert_eq!(kernel_text(), "");
        assert!(!recovered.is_empty());
        drop((device, kept_device));
        assert_eq!(everything(), before);
        assert!(machine.network.recover(&BTreeSet::new()).await.unwrap().is_empty());
    });
}

#[test]
fn sessions_share_rules_and_leave_each_other_alone() {
    in_own_namespace(|| async {
        let machine = Machine::new();
        let ((one, _one), (two, _two)) = (open_tunnel(0), open_tunnel(1));
        let mut split = settings("10.0.0.2/24", None);
        include(&mut split, &["198.18.0.0/15"]);
        let mut full = settings("10.1.0.2/24", None);
        include(&mut full, &["0.0.0.0/0"]);
        let (split, full) = (machine.plan(&one, &split).await, machine.plan(&two, &full).await);
        machine.network.apply(&one, &split).await.unwrap();
        machine.network.apply(&two, &full).await.unwrap();
        let mut both = split.clone();
        both.routes.extend(full.routes.clone());
        both.rules.extend(full.rules.clone());
        assert_eq!(kernel_text(), routing_text(&both));

        machine.network.revert(two.slot).await.unwrap();
        assert_eq!(kernel_text(), routing_text(&split));
        machine.network.revert(one.slot).await.unwrap();
        assert_eq!(kernel_text(), "");
    });
}

// spec: PRV-6
#[test]
fn the_state_is_the_network_without_us() {
    in_own_namespace(|| async {
        let machine = Machine::new();
        ip("link add docker0 type veth peer name container0");
        ip("address add 172.17.0.1/16 dev docker0");
        ip("link set docker0 up");
        ip("link set container0 up");
        ip("route add 10.20.0.0/16 via 192.168.1.2");
        ip("route add unreachable 10.30.0.0/16");
        ip("route add default via 172.17.0.9 metric 700");
        let (tunnel, _device) = open_tunnel(0);
        ip("link set adit0 up");
        ip("route add default dev adit0 metric 1");
        let state = machine.network.state().await.unwrap();
        let path = &state.path;
        assert_eq!(path.status, PathStatus::Satisfied);
        let interface = path.interface.as_ref().unwrap();
        assert_eq!((interface.name.as_str(), interface.mtu), ("eth0", 1500));
        assert_eq!(interface.kind, InterfaceKind::Ethernet);
        let addresses = |texts: &[&str]| -> Vec<IpAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        assert_eq!(path.gateways, addresses(&["192.168.1.1", "2001:db8::1"]));
        assert_eq!(path.addresses, addresses(&["192.168.1.9", "2001:db8::9"]));
        let routes: Vec<String> = state
            .main_routes
            .iter()
            .filter(|route| route.destination != "fe80::/64".parse().unwrap())
            .map(|route| {
                let interface = route.interface.as_deref().unwrap_or("-");
                let neighbours = if route.connected { "connected" } else { "remote" };
                format!("{} {interface} {neighbours}", route.destination)
            })
            .collect();
        assert_eq!(
            routes,
            [
                "0.0.0.0/0 docker0 remote",
                "0.0.0.0/0 eth0 remote",
                "10.20.0.0/16 eth0 remote",
                "10.30.0.0/16 - remote",
                "172.17.0.0/16 docker0 connected",
                "192.168.1.0/24 eth0 connected",
                "::/0 eth0 remote",
                "2001:db8::/64 eth0 connected",
            ]
        );
        drop(tunnel);
        ip("link set eth0 down");
        ip("link set docker0 down");
        let state = machine.network.state().await.unwrap();
        assert_eq!(state.path, adit_model::NetworkPath::NONE);
    });
}
