//! What a packet passes through, piece by piece, for `benches/`. It is no part of the interface.

use std::{net::IpAddr, time::Instant};

use ipnet::IpNet;

use crate::{
    allowed_ips::AllowedIps,
    crew::Crew,
    handshake::{Agreement, Role},
    session::{Session, sealed_length},
};

/// One end of a session.
pub struct End {
    session: Session,
    now: Instant,
}

impl End {
    /// Both ends of a session; `None` if the library refuses the keys, which it does not.
    #[must_use]
    pub fn pair() -> Option<(Self, Self)> {
        let now = Instant::now();
        let end = |role, local, remote, sealing: u8, opening: u8| {
            let (sealing, opening) = ([sealing; 32].into(), [opening; 32].into());
            let agreement = Agreement { role, local, remote, sealing, opening };
            Session::new(&agreement, now).map(|session| Self { session, now })
        };
        Some((end(Role::Initiator, 1, 2, 1, 2)?, end(Role::Responder, 2, 1, 2, 1)?))
    }

    /// The length of the message for a content of `length` bytes, if packets are meant to have that.
    #[must_use]
    pub fn sealed_length(length: usize) -> usize {
        sealed_length(length, length)
    }

    /// Seals messages that lie end to end, each of `stride` bytes. Returns whether it was done.
    pub fn seal(&self, messages: &mut [u8], stride: usize) -> bool {
        let length = stride - Self::sealed_length(0);
        let Some(first) = self.session.reserve(messages.len() / stride, self.now) else {
            return false;
        };
        let mut messages = messages.chunks_exact_mut(stride).zip(first..);
        messages.all(|(message, counter)| self.session.seal(counter, message, length))
    }

    /// Opens a message and returns its counter; `None` if it is not authentic.
    pub fn open(&self, message: &mut [u8]) -> Option<u64> {
        self.session.open(message).map(|content| content.counter)
    }

    /// Admits messages of these counters, and returns how many were new.
    pub fn admit(&self, counters: impl Iterator<Item = u64>) -> usize {
        self.session.admitting(|window| counters.filter(|counter| window.admit(*counter)).count())
    }
}

/// A thread that seals, and others that help it.
#[derive(Debug)]
pub struct Team(Crew);

impl Team {
    /// With so many others.
    #[must_use]
    pub fn new(others: usize) -> Self {
        Self(Crew::new(others))
    }

    /// As [`End::seal`]. Returns when all is done.
    pub fn seal(&self, end: &End, messages: &mut [u8], stride: usize) -> bool {
        let length = stride - End::sealed_length(0);
        let Some(first) = end.session.reserve(messages.len() / stride, end.now) else {
            return false;
        };
        let batch = messages.chunks_exact_mut(stride).zip(first..);
        self.0.divide(batch.collect(), |(message, counter)| {
            end.session.seal(counter, message, length);
        });
        true
    }

    /// What is left of that without any work.
    pub fn fork_and_join(&self, packets: usize) {
        self.0.divide(vec![(); packets], drop);
    }
}

/// Which peer an address belongs to.
#[derive(Debug, Default)]
pub struct Routes(AllowedIps);

impl Routes {
    /// A table of networks and their peers.
    #[must_use]
    pub fn new(networks: impl Iterator<Item = (IpNet, usize)>) -> Self {
        let mut table = AllowedIps::default();
        networks.for_each(|(network, peer)| table.insert(network, peer));
        Self(table)
    }

    /// The peer with the longest match.
    #[must_use]
    pub fn peer(&self, address: IpAddr) -> Option<usize> {
        self.0.peer(address)
    }
}
