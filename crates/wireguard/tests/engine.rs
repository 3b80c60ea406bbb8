//! Two engines back to back: loopback between them, and a Unix datagram socket in place of each TUN
//! device.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test reports")]

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    os::{fd::OwnedFd, unix::net::UnixDatagram},
    time::{Duration, Instant},
};

use adit_model::wireguard::Key;
use adit_provider::{PacketFlow, protocol::TunDevice};
use adit_wireguard::{
    DropCause, Engine, Parameters, PeerParameters, PeerStatus, PresharedKey, PrivateKey,
};

const CLIENT: &str = "10.9.0.2";
const SERVER: &str = "10.9.0.1";
const CLIENT_V6: &str = "fd09::2";
const SERVER_V6: &str = "fd09::1";

/// A protocol without ports, so that all packets between two ends are one flow (RFC 3692).
const EXPERIMENT: u8 = 253;

/// Long enough for a machine under load; nothing waits that long when all is well.
const LIMIT: Duration = Duration::from_secs(10);

/// Long enough for a packet that should not come to have come.
const NOTHING: Duration = Duration::from_millis(300);

#[test]
fn packets_of_both_families_go_both_ways() {
    for loopback in ["127.0.0.1:0", "[::1]:0"] {
        let (client, server) = tunnel(loopback, None, None);
        // The first waits for the handshake that it caused.
        for payload in [&b"first"[..], b"", &[7; 1380]] {
            let there = packet(CLIENT, SERVER, payload);
            client.system.send(&there).unwrap();
            assert_eq!(server.receive(), there);
        }
        for (from, to) in [(SERVER, CLIENT), (SERVER_V6, CLIENT_V6)] {
            let back = packet(from, to, b"back");
            server.system.send(&back).unwrap();
            assert_eq!(client.receive(), back);
        }
        let status = client.peer();
        assert!(status.last_handshake.is_some());
        assert!(status.rx_bytes > 0 && status.tx_bytes > 1380);
        assert!(server.peer().last_handshake.is_some());
        assert_eq!(
            client.engine.status().drops.values().sum::<u64>(),
            0,
            "{:?}",
            client.engine.status()
        );
    }
}

#[test]
fn a_key_that_is_not_known_meets_silence() {
    let (client, server) = tunnel("127.0.0.1:0", None, None);
    let stranger = End::new(key(9), None, server.key(), Some(server.address), "127.0.0.1:0");
    stranger.system.send(&packet(CLIENT, SERVER, b"x")).unwrap();
    eventually("the handshake is refused", || server.drops(DropCause::Unauthentic) > 0);
    assert_eq!(stranger.peer().rx_bytes, 0);
    assert_eq!(client.peer().rx_bytes, 0);
    server.receives_nothing();
}

#[test]
fn a_preshared_key_must_be_that_of_both() {
    let (one, two) = (PresharedKey::new([1; 32]), PresharedKey::new([2; 32]));
    let (client, server) = tunnel("127.0.0.1:0", Some(one.clone()), Some(one.clone()));
    client.system.send(&packet(CLIENT, SERVER, b"x")).unwrap();
    server.receive();
    for mismatch in [Some(two), None] {
        let (client, server) = tunnel("127.0.0.1:0", Some(one.clone()), mismatch);
        client.system.send(&packet(CLIENT, SERVER, b"x")).unwrap();
        eventually("the answer is refused", || client.drops(DropCause::Unauthentic) > 0);
        assert_eq!(client.peer().last_handshake, None);
        server.receives_nothing();
    }
}

#[test]
fn a_source_outside_of_the_allowed_ips_is_dropped() {
    let (client, server) = tunnel("127.0.0.1:0", None, None);
    for source in ["10.9.0.3", "fd09::3", SERVER] {
        let to = if source.contains(':') { SERVER_V6 } else { SERVER };
        client.system.send(&packet(source, to, b"forged")).unwrap();
    }
    client.system.send(&packet(CLIENT, SERVER, b"honest")).unwrap();
    assert_eq!(server.receive(), packet(CLIENT, SERVER, b"honest"));
    assert_eq!(server.drops(DropCause::SourceNotAllowed), 3);
}

