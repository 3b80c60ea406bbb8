//! Who has which address. Public addresses are from the documentation prefixes (RFC 5737, RFC 3849).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The client on its home network (`eth0`).
pub const CLIENT: Host = Host::new([10, 20, 0, 2], 0x20, 2);
/// The router's side of the home network.
pub const ROUTER: Host = Host::new([10, 20, 0, 1], 0x20, 1);
/// Another host of the home network.
pub const LAN: Host = Host::new([10, 20, 0, 3], 0x20, 3);
/// The client on its second uplink (`wifi0`).
pub const CLIENT_WIFI: Host = Host::new([10, 30, 0, 2], 0x30, 2);
/// The router's side of the second uplink.
pub const ROUTER_WIFI: Host = Host::new([10, 30, 0, 1], 0x30, 1);
/// A container on the client, behind it.
pub const CONTAINER: Host = Host::new([10, 40, 0, 2], 0x40, 2);
/// The public web host, `site.test`.
pub const SITE: Host = Host::new([203, 0, 113, 10], 0x113, 0x10);
/// The same machine under another address, `other.test`.
pub const OTHER_SITE: Host = Host::new([203, 0, 113, 20], 0x113, 0x20);
/// The public DNS server.
pub const DNS: Host = Host::new([203, 0, 113, 53], 0x113, 0x53);
/// The first VPN server, `vpn.test`.
pub const SERVER: Host = Host::new([198, 51, 100, 10], 0x51, 0x10);
/// The second VPN server, `vpn2.test`.
pub const SERVER2: Host = Host::new([192, 0, 2, 10], 0x2, 0x10);

/// An IPv4 and an IPv6 address, in a /24 and a /64 whose `.1` and `::1` is the router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host {
    /// The IPv4 address.
    pub v4: Ipv4Addr,
    /// The IPv6 address.
    pub v6: Ipv6Addr,
}

impl Host {
    const fn new([a, b, c, d]: [u8; 4], subnet: u16, host: u16) -> Self {
        Self {
            v4: Ipv4Addr::new(a, b, c, d),
            v6: Ipv6Addr::new(0x2001, 0xdb8, subnet, 0, 0, 0, 0, host),
        }
    }

    /// Both addresses, IPv4 first.
    #[must_use]
    pub fn both(self) -> [IpAddr; 2] {
        [self.v4.into(), self.v6.into()]
    }

    /// The router in the same networks.
    #[must_use]
    pub fn gateway(self) -> Self {
        let [a, b, c, _] = self.v4.octets();
        let [_, _, subnet, ..] = self.v6.segments();
        Self::new([a, b, c, 1], subnet, 1)
    }
}
