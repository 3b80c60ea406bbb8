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

/// Splits a message, a virtio header and a packet, into the packets that go over the network.
pub(super) fn split<B: AsRef<[u8]> + AsMut<[u8]>>(
    message: &mut [u8],
    buffers: &mut [B],
    sizes: &mut [usize],
    offset: usize,
) -> io::Result<usize> {
    let (header, packet) = message
        .split_at_mut_checked(VIRTIO_NET_HDR_LEN)
        .ok_or_else(|| invalid("a message without its virtio header"))?;
    let mut header = VirtioNetHdr::decode(header)?;
    if header.gso_type == GSO_NONE {
        if header.flags & NEEDS_CHECKSUM != 0 {
            complete_checksum(packet, header.csum_start, header.csum_offset)?;
        }
        return copy(packet, buffers, sizes, offset);
    }
    // On the forwarding path the kernel's own value may be that of the whole first segment.
    header.hdr_len = header
        .csum_start
        .checked_add(transport_header(header, packet)?)
        .ok_or_else(|| invalid("a header longer than any packet"))?;
    let is_ipv6 = packet.first().is_some_and(|first| first >> 4 == 6);
    tun_rs::gso_split(packet, header, buffers, sizes, offset, is_ipv6)
}

/// Takes a packet as it is.
pub(super) fn copy<B: AsRef<[u8]> + AsMut<[u8]>>(
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
