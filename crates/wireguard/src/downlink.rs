//! From the network to the system: UDP, opening, TUN device.
//!
//! Messages are opened where they were received, and written from there.

use std::{
    io::{ErrorKind, IoSliceMut},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use adit_provider::PacketFlow;
use quinn_udp::RecvMeta;

use crate::{
    message::{DATA_HEADER, Message},
    plane::Plane,
    session::Session,
    status::DropCause,
    stop::Waited,
};

/// Each takes up to 64 datagrams. More would burst applications' default receive buffers.
const SLOTS: usize = 2;
const SLOT_SIZE: usize = 65_536;

/// What an [`Inbox`] is likely to hold.
const BATCH: usize = SLOTS * 64;

/// How long to leave a socket alone that fails for a reason that may pass.
const FAILED_PAUSE: Duration = Duration::from_millis(10);

/// Carries what comes to one socket until the engine ends, to one queue of the TUN device.
pub(crate) fn run(plane: &Plane, port: usize, queue: usize) {
    let port = &plane.ports[port];
    let mut slots = [(); SLOTS].map(|()| vec![0; SLOT_SIZE]);
    let mut metas = [RecvMeta::default(); SLOTS];
    loop {
        let mut receiving = slots.each_mut().map(|slot| IoSliceMut::new(slot));
        let filled = match port.recv(&mut receiving, &mut metas) {
            Ok(filled) => filled,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                match plane.stop.wait_readable(port) {
                    Waited::Stopped => return,
                    Waited::Ready | Waited::TimedOut => continue,
                }
            }
            Err(error) => {
                tracing::debug!(%error, "an outer socket cannot be read");
                if plane.stop.pause(FAILED_PAUSE) {
                    return;
                }
                continue;
            }
        };
        let mut inbox = Inbox::new(plane, Instant::now());
        for (slot, meta) in slots.iter_mut().zip(&metas).take(filled) {
            let messages = slot[..meta.len].chunks_mut(meta.stride.max(1));
            inbox.open(messages, meta.addr);
        }
        inbox.deliver(queue);
    }
}

/// Opened packets on their way to the system, in the memory that they were received in.
pub(crate) struct Inbox<'a> {
    plane: &'a Plane,
    now: Instant,
    /// Each with [`PacketFlow::HEADROOM`] before it.
    packets: Vec<&'a mut [u8]>,
    /// Of the latest messages, not yet opened.
    leg: Option<Leg>,
    sealed: Vec<&'a mut [u8]>,
}

/// The session of messages that follow one another.
struct Leg {
    peer: usize,
    session: Arc<Session>,
}

impl<'a> Inbox<'a> {
    pub(crate) fn new(plane: &'a Plane, now: Instant) -> Self {
        let (packets, sealed) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        Self { plane, now, packets, leg: None, sealed }
    }

    /// Opens messages of one sender.
    pub(crate) fn open(
        &mut self,
        messages: impl Iterator<Item = &'a mut [u8]>,
        source: SocketAddr,
    ) {
        for message in messages {
            if let Err(cause) = self.sort(message, source) {
                self.plane.drops.count(cause, 1);
            }
        }
        self.end_leg(source);
    }

    /// Writes the packets.
    pub(crate) fn deliver(mut self, queue: usize) {
        self.plane.flow.write(queue, &mut self.packets, PacketFlow::HEADROOM);
    }

    /// Collects data messages of one session, and does at once what others ask for.
    fn sort(&mut self, message: &'a mut [u8], source: SocketAddr) -> Result<(), DropCause> {
        let parsed = Message::parse(message).ok_or(DropCause::Unauthentic)?;
        let Message::Data { receiver } = parsed else {
            self.end_leg(source);
            return self.plane.control(parsed, source, self.now);
        };
        if self.leg.as_ref().is_none_or(|leg| leg.session.local != receiver) {
            self.end_leg(source);
            self.leg = self.leg_of(receiver);
        }
        if self.leg.is_none() {
            return Err(DropCause::Unauthentic);
        }
        self.sealed.push(message);
        Ok(())
    }

    /// The session that we numbered so.
    fn leg_of(&self, receiver: u32) -> Option<Leg> {
        let peer = self.plane.numbered(receiver)?;
        let session = self.plane.peers[peer].lock().session(receiver, self.now)?;
        Some(Leg { peer, session })
    }

