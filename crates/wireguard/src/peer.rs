//! One peer: where it is, its sessions and timers, and what was exchanged with it.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use adit_model::wireguard::Key;
use ipnet::IpNet;
use jiff::Timestamp;

use crate::{
    engine::PeerParameters,
    exchange::Exchange,
    handshake::Request,
    keypairs::Keypairs,
    message::{COOKIE_REPLY, DATA_HEADER, INITIATION, RESPONSE},
    schedule::{Due, Schedule},
    session::{Session, sealed_length},
    status::{DropCause, PeerStatus},
};

/// How many packets wait for a session.
const MAX_WAITING: usize = 128;

/// A peer. Its lock is held for moments, a few times a batch of packets, and never while packets
/// are sealed or opened.
pub(crate) struct Peer {
    pub(crate) key: Key,
    pub(crate) allowed_ips: Vec<IpNet>,
    pub(crate) persistent_keepalive: Option<u16>,
    control: Mutex<Control>,
}

/// Everything of a peer but the cryptography of its packets.
pub(crate) struct Control {
    exchange: Exchange,
    keypairs: Keypairs,
    schedule: Schedule,
    /// Of the last initiation, and used until the next.
    jitter: Duration,
    waiting: VecDeque<Vec<u8>>,
    endpoint: Option<SocketAddr>,
    is_looked_for: bool,
    last_handshake: Option<Timestamp>,
    /// When the first of the initiations was sent that are unanswered.
    asked_at: Option<Instant>,
    /// When the last authenticated message came.
    heard_at: Option<Instant>,
    received: u64,
    sent: u64,
    wants: Wants,
    /// The time until which whoever runs the timers was told to sleep.
    announced: Option<Instant>,
}

/// What follows from the latest events, done when the peer is let go.
#[derive(Debug, Default)]
struct Wants {
    handshake: bool,
    keepalive: bool,
    /// Liveness or the last handshake changed.
    news: bool,
}

/// How to send to a peer at present.
pub(crate) struct Sending {
    pub(crate) session: Arc<Session>,
    pub(crate) endpoint: SocketAddr,
}

/// Why nothing can be sent to a peer at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsendable {
    /// It is not known where it is.
    NoEndpoint,
    /// Packets are to [wait](Control::wait).
    NoSession,
}

