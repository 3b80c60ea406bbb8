//! What the kernel left undone for whoever reads the TUN device: segmentation and checksums
//! (`struct virtio_net_hdr`, Documentation/networking/tuntap.rst).

use std::io;

use tun_rs::{VIRTIO_NET_HDR_LEN, VirtioNetHdr};

const GSO_NONE: u8 = 0;
const GSO_UDP_L4: u8 = 5;
const NEEDS_CHECKSUM: u8 = 1;
const UDP_HEADER: u16 = 8;
/// Offset of the data offset in a TCP header, RFC 9293 section 3.1.
const TCP_DATA_OFFSET: usize = 12;
const TCP_HEADER: std::ops::RangeInclusive<u16> = 20..=60;

/// A message of the system: one packet, or one that segmentation offload left whole.
#[derive(Debug)]
pub struct Segments<'a> {
    packet: &'a mut [u8],
    /// Absent: it is one packet.
    header: Option<VirtioNetHdr>,
}

impl<'a> Segments<'a> {
    /// A packet as it is.
    pub(super) fn plain(packet: &'a mut [u8]) -> Self {
        Self { packet, header: None }
    }

    /// What a message with a virtio header has after it. A checksum that was left is completed.
    pub(super) fn parse(message: &'a mut [u8]) -> io::Result<Self> {
        let (header, packet) = message
            .split_at_mut_checked(VIRTIO_NET_HDR_LEN)
            .ok_or_else(|| invalid("a message without its virtio header"))?;
        let mut header = VirtioNetHdr::decode(header)?;
        if header.gso_type == GSO_NONE {
            if header.flags & NEEDS_CHECKSUM != 0 {
                complete_checksum(packet, header.csum_start, header.csum_offset)?;
            }
            return Ok(Self::plain(packet));
        }
        // On the forwarding path the kernel's own value may be that of the whole first segment.
        header.hdr_len = header
            .csum_start
            .checked_add(transport_header(header, packet)?)
            .ok_or_else(|| invalid("a header longer than any packet"))?;
        if header.gso_size == 0 || packet.len() <= usize::from(header.hdr_len) {
            return Err(invalid("segments without content"));
        }
        Ok(Self { packet, header: Some(header) })
    }

    /// The packet before it is split. The addresses are those of all segments.
    #[must_use]
    pub fn packet(&self) -> &[u8] {
        self.packet
    }

    /// How many packets it becomes; at least one.
    #[must_use]
    pub fn count(&self) -> usize {
        let Some(header) = self.header else { return 1 };
        let content = self.packet.len() - usize::from(header.hdr_len);
        content.div_ceil(header.gso_size.into())
    }

    /// The length of each packet but the last, which has at most that.
    #[must_use]
    pub fn longest(&self) -> usize {
        let whole = self.packet.len();
        self.header.map_or(whole, |header| {
            whole.min(usize::from(header.hdr_len) + usize::from(header.gso_size))
        })
    }

    /// Puts packet `i` to `offset..offset + sizes[i]` of `buffers[i]`. Returns how many there are.
    ///
    /// # Errors
    ///
    /// The packet is malformed, or a buffer is too small for it.
    pub fn split<B: AsRef<[u8]> + AsMut<[u8]>>(
        self,
        buffers: &mut [B],
        sizes: &mut [usize],
        offset: usize,
    ) -> io::Result<usize> {
        let Some(header) = self.header else { return copy(self.packet, buffers, sizes, offset) };
        let is_ipv6 = self.packet.first().is_some_and(|first| first >> 4 == 6);
        tun_rs::gso_split(self.packet, header, buffers, sizes, offset, is_ipv6)
    }
}

/// Takes a packet as it is.
fn copy<B: AsRef<[u8]> + AsMut<[u8]>>(
    packet: &[u8],
    buffers: &mut [B],
    sizes: &mut [usize],
    offset: usize,
) -> io::Result<usize> {
    let room = buffers
        .first_mut()
        .and_then(|buffer| buffer.as_mut().get_mut(offset..)?.get_mut(..packet.len()));
    let (Some(room), Some(size)) = (room, sizes.first_mut()) else {
        return Err(invalid("a packet larger than its buffer"));
    };
    room.copy_from_slice(packet);
    *size = packet.len();
    Ok(1)
}

