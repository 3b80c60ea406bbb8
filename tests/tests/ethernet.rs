//! Tunnels that carry Ethernet frames.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use adit_tests::{
    Adit, EthernetTunnelServer, Lab, Probe, ProbeSet, Protocol, UdpTunnelServer, address,
};
use serde_json::{Value, json};

const ID: &str = "org.example.ethernet";
const HARDWARE: &str = "02:00:00:12:34:56";
/// Between two sets of probes.
const OFTEN: Duration = Duration::from_millis(20);

// spec: ETH-1, ETH-4, ETH-5, ETH-6, ETH-8, TN34-8
#[test]
fn frames_pass_to_a_router_and_nothing_past_the_tunnel() {
    let Some(lab) = Lab::new() else { return };
    let adit = Adit::start(&lab.client);
    import(&adit, EthernetTunnelServer::endpoint_on(&lab.server), &everything());
    lab.assert_open();
    lab.server.sh("nft add table ip mute
         nft 'add chain ip mute in { type filter hook input priority 0; }'
         nft add rule ip mute in udp dport 5001 drop");
    let connecting = adit.spawn(["connect", "office", "--wait", "15"]);
    adit.wait_for("office", "connecting");
    adit.eventually("provider", || !adit.providers().is_empty());
    assert_eq!(interface(&lab), "", "before there are settings");
    connecting.wait_for_log("The server does not greet back.");
    adit.disconnect("office");
    lab.server.sh("nft delete table ip mute");

    let server = EthernetTunnelServer::start(&lab.server);
    let inside = server.sniff();
    adit.connect("office");
    let watch = lab.watch_for_leaks(OFTEN);
    let link = interface(&lab);
    for shown in [HARDWARE, "mtu 1400", "link/ether", "tun type tap", ",UP"] {
        assert!(link.contains(shown), "{shown}: {link}");
    }
    let status = adit.run(["status", "office"]);
    assert!(status.contains(HARDWARE), "{status}");
    ping(&lab);
    lab.client.run(["ping", "-c", "1", "-W", "5", "-M", "do", "-s", "1372", "10.88.0.1"]);
    let too_long = lab.client.try_run(["ping", "-c", "1", "-M", "do", "-s", "1373", "10.88.0.1"]);
    assert!(!too_long.status.success(), "{}", too_long.stdout);
    assert_reaches_the_internet(&lab);
    watch.assert_no_leak().assert_only_to(server.endpoint());
    let frames = inside.stop().incoming();
    frames.assert_some("ARP", |frame| frame.protocol == Protocol::Arp);
    frames.assert_none("address of the local network in ARP", |frame| {
        frame.protocol == Protocol::Arp && frame.contains(address::CLIENT.v4.octets())
    });
    adit.disconnect("office");
    lab.assert_open();
    adit.assert_no_residue();
}

// spec: ETH-3, ETH-4
#[test]
fn an_ethernet_outlives_its_provider_and_its_helper_and_follows_its_settings() {
    let Some(lab) = Lab::new() else { return };
    let mut adit = Adit::start(&lab.client);
    let server = EthernetTunnelServer::start(&lab.server);
    lab.assert_open();
    import(&adit, server.endpoint(), &everything());
    adit.connect("office");
    ping(&lab);
    let first = index(&lab);
    let watch = lab.watch_for_leaks(OFTEN);

    let before = adit.providers();
    adit.kill_providers();
    adit.eventually("another provider", || {
        let providers = adit.providers();
        !providers.is_empty() && providers != before
    });
    adit.wait_for("office", "connected");
    ping(&lab);
    adit.restart_helper();
    adit.wait_for("office", "connected");
    ping(&lab);
    assert_eq!(index(&lab), first, "the same interface");

    let mut changed = everything();
    (changed["ethernetAddress"], changed["mtu"]) = ("02:00:00:65:43:21".into(), 1300.into());
    import(&adit, server.endpoint(), &changed);
    adit.eventually("other address", || {
        let link = interface(&lab);
        link.contains("02:00:00:65:43:21") && link.contains("mtu 1300")
    });
    ping(&lab);
    assert_eq!(index(&lab), first, "the same interface");
    watch.assert_no_leak().assert_only_to(server.endpoint());
    adit.disconnect("office");
    adit.assert_no_residue();
}

// spec: ETH-7, V4-5, V6-3, D-26
#[test]
fn addresses_are_assigned_through_the_tunnel_and_nothing_passes_before() {
    let Some(lab) = Lab::new() else { return };
    let mut adit = Adit::start_as_packaged(&lab.client);
    let server = EthernetTunnelServer::start(&lab.server);
    lab.assert_open();
    let main = main_routes(&lab);
    let mut settings = everything();
    for (family, all) in [("ipv4", "0.0.0.0/0"), ("ipv6", "::/0")] {
        settings[family] = json!({ "automatic": true, "includedRoutes": [{ "destination": all }] });
    }
    import_with(&adit, server.endpoint(), &settings, false);
    adit.connect("office");
    assert_eq!(adit.health("office"), ["address.pending", "address.pending"]);
    let sniffer = lab.sniff_client();
    let is_outside = |probe: &Probe| probe.destination != address::LAN.v4;
    let probes = ProbeSet::send(&lab.client).filter(is_outside);
    assert!(!probes.is_empty());
    probes.assert_none_seen(&sniffer.packets().incoming());

    let assigning = server.assign([10, 88, 0, 50].into());
    adit.eventually("addresses", || adit.health("office").is_empty());
    let status = adit.run(["status", "office"]);
    for address in ["10.88.0.50/24", "fd88::ff:fe12:3456/64"] {
        assert!(status.contains(address), "{status}");
    }
    assert_reaches_the_internet(&lab);
    assert_eq!(main_routes(&lab), main, "the system's own routes");

    adit.restart_helper();
    adit.wait_for("office", "connected");
    assert_reaches_the_internet(&lab);
    assigning.kill();
    let _assigning = server.assign([10, 88, 0, 60].into());
    adit.eventually("other address", || adit.run(["status", "office"]).contains("10.88.0.60/24"));
    assert_reaches_the_internet(&lab);
    let sent = sniffer.stop().incoming();
    let is_local = |to| to == IpAddr::from(address::LAN.v4);
    let outside = sent.filter(|packet| !packet.destination.is_some_and(is_local));
    outside.assert_only_to(server.endpoint());
    assert_eq!(main_routes(&lab), main, "the system's own routes");
    adit.disconnect("office");
    adit.assert_no_residue();
}

// spec: ETH-3, TUN-13
#[test]
fn settings_of_another_kind_of_tunnel_are_refused_in_a_sentence() {
    let Some(lab) = Lab::new() else { return };
    let adit = Adit::start(&lab.client);
    let server = EthernetTunnelServer::start(&lab.server);
    let mut of_packets = everything();
    of_packets.as_object_mut().unwrap().remove("ethernetAddress");
    let mut of_many = everything();
    of_many["ethernetAddress"] = "01:00:5e:00:00:01".into();
    for (settings, said) in [
        (of_packets, "an Ethernet tunnel needs a hardware address"),
        (of_many, "01:00:5e:00:00:01 cannot be the hardware address of an interface"),
    ] {
        import(&adit, server.endpoint(), &settings);
        let reason = adit.refused(1, ["connect", "office", "--wait", "15"]);
        assert!(reason.contains(said), "{reason}");
        adit.disconnect("office");
        adit.assert_no_residue();
    }

    let packets = UdpTunnelServer::start(&lab.server2);
    let mut configuration = json!({
        "remote": packets.endpoint().to_string(),
        "address": "10.77.0.2/24",
        "routes": [],
    });
    let import = |configuration: &Value| {
        let protocol = json!({ "providerConfiguration": configuration });
        adit.import_for("org.example.udp", "office", &protocol);
    };
    import(&configuration);
    adit.connect("office");
    configuration["settings"] = json!({ "ethernetAddress": HARDWARE });
    import(&configuration);
    adit.eventually("refusal", || {
        adit.helper().log().contains("a hardware address is for Ethernet tunnels")
    });
    assert!(!interface(&lab).contains("link/ether"));
    adit.disconnect("office");
    adit.assert_no_residue();
}

/// A tunnel for everything, to the router of [`EthernetTunnelServer`].
fn everything() -> Value {
    json!({
        "tunnelRemoteAddress": address::SERVER.v4.to_string(),
        "ethernetAddress": HARDWARE,
        "mtu": 1400,
        "ipv4": {
            "addresses": ["10.88.0.2/24"],
            "includedRoutes": [{ "destination": "0.0.0.0/0" }],
            "router": "10.88.0.1",
        },
        "ipv6": {
            "addresses": ["fd88::2/64"],
            "includedRoutes": [{ "destination": "::/0" }],
            "router": "fd88::1",
        },
    })
}

/// A configuration with these settings, which includes all networks.
fn import(adit: &Adit, remote: SocketAddr, settings: &Value) {
    import_with(adit, remote, settings, true);
}

fn import_with(adit: &Adit, remote: SocketAddr, settings: &Value, all: bool) {
    let configuration = json!({ "remote": remote.to_string(), "settings": settings });
    let protocol = json!({ "providerConfiguration": configuration, "includeAllNetworks": all });
    adit.import_for(ID, "office", &protocol);
}

/// By way of the router in the tunnel.
#[track_caller]
fn assert_reaches_the_internet(lab: &Lab) {
    let outside = [
        (address::SITE.v4.to_string(), address::SERVER.v4.to_string()),
        (format!("[{}]", address::SITE.v6), address::SERVER.v6.to_string()),
    ];
    for (site, server) in outside {
        assert_eq!(lab.client.whoami(&site).unwrap().to_string(), server);
    }
}

/// But for the route of each link to itself.
fn main_routes(lab: &Lab) -> String {
    lab.client.sh("ip -4 route; ip -6 route | grep -v ^fe80::/64")
}

fn ping(lab: &Lab) {
    for neighbour in ["10.88.0.1", "fd88::1"] {
        lab.client.run(["ping", "-c", "2", "-i", "0.1", "-W", "5", neighbour]);
    }
}

/// The tunnel's interface as ip-link(8) shows it; nothing without one.
fn interface(lab: &Lab) -> String {
    lab.client.sh("ip -d -o link show | grep adit || true")
}

fn index(lab: &Lab) -> String {
    interface(lab).split(':').next().unwrap().to_owned()
}
