//! What could get past a tunnel and does not: the rows of docs/leaks.md that no other file proves.
//! Each test first shows that the sniffer sees what nothing holds back.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use adit_tests::{
    Adit, Capture, Home, Lab, Packet, Probe, ProbeKind, ProbeSet, Protocol, WireGuardServer,
    address,
};
use socket2::{Domain, Socket, Type};

/// Between two sets of probes.
const OFTEN: Duration = Duration::from_millis(10);
const ROUNDS: usize = 10;
const SITE: &str = "203.0.113.10";
const ENFORCED: &[&str] = &["--enforce-routes"];
const ENFORCED_BUT_LOCAL: &[&str] = &["--enforce-routes", "--exclude-local-networks"];

// L1
#[test]
fn without_a_tunnel_and_without_lockdown_everything_leaves() {
    let Some(Home { lab, vpn: _vpn, adit }) = Home::imported_with(ENFORCED) else { return };
    lab.assert_open();
    adit.connect("home");
    adit.disconnect("home");
    lab.assert_open();
    adit.assert_no_residue();
}

// L3
// spec: PROTO-15, RTE-13
#[test]
fn connected_everything_arrives_through_the_tunnel_and_nothing_beside_it() {
    let Some(Home { lab, vpn, adit }) = Home::imported_with(ENFORCED) else { return };
    lab.assert_open();
    adit.connect("home");
    let (outside, inside) = (lab.sniff_client(), Capture::start(&lab.server, "wg0"));
    let probes = ProbeSet::send(&lab.client);
    let bound = ProbeSet::send_by(&lab.client, "eth0");
    let outside = outside.stop().incoming();
    probes.assert_none_seen(&outside);
    bound.assert_none_seen(&outside);
    outside.assert_only_to(vpn.endpoint());
    // Names are asked of the tunnel's own servers only, in it too.
    let inside = inside.stop();
    probes.filter(|probe| !asks_names(probe.kind)).assert_all_seen(&inside);
    probes.filter(|probe| asks_names(probe.kind)).assert_none_seen(&inside);
}

// L5
// spec: RTE-7
#[test]
fn in_lockdown_nothing_leaves_while_servers_are_switched() {
    let Some(lab) = Lab::new() else { return };
    let adit = Adit::start(&lab.client);
    lab.assert_open();
    adit.run(["lockdown", "on"]);
    nothing_leaves_while_servers_are_switched(&lab, &adit, &[]);
    adit.run(["lockdown", "off"]);
    lab.assert_open();
    adit.assert_no_residue();
}

// L5
// spec: RTE-7
#[test]
fn with_all_networks_included_nothing_leaves_while_servers_are_switched() {
    let Some(lab) = Lab::new() else { return };
    let adit = Adit::start(&lab.client);
    lab.assert_open();
    nothing_leaves_while_servers_are_switched(&lab, &adit, &["--include-all-networks"]);
    lab.assert_open();
    adit.assert_no_residue();
}

// spec: RTE-C4
#[test]
fn in_lockdown_nothing_but_the_handshake_leaves_when_the_provider_dies() {
    let Some(Home { lab, vpn, adit }) = Home::imported() else { return };
    lab.assert_open();
    adit.run(["lockdown", "on"]);
    adit.connect("home");
    let watch = lab.watch_for_leaks(OFTEN);
    for _ in 0..2 {
        adit.kill_providers();
        let through = || lab.client.whoami(SITE).is_ok_and(|way| way == vpn.outer_ipv4());
        adit.eventually("way through the tunnel", through);
    }
    let bound = ProbeSet::send_by(&lab.client, "eth0");
    let sent = watch.assert_no_leak();
    bound.assert_none_seen(&sent);
    sent.assert_only_to(vpn.endpoint());
}

