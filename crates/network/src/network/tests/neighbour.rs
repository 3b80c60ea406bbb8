//! A machine with a neighbour in another namespace, who is its router and sees all that leaves it.

use std::{
    io,
    mem::MaybeUninit,
    net::{IpAddr, SocketAddr, TcpStream, UdpSocket},
    time::{Duration, Instant},
};

use adit_model::Family;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tempfile::TempDir;

use super::*;
use crate::netns::{ip, with_neighbour};

/// The neighbour's addresses: on the local network, and beyond it.
pub(super) const NEIGHBOUR: &str = "192.168.1.1";
pub(super) const PUBLIC: &str = "203.0.113.5";
pub(super) const PUBLIC_IPV6: &str = "2001:db8:5::5";

/// A machine whose `near0` leads to the neighbour.
pub(super) struct Connected {
    pub(super) network: Network,
    pub(super) wire: Wire,
    /// Sends from the neighbour.
    pub(super) neighbour: UdpSocket,
    neighbour_tcp: Socket,
    places: Places,
    _folder: TempDir,
}

/// All that the machine sends.
pub(super) struct Wire {
    socket: Socket,
}

/// An IP packet on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) to: IpAddr,
    pub(super) protocol: u8,
    /// The port it goes to, of TCP and UDP.
    pub(super) port: u16,
    /// The flags of TCP.
    pub(super) flags: u8,
    /// How many more routers it may pass.
    pub(super) hops: u8,
}

/// A way past the tunnels: its name, a port that no other has, and trying it.
type WayOut = (&'static str, u16, &'static dyn Fn(u16));

pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
const ICMPV6: u8 = 58;

impl Connected {
    pub(super) fn new() -> Self {
        let (wire, neighbour, neighbour_tcp) = with_neighbour(|| {
            ip("address add 192.168.1.1/24 dev far0");
            ip("address add 203.0.113.5/32 dev lo");
            ip("-6 address add 2001:db8::1/64 dev far0 nodad");
            ip("-6 address add 2001:db8:5::5/128 dev lo");
            ip("link set lo up");
            ip("route add default via 192.168.1.9");
            let tcp = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            (Wire::tap(), UdpSocket::bind("0.0.0.0:9999").unwrap(), tcp)
        });
        neighbour.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        ip("address add 192.168.1.9/24 dev near0");
        ip("-6 address add 2001:db8::9/64 dev near0 nodad");
        ip("link set near0 up");
        ip("route add default via 192.168.1.1");
        ip("-6 route add default via 2001:db8::1");
        let folder = tempfile::tempdir().unwrap();
        let resolv_conf = folder.path().join("resolv.conf");
        fs::write(&resolv_conf, "").unwrap();
        let places =
            Places { resolv_conf, bus: Bus::None, ..Places::new(folder.path().join("run")) };
        let network = Network::open(&places).unwrap();
        Self { network, wire, neighbour, neighbour_tcp, places, _folder: folder }
    }

    /// Another process takes over, which knows only what is on disk and in the kernel.
    pub(super) fn crash(&mut self) {
        self.network = Network::open(&self.places).unwrap();
    }

    /// A TCP connection that the neighbour opens.
    pub(super) fn connect_from_neighbour(&self, to: SocketAddr) -> TcpStream {
        let socket = self.neighbour_tcp.try_clone().unwrap();
        socket.connect(&to.into()).unwrap();
        socket.into()
    }

    pub(super) async fn lock_down(&self, allow_local_networks: bool) {
        self.network.lock_down(Some(Lockdown { allow_local_networks })).await.unwrap();
    }

    /// Tries each way out once, and returns what came through, by name.
    pub(super) fn leaks(&self) -> Vec<&'static str> {
        let ways: [WayOut; 9] = [
            ("udp", 4001, &|port| send_udp(PUBLIC, port, None)),
            ("udp, bound", 4002, &|port| send_udp(PUBLIC, port, Some("near0"))),
            ("tcp", 4003, &|port| drop(connect_tcp(PUBLIC, port))),
            ("ipv6", 4004, &|port| send_udp(PUBLIC_IPV6, port, None)),
            ("ipv6, bound", 4005, &|port| send_udp(PUBLIC_IPV6, port, Some("near0"))),
            ("local", 4006, &|port| send_udp(NEIGHBOUR, port, None)),
            ("packet socket", 4007, &|port| send_frame(PUBLIC, port)),
            ("local DNS", 53, &|port| send_udp(NEIGHBOUR, port, None)),
            ("local DNS, packet socket", 853, &|port| send_frame(NEIGHBOUR, port)),
        ];
        self.wire.clear();
        for (_, port, attempt) in ways {
            attempt(port);
        }
        let seen = self.wire.until_end();
        let is_seen = |port| seen.iter().any(|packet| packet.port == port);
        ways.iter().filter(|(_, port, _)| is_seen(*port)).map(|(name, ..)| *name).collect()
    }
}