    /// Opens what was collected of one session and admits it: what is new counts and is delivered.
    fn end_leg(&mut self, source: SocketAddr) {
        let Some(Leg { peer, session }) = self.leg.take() else { return };
        let sealed = self.sealed.len();
        let mut opened = self.plane.open(&session, &mut self.sealed);
        let authentic = opened.len();
        session.admitting(|window| {
            opened.retain(|(_, content)| window.admit(content.counter));
        });
        self.plane.drops.count(DropCause::Unauthentic, sealed - authentic);
        self.plane.drops.count(DropCause::Replayed, authentic - opened.len());
        if opened.is_empty() {
            return;
        }
        let bytes = opened.iter().map(|(message, _)| message.len()).sum();
        let data = opened.iter().any(|(_, content)| content.length > 0);
        let mut control = self.plane.peers[peer].lock();
        control.received(&session, bytes, data, source, self.now);
        self.plane.release(control, self.now);
        for (message, content) in opened.into_iter().filter(|(_, content)| content.length > 0) {
            let packet = &message[DATA_HEADER..][..content.length];
            let Some(length) = packet_length(packet) else {
                self.plane.drops.count(DropCause::NotIp, 1);
                continue;
            };
            if self.plane.may_send(peer, packet) {
                let start = DATA_HEADER - PacketFlow::HEADROOM;
                self.packets.push(&mut message[start..DATA_HEADER + length]);
            } else {
                self.plane.drops.count(DropCause::SourceNotAllowed, 1);
            }
        }
    }
}

/// The length of an IP packet by its header, what follows being padding (RFC 791 section 3.1, RFC
/// 8200 section 3). `None` if it is none.
fn packet_length(content: &[u8]) -> Option<usize> {
    let number =
        |at: usize| Some(usize::from(u16::from_be_bytes(*content.get(at..)?.first_chunk()?)));
    let (length, header) = match content.first()? >> 4 {
        4 => (number(2)?, 20),
        6 => (number(4)? + 40, 40),
        _ => return None,
    };
    (header..=content.len()).contains(&length).then_some(length)
}

#[cfg(test)]
mod tests {
    use std::os::{fd::OwnedFd, unix::net::UnixDatagram};

    use adit_provider::protocol::TunDevice;
    use boringtun::{
        noise::{Tunn, TunnResult},
        x25519::{PublicKey, StaticSecret},
    };
    use proptest::prelude::*;

    use super::*;
    use crate::{
        crew::Crew,
        engine::{Parameters, PeerParameters},
        handshake::Request,
        keys::PrivateKey,
        message::INITIATION,
        stop::Stop,
    };

    const SOURCE: ([u8; 4], u16) = ([192, 0, 2, 1], 51820);

    proptest! {
        #[test]
        fn nothing_from_the_network_causes_a_panic_or_is_taken_for_the_peers(
            messages in proptest::collection::vec(message(), 1..20),
        ) {
            let (plane, _system) = plane();
            let real = [initiation(), data(&plane)];
            let before = plane.peers[0].status();
            for message in messages {
                prop_assert_eq!(receive(&plane, &message.of(&real), SOURCE), 0);
            }
            prop_assert_eq!(plane.peers[0].status(), before);
            prop_assert_eq!(receive(&plane, &real[1], SOURCE), 1);
            prop_assert_eq!(receive(&plane, &real[1], SOURCE), 0);
        }
    }

    #[test]
    fn a_replayed_initiation_moves_nobody() {
        let (plane, _system) = plane();
        let real = initiation();
        let receive = |source| {
            receive(&plane, &real, source);
            plane.peers[0].status().endpoint
        };
        assert_eq!(receive(SOURCE), Some(SOURCE.into()));
        assert_eq!(receive(([203, 0, 113, 66], 1)), Some(SOURCE.into()));
        assert_eq!(plane.drops.totals()[&DropCause::Replayed], 1);
    }

    #[test]
    fn a_flood_of_handshakes_is_answered_with_cookies() {
        let (plane, _system) = plane();
        let message = initiation();
        for _ in 0..300 {
            receive(&plane, &message, SOURCE);
        }
        assert!(plane.drops.totals()[&DropCause::UnderLoad] > 0);
    }