// L10
// spec: RTE-8
#[test]
fn from_its_first_packet_on_a_locked_down_computer_sends_only_what_its_link_needs() {
    let Some(Home { lab, vpn, mut adit }) = Home::imported() else { return };
    lab.assert_open();
    adit.run(["lockdown", "on"]);
    adit.kill_helper();
    // What a boot leaves of it.
    let script =
        "nft flush ruleset; rm -rf /run/adit; ip address flush dev eth0; ip link set eth0 down";
    lab.client.sh(script);
    adit.run_helper("lockdown");

    let watch = lab.watch_for_leaks(OFTEN);
    lab.client.sh("ip link set eth0 up");
    lab.client.enter(ask_for_an_address);
    let [own, router] = [address::CLIENT, address::ROUTER];
    lab.client.sh(&format!(
        "ip address add {}/24 dev eth0; ip address add {}/64 dev eth0 nodad
         ip route add default via {} dev eth0; ip route add default via {} dev eth0",
        own.v4, own.v6, router.v4, router.v6
    ));
    let bound = ProbeSet::send_by(&lab.client, "eth0");
    adit.restart_helper();
    adit.connect("home");
    assert_eq!(lab.client.whoami(SITE).unwrap(), vpn.outer_ipv4());
    let sent = watch.assert_no_leak();
    bound.assert_none_seen(&sent);
    sent.assert_only_to(vpn.endpoint());
    sent.assert_some("a question for an address", |p| p.is_to_port(67));
    adit.run(["disconnect"]);
    adit.run(["lockdown", "off"]);
    lab.assert_open();
}

// L15: TunnelVision, CVE-2024-3661
// spec: PROTO-15, RTE-13, RTE-C1
#[test]
fn routes_that_a_network_hands_out_take_nothing_out_of_the_tunnel() {
    let Some(Home { lab, vpn, adit }) = Home::imported_with(ENFORCED) else { return };
    let [to, router] = [address::OTHER_SITE, address::ROUTER];
    let hand_out = |verb: &str| {
        lab.client.sh(&format!(
            "for to in 0.0.0.0/1 128.0.0.0/1 {}; do ip -4 route {verb} $to via {} dev eth0; done
             for to in ::/1 8000::/1 {}; do ip -6 route {verb} $to via {} dev eth0; done",
            to.v4, router.v4, to.v6, router.v6
        ))
    };
    hand_out("add");
    lab.assert_open();
    hand_out("del");
    adit.connect("home");
    lab.assert_closed_but_for(&vpn);
    // While it is connected, and before.
    hand_out("add");
    lab.assert_closed_but_for(&vpn);
    adit.run(["reconnect", "home"]);
    lab.assert_closed_but_for(&vpn);
    assert_eq!(lab.client.whoami(SITE).unwrap(), vpn.outer_ipv4());
}

// L16: TunnelCrack LocalNet, CVE-2023-36672
// spec: PROTO-11, RTE-14
#[test]
fn a_network_that_claims_to_be_public_is_not_left_alone_as_local() {
    let Some(Home { lab, vpn: _vpn, adit }) = Home::imported_with(ENFORCED_BUT_LOCAL) else {
        return;
    };
    // Who runs the network is the site.
    let site = address::OTHER_SITE.v4;
    lab.client.sh("ip address add 203.0.113.2/24 dev eth0");
    lab.lan.sh(&format!("ip address add {site}/24 dev eth0"));
    let at_the_rogue = lab.sniff_lan();
    lab.assert_open();
    at_the_rogue
        .stop()
        .assert_some("a packet for the site", |p| p.destination == Some(site.into()));

    let is_local = |to: IpAddr| to == IpAddr::from(address::LAN.v4);
    let only_local = || {
        let sniffer = lab.sniff_client();
        let probes = ProbeSet::send(&lab.client);
        let bound = ProbeSet::send_by(&lab.client, "eth0");
        let sent = sniffer.stop().incoming();
        let local = |probe: &Probe| is_local(probe.destination) && !asks_names(probe.kind);
        probes.filter(local).assert_all_seen(&sent);
        probes.filter(|probe| !local(probe)).assert_none_seen(&sent);
        bound.filter(|probe| !local(probe)).assert_none_seen(&sent);
    };
    adit.connect("home");
    only_local();
    adit.run(["disconnect"]);
    adit.run(["lockdown", "on", "--allow-local-networks"]);
    only_local();
    adit.run(["lockdown", "off"]);
    lab.assert_open();
}

