//! Captures on an interface of a machine (packet(7)). Nothing is missed between start and stop, or the test fails.

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::net::{RecvFlags, SocketAddrAny, recvfrom};
use socket2::{Domain, SockAddr, SockAddrStorage, Socket, Type};

use crate::log::lock;
use crate::machine::Machine;
use crate::packet::{Direction, Packet, Packets};

/// Without a packet for this long, what was sent before is taken to have arrived.
const QUIET: Duration = Duration::from_millis(20);
/// Enough for a full-speed transfer while the collecting thread waits for a processor.
const BUFFER: usize = 64 << 20;
/// The largest packet with segmentation offload is 64 KiB and its headers.
const LARGEST: usize = 128 << 10;

/// A running capture of all packets on one interface.
#[derive(Debug)]
pub struct Capture {
    socket: Arc<Socket>,
    shared: Arc<Shared>,
    collector: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    packets: Mutex<Vec<Packet>>,
    // How many times it was quiet.
    pauses: AtomicU64,
    stop: AtomicBool,
}

impl Capture {
    /// Captures on `interface` of `machine`, from the moment this returns.
    #[must_use]
    #[track_caller]
    pub fn start(machine: &Machine, interface: &str) -> Self {
        let socket = match machine.enter(|| open(interface)) {
            Ok(socket) => Arc::new(socket),
            Err(error) => panic!("cannot capture on {interface} of {}: {error}", machine.name()),
        };
        let shared = Arc::new(Shared::default());
        let collector = {
            let (socket, shared) = (Arc::clone(&socket), Arc::clone(&shared));
            thread::spawn(move || shared.collect(&socket))
        };
        Self { socket, shared, collector: Some(collector) }
    }

    /// The packets so far, including what is on its way to the interface as this is called.
    #[must_use]
    #[track_caller]
    pub fn packets(&self) -> Packets {
        // The pause that is under way may have begun before the last packet was sent.
        let enough = self.shared.pauses.load(Ordering::Relaxed) + 2;
        let end = Instant::now() + 25 * QUIET;
        while self.shared.pauses.load(Ordering::Relaxed) < enough && Instant::now() < end {
            thread::sleep(QUIET / 10);
        }
        let lost = lost(&self.socket).expect("statistics of a packet socket");
        assert_eq!(lost, 0, "the capture lost packets, so it proves nothing");
        lock(&self.shared.packets).iter().cloned().collect()
    }

    /// Ends the capture; otherwise as [`packets`](Self::packets).
    #[must_use]
    #[track_caller]
    pub fn stop(self) -> Packets {
        self.packets()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        _ = self.collector.take().map(JoinHandle::join);
    }
}

impl Shared {
    fn collect(&self, socket: &Socket) {
        let start = Instant::now();
        let mut buffer = vec![0; LARGEST];
        while !self.stop.load(Ordering::Relaxed) {
            let received = recvfrom(socket, buffer.as_mut_slice(), RecvFlags::empty());
            let Ok((length, _, Some(from))) = received else {
                // No packet in time, or the interface went down: then there is none either.
                self.pauses.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            let (direction, ether_type) = link_layer(&from);
            let packet = Packet::parse(start.elapsed(), direction, ether_type, &buffer[..length]);
            lock(&self.packets).push(packet);
        }
    }
}

/// A packet socket that begins with the network header. Bound before it has a protocol, so that no packet of another
/// interface gets in.
fn open(interface: &str) -> io::Result<Socket> {
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, None)?;
    // An unprivileged user gets as much as the system allows; a loss would be noticed.
    if rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER).is_err() {
        socket.set_recv_buffer_size(BUFFER)?;
    }
    socket.set_read_timeout(Some(QUIET))?;
    let index = rustix::net::netdevice::name_to_index(&socket, interface)?;
    socket.bind(&every_packet_of(index))?;
    Ok(socket)
}

#[expect(clippy::cast_possible_truncation, reason = "constants that fit")]
fn every_packet_of(interface: u32) -> SockAddr {
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: `sockaddr_ll` is one of the address types of the kernel, which the storage is made for.
    let address = unsafe { storage.view_as::<libc::sockaddr_ll>() };
    address.sll_family = libc::AF_PACKET as libc::sa_family_t;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = interface.cast_signed();
    // SAFETY: the storage holds a `sockaddr_ll`, of this length.
    unsafe { SockAddr::new(storage, size_of::<libc::sockaddr_ll>() as libc::socklen_t) }
}

/// The direction and the Ethernet type of a packet that was received from `address`.
fn link_layer(address: &SocketAddrAny) -> (Direction, u16) {
    // SAFETY: a packet socket reports `sockaddr_ll`, and `SocketAddrAny` has room for every address type.
    let address = unsafe { &*address.as_ptr().cast::<libc::sockaddr_ll>() };
    let direction = match address.sll_pkttype {
        libc::PACKET_OUTGOING => Direction::Outgoing,
        _ => Direction::Incoming,
    };
    (direction, u16::from_be(address.sll_protocol))
}

/// How many packets did not fit into the buffer since this was last asked.
#[expect(clippy::cast_possible_truncation, reason = "the size of a small type")]
fn lost(socket: &Socket) -> io::Result<u32> {
    let mut statistics = MaybeUninit::<libc::tpacket_stats>::zeroed();
    let mut length = size_of::<libc::tpacket_stats>() as libc::socklen_t;
    // SAFETY: the pointer and the length describe `statistics`, which the kernel fills.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            statistics.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: zero is a valid value of both its fields, whatever the kernel wrote.
    Ok(unsafe { statistics.assume_init() }.tp_drops)
}
