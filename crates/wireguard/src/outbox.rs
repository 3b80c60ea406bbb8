//! Sealed datagrams on their way to the network.

use std::net::SocketAddr;

use crate::{
    status::{DropCause, Drops},
    stop::Stop,
    udp::UdpPort,
};

/// Bytes that are gathered before a system call.
const CAPACITY: usize = 256 * 1024;

/// What fits into one UDP datagram, RFC 768.
const MAX_RUN: usize = 65_507;

/// Datagrams end to end. Those of one size to one destination leave in one system call.
#[derive(Debug)]
pub(crate) struct Outbox {
    buffer: Vec<u8>,
    filled: usize,
    runs: Vec<Run>,
}

/// Neighbours of one size; only the last may be shorter, and then nothing follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    destination: SocketAddr,
    start: usize,
    end: usize,
    segment: usize,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self { buffer: vec![0; CAPACITY], filled: 0, runs: Vec::with_capacity(64) }
    }

    /// Whether datagrams of this size in all can be added before the next flush.
    pub(crate) fn has_room_for(&self, length: usize) -> bool {
        self.buffer.len() - self.filled >= length
    }

    /// Where the next datagram is written.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        &mut self.buffer[self.filled..]
    }

    /// Adds the first `length` bytes of the space.
    pub(crate) fn push(&mut self, length: usize, destination: SocketAddr) {
        let start = self.filled;
        self.filled += length;
        match self.runs.last_mut() {
            Some(run) if run.takes(length, destination) => run.end = self.filled,
            Some(_) | None => {
                self.runs.push(Run { destination, start, end: self.filled, segment: length });
            }
        }
    }

    /// Sends everything.
    pub(crate) fn flush(&mut self, ports: &[UdpPort], drops: &Drops, stop: &Stop) {
        for run in self.runs.drain(..) {
            let datagrams = &self.buffer[run.start..run.end];
            let Some(port) = ports.iter().find(|port| port.serves(run.destination)) else {
                drops.count(DropCause::NotSent, run.datagrams());
                continue;
            };
            for part in datagrams.chunks(port.max_segments() * run.segment) {
                let lost = port.send(part, run.segment, run.destination, stop);
                drops.count(DropCause::NotSent, lost);
            }
        }
        self.filled = 0;
    }
}

impl Run {
    fn takes(&self, length: usize, destination: SocketAddr) -> bool {
        let whole = (self.end - self.start).is_multiple_of(self.segment);
        whole
            && length <= self.segment
            && destination == self.destination
            && self.end - self.start + length <= MAX_RUN
    }

    fn datagrams(&self) -> usize {
        (self.end - self.start).div_ceil(self.segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_with_its_first_shorter_datagram() {
        let (here, there) = (addr(1), addr(2));
        let mut outbox = Outbox::new();
        for (length, destination) in
            [(100, here), (100, here), (60, here), (60, here), (100, here), (100, there)]
        {
            outbox.push(length, destination);
        }
        let runs =
            outbox.runs.iter().map(|run| (run.segment, run.end - run.start, run.destination));
        assert_eq!(
            runs.collect::<Vec<_>>(),
            [(100, 260, here), (60, 60, here), (100, 100, here), (100, 100, there)]
        );
    }

    #[test]
    fn a_run_fits_into_one_call() {
        let mut outbox = Outbox::new();
        for _ in 0..50 {
            outbox.push(1452, addr(1));
        }
        assert!(outbox.runs.iter().all(|run| run.end - run.start <= MAX_RUN));
        assert_eq!(outbox.runs.iter().map(Run::datagrams).sum::<usize>(), 50);
    }

    fn addr(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }
}
