//! What a packet in front of a tunnel says about who sent it.

use std::net::IpAddr;

use etherparse::{
    Icmpv4Type, Icmpv6Type, NetSlice, PacketBuilder, SlicedPacket, TransportSlice,
    icmpv4::DestUnreachableHeader, icmpv6::DestUnreachableCode,
};

use crate::tun::VNET_HEADER_LENGTH;

/// What one read of a TUN device's queue gives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    offload: Option<Offload>,
    packet: &'a [u8],
}

/// The fields of `struct virtio_net_hdr` that leave work to the reader.
#[derive(Debug, Clone, Copy)]
struct Offload {
    /// A run of segments.
    is_run: bool,
    /// Where the checksum begins and where behind that it is written, in bytes.
    checksum: Option<(usize, usize)>,
}

const NEEDS_CHECKSUM: u8 = 1;
const NO_RUN: u8 = 0;
const HOP_LIMIT: u8 = 64;
/// As much of a packet as fits into an error message of the least MTU (RFC 1812 section 4.3.2.3).
const QUOTED: usize = 528;

impl<'a> Frame<'a> {
    pub(super) fn new(bytes: &'a [u8], has_header: bool) -> Self {
        let header =
            if has_header { bytes.split_at_checked(VNET_HEADER_LENGTH.into()) } else { None };
        match header {
            Some((header, packet)) => Self { offload: Offload::read(header), packet },
            None => Self { offload: None, packet: bytes },
        }
    }

    /// A packet as a write to the queue takes it.
    pub(super) fn around(packet: &[u8], has_header: bool) -> Vec<u8> {
        let header = if has_header { usize::from(VNET_HEADER_LENGTH) } else { 0 };
        [vec![0; header].as_slice(), packet].concat()
    }

    /// Where a program wants to go by this packet. None if the kernel sends it by itself, or if it is
    /// for everybody on a link.
    pub(super) fn wanted(&self) -> Option<IpAddr> {
        let sliced = SlicedPacket::from_ip(self.packet).ok()?;
        let (_, destination) = ends(&sliced)?;
        (is_one_machine(destination) && is_of_program(sliced.transport.as_ref()))
            .then_some(destination)
    }

    /// What a router that has no way would answer (RFC 792, RFC 4443 section 3.1): it makes a program
    /// fail at once. None for what no program waits for.
    pub(super) fn refusal(&self) -> Option<Vec<u8>> {
        self.wanted()?;
        let sliced = SlicedPacket::from_ip(self.packet).ok()?;
        if sliced.is_ip_payload_fragmented() {
            return None;
        }
        let quoted = &self.packet[..self.packet.len().min(QUOTED)];
        let mut answer = Vec::new();
        let written = match ends(&sliced)? {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                PacketBuilder::ipv4(destination.octets(), source.octets(), HOP_LIMIT)
                    .icmpv4(Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::Host))
                    .write(&mut answer, quoted)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                PacketBuilder::ipv6(destination.octets(), source.octets(), HOP_LIMIT)
                    .icmpv6(Icmpv6Type::DestinationUnreachable(DestUnreachableCode::Address))
                    .write(&mut answer, quoted)
            }
            (IpAddr::V4(_) | IpAddr::V6(_), _) => return None,
        };
        written.is_ok().then_some(answer)
    }

    /// The packet with its checksum, unless it is a run of segments.
    pub(super) fn whole(&self) -> Option<Vec<u8>> {
        let mut packet = self.packet.to_vec();
        let Some(Offload { is_run, checksum }) = self.offload else { return Some(packet) };
        if is_run {
            return None;
        }
        if let Some((start, offset)) = checksum {
            let sum = internet_checksum(packet.get(start..)?);
            packet.get_mut(start + offset..start + offset + 2)?.copy_from_slice(&sum);
        }
        Some(packet)
    }
}

