//! The other end of the tunnel, and packets for it.

use std::{
    net::{IpAddr, UdpSocket},
    os::unix::net::UnixDatagram,
};

use adit_provider::PacketFlow;
use adit_wireguard::{Engine, Parameters, PeerParameters, PrivateKey};

use crate::{CLIENT, LIMIT, plain_tun};

/// The other end of the tunnel.
pub(crate) struct Server {
    _engine: Engine,
    pub(crate) system: UnixDatagram,
    pub(crate) port: u16,
}

impl Server {
    pub(crate) fn start(address: &str) -> Self {
        let (system, device) = UnixDatagram::pair().unwrap();
        let socket = UdpSocket::bind(address).unwrap();
        let port = socket.local_addr().unwrap().port();
        let parameters = Parameters {
            private_key: PrivateKey::new([2; 32]),
            peers: vec![PeerParameters {
                public_key: PrivateKey::new([1; 32]).public_key(),
                preshared_key: None,
                endpoint: None,
                is_looked_for: false,
                allowed_ips: vec![IpAddr::from(CLIENT).into()],
                persistent_keepalive: None,
            }],
        };
        let flow = PacketFlow::new(&plain_tun(), vec![device.into()]).unwrap();
        let engine = Engine::start(parameters, flow, vec![socket]).unwrap();
        Self { _engine: engine, system, port }
    }

    pub(crate) fn receive(&self) -> Vec<u8> {
        receive(&self.system)
    }
}

/// An IPv4 packet without content.
pub(crate) fn packet(from: [u8; 4], to: [u8; 4]) -> Vec<u8> {
    [&[0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0], &from[..], &to[..]].concat()
}

pub(crate) fn receive(system: &UnixDatagram) -> Vec<u8> {
    system.set_read_timeout(Some(LIMIT)).unwrap();
    let mut buffer = [0; 2048];
    let length = system.recv(&mut buffer).expect("a packet from the tunnel");
    buffer[..length].to_vec()
}
