//! What it costs to split and to merge the packets of a TCP stream: `cargo bench -p adit-provider`.

#![allow(clippy::expect_used, reason = "a panic is how a benchmark reports")]

use std::{fs::File, os::fd::OwnedFd};

use adit_provider::{PacketFlow, protocol::TunDevice};
use divan::{Bencher, counter::ItemsCount};

/// Of a tunnel with MTU 1420.
const MSS: usize = 1380;
/// The most that fit into one packet.
const SEGMENTS: usize = 47;
const HEADERS: usize = 40;

fn main() {
    divan::main();
}

/// What segmentation offload left whole, to where its messages are going to be sealed.
#[divan::bench]
fn split(bencher: Bencher) {
    let flow = flow();
    let whole = super_packet();
    let mut buffers = vec![vec![0; 16 + HEADERS + MSS]; SEGMENTS];
    let mut sizes = vec![0; SEGMENTS];
    bencher.counter(ItemsCount::new(SEGMENTS)).with_inputs(|| whole.clone()).bench_local_refs(
        |whole| flow.segments(0, whole)?.split(&mut buffers, &mut sizes, 16).ok(),
    );
}

/// The same packets as they were received, into one for the system. The write goes nowhere.
#[divan::bench]
fn merge_and_write(bencher: Bencher) {
    let flow = flow();
    let mut packets = vec![vec![0; PacketFlow::HEADROOM + HEADERS + MSS]; SEGMENTS];
    let mut sizes = vec![0; SEGMENTS];
    let mut whole = super_packet();
    let segments = flow.segments(0, &mut whole).expect("a sound packet");
    segments.split(&mut packets, &mut sizes, PacketFlow::HEADROOM).expect("room for all");
    bencher
        .counter(ItemsCount::new(SEGMENTS))
        .with_inputs(|| packets.clone())
        .bench_local_refs(|packets| flow.write(0, packets, PacketFlow::HEADROOM));
    assert_eq!(flow.dropped(), 0);
}

/// A device with all offloads that swallows what is written.
fn flow() -> PacketFlow {
    let sink = File::options().read(true).write(true).open("/dev/null").expect("/dev/null");
    let device = TunDevice { queues: vec![0], vnet_header: true, tso: true, uso: true };
    PacketFlow::new(&device, vec![OwnedFd::from(sink)]).expect("a device with one queue")
}

/// With its virtio header, as a TUN device gives it.
fn super_packet() -> Vec<u8> {
    let mut message = vec![0; PacketFlow::HEADROOM + HEADERS + SEGMENTS * MSS];
    let mss = u16::try_from(MSS).expect("a segment").to_le_bytes();
    // The checksum is to be completed, TCP over IPv4, length of headers, MSS, where the checksum begins and lies.
    message[..10].copy_from_slice(&[1, 1, 40, 0, mss[0], mss[1], 20, 0, 16, 0]);
    let packet = &mut message[PacketFlow::HEADROOM..];
    let length = u16::try_from(packet.len()).expect("a packet").to_be_bytes();
    packet[..4].copy_from_slice(&[0x45, 0, length[0], length[1]]);
    packet[6..10].copy_from_slice(&[0x40, 0, 64, 6]);
    packet[12..20].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
    packet[32..34].copy_from_slice(&[0x50, 0x10]);
    message
}