impl Offload {
    fn read(header: &[u8]) -> Option<Self> {
        let &[flags, run, _, _, _, _, start_0, start_1, offset_0, offset_1] = header else {
            return None;
        };
        let [start, offset] = [[start_0, start_1], [offset_0, offset_1]].map(u16::from_ne_bytes);
        let needs_checksum = flags & NEEDS_CHECKSUM != 0;
        let checksum = needs_checksum.then_some((start.into(), offset.into()));
        Some(Self { is_run: run != NO_RUN, checksum })
    }
}

fn ends(sliced: &SlicedPacket<'_>) -> Option<(IpAddr, IpAddr)> {
    match sliced.net.as_ref()? {
        NetSlice::Ipv4(ip) => {
            let header = ip.header();
            Some((header.source_addr().into(), header.destination_addr().into()))
        }
        NetSlice::Ipv6(ip) => {
            let header = ip.header();
            Some((header.source_addr().into(), header.destination_addr().into()))
        }
        NetSlice::Arp(_) => None,
    }
}

fn is_one_machine(destination: IpAddr) -> bool {
    match destination {
        IpAddr::V4(v4) => {
            !(v4.is_multicast() || v4.is_broadcast() || v4.is_unspecified() || v4.is_link_local())
        }
        IpAddr::V6(v6) => !(v6.is_multicast() || v6.is_unspecified() || v6.is_unicast_link_local()),
    }
}

/// Neighbour and group discovery, answers, errors, and what the kernel still sends for connections of
/// before are not.
fn is_of_program(transport: Option<&TransportSlice<'_>>) -> bool {
    match transport {
        Some(TransportSlice::Tcp(tcp)) => {
            !tcp.rst() && (tcp.syn() && !tcp.ack() || !tcp.payload().is_empty())
        }
        Some(TransportSlice::Icmpv4(icmp)) => {
            matches!(icmp.icmp_type(), Icmpv4Type::EchoRequest(_))
        }
        Some(TransportSlice::Icmpv6(icmp)) => {
            matches!(icmp.icmp_type(), Icmpv6Type::EchoRequest(_))
        }
        Some(TransportSlice::Igmp(_)) => false,
        Some(TransportSlice::Udp(_)) | None => true,
    }
}

