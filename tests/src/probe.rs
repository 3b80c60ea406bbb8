//! Probes: what ordinary programs send, each known again wherever it turns up.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use socket2::{Domain, Protocol as SocketProtocol, Socket, Type};

use crate::address;
use crate::machine::Machine;
use crate::packet::{Packet, Packets, Protocol};

/// What a probe is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeKind {
    /// A datagram to this port.
    Udp(u16),
    /// The first packet of a connection to this port.
    Tcp(u16),
    /// An echo request.
    Ping,
}

/// One packet that a program has tried to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// What it is.
    pub kind: ProbeKind,
    /// Where it was to go.
    pub destination: IpAddr,
    mark: Mark,
}

/// What makes a probe different from every other.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mark {
    Payload(String),
    /// The first packet of a TCP connection carries nothing.
    SourcePort(u16),
}

/// Probes of every kind to a public IPv4 address, a public IPv6 address and a host of the local network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProbeSet(Vec<Probe>);

/// Sends sets of probes, one after the other, until it is stopped or dropped.
#[derive(Debug)]
pub struct Probing {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<ProbeSet>>,
}

impl ProbeKind {
    /// Every kind that a [`ProbeSet`] has.
    pub const ALL: [Self; 5] =
        [Self::Udp(53), Self::Udp(443), Self::Tcp(53), Self::Tcp(80), Self::Ping];
}

impl Probe {
    /// Sends one from `machine`, as root. `interface` binds it to one, as a program may that does not ask the routes.
    /// Whatever refuses it is no fault: whether it went out is for a capture to say.
    #[track_caller]
    pub fn send(
        machine: &Machine,
        kind: ProbeKind,
        destination: IpAddr,
        interface: Option<&str>,
    ) -> Self {
        machine.enter(|| Self::send_here(kind, destination, interface))
    }

    /// Whether a packet is this probe.
    #[must_use]
    pub fn is(&self, packet: &Packet) -> bool {
        let (protocol, port) = match self.kind {
            ProbeKind::Udp(port) => (Protocol::Udp, Some(port)),
            ProbeKind::Tcp(port) => (Protocol::Tcp, Some(port)),
            ProbeKind::Ping => match self.destination {
                IpAddr::V4(_) => (Protocol::Icmp(ICMP_ECHO), None),
                IpAddr::V6(_) => (Protocol::Icmpv6(ICMPV6_ECHO), None),
            },
        };
        let is_marked = || match &self.mark {
            Mark::Payload(payload) => packet.contains(payload),
            Mark::SourcePort(port) => packet.source_port == Some(*port),
        };
        packet.protocol == protocol
            && packet.destination == Some(self.destination)
            && packet.destination_port == port
            && is_marked()
    }

    fn send_here(kind: ProbeKind, destination: IpAddr, interface: Option<&str>) -> Self {
        let payload = format!("adit-probe-{}", next_number());
        let mark = match kind {
            ProbeKind::Udp(port) => {
                let to = SocketAddr::new(destination, port);
                let socket = open(destination, Type::DGRAM, SocketProtocol::UDP, interface);
                // Refused is as good as any answer.
                _ = socket.and_then(|socket| socket.send_to(payload.as_bytes(), &to.into()));
                Mark::Payload(payload)
            }
            ProbeKind::Tcp(port) => {
                let socket = open(destination, Type::STREAM, SocketProtocol::TCP, interface);
                let socket = socket.expect("a TCP socket of the machine");
                let own = bind(&socket, destination).expect("a free port");
                socket.set_nonblocking(true).expect("a socket option");
                _ = socket.connect(&SocketAddr::new(destination, port).into());
                Mark::SourcePort(own)
            }
            ProbeKind::Ping => {
                let protocol = match destination {
                    IpAddr::V4(_) => SocketProtocol::ICMPV4,
                    IpAddr::V6(_) => SocketProtocol::ICMPV6,
                };
                let request = echo_request(destination, payload.as_bytes());
                let to = SocketAddr::new(destination, 0);
                let socket = open(destination, Type::RAW, protocol, interface);
                _ = socket.and_then(|socket| socket.send_to(&request, &to.into()));
                Mark::Payload(payload)
            }
        };
        Self { kind, destination, mark }
    }
}

impl ProbeSet {
    /// The destinations: on the internet over both versions of IP, and in the local network.
    #[must_use]
    pub fn destinations() -> [IpAddr; 3] {
        [address::OTHER_SITE.v4.into(), address::OTHER_SITE.v6.into(), address::LAN.v4.into()]
    }

    /// Sends one of each, the way the machine's routes lead.
    #[must_use]
    #[track_caller]
    pub fn send(machine: &Machine) -> Self {
        machine.enter(|| Self::send_here(None))
    }

