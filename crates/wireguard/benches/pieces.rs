//! What each piece of the WireGuard data plane costs:
//! `cargo bench -p adit-wireguard --features internals --bench pieces`.

#![allow(clippy::expect_used, reason = "a panic is how a benchmark reports")]

use std::{
    hint::black_box,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    os::unix::net::UnixDatagram,
};

use adit_provider::{PacketFlow, protocol::TunDevice};
use adit_wireguard::{
    Engine, Parameters, PeerParameters, PrivateKey,
    pieces::{End, Routes},
};
use divan::{Bencher, counter::BytesCount};

/// An empty TCP segment nearly, and a full one in a tunnel of MTU 1420.
const LENGTHS: [usize; 2] = [64, 1420];

fn main() {
    divan::main();
}

#[divan::bench(args = LENGTHS)]
fn seal(bencher: Bencher, length: usize) {
    let (near, _) = ends();
    let mut message = vec![7; End::sealed_length(length)];
    let stride = message.len();
    bencher.counter(BytesCount::new(length)).bench_local(|| near.seal(&mut message, stride));
}

#[divan::bench(args = LENGTHS)]
fn open(bencher: Bencher, length: usize) {
    let (near, far) = ends();
    let sealed = sealed(&near, length);
    bencher
        .counter(BytesCount::new(length))
        .with_inputs(|| sealed.clone())
        .bench_local_refs(|message| far.open(message));
}

/// 64 messages in order, under one lock.
#[divan::bench]
fn admit_64(bencher: Bencher) {
    let (near, _) = ends();
    let mut next = 0;
    bencher.bench_local(|| {
        let admitted = near.admit(next..next + 64);
        next += 64;
        admitted
    });
}

/// Of one default route, as clients have; of 64 and 1024 peers with an address each, as gateways have.
#[divan::bench(args = [1, 64, 1024])]
fn route(bencher: Bencher, peers: u32) {
    let network = |peer: u32| match peers {
        1 => Ipv4Addr::UNSPECIFIED.into(),
        _ => IpAddr::V4(Ipv4Addr::from_bits(0x0a40_0000 + peer)),
    };
    let length = if peers == 1 { 0 } else { 32 };
    let networks = (0..peers).filter_map(|peer| {
        let network = ipnet::IpNet::new(network(peer), length).ok()?;
        Some((network, usize::try_from(peer).ok()?))
    });
    let routes = Routes::new(networks);
    let addresses = (0..64).map(|number| Ipv4Addr::from_bits(0x0a40_0000 + number * 7 % peers));
    let mut addresses = addresses.map(IpAddr::V4).cycle();
    bencher.bench_local(|| routes.peer(black_box(addresses.next()?)));
}

/// A packet of the system at one end until the system has it at the other: two engines with their threads, over loopback.
#[divan::bench(args = LENGTHS)]
fn from_end_to_end(bencher: Bencher, length: usize) {
    let tunnel = Tunnel::between_engines();
    let packet = ipv4(length);
    let mut received = vec![0; PacketFlow::RAW];
    bencher.bench_local(|| tunnel.near.send(&packet).and_then(|_| tunnel.far.recv(&mut received)));
}

/// Two engines, and the system's ends of their devices.
struct Tunnel {
    near: UnixDatagram,
    far: UnixDatagram,
    _engines: [Engine; 2],
}

impl Tunnel {
    /// With a session.
    fn between_engines() -> Self {
        let keys = [PrivateKey::new([1; 32]), PrivateKey::new([2; 32])];
        let sockets = keys.each_ref().map(|_| UdpSocket::bind("127.0.0.1:0").expect("a socket"));
        let addresses = sockets.each_ref().map(|socket| socket.local_addr().expect("bound"));
        let [one, other] = sockets;
        let (near, first) = engine(&keys[0], &keys[1], one, addresses[1]);
        let (far, second) = engine(&keys[1], &keys[0], other, addresses[0]);
        near.send(&ipv4(64)).expect("room for one packet");
        far.recv(&mut [0; 64]).expect("the packet that began the session");
        Self { near, far, _engines: [first, second] }
    }
}

fn engine(
    ours: &PrivateKey,
    theirs: &PrivateKey,
    socket: UdpSocket,
    endpoint: SocketAddr,
) -> (UnixDatagram, Engine) {
    let (system, device) = UnixDatagram::pair().expect("a pair of sockets");
    let plain = TunDevice { queues: vec![0], vnet_header: false, tso: false, uso: false };
    let flow = PacketFlow::new(&plain, vec![device.into()]).expect("a device with one queue");
    let peer = PeerParameters {
        public_key: theirs.public_key(),
        preshared_key: None,
        endpoint: Some(endpoint),
        is_looked_for: false,
        allowed_ips: vec!["0.0.0.0/0".parse().expect("a network")],
        persistent_keepalive: None,
    };
    let parameters = Parameters { private_key: ours.clone(), peers: vec![peer] };
    let engine = Engine::start(parameters, flow, vec![socket]).expect("an engine");
    engine.set_mtu(1420);
    (system, engine)
}

fn ends() -> (End, End) {
    End::pair().expect("keys of the right length")
}

fn sealed(end: &End, length: usize) -> Vec<u8> {
    let mut message = vec![7; End::sealed_length(length)];
    let stride = message.len();
    assert!(end.seal(&mut message, stride));
    message
}

fn ipv4(length: usize) -> Vec<u8> {
    let mut packet = vec![0; length];
    packet[0] = 0x45;
    let bytes = u16::try_from(length).expect("a packet").to_be_bytes();
    packet[2..4].copy_from_slice(&bytes);
    packet
}
