//! Packets that are merged for the system and split by it are what they were.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test reports")]

use std::{net::IpAddr, os::unix::net::UnixDatagram};

use adit_provider::{PacketFlow, protocol::TunDevice};
use proptest::prelude::*;

const TCP: u8 = 6;
const UDP: u8 = 17;
const PUSH: u8 = 0x18;
const ACK: u8 = 0x10;

proptest! {
    // spec: FLOW-6
    #[test]
    fn each_flow_arrives_unchanged_and_in_order(
        steps in proptest::collection::vec(step(), 1..10),
    ) {
        let (system, fd) = UnixDatagram::pair().unwrap();
        system.set_nonblocking(true).unwrap();
        let tun = TunDevice { queues: vec![0], vnet_header: true, tso: true, uso: true };
        let flow = PacketFlow::new(&tun, vec![fd.into()]).unwrap();
        let mut ends = [0; 4];
        let sent: Vec<_> = steps.iter().map(|step| step.packet(&mut ends)).collect();

        let mut buffers: Vec<_> =
            sent.iter().map(|packet| [&[0; PacketFlow::HEADROOM][..], packet].concat()).collect();
        flow.write(0, &mut buffers, PacketFlow::HEADROOM);
        let (mut received, mut message) = (Vec::new(), vec![0; PacketFlow::RAW]);
        while let Ok(length) = system.recv(&mut message) {
            system.send(&message[..length]).unwrap();
            received.extend(read(&flow));
        }
        prop_assert_eq!(flow.dropped(), 0);
        for of in 0..4 {
            let of = |packets: &[Vec<u8>]| -> Vec<Vec<u8>> {
                let of = packets.iter().filter(|packet| flow_of(packet) == of);
                of.map(|packet| without_identification(packet)).collect()
            };
            prop_assert_eq!(of(&received), of(&sent));
        }
    }
}

/// The next packet of one of four flows.
#[derive(Debug, Clone)]
struct Step {
    flow: usize,
    length: usize,
    flags: u8,
    gap: bool,
    damaged: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let length = prop_oneof![6 => Just(100_usize), 1 => Just(0), 1 => 1_usize..200];
    let flags = prop_oneof![6 => Just(ACK), 1 => Just(PUSH), 1 => any::<u8>()];
    let rarely = || prop::bool::weighted(0.1);
    (0..4_usize, length, flags, rarely(), rarely())
        .prop_map(|(flow, length, flags, gap, damaged)| Step { flow, length, flags, gap, damaged })
}

impl Step {
    /// `ends`: how far each flow's sequence went.
    fn packet(&self, ends: &mut [u32; 4]) -> Vec<u8> {
        let (protocol, is_ipv6) = ([TCP, UDP][self.flow % 2], self.flow / 2 == 1);
        let end = &mut ends[self.flow];
        let sequence = *end + u32::from(self.gap);
        *end = sequence + u32::try_from(self.length).unwrap();

        let mut transport = vec![0, u8::try_from(self.flow).unwrap(), 0, 9];
        let checksum = if protocol == TCP {
            transport.extend(sequence.to_be_bytes());
            transport.extend([0, 0, 0, 1, 0x50, self.flags, 0xff, 0xff, 0, 0, 0, 0]);
            16
        } else {
            transport.extend(u16::try_from(8 + self.length).unwrap().to_be_bytes());
            transport.extend([0, 0]);
            6
        };
        transport.extend((0..self.length).map(|at| at.to_le_bytes()[0]));
        let length = u16::try_from(transport.len()).unwrap();
        let mut packet = if is_ipv6 { vec![0x60, 0, 0, 0] } else { vec![0x45, 0] };
        let ends: [IpAddr; 2] = if is_ipv6 {
            packet.extend(length.to_be_bytes());
            packet.extend([protocol, 64]);
            ["fd00::1", "fd00::2"].map(|address| address.parse().unwrap())
        } else {
            packet.extend((20 + length).to_be_bytes());
            packet.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
            ["10.0.0.1", "10.0.0.2"].map(|address| address.parse().unwrap())
        };
        let addresses = ends.map(|address| match address {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        });
        packet.extend(addresses.concat());
        if !is_ipv6 {
            let sum = checksum_of(sum(&packet));
            packet[10..12].copy_from_slice(&sum);
        }
        let pseudo = u32::from(protocol) + u32::from(length) + sum(&addresses.concat());
        let sum = checksum_of(sum(&transport) + pseudo);
        transport[checksum..checksum + 2].copy_from_slice(&sum);
        transport[checksum] ^= if self.damaged { 0x55 } else { 0 };
        [packet, transport].concat()
    }
}

fn read(flow: &PacketFlow) -> Vec<Vec<u8>> {
    let (mut buffers, mut sizes) = (vec![vec![0; 4096]; 16], vec![0; 16]);
    let count = flow.read(0, &mut buffers, &mut sizes, 0).unwrap();
    let packets = buffers.into_iter().zip(sizes).take(count);
    packets.map(|(packet, size)| packet[..size].to_vec()).collect()
}

fn flow_of(packet: &[u8]) -> usize {
    let transport = if packet[0] >> 4 == 6 { 40 } else { 20 };
    packet[transport + 1].into()
}

/// Segmentation numbers IPv4 packets anew, which changes their header's checksum as well.
fn without_identification(packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    if packet[0] >> 4 == 4 {
        packet[4..6].fill(0);
        packet[10..12].fill(0);
    }
    packet
}

fn sum(bytes: &[u8]) -> u32 {
    let words = bytes.chunks(2);
    words.map(|word| u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0))).sum()
}

fn checksum_of(mut sum: u32) -> [u8; 2] {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!u16::try_from(sum).unwrap()).to_be_bytes()
}
