//! The engine against another implementation, and against itself while keys change.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test reports")]

use std::{
    net::{SocketAddr, UdpSocket},
    os::{fd::OwnedFd, unix::net::UnixDatagram},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use adit_provider::{PacketFlow, protocol::TunDevice};
use adit_wireguard::{DropCause, Engine, Parameters, PeerParameters, PresharedKey, PrivateKey};
use boringtun::{
    noise::{Tunn, TunnResult, rate_limiter::RateLimiter},
    x25519::{PublicKey, StaticSecret},
};

const OURS: [u8; 32] = [1; 32];
const THEIRS: [u8; 32] = [2; 32];
const PRESHARED: [u8; 32] = [3; 32];
const LIMIT: Duration = Duration::from_secs(10);

/// More than a peer answers without a proof of the sender's address.
const FLOOD: usize = 200;
/// More than the engine wants between two answers to a peer.
const SPACING: Duration = Duration::from_millis(100);

#[test]
fn we_begin_and_the_reference_answers() {
    for preshared in [None, Some(PRESHARED)] {
        let mut reference = Reference::new(preshared, None);
        let (engine, system) = engine(preshared, Some(reference.address()));
        system.send(&packet(1, 77)).unwrap();
        assert_eq!(reference.receive(), packet(1, 77));
        reference.send(&packet(2, 1000));
        assert_eq!(receive(&system), packet(2, 1000));
        assert!(engine.status().peers[0].last_handshake.is_some());
    }
}

#[test]
fn the_reference_begins_and_we_answer_also_when_it_moves() {
    for preshared in [None, Some(PRESHARED)] {
        let (engine, system) = engine(preshared, None);
        let mut reference = Reference::new(preshared, None);
        reference.endpoint = Some(address(&engine));
        reference.send(&packet(1, 10));
        while reference.tunn.time_since_last_handshake().is_none() {
            reference.turn();
        }
        assert_eq!(receive(&system), packet(1, 10));
        reference.socket = loopback();
        reference.send(&packet(2, 10));
        assert_eq!(receive(&system), packet(2, 10));
        system.send(&packet(3, 1200)).unwrap();
        assert_eq!(reference.receive(), packet(3, 1200));
        assert_eq!(engine.status().peers[0].endpoint, Some(reference.address()));
    }
}

#[test]
fn a_cookie_of_the_reference_proves_our_address() {
    let key = PublicKey::from(&StaticSecret::from(THEIRS));
    let mut reference = Reference::new(None, Some(RateLimiter::new(&key, 0)));
    let (engine, system) = engine(None, Some(reference.address()));
    system.send(&packet(1, 10)).unwrap();
    reference.turn();
    let ours = PrivateKey::new(THEIRS).public_key();
    eventually("the cookie", || {
        std::thread::sleep(Duration::from_millis(30));
        engine.handshake(&ours);
        reference.turn();
        engine.status().peers[0].last_handshake.is_some()
    });
    assert_eq!(reference.receive(), packet(1, 10));
}

#[test]
fn our_cookie_is_understood_by_the_reference() {
    let (engine, system) = engine(None, None);
    let mut reference = Reference::new(None, None);
    reference.endpoint = Some(address(&engine));
    for _ in 0..FLOOD {
        let mut stranger = Reference::new(None, None);
        stranger.endpoint = reference.endpoint;
        stranger.begin();
    }
    eventually("load", || engine.status().drops[&DropCause::UnderLoad] > 0);
    reference.begin();
    reference.turn();
    // The strangers have the peer's key, and a peer is not answered twice within this time.
    std::thread::sleep(SPACING);
    reference.begin();
    reference.turn();
    reference.send(&packet(1, 10));
    assert_eq!(receive(&system), packet(1, 10));
}

#[test]
fn nothing_is_lost_or_reordered_while_keys_change_under_load() {
    const PACKETS: u32 = 10_000;
    let (server, server_system) = engine_of(THEIRS, OURS, None, None);
    let (client, client_system) = engine_of(OURS, THEIRS, None, Some(address(&server)));
    client_system.send(&packet(0, 10)).unwrap();
    receive(&server_system);
    let done = AtomicBool::new(false);
    let send = |system: &UnixDatagram| {
        for number in 0..PACKETS {
            system.send(&packet(number, 500)).unwrap();
            if number % 20 == 19 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    };
    let check = |system: &UnixDatagram| {
        for number in 0..PACKETS {
            assert!(receive(system) == packet(number, 500), "packet {number} is not the next");
        }
    };
    let renewals = std::thread::scope(|scope| {
        scope.spawn(|| send(&client_system));
        scope.spawn(|| send(&server_system));
        let renewing = scope.spawn(|| {
            let mut news = client.news();
            let mut renewals = 0;
            while !done.load(Ordering::Relaxed) {
                client.handshake(&PrivateKey::new(THEIRS).public_key());
                std::thread::sleep(Duration::from_millis(25));
                server.handshake(&PrivateKey::new(OURS).public_key());
                std::thread::sleep(Duration::from_millis(25));
                renewals += u32::from(news.has_changed().unwrap());
                news.mark_unchanged();
            }
            renewals
        });
        let checking = [&server_system, &client_system].map(|system| scope.spawn(|| check(system)));
        let checked = checking.map(std::thread::ScopedJoinHandle::join);
        done.store(true, Ordering::Relaxed);
        assert!(checked.iter().all(Result::is_ok));
        renewing.join().unwrap()
    });
    assert!(renewals > 3, "{renewals} renewals are no load");
}

/// boringtun on a socket.
struct Reference {
    tunn: Tunn,
    socket: UdpSocket,
    endpoint: Option<SocketAddr>,
    received: Vec<Vec<u8>>,
}

impl Reference {
    fn new(preshared: Option<[u8; 32]>, limiter: Option<RateLimiter>) -> Self {
        let us = PublicKey::from(&StaticSecret::from(OURS));
        let secret = StaticSecret::from(THEIRS);
        let tunn = Tunn::new(secret, us, preshared, None, 5, limiter.map(Arc::new));
        Self { tunn, socket: loopback(), endpoint: None, received: Vec::new() }
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    fn begin(&mut self) {
        let mut buffer = [0; 256];
        let TunnResult::WriteToNetwork(message) =
            self.tunn.format_handshake_initiation(&mut buffer, true)
        else {
            panic!("no initiation")
        };
        self.socket.send_to(message, self.endpoint.unwrap()).unwrap();
    }

    fn send(&mut self, packet: &[u8]) {
        let mut buffer = [0; 2048];
        if let TunnResult::WriteToNetwork(message) = self.tunn.encapsulate(packet, &mut buffer) {
            self.socket.send_to(message, self.endpoint.unwrap()).unwrap();
        }
    }

    #[track_caller]
    fn receive(&mut self) -> Vec<u8> {
        while self.received.is_empty() {
            self.turn();
        }
        self.received.remove(0)
    }

    /// Takes a message and sends what it causes.
    #[track_caller]
    fn turn(&mut self) {
        let (mut message, mut buffer) = ([0; 2048], [0; 2048]);
        let (length, source) = self.socket.recv_from(&mut message).expect("a message");
        self.endpoint = Some(source);
        let mut result = self.tunn.decapsulate(Some(source.ip()), &message[..length], &mut buffer);
        while let TunnResult::WriteToNetwork(message) = result {
            self.socket.send_to(message, source).unwrap();
            result = self.tunn.decapsulate(None, &[], &mut buffer);
        }
        if let TunnResult::WriteToTunnelV4(packet, _) = result {
            self.received.push(packet.to_vec());
        }
    }
}

fn engine(preshared: Option<[u8; 32]>, endpoint: Option<SocketAddr>) -> (Engine, UnixDatagram) {
    engine_of(OURS, THEIRS, preshared, endpoint)
}

fn engine_of(
    us: [u8; 32],
    them: [u8; 32],
    preshared: Option<[u8; 32]>,
    endpoint: Option<SocketAddr>,
) -> (Engine, UnixDatagram) {
    let (system, device) = UnixDatagram::pair().unwrap();
    system.set_read_timeout(Some(LIMIT)).unwrap();
    let plain = TunDevice { queues: vec![0], vnet_header: false, tso: false, uso: false };
    let flow = PacketFlow::new(&plain, vec![OwnedFd::from(device)]).unwrap();
    let peer = PeerParameters {
        public_key: PrivateKey::new(them).public_key(),
        preshared_key: preshared.map(PresharedKey::new),
        endpoint,
        is_looked_for: false,
        allowed_ips: vec!["0.0.0.0/0".parse().unwrap()],
        persistent_keepalive: None,
    };
    let parameters = Parameters { private_key: PrivateKey::new(us), peers: vec![peer] };
    (Engine::start_with_hands(parameters, flow, vec![loopback()], 2).unwrap(), system)
}

fn loopback() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket
}

fn address(engine: &Engine) -> SocketAddr {
    ([127, 0, 0, 1], engine.status().listen_port).into()
}

/// An IPv4 packet with this number in it.
fn packet(number: u32, content: u16) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend((20 + 4 + content).to_be_bytes());
    // A protocol without ports, so that all packets are one flow (RFC 3692).
    packet.extend([0, 0, 0, 0, 64, 253, 0, 0, 10, 9, 0, 2, 10, 9, 0, 1]);
    packet.extend(number.to_be_bytes());
    packet.resize(24 + usize::from(content), 7);
    packet
}

#[track_caller]
fn receive(system: &UnixDatagram) -> Vec<u8> {
    let mut buffer = [0; 2048];
    let length = system.recv(&mut buffer).expect("a packet from the tunnel");
    buffer[..length].to_vec()
}

#[track_caller]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let limit = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < limit, "not within the time: {what}");
    }
}
