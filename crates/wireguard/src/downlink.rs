//! From the network to the system: UDP, opening, TUN device.

use std::{
    io::{ErrorKind, IoSliceMut},
    net::SocketAddr,
    time::{Duration, Instant},
};

use adit_provider::PacketFlow;
use boringtun::noise::Tunn;
use quinn_udp::RecvMeta;

use crate::{
    outbox::Outbox,
    peer::{DATA_OVERHEAD, INITIATION, Kind, Opened, PeerState},
    plane::{Addressee, Plane, Turn},
    status::DropCause,
    stop::Waited,
};

/// Each takes up to 64 datagrams. More would burst applications' default receive buffers.
const SLOTS: usize = 2;
const SLOT_SIZE: usize = 65_536;

/// How many packets are opened before they are written.
const BATCH: usize = 128;

/// How long to leave a socket alone that fails for a reason that may pass.
const FAILED_PAUSE: Duration = Duration::from_millis(10);

/// Carries what comes to one socket until the engine ends, to one queue of the TUN device.
pub(crate) fn run(plane: &Plane, port: usize, queue: usize) {
    let port = &plane.ports[port];
    let mut slots = [(); SLOTS].map(|()| vec![0; SLOT_SIZE]);
    let mut metas = [RecvMeta::default(); SLOTS];
    let mut inbox = Inbox::new();
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
        for (slot, meta) in slots.iter().zip(&metas).take(filled) {
            let messages = slot[..meta.len].chunks(meta.stride.max(1));
            inbox.open(plane, messages, meta.addr, queue);
        }
        inbox.deliver(plane, queue);
    }
}

/// Opened packets on their way to the system, and answers on their way back.
pub(crate) struct Inbox {
    packets: Vec<Vec<u8>>,
    opened: usize,
    answers: Outbox,
}

impl Inbox {
    /// Room for a merged packet of the largest size in each buffer, reserved and not touched.
    pub(crate) fn new() -> Self {
        let buffer = || Vec::with_capacity(2 * PacketFlow::HEADROOM + SLOT_SIZE);
        Self {
            packets: std::iter::repeat_with(buffer).take(BATCH).collect(),
            opened: 0,
            answers: Outbox::new(),
        }
    }

    /// Opens messages of one sender.
    pub(crate) fn open<'a>(
        &mut self,
        plane: &Plane,
        messages: impl Iterator<Item = &'a [u8]>,
        source: SocketAddr,
        queue: usize,
    ) {
        let now = Instant::now();
        let mut turn = Turn::new(plane);
        for message in messages {
            if self.opened == self.packets.len() {
                turn.end();
                self.deliver(plane, queue);
            }
            if let Err(cause) = self.open_one(plane, &mut turn, message, source, now) {
                plane.drops.count(cause, 1);
            }
        }
    }

    /// Writes the packets and sends the answers.
    pub(crate) fn deliver(&mut self, plane: &Plane, queue: usize) {
        if self.opened > 0 {
            plane.flow.write(queue, &mut self.packets[..self.opened], PacketFlow::HEADROOM);
            self.opened = 0;
        }
        self.answers.flush(&plane.ports, &plane.drops, &plane.stop);
    }

    fn open_one(
        &mut self,
        plane: &Plane,
        turn: &mut Turn<'_>,
        message: &[u8],
        source: SocketAddr,
        now: Instant,
    ) -> Result<(), DropCause> {
        let packet = Tunn::parse_incoming_packet(message).map_err(|_| DropCause::Unauthentic)?;
        let kind = Kind::of(&packet);
        // A handshake costs more than giving the peer back, which it may have to wait for.
        if kind == Kind::Initiation {
            turn.end();
        }
        let mut cookie = [0; INITIATION];
        let peer = match plane.addressee(&packet, message, source, &mut cookie) {
            Addressee::Peer(peer) => peer,
            Addressee::Cookie(length) => {
                self.answers.copy(&cookie[..length], source);
                return Err(DropCause::UnderLoad);
            }
            Addressee::Dropped(cause) => return Err(cause),
        };
        let buffer = &mut self.packets[self.opened];
        buffer.resize(PacketFlow::HEADROOM + message.len().max(INITIATION), 0);
        let state = turn.with(peer, now);
        let opened = state.open(message, kind, source, &mut buffer[PacketFlow::HEADROOM..], now);
        if let Opened::Control(Some(length)) = opened {
            self.answers.copy(&buffer[PacketFlow::HEADROOM..][..length], source);
        }
        if state.take_established() {
            send_waiting(plane, state, &mut self.answers, now);
        }
        match opened {
            Opened::Packet(length) => {
                buffer.truncate(PacketFlow::HEADROOM + length);
                if !plane.may_send(peer, &buffer[PacketFlow::HEADROOM..]) {
                    return Err(DropCause::SourceNotAllowed);
                }
                self.opened += 1;
                Ok(())
            }
            Opened::Control(_) => Ok(()),
            Opened::Dropped(cause) => Err(cause),
        }
    }
}

