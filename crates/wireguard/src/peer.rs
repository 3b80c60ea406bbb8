//! One peer: its cryptographic state, where it is, and what was exchanged with it.

use std::{
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use adit_model::wireguard::Key;
use boringtun::noise::{Packet, Tunn, TunnResult, errors::WireGuardError};
use ipnet::IpNet;
use jiff::Timestamp;

use crate::status::{DropCause, PeerStatus};

/// Bytes that a data message has beyond its content.
pub(crate) const DATA_OVERHEAD: usize = 32;

/// The largest message that is not data: a handshake initiation.
pub(crate) const INITIATION: usize = 148;

const INITIATION_TYPE: u8 = 1;

/// Counters from here on are never used (whitepaper, section 6.1).
const REJECT_AFTER_MESSAGES: u64 = u64::MAX - (1 << 13);

/// With neither keepalives nor packets for this long, all timers of a peer have run out: a session
/// lives for 180 s and a handshake is tried for 90 s (whitepaper, section 6.1).
const REST_AFTER: Duration = Duration::from_secs(300);

/// A peer. Threads hold its lock for a batch of packets at most.
pub(crate) struct Peer {
    pub(crate) key: Key,
    pub(crate) allowed_ips: Vec<IpNet>,
    pub(crate) persistent_keepalive: Option<u16>,
    state: Mutex<PeerState>,
}

pub(crate) struct PeerState {
    tunn: Tunn,
    endpoint: Option<SocketAddr>,
    last_handshake: Option<Timestamp>,
    /// The peer began a handshake and has not yet used its keys.
    confirming: bool,
    /// When the first of the initiations was sent that are unanswered.
    asked_at: Option<Instant>,
    /// When the last authenticated message came.
    heard_at: Option<Instant>,
    received: u64,
    sent: u64,
    /// When packets last went either way.
    used_at: Instant,
    /// No timer runs.
    resting: bool,
    /// Keys were agreed on, and nobody has yet sent what waited for them.
    established: bool,
    /// Liveness or the last handshake changed since somebody looked.
    news: bool,
}

/// What became of a message from the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opened {
    /// An IP packet of this length, cut to what its header says.
    Packet(usize),
    /// Something for the peer itself; there may be an answer of this length.
    Control(Option<usize>),
    /// Nothing of use.
    Dropped(DropCause),
}

/// Whether a peer answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Liveness {
    /// When the first of the initiations was sent that are unanswered.
    pub(crate) asked_at: Option<Instant>,
    /// When the last authenticated message came.
    pub(crate) heard_at: Option<Instant>,
    /// A handshake completed at some time.
    pub(crate) established: bool,
}

