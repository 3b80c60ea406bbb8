//! From the system to the network: TUN device, sealing, UDP.
//!
//! Packets are put where they will be sent from, and sealed there. What segmentation offload left
//! whole becomes datagrams that lie end to end and leave in one system call.

use std::{io::ErrorKind, time::Instant};

use adit_provider::{PacketFlow, Segments};

use crate::{
    message::DATA_HEADER,
    outbox::Outbox,
    peer::{Sending, Unsendable},
    plane::Plane,
    session::sealed_length,
    status::DropCause,
    stop::Waited,
};

/// Small packets are gathered up to this many before they are sent.
const BATCH: usize = 256;

/// A read that yields this many was a super-packet: it is sent on while the kernel fills the next.
const SUPER_PACKET: usize = 16;

/// Carries the packets of one queue until the engine ends.
pub(crate) fn run(plane: &Plane, queue: usize) {
    let mut uplink = Uplink::new(plane);
    let Some(fd) = plane.flow.queues().nth(queue) else { return };
    loop {
        let gathered = uplink.gather(queue);
        uplink.flush();
        match gathered {
            Ok(Gathered::Full) => {}
            Ok(Gathered::Drained) => {
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

struct Uplink<'a> {
    plane: &'a Plane,
    raw: Vec<u8>,
    sizes: Vec<usize>,
    outbox: Outbox,
    /// To whom the latest packets of the batch go.
    leg: Option<Leg>,
    now: Instant,
}

/// What of a batch goes to one peer.
struct Leg {
    peer: usize,
    sending: Sending,
    bytes: usize,
}

impl<'a> Uplink<'a> {
    fn new(plane: &'a Plane) -> Self {
        Self {
            plane,
            raw: vec![0; PacketFlow::RAW],
            sizes: vec![0; PacketFlow::MAX_BATCH],
            outbox: Outbox::new(),
            leg: None,
            now: Instant::now(),
        }
    }

    /// Seals what the system has to send, up to a batch.
    fn gather(&mut self, queue: usize) -> std::io::Result<Gathered> {
        self.now = Instant::now();
        let mut raw = std::mem::take(&mut self.raw);
        let mut gathered = 0;
        let result = loop {
            match self.plane.flow.receive(queue, &mut raw) {
                Ok(Some(segments)) => {
                    let count = segments.count();
                    gathered += count;
                    if let Err(cause) = self.seal(segments) {
                        self.plane.drops.count(cause, count);
                    }
                    if gathered >= BATCH || count >= SUPER_PACKET {
                        break Ok(Gathered::Full);
                    }
                }
                // A packet of no use counts, lest a flood of them keep the others waiting.
                Ok(None) => gathered += 1,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    break Ok(Gathered::Drained);
                }
                Err(error) => break Err(error),
            }
        };
        self.raw = raw;
        result
    }

    /// Sends what is sealed.
    fn flush(&mut self) {
        if let Some(leg) = self.leg.take() {
            self.end(&leg);
        }
        self.outbox.flush(&self.plane.ports, &self.plane.drops, &self.plane.stop);
    }

    fn seal(&mut self, segments: Segments<'_>) -> Result<(), DropCause> {
        let peer = self.plane.route(segments.packet())?;
        let (count, mtu) = (segments.count(), self.plane.mtu());
        let stride = sealed_length(segments.longest(), mtu);
        if count > self.sizes.len() {
            return Err(DropCause::Interface);
        }
        if !self.outbox.has_room_for(count * stride) {
            self.flush();
        }
        let Some(mut leg) = self.leg_to(peer)? else { return self.keep(peer, segments) };
        let Some(first) = leg.sending.session.reserve(count, self.now) else {
            self.end(&leg);
            return self.keep(peer, segments);
        };
        let space = &mut self.outbox.space()[..count * stride];
        let split = split(segments, space, stride, &mut self.sizes);
        if split.is_ok() {
            let messages = space.chunks_mut(stride).zip(&mut self.sizes).zip(first..);
            for ((message, length), counter) in messages {
                let sealed = sealed_length(*length, mtu).min(stride);
                leg.sending.session.seal(counter, &mut message[..sealed], *length);
                *length = sealed;
                leg.bytes += sealed;
            }
            for length in &self.sizes[..count] {
                self.outbox.push(*length, leg.sending.endpoint);
            }
        }
        self.leg = Some(leg);
        split
    }

    /// Takes what goes to a peer. `None` without a session.
    fn leg_to(&mut self, peer: usize) -> Result<Option<Leg>, DropCause> {
        if let Some(leg) = self.leg.take_if(|leg| leg.peer == peer) {
            return Ok(Some(leg));
        }
        if let Some(leg) = self.leg.take() {
            self.end(&leg);
        }
        match self.plane.peers[peer].lock().sending(self.now) {
            Ok(sending) => Ok(Some(Leg { peer, sending, bytes: 0 })),
            Err(Unsendable::NoEndpoint) => Err(DropCause::NoEndpoint),
            Err(Unsendable::NoSession) => Ok(None),
        }
    }

    /// Lets packets wait for a session.
    fn keep(&mut self, peer: usize, segments: Segments<'_>) -> Result<(), DropCause> {
        let mut packets = vec![vec![0; segments.longest()]; segments.count()];
        let count =
            segments.split(&mut packets, &mut self.sizes, 0).map_err(|_| DropCause::Interface)?;
        let mut control = self.plane.peers[peer].lock();
        let waiting = packets.iter().zip(&self.sizes).take(count);
        let lost = waiting.filter(|(packet, size)| control.wait(&packet[..**size])).count();
        self.plane.release(control, self.now);
        self.plane.drops.count(DropCause::NoSession, lost);
        Ok(())
    }

    fn end(&self, leg: &Leg) {
        let mut control = self.plane.peers[leg.peer].lock();
        if leg.bytes > 0 {
            control.sent(&leg.sending.session, leg.bytes, self.now);
        }
        self.plane.release(control, self.now);
    }
}

/// Puts packets to where their messages are to be, each after [`DATA_HEADER`] and the messages end to
/// end.
fn split(
    segments: Segments<'_>,
    space: &mut [u8],
    stride: usize,
    sizes: &mut [usize],
) -> Result<(), DropCause> {
    let split = if segments.count() == 1 {
        segments.split(&mut [space], sizes, DATA_HEADER)
    } else {
        let mut messages: Vec<&mut [u8]> = space.chunks_mut(stride).collect();
        segments.split(&mut messages, sizes, DATA_HEADER)
    };
    split.map(drop).map_err(|_| DropCause::Interface)
}