/// Sends what waited for the session that has just been established.
fn send_waiting(plane: &Plane, state: &mut PeerState, outbox: &mut Outbox, now: Instant) {
    let Some(endpoint) = state.endpoint() else { return };
    loop {
        if !outbox.has_room_for(PacketFlow::MAX_PACKET + DATA_OVERHEAD) {
            outbox.flush(&plane.ports, &plane.drops, &plane.stop);
        }
        let Some(length) = state.seal_waiting(outbox.space(), now) else { return };
        outbox.push(length, endpoint);
    }
}

#[cfg(test)]
mod tests {
    use std::os::{fd::OwnedFd, unix::net::UnixDatagram};

    use adit_provider::protocol::TunDevice;
    use boringtun::noise::TunnResult;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        engine::{Parameters, PeerParameters},
        keys::PrivateKey,
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
            let mut inbox = Inbox::new();
            for message in messages {
                let message = message.of(&real);
                inbox.open(&plane, std::iter::once(message.as_slice()), SOURCE.into(), 0);
            }
            prop_assert_eq!(inbox.opened, 0);
            prop_assert_eq!(plane.peers[0].status(), before);
            inbox.open(&plane, std::iter::once(real[1].as_slice()), SOURCE.into(), 0);
            prop_assert_eq!(inbox.opened, 1);
        }
    }

    #[test]
    fn a_replayed_initiation_moves_nobody() {
        let (plane, _system) = plane();
        let mut inbox = Inbox::new();
        let real = initiation();
        let mut receive = |source: ([u8; 4], u16)| {
            inbox.open(&plane, std::iter::once(real.as_slice()), source.into(), 0);
            plane.peers[0].status().endpoint
        };
        assert_eq!(receive(SOURCE), Some(SOURCE.into()));
        assert_eq!(receive(([203, 0, 113, 66], 1)), Some(SOURCE.into()));
    }

    #[test]
    fn a_flood_of_handshakes_is_answered_with_cookies() {
        let (plane, _system) = plane();
        let mut inbox = Inbox::new();
        for _ in 0..300 {
            let message = initiation();
            inbox.open(&plane, std::iter::once(message.as_slice()), SOURCE.into(), 0);
        }
        assert!(plane.drops.totals()[&DropCause::UnderLoad] > 0);
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

    /// The other end of the one peer.
    fn tunn() -> Tunn {
        let server = PrivateKey::new([2; 32]).to_public();
        Tunn::new(client().secret().clone(), server, None, None, 7, None)
    }

    fn initiation() -> Vec<u8> {
        written(tunn().format_handshake_initiation(&mut [0; INITIATION], false))
    }

    /// The first data message of a session that the plane has.
    fn data(plane: &Plane) -> Vec<u8> {
        let (mut tunn, mut buffer) = (tunn(), [0; 256]);
        let initiation = written(tunn.format_handshake_initiation(&mut buffer, false));
        let mut answer = [0; 256];
        let opened = plane.peers[0].lock().open(
            &initiation,
            Kind::Initiation,
            SOURCE.into(),
            &mut answer,
            Instant::now(),
        );
        let Opened::Control(Some(length)) = opened else { panic!("{opened:?}") };
        written(tunn.decapsulate(None, &answer[..length], &mut buffer));
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
            allowed_ips: vec!["0.0.0.0/0".parse().unwrap()],
            persistent_keepalive: None,
        };
        let parameters = Parameters { private_key: PrivateKey::new([2; 32]), peers: vec![peer] };
        let stop = Stop::new().unwrap();
        (Plane::new(parameters, flow, Vec::new(), stop, Instant::now()), system)
    }
}
