//! Packet sockets, which the IP stack does not see: held back wherever packets leave.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use adit_tests::{Capture, Home, Lab, address};

// spec: RTE-5, RTE-13
#[test]
fn packet_sockets_are_held_back_on_every_interface_that_leads_out() {
    let Some(Home { lab, vpn: _vpn, adit }) = Home::imported_with(&["--enforce-routes"]) else {
        return;
    };
    let eth0 = Way { lab: &lab, interface: "eth0", router_port: "client0" };
    assert!(eth0.is_open());
    for (close, open) in
        [(["connect", "home"], ["disconnect", "home"]), (["lockdown", "on"], ["lockdown", "off"])]
    {
        adit.run(close);
        assert!(!eth0.is_open(), "{close:?}");
        adit.run(open);
        assert!(eth0.is_open(), "{open:?}");
    }

    // One that appears meanwhile is held back too, as soon as the kernel has told of it.
    adit.connect("home");
    let uplink = lab.add_uplink();
    let wifi = Way { lab: &lab, interface: uplink.interface, router_port: uplink.router_port };
    adit.eventually("guard of the other interface", || {
        lab.client.sh("nft list table netdev adit").contains(uplink.interface)
    });
    assert!(!wifi.is_open() && !eth0.is_open());
    // One that goes is no longer there to be held back, and no reason not to hold back the other.
    lab.client.sh("ip link del eth0");
    adit.eventually("guard without it", || {
        let table = lab.client.sh("nft list table netdev adit");
        table.contains(uplink.interface) && !table.contains("eth0")
    });
    assert!(!wifi.is_open());
    adit.disconnect("home");
    assert!(wifi.is_open());
}

/// An interface of the client.
struct Way<'a> {
    lab: &'a Lab,
    interface: &'a str,
    router_port: &'a str,
}

impl Way<'_> {
    /// Whether frames with a packet of each version of IP come out.
    #[track_caller]
    fn is_open(&self) -> bool {
        let sniffer = Capture::start(&self.lab.router, self.router_port);
        self.lab.client.run(["python3", "-c", SEND, self.interface]);
        let seen = sniffer.stop();
        let is_seen = |to: std::net::IpAddr| {
            seen.iter().any(|it| it.destination == Some(to) && it.contains("past the IP stack"))
        };
        let site = address::SITE;
        let [ipv4, ipv6] = [is_seen(site.v4.into()), is_seen(site.v6.into())];
        assert_eq!(ipv4, ipv6, "one version of IP is held back by {}", self.interface);
        ipv4
    }
}

/// Sends a datagram of each version to the site, by packet(7).
const SEND: &str = r#"
import ipaddress, socket, struct, sys
payload = b"past the IP stack"
udp = struct.pack("!HHHH", 40000, 4000, 8 + len(payload), 0) + payload
def send(kind, packet):
    frames = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
    try:
        frames.sendto(packet, (sys.argv[1], kind, 0, 0, b"\xff" * 6))
    except OSError:
        pass  # The firewall makes it fail.
here, there = socket.inet_aton("10.20.0.2"), socket.inet_aton("203.0.113.10")
send(0x0800, struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + here + there + udp)
here, there = (ipaddress.ip_address(it).packed for it in ("2001:db8:20::2", "2001:db8:113::10"))
send(0x86DD, struct.pack("!IHBB", 6 << 28, len(udp), 17, 64) + here + there + udp)
"#;