#[test]
fn what_has_no_way_is_dropped_and_counted() {
    let (client, server) = tunnel("127.0.0.1:0", None, None);
    client.system.send(&packet(CLIENT, "192.0.2.1", b"x")).unwrap();
    client.system.send(b"no packet").unwrap();
    // It is not known where the client is.
    server.system.send(&packet(SERVER, CLIENT, b"x")).unwrap();
    eventually("no peer", || client.drops(DropCause::NoPeer) == 1);
    eventually("not IP", || client.drops(DropCause::NotIp) == 1);
    eventually("no endpoint", || server.drops(DropCause::NoEndpoint) == 1);
}

#[test]
fn packets_wait_while_a_peer_is_looked_for() {
    let server = End::new(key(2), None, key(1).public_key(), None, "127.0.0.1:0");
    let peer = PeerParameters {
        public_key: server.key(),
        preshared_key: None,
        endpoint: None,
        is_looked_for: true,
        allowed_ips: vec![SERVER.parse::<IpAddr>().unwrap().into()],
        persistent_keepalive: None,
    };
    let client = End::with_peers(key(1), vec![peer], "127.0.0.1:0");
    let early = packet(CLIENT, SERVER, b"early");
    client.system.send(&early).unwrap();
    // It is read, as the packet behind it was.
    client.system.send(b"no packet").unwrap();
    eventually("not IP", || client.drops(DropCause::NotIp) == 1);
    client.engine.set_endpoint(&server.key(), server.address);
    client.engine.handshake(&server.key());
    assert_eq!(server.receive(), early);
}

#[test]
fn a_peer_may_move_and_a_session_be_renewed() {
    let (client, server) = tunnel("127.0.0.1:0", None, None);
    let knock = packet(CLIENT, SERVER, b"knock");
    client.system.send(&knock).unwrap();
    server.receive();
    let first = server.peer();

    // The same peer from another port, as behind a NAT that forgot.
    let moved = End::new(key(1), None, server.key(), Some(server.address), "127.0.0.1:0");
    moved.engine.handshake(&server.key());
    eventually("the handshake", || moved.peer().last_handshake.is_some());
    eventually("the move", || server.peer().endpoint == Some(moved.address));
    let back = packet(SERVER, CLIENT, b"back");
    eventually("the renewal", || server.peer().last_handshake > first.last_handshake);
    server.system.send(&back).unwrap();
    assert_eq!(moved.receive(), back);

    // Packets under the keys of before arrive while others are agreed on.
    for _ in 0..5 {
        moved.engine.handshake(&server.key());
    }
    moved.system.send(&knock).unwrap();
    assert_eq!(server.receive(), knock);
}

#[test]
fn several_peers_are_told_apart() {
    let third = "10.9.0.3";
    let parameters = |number, address: &str, endpoint| PeerParameters {
        public_key: key(number).public_key(),
        preshared_key: None,
        endpoint,
        is_looked_for: false,
        allowed_ips: vec![address.parse::<IpAddr>().unwrap().into()],
        persistent_keepalive: None,
    };
    let peers = vec![parameters(1, CLIENT, None), parameters(3, third, None)];
    let server = End::with_peers(key(2), peers, "127.0.0.1:0");
    let client = |number| {
        let peers = vec![parameters(2, SERVER, Some(server.address))];
        End::with_peers(key(number), peers, "127.0.0.1:0")
    };
    let clients = [(client(1), CLIENT), (client(3), third)];
    for (client, address) in &clients {
        client.system.send(&packet(address, SERVER, b"there")).unwrap();
        assert_eq!(server.receive(), packet(address, SERVER, b"there"));
    }
    for (client, address) in clients.iter().rev() {
        server.system.send(&packet(SERVER, address, b"back")).unwrap();
        assert_eq!(client.receive(), packet(SERVER, address, b"back"));
    }
    // Neither may speak for the other.
    clients[0].0.system.send(&packet(third, SERVER, b"forged")).unwrap();
    eventually("the drop", || server.drops(DropCause::SourceNotAllowed) == 1);
}

#[test]
fn a_bulk_of_packets_arrives_in_order() {
    let (client, server) = tunnel("127.0.0.1:0", None, None);
    client.system.send(&packet(CLIENT, SERVER, b"first")).unwrap();
    server.receive();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..2000_u32 {
                client.system.send(&packet(CLIENT, SERVER, &number.to_be_bytes())).unwrap();
                if number % 50 == 49 {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        });
        for number in 0..2000_u32 {
            assert_eq!(server.receive(), packet(CLIENT, SERVER, &number.to_be_bytes()));
        }
    });
}

