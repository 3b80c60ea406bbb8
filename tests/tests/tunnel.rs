//! From a `.conf` file to web pages through the tunnel, and back to how it was.

use adit_tests::{Adit, Home, Lab, WireGuardServer, address};

/// A web server of the internet, by address.
const SITE: &str = "203.0.113.10";

// spec: COL-1, DNS-8, FLOW-C2, PRV-11, RTE-1, RTE-2, STAT-3
#[test]
fn everything_goes_through_a_full_tunnel_and_nothing_past_it() {
    let Some(Home { lab, vpn, adit }) = Home::imported() else { return };

    let before = lab.sniff_client();
    assert_eq!(lab.client.whoami(SITE).unwrap(), address::CLIENT.v4);
    before.stop().incoming().assert_some("an unprotected request", |p| p.is_to_port(80));

    let sniffer = lab.sniff_client();
    adit.connect("home");
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
    assert_eq!(lab.client.whoami(address::SITE.v6.to_string()).unwrap(), vpn.outer_ipv6());
    assert!(!lab.client.resolve("inside.corp.test").is_empty());
    let sent = sniffer.stop().incoming();
    sent.assert_some("the tunnel", |p| p.is_udp_to(vpn.endpoint()));
    sent.assert_only_to(vpn.endpoint());

    let status = adit.run(["status", "home"]);
    assert!(status.contains(&vpn.endpoint().to_string()), "{status}");
    adit.disconnect("home");
    adit.assert_no_residue();
    assert_eq!(lab.client.whoami(SITE).unwrap(), address::CLIENT.v4);
}

// spec: V4-6
#[test]
fn a_split_tunnel_takes_its_networks_only() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let peer = vpn.peer().allowed_ips("10.64.0.0/24, 203.0.113.20/32").preshared_key().add();
    let adit = Adit::start(&lab.client);
    adit.import("work", &peer.conf());
    adit.connect("work");
    assert_eq!(lab.client.whoami("203.0.113.20").unwrap(), vpn.outer_ipv4());
    assert_eq!(lab.client.whoami("203.0.113.10").unwrap(), address::CLIENT.v4);
    adit.disconnect("work");
    adit.assert_no_residue();
}

// spec: D-15, SET-2, SET-C4
#[test]
fn a_server_inside_an_included_route_stays_reachable_outside() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let peer = vpn.peer().allowed_ips("198.51.100.0/24, 203.0.113.0/24").no_dns().add();
    let adit = Adit::start(&lab.client);
    adit.import("inside", &peer.conf());
    adit.connect("inside");
    assert_eq!(lab.client.whoami("203.0.113.10").unwrap(), vpn.outer_ipv4());
}

// spec: TUN-18
#[test]
fn reset_undoes_everything_without_a_helper() {
    let Some(Home { lab, vpn: _vpn, adit }) = Home::connected() else { return };
    adit.kill_helper();
    assert!(!adit.residue().is_empty());
    adit.reset();
    adit.assert_no_residue();
    assert_eq!(lab.client.whoami(SITE).unwrap(), address::CLIENT.v4);
}

// spec: PRV-5, PRV-6
#[test]
fn the_tunnel_follows_the_client_to_another_network() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let peer = vpn.peer().keepalive(1).add();
    let adit = Adit::start(&lab.client);
    adit.import("home", &peer.conf());
    adit.connect("home");
    let _wifi = lab.add_uplink();
    // As NetworkManager leaves an interface that lost its carrier.
    lab.client.sh("ip link set eth0 down");
    adit.eventually("the other uplink", || {
        lab.client.whoami("site.test").is_ok_and(|seen| seen == vpn.outer_ipv4())
    });
    assert_eq!(adit.status("home"), "connected");
}

// spec: SET-2
#[test]
fn the_tunnel_follows_the_server_to_another_address() {
    let Some(lab) = Lab::new() else { return };
    let mut vpn = WireGuardServer::start(&lab.server);
    let peer = vpn.peer().keepalive(1).add();
    let adit = Adit::start(&lab.client);
    adit.import("home", &peer.conf());
    adit.connect("home");
    vpn.move_to([198, 51, 100, 77].into());
    // The server speaks first, from where it is.
    lab.server.try_run(["ping", "-c", "1", "-W", "1", "10.64.0.2"]);
    adit.eventually("the server's address", || {
        lab.client.whoami("site.test").is_ok_and(|seen| seen == vpn.outer_ipv4())
    });
}

// spec: MGR-12
#[test]
fn one_full_tunnel_takes_over_from_another_and_split_tunnels_stay() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let other = WireGuardServer::start(&lab.server2);
    let adit = Adit::start(&lab.client);
    adit.import("first", &vpn.add_peer().conf());
    adit.import("second", &other.add_peer().conf());
    adit.import("split", &other.peer().allowed_ips("203.0.113.20/32").no_dns().add().conf());
    adit.import("clash", &vpn.peer().allowed_ips("203.0.113.16/28").no_dns().add().conf());

    adit.connect("first");
    adit.connect("split");
    assert_eq!(lab.client.whoami("203.0.113.10").unwrap(), vpn.outer_ipv4());
    assert_eq!(lab.client.whoami("203.0.113.20").unwrap(), other.outer_ipv4());
    adit.connect("second");
    assert_eq!(adit.status("first"), "disconnected");
    assert_eq!(adit.status("split"), "connected");
    assert_eq!(lab.client.whoami("203.0.113.10").unwrap(), other.outer_ipv4());

    let outcome = adit.try_run(["connect", "clash"]);
    assert_eq!(outcome.status.code(), Some(1));
    assert!(outcome.stderr.contains("split"), "{}", outcome.stderr);
    adit.run(["disconnect"]);
    adit.assert_no_residue();
}
