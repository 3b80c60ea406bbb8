//! What the threads of an engine share.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{
        MutexGuard, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use adit_model::wireguard::Key;
use adit_provider::PacketFlow;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::watch;

use crate::{
    alarm::Alarm,
    allowed_ips::AllowedIps,
    crew::Crew,
    engine::{Parameters, PeerParameters},
    exchange::Exchange,
    handshake::Request,
    keys::{PresharedKey, PrivateKey},
    mac::{MacReader, Verdict},
    message::{INITIATION, Message},
    peer::{Consequences, Control, Peer},
    schedule::JITTER,
    session::{Content, Session, sealed_length},
    status::{DropCause, Drops},
    stop::Stop,
    udp::UdpPort,
};

/// What every link takes (RFC 8200, section 5), until it is known what the tunnel takes.
const MINIMUM_MTU: usize = 1280;

pub(crate) struct Plane {
    pub(crate) flow: PacketFlow,
    pub(crate) ports: Vec<UdpPort>,
    pub(crate) peers: Vec<Peer>,
    pub(crate) drops: Drops,
    pub(crate) stop: Stop,
    pub(crate) alarm: Alarm,
    /// Counts the changes of any peer's liveness, and faults.
    pub(crate) news: watch::Sender<u64>,
    /// Why the engine cannot go on.
    pub(crate) fault: OnceLock<String>,
    pub(crate) crew: Crew,
    mtu: AtomicUsize,
    by_key: HashMap<Key, usize>,
    allowed_ips: AllowedIps,
    private_key: PrivateKey,
    macs: MacReader,
    random: SystemRandom,
}

impl Plane {
    pub(crate) fn new(
        parameters: Parameters,
        flow: PacketFlow,
        ports: Vec<UdpPort>,
        stop: Stop,
        crew: Crew,
        now: Instant,
    ) -> Self {
        let Parameters { private_key, peers } = parameters;
        let mut allowed_ips = AllowedIps::default();
        let mut by_key = HashMap::new();
        for (index, peer) in peers.iter().enumerate() {
            by_key.insert(peer.public_key, index);
            for net in &peer.allowed_ips {
                allowed_ips.insert(*net, index);
            }
        }
        let make = |(peer, number): (PeerParameters, u32)| {
            let preshared = peer.preshared_key.as_ref().map_or([0; 32], PresharedKey::bytes);
            let exchange = Exchange::new(private_key.clone(), peer.public_key, preshared, number);
            Peer::new(peer, exchange, now)
        };
        Self {
            flow,
            ports,
            peers: peers.into_iter().zip(0..).map(make).collect(),
            drops: Drops::default(),
            stop,
            alarm: Alarm::default(),
            news: watch::Sender::new(0),
            fault: OnceLock::new(),
            crew,
            mtu: AtomicUsize::new(MINIMUM_MTU),
            by_key,
            allowed_ips,
            macs: MacReader::new(&private_key.public_key(), now),
            private_key,
            random: SystemRandom::new(),
        }
    }

    /// Seals contents that lie in `messages`, one every `stride` bytes and each
    /// [`DATA_HEADER`](crate::message::DATA_HEADER) in.
    /// `lengths` are those of the contents, and become those of the messages. Returns their sum.
    pub(crate) fn seal(
        &self,
        session: &Session,
        first: u64,
        messages: &mut [u8],
        stride: usize,
        lengths: &mut [usize],
    ) -> usize {
        let mtu = self.mtu();
        let seal = |((message, length), counter): ((&mut [u8], &mut usize), u64)| {
            let sealed = sealed_length(*length, mtu).min(stride);
            session.seal(counter, &mut message[..sealed], *length);
            *length = sealed;
        };
        let worth_dividing = self.crew.helps_with(lengths.len());
        let batch = messages.chunks_mut(stride).zip(&mut *lengths).zip(first..);
        if worth_dividing {
            self.crew.divide(batch.collect(), seal);
        } else {
            batch.for_each(seal);
        }
        lengths.iter().sum()
    }