/// What is to be done after a peer was let go.
#[derive(Debug, Default)]
pub(crate) struct Consequences {
    pub(crate) messages: Vec<Vec<u8>>,
    pub(crate) endpoint: Option<SocketAddr>,
    pub(crate) news: bool,
    /// The timers are to run at this time, which is earlier than they know.
    pub(crate) wake_at: Option<Instant>,
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
    pub(crate) fn new(parameters: PeerParameters, exchange: Exchange, now: Instant) -> Self {
        let PeerParameters { allowed_ips, persistent_keepalive, endpoint, is_looked_for, .. } =
            parameters;
        let key = exchange.them();
        let control = Control {
            exchange,
            keypairs: Keypairs::default(),
            schedule: Schedule::new(persistent_keepalive, now),
            jitter: Duration::ZERO,
            waiting: VecDeque::new(),
            endpoint,
            is_looked_for,
            last_handshake: None,
            asked_at: None,
            heard_at: None,
            received: 0,
            sent: 0,
            wants: Wants::default(),
            announced: None,
        };
        Self { key, allowed_ips, persistent_keepalive, control: Mutex::new(control) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn status(&self) -> PeerStatus {
        let control = self.lock();
        PeerStatus {
            public_key: self.key,
            endpoint: control.endpoint,
            last_handshake: control.last_handshake,
            rx_bytes: control.received,
            tx_bytes: control.sent,
            allowed_ips: self.allowed_ips.clone(),
            persistent_keepalive: self.persistent_keepalive,
        }
    }
}

impl Control {
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

    /// How packets are sent, for a batch of them.
    pub(crate) fn sending(&self, now: Instant) -> Result<Sending, Unsendable> {
        let unknown =
            if self.is_looked_for { Unsendable::NoSession } else { Unsendable::NoEndpoint };
        let endpoint = self.endpoint.ok_or(unknown)?;
        let session = self.keypairs.current(now).cloned().ok_or(Unsendable::NoSession)?;
        Ok(Sending { session, endpoint })
    }

    /// Keeps a packet until there is a session, and sees to one. Returns whether another packet
    /// had to go for it.
    pub(crate) fn wait(&mut self, packet: &[u8]) -> bool {
        self.wants.handshake |= !self.schedule.is_trying();
        let full = self.waiting.len() >= MAX_WAITING;
        if full {
            self.waiting.pop_front();
        }
        self.waiting.push_back(packet.to_vec());
        full
    }

    /// Data messages were sent in a session, of so many bytes.
    pub(crate) fn sent(&mut self, session: &Session, bytes: usize, now: Instant) {
        self.sent += bytes as u64;
        self.schedule.sent_data(self.jitter, now);
        self.wants.handshake |= session.is_worn_by_sending(now) && !self.schedule.is_trying();
    }

    /// The session that we numbered so.
    pub(crate) fn session(&self, local: u32, now: Instant) -> Option<Arc<Session>> {
        self.keypairs.numbered(local, now).cloned()
    }

    /// Data messages of so many bytes were opened and had not come before; `data`: not all of them
    /// were keepalives.
    pub(crate) fn received(
        &mut self,
        session: &Session,
        bytes: usize,
        data: bool,
        source: SocketAddr,
        now: Instant,
    ) {
        if data {
            self.schedule.received_data(now);
        }
        self.heard(bytes, source, now);
        if self.keypairs.confirm(session.local) {
            self.completed();
        }
        self.wants.handshake |= session.is_worn_by_receiving(now) && !self.schedule.is_trying();
    }

    /// Answers an initiation.
    pub(crate) fn answer(
        &mut self,
        request: Request,
        source: SocketAddr,
        now: Instant,
    ) -> Result<[u8; RESPONSE], DropCause> {
        let (session, response) = self.exchange.answer(request, now)?;
        self.heard(INITIATION, source, now);
        self.keypairs.answered(session);
        self.schedule.agreed(now);
        self.schedule.sent(now);
        self.sent += RESPONSE as u64;
        Ok(response)
    }

    /// Reads the answer to our initiation. The first message in the new session tells the other
    /// end that we have it.
    pub(crate) fn finish(
        &mut self,
        response: &[u8; RESPONSE],
        source: SocketAddr,
        now: Instant,
    ) -> Result<(), DropCause> {
        let session = self.exchange.finish(response, now).ok_or(DropCause::Unauthentic)?;
        self.keypairs.initiated(session);
        self.schedule.agreed(now);
        self.heard(RESPONSE, source, now);
        self.completed();
        self.wants.keepalive |= self.waiting.is_empty();
        Ok(())
    }

    /// Takes a cookie; the handshake is tried again at its time.
    pub(crate) fn take_cookie(
        &mut self,
        reply: &[u8; COOKIE_REPLY],
        now: Instant,
    ) -> Result<(), DropCause> {
        if !self.exchange.take_cookie(reply, now) {
            return Err(DropCause::Unauthentic);
        }
        // It is sealed by a key that an observer has, and proves nothing about the peer.
        self.received += COOKIE_REPLY as u64;
        Ok(())
    }

    /// A handshake is to begin, also if one is under way.
    pub(crate) fn want_handshake(&mut self) {
        self.wants.handshake = true;
    }

    /// Runs the timers. Returns how many packets were given up, and when to run them again.
    pub(crate) fn tick(&mut self, now: Instant) -> (usize, Option<Instant>) {
        let mut given_up = 0;
        while let Some(due) = self.schedule.advance(now) {
            match due {
                Due::Keepalive => self.wants.keepalive = true,
                Due::Handshake => self.wants.handshake = true,
                Due::GiveUp => {
                    given_up += self.waiting.drain(..).len();
                    self.exchange.abandon();
                    self.wants.news |= self.asked_at.take().is_some();
                }
                Due::Forget => {
                    self.keypairs.clear();
                    self.exchange.abandon();
                }
            }
        }
        self.announced = self.schedule.due_at();
        (given_up, self.announced)
    }

    /// What follows from all that happened since the last call.
    pub(crate) fn consequences(
        &mut self,
        now: Instant,
        chance: impl FnOnce() -> (SystemTime, Duration),
        mtu: usize,
    ) -> Consequences {
        let mut messages = Vec::new();
        if !self.waiting.is_empty() || self.wants.keepalive {
            self.send_what_waits(&mut messages, mtu, now);
        }
        if std::mem::take(&mut self.wants.handshake) && self.endpoint.is_some() {
            let (wall, jitter) = chance();
            messages.extend(self.initiate(now, wall, jitter).map(Vec::from));
        }
        let due_at = self.schedule.due_at();
        let wake_at = due_at.filter(|due| self.announced.is_none_or(|announced| *due < announced));
        if wake_at.is_some() {
            self.announced = wake_at;
        }
        let news = std::mem::take(&mut self.wants.news);
        Consequences { messages, endpoint: self.endpoint, news, wake_at }
    }

    fn initiate(
        &mut self,
        now: Instant,
        wall: SystemTime,
        jitter: Duration,
    ) -> Option<[u8; INITIATION]> {
        let message = self.exchange.initiate(now, wall)?;
        self.jitter = jitter;
        self.schedule.tried(jitter, now);
        self.sent += message.len() as u64;
        self.wants.news |= self.asked_at.is_none();
        self.asked_at.get_or_insert(now);
        Some(message)
    }

    /// Packets, or else a keepalive.
    fn send_what_waits(&mut self, messages: &mut Vec<Vec<u8>>, mtu: usize, now: Instant) {
        let keepalive = std::mem::take(&mut self.wants.keepalive);
        let Ok(Sending { session, .. }) = self.sending(now) else {
            self.wants.handshake |= keepalive && !self.schedule.is_trying();
            return;
        };
        let Some(first) = session.reserve(self.waiting.len().max(1), now) else { return };
        let (mut counters, before) = (first.., messages.len());
        let mut seal = |content: &[u8]| {
            let mut message = vec![0; sealed_length(content.len(), mtu)];
            message[DATA_HEADER..][..content.len()].copy_from_slice(content);
            if session.seal(counters.next().unwrap_or(u64::MAX), &mut message, content.len()) {
                messages.push(message);
            }
        };
        if self.waiting.is_empty() {
            seal(&[]);
            self.schedule.sent(now);
        } else {
            self.waiting.drain(..).for_each(|packet| seal(&packet));
            self.schedule.sent_data(self.jitter, now);
        }
        self.sent += messages[before..].iter().map(|message| message.len() as u64).sum::<u64>();
    }

    /// Whoever sends an authentic message is where the peer is from then on (whitepaper, section
    /// 2.1).
    fn heard(&mut self, bytes: usize, source: SocketAddr, now: Instant) {
        self.received += bytes as u64;
        self.endpoint = Some(source);
        self.wants.news |= self.asked_at.take().is_some();
        self.heard_at = Some(now);
        self.schedule.received(now);
    }

    fn completed(&mut self) {
        self.last_handshake = Some(Timestamp::now());
        self.wants.news = true;
    }
}
