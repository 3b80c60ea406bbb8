//! Captured packets and what a test says about them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Deref;
use std::time::Duration;

/// Which way a packet went, seen from the machine that captured it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Received by the interface.
    Incoming,
    /// Sent by the interface.
    Outgoing,
}

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Address resolution of IPv4.
    Arp,
    /// ICMP for IPv4, with its type.
    Icmp(u8),
    /// ICMP for IPv6, with its type.
    Icmpv6(u8),
    /// Multicast membership of IPv4.
    Igmp,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Another protocol number above IPv4 or IPv6.
    OtherIp(u8),
    /// Another Ethernet type, or a packet too short to be what it says.
    Other(u16),
}

/// One packet on an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Packet {
    /// Since the capture started.
    pub time: Duration,
    /// Seen from the capturing machine.
    pub direction: Direction,
    /// What it is.
    pub protocol: Protocol,
    /// The sender, for IP.
    pub source: Option<IpAddr>,
    /// The receiver, for IP.
    pub destination: Option<IpAddr>,
    /// For TCP and UDP.
    pub source_port: Option<u16>,
    /// For TCP and UDP.
    pub destination_port: Option<u16>,
    /// Bytes from the network header on; with segmentation offload more than the interface's MTU.
    pub length: usize,
    /// The first bytes from the network header on, at most 2048.
    pub bytes: Vec<u8>,
}

impl Packet {
    /// Whether it goes to this address and port over UDP.
    #[must_use]
    pub fn is_udp_to(&self, to: SocketAddr) -> bool {
        self.protocol == Protocol::Udp
            && self.destination == Some(to.ip())
            && self.destination_port == Some(to.port())
    }

    /// Whether it goes to this port over UDP or TCP.
    #[must_use]
    pub fn is_to_port(&self, port: u16) -> bool {
        self.destination_port == Some(port)
    }

    /// What every computer sends to live in its local network: ARP, neighbour discovery, multicast membership, DHCP.
    #[must_use]
    pub fn is_housekeeping(&self) -> bool {
        match self.protocol {
            Protocol::Arp | Protocol::Igmp => true,
            // RFC 2710, RFC 4861, RFC 3810
            Protocol::Icmpv6(kind) => matches!(kind, 130..=137 | 143),
            Protocol::Udp => {
                matches!(
                    (self.source_port, self.destination_port),
                    (Some(68), Some(67))
                        | (Some(67), Some(68))
                        | (Some(546), Some(547))
                        | (Some(547), Some(546))
                )
            }
            Protocol::Icmp(_) | Protocol::Tcp | Protocol::OtherIp(_) | Protocol::Other(_) => false,
        }
    }

    /// Whether its first 2048 bytes contain these; how a probe is known again.
    #[must_use]
    pub fn contains(&self, bytes: impl AsRef<[u8]>) -> bool {
        let bytes = bytes.as_ref();
        self.bytes.windows(bytes.len()).any(|window| window == bytes)
    }

    /// Reads what begins with the network header of this Ethernet type.
    pub(crate) fn parse(
        time: Duration,
        direction: Direction,
        ether_type: u16,
        bytes: &[u8],
    ) -> Self {
        let mut packet = Self {
            time,
            direction,
            protocol: Protocol::Other(ether_type),
            source: None,
            destination: None,
            source_port: None,
            destination_port: None,
            length: bytes.len(),
            bytes: bytes[..bytes.len().min(2048)].to_vec(),
        };
        if ether_type == 0x0806 {
            packet.protocol = Protocol::Arp;
        }
        let header = match ether_type {
            0x0800 => ipv4(bytes),
            0x86dd => ipv6(bytes),
            _ => None,
        };
        if let Some(header) = header {
            packet.source = Some(header.source);
            packet.destination = Some(header.destination);
            packet.read_transport(header.protocol, header.payload);
        }
        packet
    }

    fn read_transport(&mut self, protocol: u8, payload: &[u8]) {
        let kind = payload.first().copied().unwrap_or_default();
        self.protocol = match protocol {
            1 => Protocol::Icmp(kind),
            2 => Protocol::Igmp,
            6 => Protocol::Tcp,
            17 => Protocol::Udp,
            58 => Protocol::Icmpv6(kind),
            other => Protocol::OtherIp(other),
        };
        if let (Protocol::Tcp | Protocol::Udp, &[a, b, c, d, ..]) = (self.protocol, payload) {
            self.source_port = Some(u16::from_be_bytes([a, b]));
            self.destination_port = Some(u16::from_be_bytes([c, d]));
        }
    }
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = |address: Option<IpAddr>, port: Option<u16>| match (address, port) {
            (Some(address), Some(port)) => SocketAddr::new(address, port).to_string(),
            (Some(address), None) => address.to_string(),
            (None, _) => "-".to_owned(),
        };
        write!(
            f,
            "{:>9.3?} {:?} {:?} {} > {} length {}",
            self.time,
            self.direction,
            self.protocol,
            end(self.source, self.source_port),
            end(self.destination, self.destination_port),
            self.length
        )
    }
}

