//! From the system to the network: TUN device, sealing, UDP.
//!
//! Packets are put where they will be sent from, and sealed there. What segmentation offload left
//! whole becomes datagrams that lie end to end and leave in one system call.

use std::{
    io::{self, ErrorKind},
    time::Instant,
};

use adit_provider::{PacketFlow, Segments};

use crate::{
    backlog::Backlog,
    message::DATA_HEADER,
    outbox::Outbox,
    peer::{Sending, Unsendable},
    plane::Plane,
    session::sealed_length,
    status::DropCause,
    stop::Waited,
};

/// Small packets are gathered up to this many before they are sent, and as many messages are read
/// before it is time to send again.
const BATCH: usize = 256;

/// A message of this many packets is a super-packet: it is sent on while the kernel fills the next.
const SUPER_PACKET: usize = 16;

/// Carries the packets of one queue until the engine ends.
pub(crate) fn run(plane: &Plane, queue: usize) {
    let mut uplink = Uplink::new(plane, queue);
    let Some(fd) = plane.flow.queues().nth(queue) else { return };
    loop {
        let read = uplink.read();
        uplink.send();
        match read {
            Ok(Read::Drained) if uplink.backlog.is_empty() => {
                if plane.stop.wait_readable(fd) == Waited::Stopped {
                    return;
                }
            }
            Ok(Read::Drained | Read::Enough) => {
                if plane.stop.is_raised() {
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

enum Read {
    Enough,
    Drained,
}

struct Uplink<'a> {
    plane: &'a Plane,
    queue: usize,
    backlog: Backlog,
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
    fn new(plane: &'a Plane, queue: usize) -> Self {
        Self {
            plane,
            queue,
            backlog: Backlog::new(),
            raw: vec![0; PacketFlow::RAW],
            sizes: vec![0; PacketFlow::MAX_BATCH],
            outbox: Outbox::new(),
            leg: None,
            now: Instant::now(),
        }
    }

    /// Reads what the system has to send, so that it does not wait in one line in the device.
    fn read(&mut self) -> io::Result<Read> {
        self.now = Instant::now();
        let flow = &self.plane.flow;
        for _ in 0..BATCH {
            match flow.read_message(self.queue, &mut self.raw) {
                Ok(length) => {
                    let packet = flow.packet_offset(self.queue)..length;
                    self.backlog.push(&mut self.raw, length, packet);
                    self.shed();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Read::Drained),
                Err(error) => return Err(error),
            }
        }
        Ok(Read::Enough)
    }

    fn shed(&mut self) {
        while let Some(mut message) = self.backlog.shed() {
            let segments = self.plane.flow.segments(self.queue, message.bytes_mut());
            let count = segments.map_or(1, |segments| segments.count());
            self.plane.drops.count(DropCause::Congested, count);
            self.backlog.recycle(message);
        }
    }

    /// Seals and sends what waits, up to a batch.
    fn send(&mut self) {
        let mut gathered = 0;
        while gathered < BATCH
            && let Some(mut message) = self.backlog.pop()
        {
            let count = self.seal_message(message.bytes_mut());
            self.backlog.recycle(message);
            gathered += count;
            if count >= SUPER_PACKET {
                break;
            }
        }
        self.flush();
    }

    /// Seals the packets of a message, and returns how many there are.
    fn seal_message(&mut self, message: &mut [u8]) -> usize {
        let Some(segments) = self.plane.flow.segments(self.queue, message) else { return 1 };
        let count = segments.count();
        if let Err(cause) = self.seal(segments) {
            self.plane.drops.count(cause, count);
        }
        count
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
            let sizes = &mut self.sizes[..count];
            let session = &leg.sending.session;
            leg.bytes += self.plane.seal(session, first, space, stride, sizes);
            for length in sizes {
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