/// RFC 1071. The field itself holds the sum of the pseudo header; a sum of 0 is written as its
/// complement, as UDP wants it.
fn internet_checksum(bytes: &[u8]) -> [u8; 2] {
    let words = bytes.chunks(2).map(|pair| match *pair {
        [high, low] => u32::from(u16::from_be_bytes([high, low])),
        [high] => u32::from(u16::from_be_bytes([high, 0])),
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let [_, _, high, low] = sum.to_be_bytes();
    match [!high, !low] {
        [0, 0] => [0xff, 0xff],
        complement => complement,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LOCAL: [u8; 4] = [10, 8, 0, 2];
    const SITE: [u8; 4] = [203, 0, 113, 10];
    const LOCAL_V6: [u8; 16] = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

    // spec: OD-3
    #[test]
    fn what_programs_send_is_told_from_what_the_kernel_sends() {
        let to = |destination: [u8; 4]| PacketBuilder::ipv4(LOCAL, destination, 64);
        let to_v6 = |destination: &str| {
            let destination: std::net::Ipv6Addr = destination.parse().unwrap();
            PacketBuilder::ipv6(LOCAL_V6, destination.octets(), 64)
        };
        macro_rules! wanted {
            ($builder:expr, $payload:expr) => {{
                let mut packet = Vec::new();
                $builder.write(&mut packet, $payload).unwrap();
                Frame::new(&packet, false).wanted().is_some()
            }};
        }
        assert!(wanted!(to(SITE).tcp(1, 443, 0, 64).syn(), &[]));
        assert!(wanted!(to(SITE).tcp(1, 443, 0, 64).ack(1), b"data"));
        assert!(wanted!(to(SITE).udp(1, 53), b"query"));
        assert!(wanted!(to(SITE).icmpv4_echo_request(1, 1), b"ping"));
        assert!(wanted!(to_v6("2001:db8::1").tcp(1, 443, 0, 64).syn(), &[]));
        assert!(wanted!(to_v6("2001:db8::1").icmpv6_echo_request(1, 1), b"ping"));

        assert!(!wanted!(to(SITE).tcp(1, 443, 0, 64).rst(), &[]));
        assert!(!wanted!(to(SITE).tcp(1, 443, 0, 64).ack(1), &[]));
        assert!(!wanted!(to(SITE).tcp(1, 443, 0, 64).fin().ack(1), &[]));
        assert!(!wanted!(to(SITE).tcp(443, 1, 0, 64).syn().ack(1), &[]));
        assert!(!wanted!(to(SITE).icmpv4_echo_reply(1, 1), b"ping"));
        assert!(!wanted!(to([224, 0, 0, 251]).udp(5353, 5353), b"query"));
        assert!(!wanted!(to([255, 255, 255, 255]).udp(68, 67), b"discover"));
        assert!(!wanted!(to([169, 254, 1, 1]).udp(1, 2), b"link"));
        assert!(!wanted!(to_v6("ff02::2").icmpv6_raw(133, 0, [0; 4]), &[]));
        assert!(!wanted!(to_v6("2001:db8::1").icmpv6_raw(135, 0, [0; 4]), &[0; 16]));
        assert!(!wanted!(to_v6("fe80::1").udp(1, 53), b"query"));
    }

    #[test]
    fn a_refusal_comes_from_there_and_quotes_what_it_refuses() {
        let mut packet = Vec::new();
        PacketBuilder::ipv4(LOCAL, SITE, 64).udp(7, 53).write(&mut packet, &[5; 900]).unwrap();
        let refusal = Frame::new(&packet, false).refusal().unwrap();
        let sliced = SlicedPacket::from_ip(&refusal).unwrap();
        assert_eq!(ends(&sliced), Some((SITE.into(), LOCAL.into())));
        let Some(TransportSlice::Icmpv4(icmp)) = &sliced.transport else { panic!("{sliced:?}") };
        assert_eq!((icmp.type_u8(), icmp.code_u8()), (3, 1));
        assert_eq!(icmp.payload(), &packet[..QUOTED]);
        assert!(Frame::new(&refusal, false).refusal().is_none(), "no error about an error");
    }

    #[test]
    fn a_checksum_that_was_left_to_us_is_completed() {
        let builder = || PacketBuilder::ipv4(LOCAL, SITE, 64).tcp(7, 443, 1, 64).syn();
        let mut packet = Vec::new();
        builder().write(&mut packet, b"odd").unwrap();
        let correct = packet.clone();
        // What the kernel leaves there: the sum of the pseudo header, not complemented.
        let length = u16::try_from(packet.len() - 20).unwrap().to_be_bytes();
        let pseudo = [&LOCAL[..], &SITE, &[0, 6], &length].concat();
        let [high, low] = internet_checksum(&pseudo);
        packet[36..38].copy_from_slice(&[!high, !low]);
        let [start, offset] = [20_u16, 16].map(u16::to_ne_bytes);
        let header = |run| [&[NEEDS_CHECKSUM, run, 0, 0, 0, 0], &start[..], &offset].concat();
        let frame = [header(NO_RUN), packet.clone()].concat();
        assert_eq!(Frame::new(&frame, true).whole(), Some(correct));
        let run = [header(1), packet].concat();
        assert_eq!(Frame::new(&run, true).whole(), None);
    }

    proptest! {
        #[test]
        fn nothing_that_comes_out_of_a_queue_is_too_strange(
            bytes in proptest::collection::vec(any::<u8>(), 0..200), has_header in any::<bool>(),
        ) {
            let frame = Frame::new(&bytes, has_header);
            let _ = (frame.wanted(), frame.refusal(), frame.whole());
        }
    }
}
