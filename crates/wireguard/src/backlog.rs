//! What the system has to send and is not sealed yet.
//!
//! The device is read until it is empty, so that a burst does not overflow it, and what was read waits
//! here: each flow gets its share, and one that sends little does not wait behind one that sends much
//! (RFC 8290, section 4). The backlog is bounded; what is too much goes from the head of the flow with
//! most, where its sender learns of it soonest.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
};

use adit_provider::PacketFlow;

/// Bytes that may wait: what a core seals in less than a millisecond, and what its cache holds.
const MAX_BYTES: usize = 512 << 10;

/// Messages that may wait.
const MAX_MESSAGES: usize = 512;

/// Flows that are told apart; more share.
const FLOWS: usize = 256;

/// What a flow may send before it is another's turn, in bytes.
const QUANTUM: isize = 16 * 1024;

/// Protocols whose headers begin with two ports.
const TCP: u8 = 6;
const UDP: u8 = 17;

/// What fits into a small buffer. Nearly everything that is not a super-packet does.
const SMALL: usize = 2048;

/// Buffers for super-packets that are kept for later ones.
const SPARE_LARGE: usize = 12;

/// One message of the TUN device.
#[derive(Debug)]
pub(crate) struct Message {
    buffer: Vec<u8>,
    length: usize,
}

/// Messages that wait, in fair order.
#[derive(Debug)]
pub(crate) struct Backlog {
    flows: Vec<Flow>,
    /// Flows that had nothing waiting: their first share comes before the others'.
    fresh: VecDeque<usize>,
    /// Flows that had their first share, in turn.
    seasoned: VecDeque<usize>,
    bytes: usize,
    messages: usize,
    spare: Spare,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Flow {
    waiting: VecDeque<Message>,
    bytes: usize,
    /// What it may still send in its turn; negative if the last message was more than that.
    credit: isize,
    /// In one of the two lists.
    listed: bool,
}

/// Buffers in stock, so that none is allocated for a packet.
#[derive(Debug, Default)]
struct Spare {
    small: Vec<Vec<u8>>,
    large: Vec<Vec<u8>>,
}

impl Message {
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[..self.length]
    }
}