    /// Sends one of each by this interface, whatever the routes say.
    #[must_use]
    #[track_caller]
    pub fn send_by(machine: &Machine, interface: &str) -> Self {
        machine.enter(|| Self::send_here(Some(interface)))
    }

    /// Those for which `wanted` holds.
    #[must_use]
    pub fn filter(&self, wanted: impl Fn(&Probe) -> bool) -> Self {
        Self(self.0.iter().filter(|probe| wanted(probe)).cloned().collect())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that are among the packets.
    #[must_use]
    pub fn seen_in(&self, packets: &Packets) -> Self {
        // A capture of much traffic in a tunnel has few of these.
        let destinations = Self::destinations().map(Some);
        let likely: Vec<&Packet> =
            packets.iter().filter(|packet| destinations.contains(&packet.destination)).collect();
        self.filter(|probe| likely.iter().any(|packet| probe.is(packet)))
    }

    /// Panics unless all of them are among the packets.
    #[track_caller]
    pub fn assert_all_seen(&self, packets: &Packets) {
        let missing = self.filter(|probe| !packets.iter().any(|packet| probe.is(packet)));
        assert!(missing.is_empty(), "{} probes did not come out:\n{missing}", missing.len());
    }

    /// Panics when one of them is among the packets, or when there is none to look for.
    #[track_caller]
    pub fn assert_none_seen(&self, packets: &Packets) {
        assert!(!self.is_empty(), "nothing was sent, so nothing is proven");
        let leaked = self.seen_in(packets);
        assert!(leaked.is_empty(), "{} of {} probes came out:\n{leaked}", leaked.len(), self.len());
    }

    fn send_here(interface: Option<&str>) -> Self {
        let to_each =
            |destination| ProbeKind::ALL.map(|kind| Probe::send_here(kind, destination, interface));
        Self(Self::destinations().into_iter().flat_map(to_each).collect())
    }
}

impl Probing {
    /// Begins to send a set from `machine` every so often.
    #[must_use]
    pub fn start(machine: &Machine, every: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (machine, stopped) = (machine.clone(), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            machine.enter(|| {
                let mut sent = ProbeSet::default();
                while !stopped.load(Ordering::Relaxed) {
                    sent.0.extend(ProbeSet::send_here(None).0);
                    thread::sleep(every);
                }
                sent
            })
        });
        Self { stop, thread: Some(thread) }
    }

    /// Stops, and gives all that was sent.
    #[must_use]
    #[track_caller]
    pub fn stop(mut self) -> ProbeSet {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("it is stopped only once");
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Probing {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        _ = self.thread.take().map(JoinHandle::join);
    }
}

impl fmt::Display for ProbeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 20;
        for probe in self.0.iter().take(SHOWN) {
            writeln!(f, "  {:?} to {}", probe.kind, probe.destination)?;
        }
        match self.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => writeln!(f, "  and {more} more"),
        }
    }
}

/// RFC 792
const ICMP_ECHO: u8 = 8;
/// RFC 4443 section 4.1
const ICMPV6_ECHO: u8 = 128;

/// Different in every test process too, and of one length, so that none is a part of another.
fn next_number() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{:08x}-{:08x}-{number:08x}", std::process::id(), since.subsec_nanos())
}

fn open(
    destination: IpAddr,
    kind: Type,
    protocol: SocketProtocol,
    interface: Option<&str>,
) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address((destination, 0).into()), kind, Some(protocol))?;
    socket.bind_device(interface.map(str::as_bytes))?;
    Ok(socket)
}

/// Gives the socket a port and says which.
fn bind(socket: &Socket, destination: IpAddr) -> io::Result<u16> {
    let any = match destination {
        IpAddr::V4(_) => SocketAddr::from(([0; 4], 0)),
        IpAddr::V6(_) => SocketAddr::from(([0; 16], 0)),
    };
    socket.bind(&any.into())?;
    let own = socket.local_addr()?.as_socket();
    own.map(|own| own.port()).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// With an identifier and a sequence number of zero. The kernel fills in the checksum only over IPv6.
fn echo_request(destination: IpAddr, payload: &[u8]) -> Vec<u8> {
    let kind = match destination {
        IpAddr::V4(_) => ICMP_ECHO,
        IpAddr::V6(_) => ICMPV6_ECHO,
    };
    let mut request = [&[kind, 0, 0, 0, 0, 0, 0, 0], payload].concat();
    if destination.is_ipv4() {
        let [high, low] = internet_checksum(&request).to_be_bytes();
        (request[2], request[3]) = (high, low);
    }
    request
}

/// RFC 1071
fn internet_checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| {
        u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or_default()]))
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}