    /// How many packets a message brings.
    fn receive(plane: &Plane, message: &[u8], source: ([u8; 4], u16)) -> usize {
        let mut message = message.to_vec();
        let mut inbox = Inbox::new(plane, Instant::now());
        inbox.open(std::iter::once(message.as_mut_slice()), source.into());
        inbox.packets.len()
    }

    /// Anything at all, or something close to a message that would be accepted.
    #[derive(Debug, Clone)]
    enum Message {
        Noise(Vec<u8>),
        Header(u8, Vec<u8>),
        Damaged { which: bool, at: prop::sample::Index, by: u8 },
        Cut { which: bool, length: prop::sample::Index },
    }

    impl Message {
        fn of(self, real: &[Vec<u8>; 2]) -> Vec<u8> {
            match self {
                Self::Noise(bytes) => bytes,
                Self::Header(kind, rest) => [&[kind, 0, 0, 0][..], &rest].concat(),
                Self::Damaged { which, at, by } => {
                    let mut message = real[usize::from(which)].clone();
                    // An initiation's last bytes are a second checksum that counts under load only.
                    let counts = if which { message.len() } else { INITIATION - 16 };
                    message[at.index(counts)] ^= by;
                    message
                }
                Self::Cut { which, length } => {
                    let message = &real[usize::from(which)];
                    message[..length.index(message.len())].to_vec()
                }
            }
        }
    }

    fn message() -> impl Strategy<Value = Message> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..200);
        let index = any::<prop::sample::Index>;
        prop_oneof![
            bytes().prop_map(Message::Noise),
            (0_u8..6, bytes()).prop_map(|(kind, rest)| Message::Header(kind, rest)),
            (any::<bool>(), index(), 1_u8..).prop_map(|(which, at, by)| Message::Damaged {
                which,
                at,
                by
            }),
            (any::<bool>(), index()).prop_map(|(which, length)| Message::Cut { which, length }),
        ]
    }

    fn client() -> PrivateKey {
        PrivateKey::new([1; 32])
    }

    fn server() -> PrivateKey {
        PrivateKey::new([2; 32])
    }

    /// The other end of the one peer.
    fn tunn() -> Tunn {
        let server = PublicKey::from(*server().public_key().as_bytes());
        Tunn::new(StaticSecret::from(*client().bytes()), server, None, None, 7, None)
    }

    fn initiation() -> Vec<u8> {
        written(tunn().format_handshake_initiation(&mut [0; INITIATION], false))
    }

    /// The first data message of a session that the plane has.
    fn data(plane: &Plane) -> Vec<u8> {
        let (mut tunn, mut buffer) = (tunn(), [0; 256]);
        let initiation = written(tunn.format_handshake_initiation(&mut buffer, false));
        let request = Request::read(&server(), initiation.as_slice().try_into().unwrap()).unwrap();
        let answer = plane.peers[0].lock().answer(request, SOURCE.into(), Instant::now()).unwrap();
        written(tunn.decapsulate(None, &answer, &mut buffer));
        let mut packet = [0; 20];
        (packet[0], packet[3]) = (0x45, 20);
        written(tunn.encapsulate(&packet, &mut buffer))
    }

    fn written(result: TunnResult<'_>) -> Vec<u8> {
        match result {
            TunnResult::WriteToNetwork(message) => message.to_vec(),
            other => panic!("nothing to send: {other:?}"),
        }
    }

    fn plane() -> (Plane, UnixDatagram) {
        let (system, device) = UnixDatagram::pair().unwrap();
        let plain = TunDevice { queues: vec![0], vnet_header: false, tso: false, uso: false };
        let flow = PacketFlow::new(&plain, vec![OwnedFd::from(device)]).unwrap();
        let peer = PeerParameters {
            public_key: client().public_key(),
            preshared_key: None,
            endpoint: None,
            is_looked_for: false,
            allowed_ips: vec!["0.0.0.0/0".parse().unwrap()],
            persistent_keepalive: None,
        };
        let parameters = Parameters { private_key: server(), peers: vec![peer] };
        let stop = Stop::new().unwrap();
        (Plane::new(parameters, flow, Vec::new(), stop, Crew::new(0), Instant::now()), system)
    }
}
