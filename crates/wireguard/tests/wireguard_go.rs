//! The engine on a real TUN device, speaking to `wireguard-go` in the lab's small internet.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test reports")]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    os::fd::AsFd,
    time::Duration,
};

use adit_provider::{PacketFlow, protocol::TunDevice};
use adit_tests::{Lab, Machine, Peer, WireGuardServer, address::SITE};
use adit_wireguard::{DropCause, Engine, Parameters, PeerParameters};
use tun_rs::DeviceBuilder;

const BULK: usize = 16 << 20;
const PORT: u16 = 5000;
const LIMIT: Duration = Duration::from_secs(20);

// spec: FLOW-6
#[test]
fn bulk_goes_both_ways_whatever_the_device_leaves_undone() {
    let Some(lab) = Lab::new() else { return };
    let server = WireGuardServer::start(&lab.server);
    for vnet_header in [true, false] {
        let peer = server.peer().preshared_key().keepalive(1).add();
        let engine = lab.client.enter(|| start(&peer, server.endpoint(), vnet_header));
        configure(&lab.client, &peer);
        assert_eq!(lab.client.whoami(SITE.v4.to_string()).unwrap(), server.outer_ipv4());
        assert_eq!(lab.client.whoami(SITE.v6.to_string()).unwrap(), server.outer_ipv6());

        let download = format!("http://{}/bytes/{BULK}", SITE.v4);
        assert_eq!(lab.client.http_get_within(LIMIT, &download).unwrap().len(), BULK);
        upload(&lab);

        let status = engine.status();
        assert!(status.peers[0].rx_bytes > BULK as u64 && status.peers[0].tx_bytes > BULK as u64);
        assert_eq!(status.drops[&DropCause::Unauthentic], 0, "{status:?}");
        engine.shutdown();
        // The interface went with the last of its queues.
        lab.client.sh("! ip link show wgtest 2>/dev/null");
    }
}

// spec: FLOW-6
#[test]
fn a_server_behind_ipv6_is_reached_and_restarts_unnoticed() {
    let Some(lab) = Lab::new() else { return };
    let mut server = WireGuardServer::start(&lab.server);
    let peer = server.peer().keepalive(1).add();
    let engine = lab.client.enter(|| start(&peer, server.endpoint_v6(), true));
    configure(&lab.client, &peer);
    assert_eq!(lab.client.whoami(SITE.v4.to_string()).unwrap(), server.outer_ipv4());
    server.restart();
    // The server has forgotten all keys; the client is told to begin anew, as after a sleep.
    engine.handshake(&peer.server_key.parse().unwrap());
    assert_eq!(lab.client.whoami(SITE.v4.to_string()).unwrap(), server.outer_ipv4());
}

fn start(peer: &Peer, endpoint: std::net::SocketAddr, vnet_header: bool) -> Engine {
    let device = DeviceBuilder::new().name("wgtest").offload(vnet_header).build_sync().unwrap();
    let tun =
        TunDevice { queues: vec![0], vnet_header, tso: device.tcp_gso(), uso: device.udp_gso() };
    let queue = device.as_fd().try_clone_to_owned().unwrap();
    let flow = PacketFlow::new(&tun, vec![queue]).unwrap();
    let sockets = ["0.0.0.0:0", "[::]:0"].map(|address| UdpSocket::bind(address).unwrap());
    let parameters = Parameters {
        private_key: peer.private_key.parse().unwrap(),
        peers: vec![PeerParameters {
            public_key: peer.server_key.parse().unwrap(),
            preshared_key: peer.preshared_key.as_ref().map(|key| key.parse().unwrap()),
            endpoint: Some(endpoint),
            is_looked_for: false,
            allowed_ips: vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()],
            persistent_keepalive: peer.keepalive,
        }],
    };
    Engine::start(parameters, flow, sockets.into()).unwrap()
}

fn configure(client: &Machine, peer: &Peer) {
    client.sh(&format!(
        "ip address add {}/32 dev wgtest; ip address add {}/128 dev wgtest nodad
         ip link set wgtest mtu 1420 up
         ip route add {}/32 dev wgtest; ip route add {}/128 dev wgtest",
        peer.ipv4,
        peer.ipv6.unwrap(),
        SITE.v4,
        SITE.v6
    ));
}

fn upload(lab: &Lab) {
    let listener = lab.internet.enter(|| TcpListener::bind(("::", PORT)).unwrap());
    let pattern = |position: usize| (position / 7).to_le_bytes()[0];
    let sent: Vec<u8> = (0..BULK).map(pattern).collect();
    std::thread::scope(|scope| {
        let receiving = scope.spawn(|| {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            let mut received = Vec::with_capacity(BULK);
            stream.read_to_end(&mut received).unwrap();
            received
        });
        let mut stream = lab.client.enter(|| TcpStream::connect((SITE.v4, PORT)).unwrap());
        stream.set_write_timeout(Some(LIMIT)).unwrap();
        stream.write_all(&sent).unwrap();
        drop(stream);
        assert!(receiving.join().unwrap() == sent, "the upload arrived otherwise than it was sent");
    });
}
