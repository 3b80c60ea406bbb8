//! A WireGuard interface in user space, for either end of a tunnel.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    sync::Arc,
    thread::JoinHandle,
    time::Instant,
};

use adit_model::wireguard::Key;
use adit_provider::PacketFlow;
use ipnet::IpNet;
use tokio::sync::watch;

use crate::{
    crew::{self, Crew},
    downlink,
    keys::{PresharedKey, PrivateKey},
    peer::{Control, Liveness},
    plane::Plane,
    status::{DropCause, Status},
    stop::Stop,
    timers,
    udp::UdpPort,
    uplink,
};

/// Who we are and whom we speak to.
#[derive(Debug, Clone)]
pub struct Parameters {
    /// Our key.
    pub private_key: PrivateKey,
    /// The other ends; keys are distinct.
    pub peers: Vec<PeerParameters>,
}

/// One other end.
#[derive(Debug, Clone)]
pub struct PeerParameters {
    /// Its key.
    pub public_key: Key,
    /// A secret that both ends have besides.
    pub preshared_key: Option<PresharedKey>,
    /// Where it is; absent: it comes to us.
    pub endpoint: Option<SocketAddr>,
    /// Its address is being looked for: until it is known packets wait, as they do for a handshake.
    pub is_looked_for: bool,
    /// What it may send and what is sent to it.
    pub allowed_ips: Vec<IpNet>,
    /// Seconds between keepalives; absent: none.
    pub persistent_keepalive: Option<u16>,
}

/// A running interface. It has threads of its own: one for each queue of the TUN device, one for
/// each UDP socket and one for timers, and on machines with many cores some that help with cryptography.
/// Dropping it ends and joins them.
pub struct Engine {
    plane: Arc<Plane>,
    threads: Vec<JoinHandle<()>>,
}

impl Engine {
    /// Starts to carry packets between `flow` and `sockets`, which are not connected and at most
    /// one of each family. No handshake is begun before there is a reason.
    ///
    /// # Errors
    ///
    /// A socket lacks what is needed, or a thread could not be started.
    pub fn start(
        parameters: Parameters,
        flow: PacketFlow,
        sockets: Vec<UdpSocket>,
    ) -> io::Result<Self> {
        Self::start_with_hands(parameters, flow, sockets, crew::hands())
    }

    /// As [`start`](Self::start), with so many threads that help with cryptography instead of what
    /// suits the machine.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_with_hands(
        parameters: Parameters,
        flow: PacketFlow,
        sockets: Vec<UdpSocket>,
        hands: usize,
    ) -> io::Result<Self> {
        let ports = sockets.into_iter().map(UdpPort::new).collect::<io::Result<Vec<_>>>()?;
        let (queues, sockets) = (flow.queues().len(), ports.len());
        let crew = Crew::new(hands);
        let plane = Plane::new(parameters, flow, ports, Stop::new()?, crew, Instant::now());
        let mut engine = Self { plane: Arc::new(plane), threads: Vec::new() };
        for queue in 0..queues {
            engine.spawn(format!("wg-up-{queue}"), move |plane| uplink::run(plane, queue))?;
        }
        for port in 0..sockets {
            engine.spawn(format!("wg-down-{port}"), move |plane| {
                downlink::run(plane, port, port % queues);
            })?;
        }
        engine.spawn("wg-timers".into(), timers::run)?;
        Ok(engine)
    }

    /// Begins a handshake with a peer at once. Does nothing if it is not known where the peer is.
    pub fn handshake(&self, peer: &Key) {
        let Some(index) = self.plane.peer(peer) else { return };
        let mut control = self.plane.peers[index].lock();
        control.want_handshake();
        self.plane.release(control, Instant::now());
    }

    /// Says where a peer is.
    pub fn set_endpoint(&self, peer: &Key, endpoint: SocketAddr) {
        self.with_peer(peer, |control| control.set_endpoint(endpoint));
    }

    /// Where a peer is at present.
    #[must_use]
    pub fn endpoint(&self, peer: &Key) -> Option<SocketAddr> {
        self.with_peer(peer, |control| control.endpoint()).flatten()
    }

    /// Says how long the system's packets are meant to be, in bytes. Shorter ones are padded, and
    /// not beyond that; without it, not beyond 1280.
    pub fn set_mtu(&self, mtu: u16) {
        self.plane.set_mtu(mtu.into());
    }

    /// Whether there is a socket that can reach `remote`.
    #[must_use]
    pub fn serves(&self, remote: SocketAddr) -> bool {
        self.plane.ports.iter().any(|port| port.serves(remote))
    }

    /// Counters and the state of each peer.
    #[must_use]
    pub fn status(&self) -> Status {
        let mut drops = self.plane.drops.totals();
        *drops.entry(DropCause::Interface).or_default() += self.plane.flow.dropped();
        Status {
            listen_port: self.plane.ports.first().map_or(0, |port| port.local().port()),
            peers: self.plane.peers.iter().map(crate::peer::Peer::status).collect(),
            drops,
        }
    }

    /// Why packets are carried no more, if they are not.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        self.plane.fault.get().map(String::as_str)
    }

    /// Changes whenever a handshake begins, completes or is given up, and when there is a
    /// [`fault`](Self::fault).
    #[must_use]
    pub fn news(&self) -> watch::Receiver<u64> {
        self.plane.news.subscribe()
    }

    /// Ends all threads. What is in flight is lost.
    pub fn shutdown(mut self) {
        self.end();
    }

    pub(crate) fn liveness(&self, peer: &Key) -> Liveness {
        self.with_peer(peer, |control| control.liveness()).unwrap_or_default()
    }

    fn with_peer<T>(&self, peer: &Key, then: impl FnOnce(&mut Control) -> T) -> Option<T> {
        let index = self.plane.peer(peer)?;
        Some(then(&mut self.plane.peers[index].lock()))
    }

    fn spawn(
        &mut self,
        name: String,
        body: impl FnOnce(&Plane) + Send + 'static,
    ) -> io::Result<()> {
        let plane = Arc::clone(&self.plane);
        self.threads.push(std::thread::Builder::new().name(name).spawn(move || body(&plane))?);
        Ok(())
    }

    fn end(&mut self) {
        self.plane.stop.raise();
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.end();
    }
}
