//! From the system to the network: TUN device, sealing, UDP.

use std::{io::ErrorKind, time::Instant};

use adit_provider::PacketFlow;

use crate::{
    outbox::Outbox,
    peer::{DATA_OVERHEAD, INITIATION},
    plane::{Plane, Turn},
    status::DropCause,
    stop::Waited,
};

/// Small packets are gathered up to this many before they are sent.
const BATCH: usize = 256;

/// A read that yields this many was a super-packet: it is sent on while the kernel fills the next.
const SUPER_PACKET: usize = 16;

/// Carries the packets of one queue until the engine ends.
pub(crate) fn run(plane: &Plane, queue: usize) {
    let mut batch = Batch::new();
    let mut outbox = Outbox::new();
    let Some(fd) = plane.flow.queues().nth(queue) else { return };
    loop {
        match gather(plane, queue, &mut batch, &mut outbox) {
            Ok(Gathered::Full) => outbox.flush(&plane.ports, &plane.drops, &plane.stop),
            Ok(Gathered::Drained) => {
                outbox.flush(&plane.ports, &plane.drops, &plane.stop);
                if plane.stop.wait_readable(fd) == Waited::Stopped {
                    return;
                }
            }
            Err(error) => {
                tracing::error!(%error, "the virtual interface cannot be read");
                return plane.fail(format!("The tunnel's interface is gone ({error})."));
            }
        }
    }
}

enum Gathered {
    Full,
    Drained,
}

/// Where packets lie between reading and sealing.
struct Batch {
    buffers: Vec<Vec<u8>>,
    sizes: Vec<usize>,
}

impl Batch {
    /// Zeroed memory is not there before it is touched, so that large buffers cost nothing.
    fn new() -> Self {
        let buffer = || vec![0; PacketFlow::MAX_PACKET];
        Self {
            buffers: std::iter::repeat_with(buffer).take(PacketFlow::MAX_BATCH).collect(),
            sizes: vec![0; PacketFlow::MAX_BATCH],
        }
    }

    fn packets(&self, count: usize) -> impl Iterator<Item = &[u8]> {
        self.buffers.iter().zip(&self.sizes).take(count).map(|(buffer, size)| &buffer[..*size])
    }
}

fn gather(
    plane: &Plane,
    queue: usize,
    batch: &mut Batch,
    outbox: &mut Outbox,
) -> std::io::Result<Gathered> {
    let mut gathered = 0;
    while gathered < BATCH {
        let count = match plane.flow.read(queue, &mut batch.buffers, &mut batch.sizes, 0) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Gathered::Drained),
            Err(error) => return Err(error),
        };
        seal(plane, batch.packets(count), outbox);
        // A packet of no use counts as well, lest a flood of them keep the others waiting.
        gathered += count.max(1);
        if count >= SUPER_PACKET {
            break;
        }
    }
    Ok(Gathered::Full)
}

fn seal<'a>(plane: &Plane, packets: impl Iterator<Item = &'a [u8]>, outbox: &mut Outbox) {
    let now = Instant::now();
    let mut turn = Turn::new(plane);
    for packet in packets {
        let peer = match plane.route(packet) {
            Ok(peer) => peer,
            Err(cause) => {
                plane.drops.count(cause, 1);
                continue;
            }
        };
        if !outbox.has_room_for((packet.len() + DATA_OVERHEAD).max(INITIATION)) {
            turn.end();
            outbox.flush(&plane.ports, &plane.drops, &plane.stop);
        }
        let state = turn.with(peer, now);
        let Some(endpoint) = state.endpoint() else {
            plane.drops.count(DropCause::NoEndpoint, 1);
            continue;
        };
        if let Some(length) = state.seal(packet, outbox.space(), now) {
            outbox.push(length, endpoint);
        }
    }
}
