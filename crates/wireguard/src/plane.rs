//! What the threads of an engine share.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, MutexGuard, OnceLock},
    thread::Thread,
    time::Instant,
};

use adit_model::wireguard::Key;
use adit_provider::PacketFlow;
use boringtun::{
    noise::{
        HandshakeInit, Packet, Tunn, TunnResult, handshake::parse_handshake_anon,
        rate_limiter::RateLimiter,
    },
    x25519::PublicKey,
};
use tokio::sync::watch;

use crate::{
    allowed_ips::AllowedIps,
    engine::{Parameters, PeerParameters},
    keys::{PresharedKey, PrivateKey},
    peer::{Peer, PeerState},
    status::{DropCause, Drops},
    stop::Stop,
    udp::UdpPort,
};

/// Handshakes a second before their senders must prove their address (whitepaper, section 5.3).
const HANDSHAKE_LIMIT: u64 = 100;

/// The low bits of a message's index number the sessions of a peer.
const SESSION_BITS: u32 = 8;

pub(crate) struct Plane {
    pub(crate) flow: PacketFlow,
    pub(crate) ports: Vec<UdpPort>,
    pub(crate) peers: Vec<Peer>,
    pub(crate) drops: Drops,
    pub(crate) stop: Stop,
    /// Counts the changes of any peer's liveness, and faults.
    pub(crate) news: watch::Sender<u64>,
    /// Why the engine cannot go on.
    pub(crate) fault: OnceLock<String>,
    /// The thread of the timers, to be woken when a resting peer is used.
    pub(crate) timers: OnceLock<Thread>,
    by_key: HashMap<Key, usize>,
    allowed_ips: AllowedIps,
    private_key: PrivateKey,
    public_key: PublicKey,
    limiter: RateLimiter,
}

/// To whom a message from the network is addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Addressee {
    /// A peer's session or handshake.
    Peer(usize),
    /// Nobody yet; its sender gets a cookie of this length.
    Cookie(usize),
    /// Nobody.
    Dropped(DropCause),
}

impl Plane {
    pub(crate) fn new(
        parameters: Parameters,
        flow: PacketFlow,
        ports: Vec<UdpPort>,
        stop: Stop,
        now: Instant,
    ) -> Self {
        let Parameters { private_key, peers } = parameters;
        let public_key = private_key.to_public();
        // Messages are limited once, before it is known whose they are.
        let unlimited = Arc::new(RateLimiter::new(&public_key, u64::MAX));
        let mut allowed_ips = AllowedIps::default();
        let mut by_key = HashMap::new();
        for (index, peer) in peers.iter().enumerate() {
            by_key.insert(peer.public_key, index);
            for net in &peer.allowed_ips {
                allowed_ips.insert(*net, index);
            }
        }
        let make = |(peer, index): (PeerParameters, u32)| {
            let tunn = Tunn::new(
                private_key.secret().clone(),
                PublicKey::from(*peer.public_key.as_bytes()),
                peer.preshared_key.as_ref().map(PresharedKey::bytes),
                peer.persistent_keepalive,
                index,
                Some(Arc::clone(&unlimited)),
            );
            let PeerParameters { public_key, allowed_ips, persistent_keepalive, endpoint, .. } =
                peer;
            Peer::new(public_key, allowed_ips, persistent_keepalive, endpoint, tunn, now)
        };
        Self {
            flow,
            ports,
            peers: peers.into_iter().zip(0..).map(make).collect(),
            drops: Drops::default(),
            stop,
            news: watch::Sender::new(0),
            fault: OnceLock::new(),
            timers: OnceLock::new(),
            by_key,
            allowed_ips,
            limiter: RateLimiter::new(&public_key, HANDSHAKE_LIMIT),
            private_key,
            public_key,
        }
    }

    /// The peer with this key.
    pub(crate) fn peer(&self, key: &Key) -> Option<usize> {
        self.by_key.get(key).copied()
    }

    /// The peer that a packet of the system goes to.
    pub(crate) fn route(&self, packet: &[u8]) -> Result<usize, DropCause> {
        let destination = Tunn::dst_address(packet).ok_or(DropCause::NotIp)?;
        self.allowed_ips.peer(destination).ok_or(DropCause::NoPeer)
    }

    /// Whether a packet that a peer sent may have this source.
    pub(crate) fn may_send(&self, peer: usize, packet: &[u8]) -> bool {
        source_address(packet).and_then(|source| self.allowed_ips.peer(source)) == Some(peer)
    }

