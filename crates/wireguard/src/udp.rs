//! The outer sockets, with segmentation offload in both directions.

use std::{
    io::{self, IoSliceMut},
    net::{SocketAddr, UdpSocket},
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    time::Duration,
};

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use rustix::net::sockopt::{
    Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, set_ip_mtu_discover, set_ipv6_mtu_discover,
};
use socket2::SockRef;

use crate::stop::{Stop, Waited};

/// What a burst at line rate needs between two turns of a thread.
const BUFFER_SIZE: usize = 4 << 20;

/// How long a full socket may hold up the packets behind it.
const SEND_LIMIT: Duration = Duration::from_millis(100);

/// One outer socket, unconnected, of one family.
#[derive(Debug)]
pub(crate) struct UdpPort {
    socket: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
}

impl UdpPort {
    pub(crate) fn new(socket: UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        let local = socket.local_addr()?;
        allow_fragments(&socket, local)?;
        enlarge_buffers(&socket);
        Ok(Self { socket, state, local })
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Whether it can reach `remote`.
    pub(crate) fn serves(&self, remote: SocketAddr) -> bool {
        self.local.is_ipv4() == remote.is_ipv4()
    }

    /// The most datagrams that leave in one call.
    pub(crate) fn max_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// Sends datagrams that lie end to end, each of `segment` bytes and the last at most that.
    /// Returns how many were not sent.
    pub(crate) fn send(
        &self,
        datagrams: &[u8],
        segment: usize,
        destination: SocketAddr,
        stop: &Stop,
    ) -> usize {
        if self.send_once(datagrams, segment, destination, stop).is_ok() {
            return 0;
        }
        // A driver without the offload or a link with a small MTU refuses the whole only.
        let pieces = datagrams.chunks(segment);
        if pieces.len() == 1 {
            return 1;
        }
        pieces.filter(|one| self.send_once(one, one.len(), destination, stop).is_err()).count()
    }

    /// Fills the slots with datagrams without waiting; several of one sender share a slot.
    pub(crate) fn recv(
        &self,
        slots: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> io::Result<usize> {
        self.state.recv(UdpSockRef::from(&self.socket), slots, metas)
    }

    fn send_once(
        &self,
        contents: &[u8],
        segment: usize,
        destination: SocketAddr,
        stop: &Stop,
    ) -> io::Result<()> {
        let transmit = Transmit {
            destination,
            ecn: None,
            contents,
            segment_size: (segment < contents.len()).then_some(segment),
            src_ip: None,
        };
        loop {
            match self.state.try_send(UdpSockRef::from(&self.socket), &transmit) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if stop.wait_writable(&self.socket, SEND_LIMIT) != Waited::Ready {
                        return Err(error);
                    }
                }
                result => return result,
            }
        }
    }
}

impl AsFd for UdpPort {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Outer packets may be fragmented on the way, as those of the kernel's WireGuard: the inner MTU
/// is fixed before the path is known. quinn-udp forbids it, because QUIC looks for the path's MTU.
fn allow_fragments(socket: &UdpSocket, local: SocketAddr) -> io::Result<()> {
    match local {
        SocketAddr::V4(_) => set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::DONT)?,
        SocketAddr::V6(_) => {
            set_ipv6_mtu_discover(socket, Ipv6PathMtuDiscovery::DONT)?;
            allow_ipv6_fragments(socket)?;
        }
    }
    Ok(())
}

/// Clears `IPV6_DONTFRAG`, RFC 3542 section 11.2.
fn allow_ipv6_fragments(socket: &UdpSocket) -> io::Result<()> {
    const LENGTH: libc::socklen_t = libc::c_int::BITS / 8;
    let off: libc::c_int = 0;
    // SAFETY: the option is an int, and the pointer and length are those of a live int.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IPV6,
            libc::IPV6_DONTFRAG,
            (&raw const off).cast(),
            LENGTH,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The helper may have given more than an unprivileged process can ask for; that is kept. A small
/// buffer costs packets and nothing else.
fn enlarge_buffers(socket: &UdpSocket) {
    let socket = SockRef::from(socket);
    if socket.recv_buffer_size().is_ok_and(|size| size < BUFFER_SIZE) {
        let _ = socket.set_recv_buffer_size(BUFFER_SIZE);
    }
    if socket.send_buffer_size().is_ok_and(|size| size < BUFFER_SIZE) {
        let _ = socket.set_send_buffer_size(BUFFER_SIZE);
    }
    let (receive, send) = (socket.recv_buffer_size(), socket.send_buffer_size());
    tracing::debug!(?receive, ?send, "bytes that the kernel buffers for an outer socket");
}