#[test]
fn an_engine_ends_promptly_whatever_it_does() {
    let (client, server) = tunnel("127.0.0.1:0", None, None);
    client.system.send(&packet(CLIENT, SERVER, b"x")).unwrap();
    server.receive();
    let begun = Instant::now();
    client.engine.shutdown();
    drop(server);
    assert!(begun.elapsed() < LIMIT);
}

/// A machine: its engine, and its end of what the engine takes for a TUN device.
struct End {
    engine: Engine,
    system: UnixDatagram,
    address: SocketAddr,
    private_key: PrivateKey,
}

impl End {
    fn new(
        private_key: PrivateKey,
        preshared_key: Option<PresharedKey>,
        peer: Key,
        endpoint: Option<SocketAddr>,
        bind: &str,
    ) -> Self {
        let addresses = if endpoint.is_some() { [SERVER, SERVER_V6] } else { [CLIENT, CLIENT_V6] };
        let peer = PeerParameters {
            public_key: peer,
            preshared_key,
            endpoint,
            is_looked_for: false,
            allowed_ips: addresses
                .map(|address| address.parse::<IpAddr>().unwrap().into())
                .to_vec(),
            persistent_keepalive: None,
        };
        Self::with_peers(private_key, vec![peer], bind)
    }

    fn with_peers(private_key: PrivateKey, peers: Vec<PeerParameters>, bind: &str) -> Self {
        let (system, device) = UnixDatagram::pair().unwrap();
        system.set_read_timeout(Some(LIMIT)).unwrap();
        let plain = TunDevice { queues: vec![0], vnet_header: false, tso: false, uso: false };
        let flow = PacketFlow::new(&plain, vec![OwnedFd::from(device)]).unwrap();
        let socket = UdpSocket::bind(bind).unwrap();
        let address = socket.local_addr().unwrap();
        let parameters = Parameters { private_key: private_key.clone(), peers };
        let engine = Engine::start(parameters, flow, vec![socket]).unwrap();
        Self { engine, system, address, private_key }
    }

    fn key(&self) -> Key {
        self.private_key.public_key()
    }

    fn peer(&self) -> PeerStatus {
        self.engine.status().peers.remove(0)
    }

    fn drops(&self, cause: DropCause) -> u64 {
        self.engine.status().drops[&cause]
    }

    #[track_caller]
    fn receive(&self) -> Vec<u8> {
        let mut buffer = [0; 2048];
        let length = self.system.recv(&mut buffer).expect("a packet from the tunnel");
        buffer[..length].to_vec()
    }

    #[track_caller]
    fn receives_nothing(&self) {
        self.system.set_read_timeout(Some(NOTHING)).unwrap();
        assert!(self.system.recv(&mut [0; 2048]).is_err());
    }
}

/// A client and a server that waits for it.
fn tunnel(
    bind: &str,
    client_key: Option<PresharedKey>,
    server_key: Option<PresharedKey>,
) -> (End, End) {
    let server = End::new(key(2), server_key, key(1).public_key(), None, bind);
    let client = End::new(key(1), client_key, server.key(), Some(server.address), bind);
    (client, server)
}

fn key(number: u8) -> PrivateKey {
    PrivateKey::new([number; 32])
}

/// A UDP packet without its checksums, which nobody here looks at.
fn packet(from: &str, to: &str, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap();
    let mut packet = Vec::new();
    if let (Ok(from), Ok(to)) = (from.parse::<Ipv4Addr>(), to.parse::<Ipv4Addr>()) {
        packet.extend([0x45, 0]);
        packet.extend((20 + length).to_be_bytes());
        packet.extend([0, 0, 0, 0, 64, EXPERIMENT, 0, 0]);
        packet.extend(from.octets());
        packet.extend(to.octets());
    } else {
        packet.extend([0x60, 0, 0, 0]);
        packet.extend(length.to_be_bytes());
        packet.extend([EXPERIMENT, 64]);
        packet.extend(from.parse::<std::net::Ipv6Addr>().unwrap().octets());
        packet.extend(to.parse::<std::net::Ipv6Addr>().unwrap().octets());
    }
    packet.extend(payload);
    packet
}

#[track_caller]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let limit = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < limit, "not within the time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