    /// Opens messages of a session where they lie, and returns those that are authentic, in order.
    pub(crate) fn open<'a>(
        &self,
        session: &Session,
        messages: &mut Vec<&'a mut [u8]>,
    ) -> Vec<(&'a mut [u8], Content)> {
        let mut batch: Vec<_> = messages.drain(..).map(|message| (message, None)).collect();
        let open = |(message, content): &mut (&mut [u8], Option<Content>)| {
            *content = session.open(message);
        };
        if self.crew.helps_with(batch.len()) {
            self.crew.divide(batch.iter_mut().collect(), open);
        } else {
            batch.iter_mut().for_each(open);
        }
        batch.into_iter().filter_map(|(message, content)| Some((message, content?))).collect()
    }

    /// The peer with this key.
    pub(crate) fn peer(&self, key: &Key) -> Option<usize> {
        self.by_key.get(key).copied()
    }

    /// The peer that a packet of the system goes to.
    pub(crate) fn route(&self, packet: &[u8]) -> Result<usize, DropCause> {
        let destination = address(packet, 16, 24).ok_or(DropCause::NotIp)?;
        self.allowed_ips.peer(destination).ok_or(DropCause::NoPeer)
    }

    /// Whether a packet that a peer sent may have this source.
    pub(crate) fn may_send(&self, peer: usize, packet: &[u8]) -> bool {
        let source = address(packet, 12, 8);
        source.and_then(|source| self.allowed_ips.peer(source)) == Some(peer)
    }

    /// The peer to whom we gave this number for a session.
    pub(crate) fn numbered(&self, local: u32) -> Option<usize> {
        let peer = usize::try_from(Exchange::peer_of(local)).ok()?;
        Some(peer).filter(|peer| *peer < self.peers.len())
    }

    /// The longest packet that the tunnel is meant for; padding stays within it.
    pub(crate) fn mtu(&self) -> usize {
        self.mtu.load(Ordering::Relaxed)
    }

    pub(crate) fn set_mtu(&self, mtu: usize) {
        self.mtu.store(mtu, Ordering::Relaxed);
    }

    /// Does what a message asks for that is not data.
    pub(crate) fn control(
        &self,
        message: Message<'_>,
        source: SocketAddr,
        now: Instant,
    ) -> Result<(), DropCause> {
        match message {
            Message::Initiation(initiation) => self.answer(initiation, source, now),
            Message::Response(response) => {
                self.weigh(response, source, now)?;
                let receiver = crate::message::number_at(response, 8);
                self.with(receiver, now, |control| control.finish(response, source, now))
            }
            Message::CookieReply(reply) => {
                let receiver = crate::message::number_at(reply, 4);
                self.with(receiver, now, |control| control.take_cookie(reply, now))
            }
            Message::Data { .. } => Err(DropCause::Unauthentic),
        }
    }

    /// Sends one message.
    pub(crate) fn send(&self, message: &[u8], destination: SocketAddr) {
        let port = self.ports.iter().find(|port| port.serves(destination));
        let lost =
            port.map_or(1, |port| port.send(message, message.len(), destination, &self.stop));
        self.drops.count(DropCause::NotSent, lost);
    }

    /// Lets go of a peer and does what follows from what happened to it.
    pub(crate) fn release(&self, mut control: MutexGuard<'_, Control>, now: Instant) {
        let chance = || (SystemTime::now(), self.jitter());
        let Consequences { messages, endpoint, news, wake_at } =
            control.consequences(now, chance, self.mtu());
        drop(control);
        for message in messages {
            if let Some(endpoint) = endpoint {
                self.send(&message, endpoint);
            }
        }
        if let Some(at) = wake_at {
            self.alarm.set(at);
        }
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

    /// Handshakes are weighed before anything dear is computed for them, and the peer is not held
    /// for what can be computed without it.
    fn answer(
        &self,
        initiation: &[u8; INITIATION],
        source: SocketAddr,
        now: Instant,
    ) -> Result<(), DropCause> {
        self.weigh(initiation, source, now)?;
        let request = Request::read(&self.private_key, initiation);
        let known = request.and_then(|request| Some((self.peer(&request.key)?, request)));
        let (peer, request) = known.ok_or(DropCause::Unauthentic)?;
        let mut control = self.peers[peer].lock();
        let answer = control.answer(request, source, now);
        self.release(control, now);
        self.send(&answer?, source);
        Ok(())
    }

    fn with(
        &self,
        receiver: u32,
        now: Instant,
        then: impl FnOnce(&mut Control) -> Result<(), DropCause>,
    ) -> Result<(), DropCause> {
        let peer = self.numbered(receiver).ok_or(DropCause::Unauthentic)?;
        let mut control = self.peers[peer].lock();
        let done = then(&mut control);
        self.release(control, now);
        done
    }

    fn weigh(&self, message: &[u8], source: SocketAddr, now: Instant) -> Result<(), DropCause> {
        match self.macs.weigh(message, source, now) {
            Verdict::Admitted => Ok(()),
            Verdict::Cookie(reply) => {
                self.send(&reply, source);
                Err(DropCause::UnderLoad)
            }
            Verdict::TooMany => Err(DropCause::UnderLoad),
            Verdict::Invalid => Err(DropCause::Unauthentic),
        }
    }

    fn jitter(&self) -> Duration {
        let mut byte = [0];
        // Without randomness no handshake can be begun, so that none is delayed either.
        let _ = self.random.fill(&mut byte);
        JITTER * byte[0].into() / u8::MAX.into()
    }
}

/// The address at one of these offsets, by the packet's version (RFC 791 section 3.1, RFC 8200
/// section 3).
fn address(packet: &[u8], ipv4: usize, ipv6: usize) -> Option<IpAddr> {
    match packet.first()? >> 4 {
        4 => packet.get(ipv4..)?.first_chunk::<4>().map(|octets| (*octets).into()),
        6 => packet.get(ipv6..)?.first_chunk::<16>().map(|octets| (*octets).into()),
        _ => None,
    }
}