impl Peer {
    pub(crate) fn new(
        key: Key,
        allowed_ips: Vec<IpNet>,
        persistent_keepalive: Option<u16>,
        endpoint: Option<SocketAddr>,
        tunn: Tunn,
        now: Instant,
    ) -> Self {
        let state = PeerState {
            tunn,
            endpoint,
            last_handshake: None,
            confirming: false,
            asked_at: None,
            heard_at: None,
            received: 0,
            sent: 0,
            used_at: now,
            resting: false,
            established: false,
            news: false,
        };
        Self { key, allowed_ips, persistent_keepalive, state: Mutex::new(state) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, PeerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn status(&self) -> PeerStatus {
        let state = self.lock();
        PeerStatus {
            public_key: self.key,
            endpoint: state.endpoint,
            last_handshake: state.last_handshake,
            rx_bytes: state.received,
            tx_bytes: state.sent,
            allowed_ips: self.allowed_ips.clone(),
            persistent_keepalive: self.persistent_keepalive,
        }
    }
}

impl PeerState {
    pub(crate) fn endpoint(&self) -> Option<SocketAddr> {
        self.endpoint
    }

    pub(crate) fn set_endpoint(&mut self, endpoint: SocketAddr) {
        self.endpoint = Some(endpoint);
    }

    pub(crate) fn liveness(&self) -> Liveness {
        Liveness {
            asked_at: self.asked_at,
            heard_at: self.heard_at,
            established: self.last_handshake.is_some(),
        }
    }

    /// Whether there is something to tell those who watch the engine; once.
    pub(crate) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// Whether keys were agreed on, so that waiting packets can be sealed; once.
    pub(crate) fn take_established(&mut self) -> bool {
        std::mem::take(&mut self.established)
    }

    pub(crate) fn is_resting(&self) -> bool {
        self.resting
    }

    /// Seals a packet into `buffer`, which has room for it and for [`DATA_OVERHEAD`], and for an
    /// [`INITIATION`]. Without a session the packet waits in a short queue, and the message that
    /// is to be sent begins a handshake. Returns the message's length.
    pub(crate) fn seal(&mut self, packet: &[u8], buffer: &mut [u8], now: Instant) -> Option<usize> {
        self.used_at = now;
        let sealed = self.tunn.encapsulate(packet, buffer);
        let length = written(&sealed)?;
        self.count_sent(&buffer[..length], now);
        Some(length)
    }

    /// Packets that waited for a session, one a call.
    pub(crate) fn seal_waiting(&mut self, buffer: &mut [u8], now: Instant) -> Option<usize> {
        let length = written(&self.tunn.decapsulate(None, &[], buffer))?;
        self.count_sent(&buffer[..length], now);
        Some(length)
    }

    /// Begins a handshake at once, also if one is under way.
    pub(crate) fn initiate(&mut self, buffer: &mut [u8], now: Instant) -> Option<usize> {
        self.used_at = now;
        let length = written(&self.tunn.format_handshake_initiation(buffer, true))?;
        self.count_sent(&buffer[..length], now);
        Some(length)
    }

    /// Opens a message that names this peer, into `buffer`, which is no shorter than it and has
    /// room for an [`INITIATION`]. Whoever sends an authentic message is where the peer is from
    /// then on (whitepaper, section 2.1).
    pub(crate) fn open(
        &mut self,
        message: &[u8],
        kind: Kind,
        source: SocketAddr,
        buffer: &mut [u8],
        now: Instant,
    ) -> Opened {
        if kind == Kind::Data && counter(message) >= REJECT_AFTER_MESSAGES {
            return Opened::Dropped(DropCause::Unauthentic);
        }
        let opened = match self.tunn.decapsulate(None, message, buffer) {
            TunnResult::WriteToTunnelV4(packet, _) | TunnResult::WriteToTunnelV6(packet, _) => {
                Opened::Packet(packet.len())
            }
            TunnResult::WriteToNetwork(answer) => Opened::Control(Some(answer.len())),
            TunnResult::Done => Opened::Control(None),
            // The message was well-formed, so it is the content that is no IP packet.
            TunnResult::Err(WireGuardError::InvalidPacket) => Opened::Dropped(DropCause::NotIp),
            TunnResult::Err(WireGuardError::InvalidCounter | WireGuardError::DuplicateCounter) => {
                Opened::Dropped(DropCause::Replayed)
            }
            TunnResult::Err(_) => Opened::Dropped(DropCause::Unauthentic),
        };
        let authentic = match opened {
            Opened::Packet(_) | Opened::Control(_) => true,
            Opened::Dropped(cause) => cause == DropCause::NotIp,
        };
        if authentic {
            self.heard(message.len(), kind, source, now);
        }
        if let Opened::Control(Some(length)) = opened {
            self.count_sent(&buffer[..length], now);
        }
        opened
    }

    /// Runs the timers, some times a second. Returns the length of a message that is due.
    pub(crate) fn tick(
        &mut self,
        persistent_keepalive: Option<u16>,
        buffer: &mut [u8],
        now: Instant,
    ) -> Option<usize> {
        if persistent_keepalive.is_none() && now.duration_since(self.used_at) > REST_AFTER {
            self.resting = true;
            return None;
        }
        let length = match self.tunn.update_timers(buffer) {
            TunnResult::WriteToNetwork(message) => message.len(),
            // Who keeps a connection alive does not give it up.
            TunnResult::Err(WireGuardError::ConnectionExpired)
                if persistent_keepalive.is_some() && self.endpoint.is_some() =>
            {
                written(&self.tunn.format_handshake_initiation(buffer, true))?
            }
            TunnResult::Err(WireGuardError::ConnectionExpired) => {
                self.news |= self.asked_at.take().is_some();
                return None;
            }
            _ => return None,
        };
        self.count_sent(&buffer[..length], now);
        Some(length)
    }

    /// Lets the timers run again before the first packet after a rest: they hold the time of their
    /// last run, and the keys that expired meanwhile. Returns whether they rested.
    pub(crate) fn rouse(&mut self, now: Instant) -> bool {
        if !self.resting {
            return false;
        }
        self.resting = false;
        self.used_at = now;
        // Whatever was due during the rest is of no use now.
        let _ = self.tunn.update_timers(&mut [0; INITIATION]);
        true
    }

    fn heard(&mut self, length: usize, kind: Kind, source: SocketAddr, now: Instant) {
        self.received += length as u64;
        self.used_at = now;
        let completes = match kind {
            Kind::Initiation => {
                self.confirming = true;
                false
            }
            Kind::Response => true,
            Kind::Data => std::mem::take(&mut self.confirming),
            // It is sealed by a key that an observer has, and proves nothing.
            Kind::Cookie => return,
        };
        self.endpoint = Some(source);
        self.news |= self.asked_at.take().is_some() || completes;
        self.heard_at = Some(now);
        if completes {
            self.last_handshake = Some(Timestamp::now());
            self.established = true;
        }
    }

    fn count_sent(&mut self, message: &[u8], now: Instant) {
        // It goes nowhere.
        if self.endpoint.is_none() {
            return;
        }
        self.sent += message.len() as u64;
        if message.len() == INITIATION && message[0] == INITIATION_TYPE {
            self.news |= self.asked_at.is_none();
            self.asked_at.get_or_insert(now);
        }
    }
}

/// What a message is, by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Handshake initiation.
    Initiation,
    /// Handshake response.
    Response,
    /// Cookie reply.
    Cookie,
    /// Transport data.
    Data,
}

impl Kind {
    pub(crate) fn of(packet: &Packet<'_>) -> Self {
        match packet {
            Packet::HandshakeInit(_) => Self::Initiation,
            Packet::HandshakeResponse(_) => Self::Response,
            Packet::PacketCookieReply(_) => Self::Cookie,
            Packet::PacketData(_) => Self::Data,
        }
    }
}

/// The counter of a data message (whitepaper, section 5.4.6).
fn counter(message: &[u8]) -> u64 {
    message.get(8..16).and_then(|bytes| bytes.try_into().ok()).map_or(u64::MAX, u64::from_le_bytes)
}

fn written(result: &TunnResult<'_>) -> Option<usize> {
    match result {
        TunnResult::WriteToNetwork(message) => Some(message.len()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::PrivateKey;

    #[test]
    fn timers_rest_when_nothing_is_exchanged() {
        let begun = Instant::now();
        let (peer, mut buffer) = (peer(None, begun), [0; INITIATION]);
        let mut state = peer.lock();
        assert_eq!(state.tick(None, &mut buffer, begun), None);
        assert!(!state.is_resting());
        let later = begun + REST_AFTER + Duration::from_secs(1);
        assert_eq!(state.tick(None, &mut buffer, later), None);
        assert!(state.is_resting());
        assert!(state.rouse(later));
        assert_eq!(state.tick(None, &mut buffer, later), None);
        assert!(!state.is_resting() && !state.rouse(later));
    }

    #[test]
    fn timers_of_a_kept_connection_never_rest() {
        let begun = Instant::now();
        let peer = peer(Some(25), begun);
        let later = begun + 2 * REST_AFTER;
        peer.lock().tick(peer.persistent_keepalive, &mut [0; INITIATION], later);
        assert!(!peer.lock().is_resting());
    }

    #[test]
    fn silence_is_counted_from_the_first_unanswered_question() {
        let begun = Instant::now();
        let (peer, mut buffer) = (peer(None, begun), [0; INITIATION]);
        let mut state = peer.lock();
        assert!(!state.take_news());
        assert_eq!(state.seal(&[0x45; 20], &mut [0; 200], begun), Some(INITIATION));
        assert!(state.take_news());
        state.initiate(&mut buffer, begun + Duration::from_secs(5));
        assert_eq!(state.liveness().asked_at, Some(begun));
        assert!(!state.take_news());
    }

    fn peer(persistent_keepalive: Option<u16>, now: Instant) -> Peer {
        let (ours, theirs) = (PrivateKey::new([1; 32]), PrivateKey::new([2; 32]));
        let tunn = Tunn::new(
            ours.secret().clone(),
            theirs.to_public(),
            None,
            persistent_keepalive,
            0,
            None,
        );
        let endpoint = Some(([192, 0, 2, 1], 51820).into());
        Peer::new(theirs.public_key(), Vec::new(), persistent_keepalive, endpoint, tunn, now)
    }
}