fn transport_header(header: VirtioNetHdr, packet: &[u8]) -> io::Result<u16> {
    if header.gso_type == GSO_UDP_L4 {
        return Ok(UDP_HEADER);
    }
    let data_offset = packet
        .get(usize::from(header.csum_start) + TCP_DATA_OFFSET)
        .ok_or_else(|| invalid("a TCP packet without its header"))?;
    let length = u16::from(data_offset >> 4) * 4;
    if !TCP_HEADER.contains(&length) {
        return Err(invalid("a TCP header of impossible length"));
    }
    Ok(length)
}

/// The checksum field holds the sum of the pseudo header; what follows is added (RFC 1071).
fn complete_checksum(packet: &mut [u8], start: u16, offset: u16) -> io::Result<()> {
    let (start, offset) = (usize::from(start), usize::from(offset));
    let covered = packet.get_mut(start..).ok_or_else(|| invalid("a checksum of nothing"))?;
    let field = covered
        .get_mut(offset..offset + 2)
        .ok_or_else(|| invalid("a checksum outside of its packet"))?;
    let pseudo_header = u16::from_be_bytes([field[0], field[1]]);
    field.fill(0);
    let sum = !tun_rs::checksum(covered, u64::from(pseudo_header));
    // A UDP checksum of zero would mean that there is none (RFC 768). For TCP both are the same.
    let sum = if sum == 0 { 0xffff } else { sum };
    covered[offset..offset + 2].copy_from_slice(&sum.to_be_bytes());
    Ok(())
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use crate::{PacketFlow, packet_flow::tests::device};

    const MSS: usize = 1000;
    const TCP: u8 = 6;
    const UDP: u8 = 17;
    const MTU: usize = 65_536;

    // spec: FLOW-6
    #[test]
    fn segments_of_a_flow_are_merged_for_the_system_and_split_again() {
        for (protocol, header) in [(TCP, 40), (UDP, 28)] {
            let (flow, system) = device(true);
            let sent: Vec<Vec<u8>> = (0..5).map(|number| segment(protocol, number)).collect();
            let mut buffers: Vec<Vec<u8>> =
                sent.iter().map(|packet| with_headroom(packet)).collect();
            flow.write(0, &mut buffers, PacketFlow::HEADROOM);
            assert_eq!(flow.dropped(), 0);

            let merged = receive(&system);
            assert_eq!(merged.len(), PacketFlow::HEADROOM + header + 5 * MSS, "one message");
            system.set_nonblocking(true).unwrap();
            assert!(system.recv(&mut [0; 1]).is_err(), "and no other");

            system.send(&merged).unwrap();
            assert_eq!(read(&flow), sent);
        }
    }

    #[test]
    fn packets_of_different_flows_stay_apart_and_in_order() {
        let (flow, system) = device(true);
        let sent = [segment(TCP, 0), segment(UDP, 1), vec![0x45; 20], segment(TCP, 1)];
        let mut buffers: Vec<Vec<u8>> = sent.iter().map(|packet| with_headroom(packet)).collect();
        flow.write(0, &mut buffers, PacketFlow::HEADROOM);
        let mut received = Vec::new();
        for _ in 0..3 {
            system.send(&receive(&system)).unwrap();
            received.extend(read(&flow));
        }
        received.sort();
        let mut expected = sent.to_vec();
        expected.sort();
        assert_eq!(received, expected);
    }

    #[test]
    fn a_checksum_left_to_the_reader_is_completed() {
        let whole = segment(UDP, 3);
        let mut message = vec![0; PacketFlow::HEADROOM];
        (message[0], message[6], message[8]) = (super::NEEDS_CHECKSUM, 20, 6);
        let mut unfinished = whole.clone();
        let pseudo = !checksum(&[], pseudo_header(&whole));
        unfinished[26..28].copy_from_slice(&pseudo.to_be_bytes());
        message.extend(unfinished);
        let (flow, system) = device(true);
        system.send(&message).unwrap();
        assert_eq!(read(&flow), [whole]);
    }

    #[test]
    fn a_message_of_no_use_is_dropped_and_counted() {
        let (flow, system) = device(true);
        let header = |set: &[(usize, u8)]| {
            let mut message = with_headroom(&segment(TCP, 0));
            message[..PacketFlow::HEADROOM].fill(0);
            for (at, value) in set {
                message[*at] = *value;
            }
            message
        };
        let broken = [
            vec![0; 3],
            // A checksum beyond the end.
            header(&[(0, 1), (7, 0xff)]),
            header(&[(0, 1), (6, 20), (9, 0xff)]),
            // Segments without a size, of no known kind, with no transport header.
            header(&[(1, 1), (6, 20), (8, 16)]),
            header(&[(1, 99), (4, 100), (6, 20), (8, 16)]),
            header(&[(1, 1), (4, 100), (7, 0xff), (8, 16)]),
        ];
        for message in &broken {
            system.send(message).unwrap();
            assert_eq!(read(&flow), Vec::<Vec<u8>>::new(), "{:?}", &message[..3]);
        }
        assert_eq!(flow.dropped(), broken.len() as u64);
    }

    fn receive(system: &UnixDatagram) -> Vec<u8> {
        let mut message = vec![0; MTU];
        let length = system.recv(&mut message).unwrap();
        message.truncate(length);
        message
    }

    fn read(flow: &PacketFlow) -> Vec<Vec<u8>> {
        let mut buffers = vec![vec![0; PacketFlow::MAX_PACKET]; 8];
        let mut sizes = vec![0; 8];
        let count = flow.read(0, &mut buffers, &mut sizes, 0).unwrap();
        let packets = buffers.into_iter().zip(sizes).take(count);
        packets.map(|(packet, size)| packet[..size].to_vec()).collect()
    }

    fn with_headroom(packet: &[u8]) -> Vec<u8> {
        let mut buffer = Vec::with_capacity(MTU);
        buffer.resize(PacketFlow::HEADROOM, 0);
        buffer.extend(packet);
        buffer
    }

    /// The segment of a flow with this number, with valid checksums.
    fn segment(protocol: u8, number: u8) -> Vec<u8> {
        let mut transport = vec![0; if protocol == TCP { 20 } else { 8 }];
        transport[..4].copy_from_slice(&[0x10, 0, 0x20, 0]);
        let checksum_at = if protocol == TCP {
            let sequence = u32::from(number) * u32::try_from(MSS).unwrap();
            transport[4..8].copy_from_slice(&sequence.to_be_bytes());
            transport[12..16].copy_from_slice(&[0x50, 0x10, 0xff, 0xff]);
            36
        } else {
            transport[4..6].copy_from_slice(&u16::try_from(8 + MSS).unwrap().to_be_bytes());
            26
        };
        let length = u16::try_from(20 + transport.len() + MSS).unwrap().to_be_bytes();
        let mut packet =
            vec![0x45, 0, length[0], length[1], 0, number, 0x40, 0, 64, protocol, 0, 0];
        packet.extend([10, 0, 0, 1, 10, 0, 0, 2]);
        let sum = checksum(&packet, 0);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        packet.extend(transport);
        packet.extend(std::iter::repeat_n(number, MSS));
        let sum = checksum(&packet[20..], pseudo_header(&packet));
        packet[checksum_at..checksum_at + 2].copy_from_slice(&sum.to_be_bytes());
        packet
    }

    /// RFC 9293 section 3.1.
    fn pseudo_header(packet: &[u8]) -> u32 {
        let transport = u32::try_from(packet.len() - 20).unwrap();
        sum(&packet[12..20]) + u32::from(packet[9]) + transport
    }

    fn checksum(bytes: &[u8], initial: u32) -> u16 {
        let mut sum = sum(bytes) + initial;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !u16::try_from(sum).unwrap()
    }

    fn sum(bytes: &[u8]) -> u32 {
        let words = bytes.chunks(2);
        words.map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0))).sum()
    }
}