impl Backlog {
    pub(crate) fn new() -> Self {
        let mut flows = Vec::new();
        flows.resize_with(FLOWS, Flow::default);
        Self {
            flows,
            fresh: VecDeque::new(),
            seasoned: VecDeque::new(),
            bytes: 0,
            messages: 0,
            spare: Spare::default(),
            hasher: RandomState::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// Adds a message that was just read: the first `length` bytes of `raw`, of which `packet` is the
    /// packet. `raw` may be another buffer afterwards.
    pub(crate) fn push(
        &mut self,
        raw: &mut Vec<u8>,
        length: usize,
        packet: std::ops::Range<usize>,
    ) {
        let index = self.flow_of(raw.get(packet).unwrap_or_default());
        let message = self.spare.take_from(raw, length);
        self.bytes += length;
        self.messages += 1;
        let flow = &mut self.flows[index];
        flow.bytes += length;
        flow.waiting.push_back(message);
        if !flow.listed {
            flow.listed = true;
            flow.credit = QUANTUM;
            self.fresh.push_back(index);
        }
    }

    /// The next message in fair order.
    pub(crate) fn pop(&mut self) -> Option<Message> {
        loop {
            let is_fresh = !self.fresh.is_empty();
            let list = if is_fresh { &mut self.fresh } else { &mut self.seasoned };
            let index = *list.front()?;
            let flow = &mut self.flows[index];
            if flow.credit <= 0 {
                flow.credit += QUANTUM;
                list.pop_front();
                self.seasoned.push_back(index);
                continue;
            }
            if let Some(message) = flow.waiting.pop_front() {
                flow.credit -= message.length.cast_signed();
                flow.bytes -= message.length;
                self.bytes -= message.length;
                self.messages -= 1;
                return Some(message);
            }
            list.pop_front();
            if is_fresh {
                // Once more in the other list, lest it stay ahead of all by sending bit by bit.
                self.seasoned.push_back(index);
            } else {
                flow.listed = false;
            }
        }
    }

    /// Takes away a message if there are too many.
    pub(crate) fn shed(&mut self) -> Option<Message> {
        if self.bytes <= MAX_BYTES && self.messages <= MAX_MESSAGES {
            return None;
        }
        let fattest = self.flows.iter_mut().max_by_key(|flow| flow.bytes)?;
        let message = fattest.waiting.pop_front()?;
        fattest.bytes -= message.length;
        self.bytes -= message.length;
        self.messages -= 1;
        Some(message)
    }

    /// Takes a buffer back.
    pub(crate) fn recycle(&mut self, message: Message) {
        self.spare.put(message.buffer);
    }

    /// By addresses, protocol and ports; fragments have no ports, and those of a packet stay together.
    fn flow_of(&self, packet: &[u8]) -> usize {
        let (protocol, addresses, header) = match packet.first().map(|first| first >> 4) {
            Some(4) => {
                let is_fragment =
                    packet.get(6..8).is_some_and(|at| at[0] & 0x3f != 0 || at[1] != 0);
                let header = usize::from(packet[0] & 15) * 4;
                (packet.get(9), packet.get(12..20), Some(header).filter(|_| !is_fragment))
            }
            Some(6) => (packet.get(6), packet.get(8..40), Some(40)),
            Some(_) | None => (None, None, None),
        };
        let ports = header
            .filter(|_| protocol.is_some_and(|protocol| [TCP, UDP].contains(protocol)))
            .and_then(|header| packet.get(header..header + 4));
        let hash = self.hasher.hash_one((protocol, addresses, ports));
        usize::try_from(hash % FLOWS as u64).unwrap_or_default()
    }
}

impl Spare {
    /// The first `length` bytes of `raw`, without copying if they are many.
    fn take_from(&mut self, raw: &mut Vec<u8>, length: usize) -> Message {
        if length > SMALL {
            let next = self.large.pop().unwrap_or_else(|| vec![0; PacketFlow::RAW]);
            return Message { buffer: std::mem::replace(raw, next), length };
        }
        let mut buffer = self.small.pop().unwrap_or_else(|| vec![0; SMALL]);
        buffer[..length].copy_from_slice(&raw[..length]);
        Message { buffer, length }
    }

    fn put(&mut self, buffer: Vec<u8>) {
        if buffer.len() == SMALL {
            self.small.push(buffer);
        } else if self.large.len() < SPARE_LARGE {
            self.large.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_that_sends_little_does_not_wait_behind_one_that_sends_much() {
        let mut backlog = Backlog::new();
        for number in 0..10 {
            push(&mut backlog, 1, number, 60_000);
        }
        assert_eq!(pop(&mut backlog), Some((1, 0)));
        push(&mut backlog, 2, 0, 100);
        push(&mut backlog, 2, 1, 100);
        assert_eq!(pop(&mut backlog), Some((2, 0)));
        assert_eq!(pop(&mut backlog), Some((2, 1)));
        assert_eq!(pop(&mut backlog), Some((1, 1)));
    }

    #[test]
    fn flows_that_send_much_take_turns_and_keep_their_order() {
        let mut backlog = Backlog::new();
        for flow in [1, 2, 3] {
            for number in 0..4 {
                push(&mut backlog, flow, number, 60_000);
            }
        }
        let order: Vec<_> = std::iter::from_fn(|| pop(&mut backlog)).collect();
        for turn in order.chunks(3) {
            let mut flows: Vec<u8> = turn.iter().map(|(flow, _)| *flow).collect();
            flows.sort_unstable();
            assert_eq!(flows, [1, 2, 3], "{order:?}");
        }
        for flow in [1, 2, 3] {
            let numbers = order.iter().filter(|(of, _)| *of == flow).map(|(_, number)| *number);
            assert!(numbers.eq(0..4));
        }
        assert!(backlog.is_empty());
    }

    #[test]
    fn a_share_is_counted_in_bytes() {
        let mut backlog = Backlog::new();
        for number in 0..100 {
            push(&mut backlog, 1, number, 1000);
        }
        for number in 0..3 {
            push(&mut backlog, 2, number, 60_000);
        }
        let first: Vec<_> = std::iter::from_fn(|| pop(&mut backlog)).take(80).collect();
        let large = first.iter().filter(|(flow, _)| *flow == 2).count();
        assert!((1..=2).contains(&large), "{first:?}");
    }

    #[test]
    fn too_much_is_shed_from_the_flow_with_most_and_from_its_head() {
        let mut backlog = Backlog::new();
        push(&mut backlog, 2, 0, 1500);
        for number in 0..30 {
            push(&mut backlog, 1, number, 60_000);
        }
        let shed: Vec<_> = std::iter::from_fn(|| backlog.shed().as_ref().map(read)).collect();
        let kept = (MAX_BYTES - 1500) / 60_000;
        assert_eq!(shed.len(), 30 - kept);
        assert!(shed.iter().zip(0..).all(|(message, number)| *message == (1, number)));
        assert_eq!(pop(&mut backlog), Some((2, 0)));
        assert_eq!(std::iter::from_fn(|| pop(&mut backlog)).count(), kept);
    }

    #[test]
    fn small_messages_are_bounded_by_their_number() {
        let mut backlog = Backlog::new();
        for _ in 0..=MAX_MESSAGES {
            push(&mut backlog, 1, 0, 64);
        }
        assert!(backlog.shed().is_some());
        assert!(backlog.shed().is_none());
    }

    #[test]
    fn fragments_of_a_packet_are_of_one_flow() {
        let backlog = Backlog::new();
        let whole = packet(7, 0, 100);
        let (mut first, mut second) = (whole.clone(), whole.clone());
        first[6] = 0x20;
        second[7] = 10;
        second[20..24].fill(0xee);
        assert_eq!(backlog.flow_of(&first), backlog.flow_of(&second));
        for short in 0..whole.len() {
            backlog.flow_of(&whole[..short]);
        }
    }

    /// A packet of UDP, its flow in the source port and a number behind the header.
    fn packet(flow: u8, number: u8, length: usize) -> Vec<u8> {
        let mut packet = vec![0; length];
        packet[0] = 0x45;
        packet[9] = 17;
        packet[20] = flow;
        packet[28] = number;
        packet
    }

    fn push(backlog: &mut Backlog, flow: u8, number: u8, length: usize) {
        let mut raw = packet(flow, number, length);
        raw.resize(PacketFlow::RAW, 0);
        backlog.push(&mut raw, length, 0..length);
        assert_eq!(raw.len(), PacketFlow::RAW);
    }

    fn pop(backlog: &mut Backlog) -> Option<(u8, u8)> {
        let message = backlog.pop()?;
        let read = read(&message);
        backlog.recycle(message);
        Some(read)
    }

    fn read(message: &Message) -> (u8, u8) {
        (message.buffer[20], message.buffer[28])
    }
}