// L17
#[test]
fn no_other_program_talks_to_the_server_beside_the_tunnel() {
    let Some(Home { lab, vpn, adit }) = Home::imported_with(ENFORCED) else { return };
    let kinds = [ProbeKind::Udp(vpn.endpoint().port()), ProbeKind::Tcp(80), ProbeKind::Ping];
    let talk = || {
        let sniffer = lab.sniff_client();
        let probes = [None, Some("eth0")].map(|interface| {
            kinds.map(|kind| Probe::send(&lab.client, kind, vpn.outer_ipv4(), interface))
        });
        let sent = sniffer.stop().incoming();
        let is_seen = |probe: &Probe| sent.iter().any(|packet| probe.is(packet));
        probes.concat().into_iter().filter(is_seen).map(|probe| probe.kind).collect::<Vec<_>>()
    };
    assert_eq!(talk(), [kinds, kinds].concat());
    adit.connect("home");
    assert_eq!(talk(), []);
    adit.disconnect("home");
    adit.run(["lockdown", "on"]);
    assert_eq!(talk(), []);
}

// L18: CVE-2019-14899, and L19
#[test]
fn nobody_on_the_local_network_finds_the_tunnels_address() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let peer = vpn.add_peer();
    adit.import("home", &peer.conf());
    let address = IpAddr::from(peer.ipv4);
    lab.lan.sh(&format!("ip route add {address} dev eth0"));
    // As on any computer with such an address.
    lab.client.sh(&format!("ip address add {address}/32 dev lo"));
    assert_eq!(answers_from(&lab, address), ["ARP", "IP"]);
    lab.client.sh(&format!("ip address del {address}/32 dev lo"));
    assert_eq!(answers_from(&lab, address), [""; 0]);

    let arp_ignore = "/proc/sys/net/ipv4/conf/all/arp_ignore";
    for (before, connected) in [("0\n", "1\n"), ("2\n", "2\n")] {
        lab.client.sh(&format!("printf '{before}' > {arp_ignore}"));
        adit.connect("home");
        assert_eq!(lab.client.read_file(arp_ignore), connected);
        assert_eq!(answers_from(&lab, address), [""; 0]);
        // The computer itself can be found, or nobody could talk to it.
        assert!(answers_from(&lab, address::CLIENT.v4.into()).contains(&"ARP"));
        adit.disconnect("home");
        assert_eq!(lab.client.read_file(arp_ignore), before);
    }
}

// L20
// spec: SET-7, RTE-8
#[test]
fn a_tunnel_without_ipv6_lets_none_out_whatever_the_router_announces() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    // As it is imported when nothing else is said.
    adit.import("home", &vpn.peer().ipv4_only().add().conf());
    lab.assert_open();
    adit.connect("home");
    lab.assert_closed_but_for(&vpn);
    let announced = "2001:db8:20:1:";
    lab.router.enter(|| announce("lan", [0x2001, 0xdb8, 0x20, 1, 0, 0, 0, 0].into()));
    adit.eventually("address that the router announced", || {
        lab.client.sh("ip -6 address show dev eth0").contains(announced)
    });
    lab.assert_closed_but_for(&vpn);
}

// L30
// spec: X-7
#[test]
fn what_a_container_sends_goes_through_the_tunnel_or_nowhere() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let container = lab.add_container();
    let adit = Adit::start(&lab.client);
    let part = "10.64.0.0/24, 203.0.113.0/24, 2001:db8:113::/64";
    adit.import("part", &vpn.peer().allowed_ips(part).add().conf());
    adit.import_with("all", &vpn.add_peer().conf(), ENFORCED);
    let site6 = address::SITE.v6.to_string();
    let sent = |sniffer: Capture| (ProbeSet::send(&container), sniffer.stop().incoming());

    assert_eq!(container.whoami(SITE).unwrap(), address::CLIENT.v4);
    assert_eq!(container.whoami(&site6).unwrap(), address::CLIENT.v6);
    let (probes, seen) = sent(lab.sniff_client());
    probes.assert_all_seen(&seen);

    adit.connect("part");
    assert_eq!(container.whoami(SITE).unwrap(), vpn.outer_ipv4());
    assert_eq!(container.whoami(&site6).unwrap(), vpn.outer_ipv6());
    adit.disconnect("part");

    for lockdown in ["off", "on"] {
        adit.run(["lockdown", lockdown]);
        adit.connect("all");
        assert_eq!(container.whoami(SITE).unwrap(), vpn.outer_ipv4(), "lockdown {lockdown}");
        let (probes, seen) = sent(lab.sniff_client());
        probes.assert_none_seen(&seen);
        seen.assert_only_to(vpn.endpoint());
        adit.disconnect("all");
    }
    let (probes, seen) = sent(lab.sniff_client());
    probes.assert_none_seen(&seen);
    adit.run(["lockdown", "off"]);
    let (probes, seen) = sent(lab.sniff_client());
    probes.assert_all_seen(&seen);
}

