//! The lab's VPN servers, and a client that is not Adit.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use adit_tests::{Lab, Machine, Peer, Process, QueryType, WireGuardServer, address};

use crate::eventually;

#[test]
fn the_tunnel_carries_both_versions_and_shows_the_server() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let peer = vpn.peer().preshared_key().add();
    let sniffer = lab.sniff_client();
    let _tunnel = StandIn::connect(&lab.client, &peer);

    assert_eq!(lab.client.whoami(address::SITE.v4).unwrap(), vpn.outer_ipv4());
    assert_eq!(lab.client.whoami(address::SITE.v6).unwrap(), vpn.outer_ipv6());
    assert_eq!(lab.client.whoami(vpn.inner_ipv6()).unwrap(), peer.ipv6.unwrap());
    let inside = lab.client.ask_dns(vpn.inner_ipv4(), "inside.corp.test", QueryType::A).unwrap();
    assert_eq!(inside, [vpn.inner_ipv4()]);
    let public = lab.client.ask_dns(vpn.inner_ipv4(), "site.test", QueryType::A).unwrap();
    assert_eq!(public, [address::SITE.v4]);

    assert!(vpn.has_handshake(&peer));
    assert_eq!(vpn.client_endpoint(&peer).unwrap().ip(), address::CLIENT.v4);
    sniffer.stop().incoming().assert_only_to(vpn.endpoint());
}

#[test]
fn a_server_stops_restarts_moves_and_falls_silent() {
    let Some(lab) = Lab::new() else { return };
    let mut vpn = WireGuardServer::build(&lab.server2).port(4433).ipv4_only().start();
    let peer = vpn.peer().endpoint("192.0.2.99:4433").keepalive(1).add();
    vpn.move_to([192, 0, 2, 99].into());
    let tunnel = StandIn::connect(&lab.client, &peer);
    let url = format!("http://{}/", address::SITE.v4);
    let seen = || {
        let body = lab.client.http_get_within(Duration::from_secs(1), &url).ok()?;
        String::from_utf8(body).unwrap().parse().ok()
    };
    assert_eq!(seen(), Some(vpn.outer_ipv4()));
    let (received, sent) = vpn.transfer(&peer);
    assert!(received > 0 && sent > 0);

    vpn.block();
    assert_eq!(seen(), None);
    vpn.unblock();
    eventually("the tunnel works again", || seen() == Some(vpn.outer_ipv4()));

    vpn.stop();
    assert_eq!(seen(), None);
    vpn.restart();
    drop(tunnel);
    let _tunnel = StandIn::connect(&lab.client, &peer);
    assert_eq!(seen(), Some(vpn.outer_ipv4()));
}

#[test]
fn one_client_has_two_servers() {
    let Some(lab) = Lab::new() else { return };
    let servers = [&lab.server, &lab.server2].map(WireGuardServer::start);
    let [one, two] = &servers;
    let first = one.peer().allowed_ips("203.0.113.10/32").add();
    let second = two.peer().same_client(&first).allowed_ips("203.0.113.20/32").add();
    let _tunnel = StandIn::connect_with(&lab.client, &first, &second.peer_section());
    assert_eq!(lab.client.whoami(address::SITE.v4).unwrap(), one.outer_ipv4());
    assert_eq!(lab.client.whoami(address::OTHER_SITE.v4).unwrap(), two.outer_ipv4());
}

#[test]
fn resolved_answers_follows_its_links_and_restarts() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let _tunnel = StandIn::connect(&lab.client, &vpn.add_peer());
    let Some(mut resolved) = lab.client.start_resolved() else { return };
    assert!(lab.client.read_file("/etc/resolv.conf").contains("nameserver 127.0.0.53"));
    assert_eq!(resolved.servers("eth0"), [address::DNS.v4]);
    assert!(lab.client.resolve("site.test").contains(&address::SITE.v4.into()));
    assert!(lab.client.resolve("inside.corp.test").is_empty());

    resolved.ctl(["dns", "wg0", "10.64.0.1"]);
    resolved.ctl(["domain", "wg0", "~corp.test"]);
    assert!(lab.client.resolve("inside.corp.test").contains(&vpn.inner_ipv4().into()));
    resolved.restart();
    assert_eq!(resolved.domains("wg0"), ["~corp.test"]);
    assert!(lab.client.resolve("inside.corp.test").contains(&vpn.inner_ipv4().into()));
}

/// What the product does, in three commands: routes everything but the tunnel itself through wireguard-go.
struct StandIn<'a> {
    client: &'a Machine,
    _process: Process,
}

impl<'a> StandIn<'a> {
    fn connect(client: &'a Machine, peer: &Peer) -> Self {
        Self::connect_with(client, peer, "")
    }

    fn connect_with(client: &'a Machine, peer: &Peer, more_peers: &str) -> Self {
        let process = client.spawn(["wireguard-go", "--foreground", "wg0"]);
        eventually("wireguard-go is up", || {
            client.enter(|| UnixStream::connect("/run/wireguard/wg0.sock")).is_ok()
        });
        let interface_lines =
            |line: &&str| !line.starts_with("Address") && !line.starts_with("DNS");
        let conf = peer.conf() + more_peers;
        let conf: Vec<_> = conf.lines().filter(interface_lines).collect();
        client.write_file("/run/wg0.conf", conf.join("\n"));
        let v6 = peer.ipv6.map_or(String::new(), |address| {
            format!(
                "ip address add {address}/128 dev wg0 nodad
                 ip -6 rule add pref 10 not fwmark 51820 lookup 51820
                 ip -6 route add default dev wg0 table 51820\n"
            )
        });
        client.sh(&format!(
            "wg setconf wg0 /run/wg0.conf
             wg set wg0 fwmark 51820
             ip address add {}/32 dev wg0
             ip link set wg0 up mtu 1420
             ip rule add pref 10 not fwmark 51820 lookup 51820
             ip route add default dev wg0 table 51820
             {v6}",
            peer.ipv4
        ));
        Self { client, _process: process }
    }
}

impl Drop for StandIn<'_> {
    fn drop(&mut self) {
        for version in ["-4", "-6"] {
            _ = self.client.try_run(["ip", version, "rule", "del", "pref", "10"]);
        }
    }
}