impl Wire {
    /// In the namespace of the calling thread.
    fn tap() -> Self {
        // Everything (ETH_P_ALL), in the network's byte order.
        let protocol = Protocol::from(i32::from(3_u16.to_be()));
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol)).unwrap();
        socket.set_recv_buffer_size(8 << 20).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { socket }
    }

    pub(super) fn clear(&self) {
        while self.next().is_some() {}
    }

    /// All IP packets up to now, but for what keeps the link alive. The mark of the end is a frame
    /// that no firewall holds back.
    pub(super) fn until_end(&self) -> Vec<Seen> {
        send_end();
        let mut seen = Vec::new();
        let limit = Instant::now() + Duration::from_secs(10);
        while Instant::now() < limit {
            match self.next() {
                Some(frame) if frame[12..14] == END => return seen,
                Some(frame) => seen.extend(Seen::parse(&frame[14..])),
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        }
        panic!("the wire does not carry the mark of the end; seen: {seen:?}");
    }

    /// The next frame that came in; what the neighbour sends itself is no matter.
    fn next(&self) -> Option<Vec<u8>> {
        loop {
            let mut buffer = [MaybeUninit::<u8>::uninit(); 2048];
            let (length, from) = match self.socket.recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) => panic!("{error}"),
            };
            // SAFETY: the kernel has written that many bytes.
            let frame = buffer[..length].iter().map(|byte| unsafe { byte.assume_init() }).collect();
            // SAFETY: an address of a packet socket is a `sockaddr_ll`.
            let from = unsafe { &*from.as_ptr().cast::<libc::sockaddr_ll>() };
            if from.sll_pkttype != libc::PACKET_OUTGOING {
                return Some(frame);
            }
        }
    }
}

impl Seen {
    fn parse(packet: &[u8]) -> Option<Self> {
        let (to, protocol, hops, header): (IpAddr, _, _, _) = match packet.first()? >> 4 {
            4 => {
                let to: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
                (to.into(), packet[9], packet[8], 20)
            }
            6 => {
                let to: [u8; 16] = packet.get(24..40)?.try_into().ok()?;
                (to.into(), packet[6], packet[7], 40)
            }
            _ => return None,
        };
        // Neighbour discovery and multicast listeners, with and without the header for routers.
        if protocol == ICMPV6 || protocol == 0 {
            return None;
        }
        let port = packet.get(header + 2..header + 4)?;
        let flags = packet.get(header + 13).copied().unwrap_or_default();
        let port = u16::from_be_bytes([port[0], port[1]]);
        Some(Self { to, protocol, port, flags, hops })
    }
}

/// An `EtherType` for experiments (IEEE 802, RFC 9542).
const END: [u8; 2] = [0x88, 0xB5];

pub(super) fn send_udp(to: &str, port: u16, interface: Option<&str>) {
    let to = SocketAddr::new(to.parse().unwrap(), port);
    let family = crate::socket::family_of(to);
    let domain = if family == Family::Ipv4 { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::DGRAM, None).unwrap();
    socket.bind_device(interface.map(str::as_bytes)).unwrap();
    // Whether it is refused is what the caller wants to know from the wire.
    let _ = socket.send_to(b"probe", &to.into());
}

pub(super) fn connect_tcp(to: &str, port: u16) -> io::Result<TcpStream> {
    let to = SocketAddr::new(to.parse().unwrap(), port);
    TcpStream::connect_timeout(&to, Duration::from_secs(3))
}

/// A frame with a datagram, past the IP stack.
fn send_frame(to: &str, port: u16) {
    let to: std::net::Ipv4Addr = to.parse().unwrap();
    let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, UDP, 0, 0, 192, 168, 1, 9];
    packet.extend(to.octets());
    packet.extend([0x9C, 0x40]);
    packet.extend(port.to_be_bytes());
    packet.extend([0, 8, 0, 0]);
    send_ethernet([0x08, 0x00], &packet);
}

fn send_end() {
    send_ethernet(END, &[0; 46]);
}

fn send_ethernet(kind: [u8; 2], payload: &[u8]) {
    let mut frame = vec![0xFF; 6];
    frame.extend([2, 0, 0, 0, 0, 9]);
    frame.extend(kind);
    frame.extend(payload);
    let protocol = u16::from_be_bytes(kind).to_be();
    let socket =
        Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(i32::from(protocol)))).unwrap();
    let index = rustix::net::netdevice::name_to_index(&socket, "near0").unwrap();
    // SAFETY: zero is a value of each field, and the storage is large enough for this address.
    let to = unsafe {
        SockAddr::try_init(|storage, length| {
            let link = storage.cast::<libc::sockaddr_ll>();
            (*link).sll_family = u16::try_from(libc::AF_PACKET).unwrap_or_default();
            (*link).sll_protocol = protocol;
            (*link).sll_ifindex = i32::try_from(index).unwrap_or_default();
            *length = u32::try_from(size_of::<libc::sockaddr_ll>()).unwrap_or_default();
            Ok(())
        })
    }
    .unwrap()
    .1;
    // The firewall makes it fail.
    let _ = socket.send_to(&frame, &to);
}