/// Packets in the order they were captured. Reads as a slice.
#[derive(Debug, Clone, Default)]
pub struct Packets(Vec<Packet>);

impl Packets {
    /// Those that the capturing interface received: on a router's port, what the machine behind it sent.
    #[must_use]
    pub fn incoming(&self) -> Self {
        self.filter(|packet| packet.direction == Direction::Incoming)
    }

    /// Those for which `wanted` holds.
    #[must_use]
    pub fn filter(&self, wanted: impl Fn(&Packet) -> bool) -> Self {
        self.iter().filter(|packet| wanted(packet)).cloned().collect()
    }

    /// Where they go.
    pub fn destinations(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.0.iter().filter_map(|packet| packet.destination)
    }

    /// Panics when there is a packet for which `allowed` does not hold. No packet at all is fine.
    #[track_caller]
    pub fn assert_only(&self, what: &str, allowed: impl Fn(&Packet) -> bool) {
        let others = self.filter(|packet| !allowed(packet));
        assert!(others.is_empty(), "expected only {what}, but {} others:\n{others}", others.len());
    }

    /// Panics when there is a packet that neither goes to this UDP server nor keeps the link alive.
    #[track_caller]
    pub fn assert_only_to(&self, server: SocketAddr) {
        let to_server = format!("what goes to {server}");
        self.assert_only(&to_server, |packet| packet.is_udp_to(server) || packet.is_housekeeping());
    }

    /// Panics when there is a packet for which `forbidden` holds.
    #[track_caller]
    pub fn assert_none(&self, what: &str, forbidden: impl Fn(&Packet) -> bool) {
        let found = self.filter(forbidden);
        assert!(found.is_empty(), "expected no {what}, but {}:\n{found}", found.len());
    }

    /// Panics when there is no packet for which `wanted` holds.
    #[track_caller]
    pub fn assert_some(&self, what: &str, wanted: impl Fn(&Packet) -> bool) {
        let found = self.iter().any(wanted);
        assert!(found, "expected {what}, but there is none among {}:\n{self}", self.len());
    }
}

impl Deref for Packets {
    type Target = [Packet];

    fn deref(&self) -> &[Packet] {
        &self.0
    }
}

impl FromIterator<Packet> for Packets {
    fn from_iter<I: IntoIterator<Item = Packet>>(packets: I) -> Self {
        Self(packets.into_iter().collect())
    }
}

impl fmt::Display for Packets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 30;
        for packet in self.iter().take(SHOWN) {
            writeln!(f, "  {packet}")?;
        }
        match self.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => writeln!(f, "  and {more} more"),
        }
    }
}

/// What both versions of IP say. The payload of a later fragment is empty, as it has no transport header.
struct Header<'a> {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    payload: &'a [u8],
}

/// RFC 791 section 3.1.
fn ipv4(bytes: &[u8]) -> Option<Header<'_>> {
    let address = |at: usize| {
        let octets: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(IpAddr::V4(Ipv4Addr::from(octets)))
    };
    let header = usize::from(bytes.first()? & 0xf) * 4;
    let fragment_offset = u16::from_be_bytes([*bytes.get(6)?, *bytes.get(7)?]) & 0x1fff;
    let payload = if fragment_offset == 0 { bytes.get(header..)? } else { &[] };
    Some(Header {
        source: address(12)?,
        destination: address(16)?,
        protocol: *bytes.get(9)?,
        payload,
    })
}

/// RFC 8200 sections 3 and 4: extension headers are skipped.
fn ipv6(bytes: &[u8]) -> Option<Header<'_>> {
    let address = |at: usize| {
        let octets: [u8; 16] = bytes.get(at..at + 16)?.try_into().ok()?;
        Some(IpAddr::V6(Ipv6Addr::from(octets)))
    };
    let (source, destination) = (address(8)?, address(24)?);
    let mut protocol = *bytes.get(6)?;
    let mut payload = bytes.get(40..)?;
    loop {
        let (next, length) = match (protocol, payload) {
            (0 | 43 | 60, &[next, units, ..]) => (next, (usize::from(units) + 1) * 8),
            (44, &[next, _, high, low, ..]) if u16::from_be_bytes([high, low]) & !7 == 0 => {
                (next, 8)
            }
            (44, &[next, ..]) => {
                return Some(Header { source, destination, protocol: next, payload: &[] });
            }
            _ => return Some(Header { source, destination, protocol, payload }),
        };
        protocol = next;
        payload = payload.get(length..)?;
    }
}