    /// Finds whose a message is. Handshakes are weighed before anything dear is computed for them;
    /// `buffer` takes the cookie.
    pub(crate) fn addressee(
        &self,
        packet: &Packet<'_>,
        message: &[u8],
        source: SocketAddr,
        buffer: &mut [u8],
    ) -> Addressee {
        match packet {
            Packet::HandshakeInit(initiation) => {
                if let Err(addressee) = self.admit(message, source, buffer) {
                    return addressee;
                }
                self.initiator(initiation)
            }
            Packet::HandshakeResponse(response) => {
                if let Err(addressee) = self.admit(message, source, buffer) {
                    return addressee;
                }
                self.indexed(response.receiver_idx)
            }
            Packet::PacketCookieReply(cookie) => self.indexed(cookie.receiver_idx),
            Packet::PacketData(data) => self.indexed(data.receiver_idx),
        }
    }

    /// Sends one message.
    pub(crate) fn send(&self, message: &[u8], destination: SocketAddr) {
        let port = self.ports.iter().find(|port| port.serves(destination));
        let lost =
            port.map_or(1, |port| port.send(message, message.len(), destination, &self.stop));
        self.drops.count(DropCause::NotSent, lost);
    }

    /// Lets go of a peer and tells what happened to it.
    pub(crate) fn release(&self, mut state: MutexGuard<'_, PeerState>) {
        let news = state.take_news();
        drop(state);
        if news {
            self.publish();
        }
    }

    /// Says that no thread carries packets any more.
    pub(crate) fn fail(&self, reason: String) {
        if self.fault.set(reason).is_ok() {
            self.publish();
        }
    }

    fn publish(&self) {
        self.news.send_modify(|count| *count += 1);
    }

    fn admit(
        &self,
        message: &[u8],
        source: SocketAddr,
        buffer: &mut [u8],
    ) -> Result<(), Addressee> {
        self.limiter.reset_count();
        match self.limiter.verify_packet(Some(source.ip()), message, buffer) {
            Ok(_) => Ok(()),
            Err(TunnResult::WriteToNetwork(cookie)) => Err(Addressee::Cookie(cookie.len())),
            Err(_) => Err(Addressee::Dropped(DropCause::Unauthentic)),
        }
    }

    fn initiator(&self, initiation: &HandshakeInit<'_>) -> Addressee {
        parse_handshake_anon(self.private_key.secret(), &self.public_key, initiation)
            .ok()
            .and_then(|half| self.peer(&Key::new(half.peer_static_public)))
            .map_or(Addressee::Dropped(DropCause::Unauthentic), Addressee::Peer)
    }

    fn indexed(&self, receiver: u32) -> Addressee {
        match usize::try_from(receiver >> SESSION_BITS) {
            Ok(peer) if peer < self.peers.len() => Addressee::Peer(peer),
            Ok(_) | Err(_) => Addressee::Dropped(DropCause::Unauthentic),
        }
    }
}

/// The peer whose lock a thread holds; one at a time, so that no two threads wait for each other.
pub(crate) struct Turn<'a> {
    plane: &'a Plane,
    held: Option<(usize, MutexGuard<'a, PeerState>)>,
}

impl<'a> Turn<'a> {
    pub(crate) fn new(plane: &'a Plane) -> Self {
        Self { plane, held: None }
    }

    /// A peer to work with, its timers running.
    pub(crate) fn with(&mut self, peer: usize, now: Instant) -> &mut PeerState {
        let plane = self.plane;
        if self.held.as_ref().is_some_and(|(held, _)| *held != peer) {
            self.end();
        }
        let (_, state) = self.held.get_or_insert_with(|| {
            let mut state = plane.peers[peer].lock();
            if state.rouse(now)
                && let Some(timers) = plane.timers.get()
            {
                timers.unpark();
            }
            (peer, state)
        });
        state
    }

    /// Lets go of the peer.
    pub(crate) fn end(&mut self) {
        if let Some((_, state)) = self.held.take() {
            self.plane.release(state);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

/// RFC 791 section 3.1 and RFC 8200 section 3. The packet's length has been checked.
fn source_address(packet: &[u8]) -> Option<std::net::IpAddr> {
    match packet.first()? >> 4 {
        4 => packet.get(12..16)?.try_into().ok().map(|octets: [u8; 4]| octets.into()),
        6 => packet.get(8..24)?.try_into().ok().map(|octets: [u8; 16]| octets.into()),
        _ => None,
    }
}