/// From one server to the other and back, and to the same once more, while programs go on.
#[track_caller]
fn nothing_leaves_while_servers_are_switched(lab: &Lab, adit: &Adit, options: &[&str]) {
    let servers = [WireGuardServer::start(&lab.server), WireGuardServer::start(&lab.server2)];
    for (name, vpn) in ["first", "second"].into_iter().zip(&servers) {
        adit.import_with(name, &vpn.add_peer().conf(), options);
    }
    adit.connect("first");
    let watch = lab.watch_for_leaks(OFTEN);
    for _ in 0..ROUNDS {
        adit.connect("second");
        assert_eq!(lab.client.whoami(SITE).unwrap(), servers[1].outer_ipv4());
        adit.connect("first");
        assert_eq!(lab.client.whoami(SITE).unwrap(), servers[0].outer_ipv4());
    }
    let sent = watch.assert_no_leak();
    sent.assert_only("the tunnels", |packet| {
        servers.iter().any(|vpn| packet.is_udp_to(vpn.endpoint())) || packet.is_housekeeping()
    });
    adit.run(["disconnect"]);
}

fn asks_names(kind: ProbeKind) -> bool {
    matches!(kind, ProbeKind::Udp(53) | ProbeKind::Tcp(53))
}

/// How another host of the local network learns that the client has an address: from an answer to
/// the question who has it, or to a connection there.
#[track_caller]
fn answers_from(lab: &Lab, address: IpAddr) -> Vec<&'static str> {
    let is_arp_reply = |packet: &Packet| {
        let IpAddr::V4(address) = address else { return false };
        // RFC 826: the operation, and the protocol address of the sender.
        packet.protocol == Protocol::Arp
            && packet.bytes[6..8] == [0, 2]
            && packet.bytes[14..18] == address.octets()
    };
    let ask = || {
        Probe::send(&lab.lan, ProbeKind::Tcp(80), address, None);
        lab.lan.try_run(["ping", "-c", "1", "-W", "0.5", &address.to_string()]);
    };
    let sniffer = lab.sniff_lan();
    lab.lan.sh("ip neigh flush dev eth0");
    ask();
    // As one who knows already whom to ask.
    let hardware = lab.client.sh("cat /sys/class/net/eth0/address");
    let known = format!("{address} lladdr {} dev eth0 nud permanent", hardware.trim());
    lab.lan.sh(&format!("ip neigh replace {known}"));
    ask();
    lab.lan.sh(&format!("ip neigh del {address} dev eth0"));
    let received = sniffer.stop().incoming();
    let has = |what, is: &dyn Fn(&Packet) -> bool| received.iter().any(is).then_some(what);
    let arp = has("ARP", &is_arp_reply);
    arp.into_iter().chain(has("IP", &|packet| packet.source == Some(address))).collect()
}

/// As a DHCP client does that has no address yet (RFC 2131 section 4.1).
fn ask_for_an_address() {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
    socket.bind_device(Some(b"eth0")).unwrap();
    socket.set_broadcast(true).unwrap();
    socket.bind(&SocketAddr::from(([0; 4], 68)).into()).unwrap();
    socket.send_to(b"who am I?", &SocketAddr::from(([255; 4], 67)).into()).unwrap();
}

/// A router advertisement of this prefix for all hosts on the link (RFC 4861 section 4.2).
fn announce(interface: &str, prefix: Ipv6Addr) {
    const LIFETIME: [u8; 4] = [0, 0, 7, 8];
    let socket = Socket::new(Domain::IPV6, Type::RAW, Some(socket2::Protocol::ICMPV6)).unwrap();
    socket.bind_device(Some(interface.as_bytes())).unwrap();
    socket.set_multicast_hops_v6(255).unwrap();
    let router = [134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    // On the link, and to be used for addresses.
    let prefix_information = [3, 4, 64, 0xc0];
    let message =
        [&router[..], &prefix_information, &LIFETIME, &LIFETIME, &[0; 4], &prefix.octets()]
            .concat();
    let index = rustix::net::netdevice::name_to_index(&socket, interface).unwrap();
    let everybody = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    socket.send_to(&message, &SocketAddrV6::new(everybody, 0, 0, index).into()).unwrap();
}
