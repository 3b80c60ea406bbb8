//! Sockets that a provider talks to its server through.
//!
//! The helper opens them, because only it may set the mark that sends their packets past the tunnel,
//! and hands them to the provider. Spec PRV-4, PRV-5, PRV-11.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroU16,
    os::fd::OwnedFd,
    time::Duration,
};

use rustix::net::sockopt;
use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;
use tokio::net::{TcpSocket, TcpStream};

use adit_model::Family;

use crate::BYPASS_MARK;

/// A UDP socket to open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UdpRequest {
    /// Whom it talks to.
    pub remote: Remote,
    /// The port to send from, or any free one.
    pub local_port: Option<NonZeroU16>,
    /// The size of the kernel's buffer in each direction, in bytes. Without `CAP_NET_ADMIN` no more
    /// than `net.core.rmem_max` and `wmem_max`.
    pub buffer_bytes: usize,
}

impl UdpRequest {
    /// Any free port, and buffers that hold 20 ms of a 2 Gbit/s burst.
    #[must_use]
    pub fn new(remote: Remote) -> Self {
        Self { remote, local_port: None, buffer_bytes: 5 << 20 }
    }
}

/// Whom a UDP socket talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remote {
    /// This address only; the kernel drops what others send.
    Connected(SocketAddr),
    /// Anybody in this family, for servers that move. IPv6 without mapped IPv4 addresses.
    Any(Family),
}

/// Why there is no socket.
#[derive(Debug, Error)]
pub enum SocketError {
    /// Unspecified, multicast or broadcast address, or port 0.
    #[error(
        "{0} is no server's address: use the address of a single machine and a port from 1 to 65535"
    )]
    InvalidRemote(SocketAddr),
    /// `CAP_NET_ADMIN` is missing.
    #[error("no permission to send packets past the tunnel: CAP_NET_ADMIN is needed")]
    NotPermitted,
    /// Another socket has the local port.
    #[error("local port {0} is in use by another program: choose another port, or 0 for any")]
    PortInUse(u16),
    /// No route goes there.
    #[error("{0} cannot be reached from this network: check the connection")]
    Unreachable(SocketAddr),
    /// Nothing listens there.
    #[error("{0} refused the connection: check the port, or whether the server is running")]
    Refused(SocketAddr),
    /// No answer in time.
    #[error("{0} did not answer in time")]
    TimedOut(SocketAddr),
    /// Anything else; names the step that failed.
    #[error("the socket could not be set up ({step}): {source}")]
    Kernel {
        /// What was being done.
        step: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Opens a UDP socket whose packets go past the tunnel: nonblocking, closed on exec, bound.
pub fn open_udp(request: &UdpRequest) -> Result<OwnedFd, SocketError> {
    let (family, remote) = match request.remote {
        Remote::Connected(remote) => {
            let remote = server_address(remote)?;
            (family_of(remote), Some(remote))
        }
        Remote::Any(family) => (family, None),
    };
    let socket = marked(family, Type::DGRAM).map_err(refused_mark)?;
    set_buffers(&socket, request.buffer_bytes).map_err(kernel("set buffer size"))?;
    let port = request.local_port.map_or(0, NonZeroU16::get);
    let local = SocketAddr::new(unspecified(family), port);
    socket.bind(&local.into()).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => SocketError::PortInUse(port),
        _ => kernel("bind")(error),
    })?;
    if let Some(remote) = remote {
        socket.connect(&remote.into()).map_err(failed_connect(remote))?;
    }
    Ok(socket.into())
}

/// Opens a TCP connection that goes past the tunnel: nonblocking, closed on exec, connected.
pub async fn open_tcp(remote: SocketAddr, timeout: Duration) -> Result<OwnedFd, SocketError> {
    let remote = server_address(remote)?;
    let socket = marked(family_of(remote), Type::STREAM).map_err(refused_mark)?;
    let connection = TcpSocket::from_std_stream(socket.into()).connect(remote);
    let stream = tokio::time::timeout(timeout, connection)
        .await
        .map_err(|_| SocketError::TimedOut(remote))?
        .map_err(failed_connect(remote))?;
    Ok(stream.into_std().map_err(kernel("leave the event loop"))?.into())
}

/// Opens a UDP socket that sends by a tunnel's interface: nonblocking, closed on exec, connected.
pub fn open_udp_through(interface: &str, remote: SocketAddr) -> Result<OwnedFd, SocketError> {
    let remote = server_address(remote)?;
    let socket = bound(interface, family_of(remote), Type::DGRAM)?;
    socket.connect(&remote.into()).map_err(failed_connect(remote))?;
    Ok(socket.into())
}

/// Begins a TCP connection by a tunnel's interface: nonblocking, closed on exec, and not waited for,
/// since whoever asks may be the one who carries its packets.
pub fn open_tcp_through(interface: &str, remote: SocketAddr) -> Result<OwnedFd, SocketError> {
    let remote = server_address(remote)?;
    let socket = bound(interface, family_of(remote), Type::STREAM)?;
    match socket.connect(&remote.into()) {
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(socket.into()),
        Err(error) => Err(failed_connect(remote)(error)),
        Ok(()) => Ok(socket.into()),
    }
}

/// A TCP connection by a tunnel's interface, wherever the routes lead: without it there is none.
pub(crate) async fn connect_through(interface: &str, server: SocketAddr) -> io::Result<TcpStream> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(server), kind, None)?;
    socket.bind_device(Some(interface.as_bytes()))?;
    TcpSocket::from_std_stream(socket.into()).connect(server).await
}

/// A nonblocking socket whose packets leave by one interface or not at all.
fn bound(interface: &str, family: Family, kind: Type) -> Result<Socket, SocketError> {
    let open = || -> io::Result<Socket> {
        let socket = Socket::new(domain(family), kind.nonblocking().cloexec(), None::<Protocol>)?;
        socket.bind_device(Some(interface.as_bytes()))?;
        Ok(socket)
    };
    open().map_err(kernel("bind to the tunnel"))
}

/// A nonblocking socket that carries the bypass mark from its first packet on.
pub(crate) fn marked(family: Family, kind: Type) -> io::Result<Socket> {
    let socket = Socket::new(domain(family), kind.nonblocking().cloexec(), None::<Protocol>)?;
    socket.set_mark(BYPASS_MARK)?;
    if family == Family::Ipv6 {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// The family of an address.
pub(crate) fn family_of(address: SocketAddr) -> Family {
    Family::of_address(address.ip())
}

fn domain(family: Family) -> Domain {
    match family {
        Family::Ipv4 => Domain::IPV4,
        Family::Ipv6 => Domain::IPV6,
    }
}

fn unspecified(family: Family) -> IpAddr {
    match family {
        Family::Ipv4 => Ipv4Addr::UNSPECIFIED.into(),
        Family::Ipv6 => Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// The address as the kernel wants it, if a single machine can be behind it. A mapped IPv4 address is
/// that IPv4 address.
fn server_address(address: SocketAddr) -> Result<SocketAddr, SocketError> {
    let ip = address.ip().to_canonical();
    let is_pointless = ip.is_unspecified()
        || ip.is_multicast()
        || ip == IpAddr::V4(Ipv4Addr::BROADCAST)
        || address.port() == 0;
    if is_pointless {
        return Err(SocketError::InvalidRemote(address));
    }
    // The scope of a link-local address is lost in a plain (address, port) pair.
    Ok(if ip == address.ip() { address } else { SocketAddr::new(ip, address.port()) })
}

fn set_buffers(socket: &Socket, bytes: usize) -> io::Result<()> {
    sockopt::set_socket_recv_buffer_size_force(socket, bytes)
        .or_else(|_| sockopt::set_socket_recv_buffer_size(socket, bytes))?;
    sockopt::set_socket_send_buffer_size_force(socket, bytes)
        .or_else(|_| sockopt::set_socket_send_buffer_size(socket, bytes))?;
    Ok(())
}

fn refused_mark(error: io::Error) -> SocketError {
    match error.kind() {
        io::ErrorKind::PermissionDenied => SocketError::NotPermitted,
        _ => kernel("open")(error),
    }
}

fn failed_connect(remote: SocketAddr) -> impl Fn(io::Error) -> SocketError {
    move |error| match error.kind() {
        io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::AddrNotAvailable => SocketError::Unreachable(remote),
        io::ErrorKind::ConnectionRefused => SocketError::Refused(remote),
        io::ErrorKind::TimedOut => SocketError::TimedOut(remote),
        _ => kernel("connect")(error),
    }
}

fn kernel(step: &'static str) -> impl Fn(io::Error) -> SocketError {
    move |source| SocketError::Kernel { step, source }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use rustix::{
        fs::{OFlags, fcntl_getfl},
        io::{FdFlags, fcntl_getfd},
        thread::{CapabilitySet, capabilities, set_capabilities},
    };
    use socket2::SockRef;

    use super::*;
    use crate::netns::{in_own_namespace, ip};

    // spec: PRV-5, PRV-11
    #[test]
    fn a_udp_socket_bears_the_mark_and_reaches_its_server() {
        in_own_namespace(|| async {
            for server in ["127.0.0.1:0", "[::1]:0"] {
                let server = UdpSocket::bind(server).unwrap();
                let remote = server.local_addr().unwrap();
                let socket = open_udp(&UdpRequest::new(Remote::Connected(remote))).unwrap();

                assert_eq!(SockRef::from(&socket).mark().unwrap(), BYPASS_MARK);
                assert!(fcntl_getfl(&socket).unwrap().contains(OFlags::NONBLOCK));
                assert!(fcntl_getfd(&socket).unwrap().contains(FdFlags::CLOEXEC));

                let socket = UdpSocket::from(socket);
                socket.send(b"hello").unwrap();
                let (length, from) = server.recv_from(&mut [0; 8]).unwrap();
                assert_eq!((length, from), (5, socket.local_addr().unwrap()));
            }
        });
    }

    #[test]
    fn an_unconnected_socket_has_the_port_and_the_buffers_that_were_asked_for() {
        in_own_namespace(|| async {
            let request = UdpRequest {
                local_port: NonZeroU16::new(51820),
                buffer_bytes: 6 << 20,
                ..UdpRequest::new(Remote::Any(Family::Ipv6))
            };
            let socket = open_udp(&request).unwrap();
            assert_eq!(
                UdpSocket::from(socket.try_clone().unwrap()).local_addr().unwrap().port(),
                51820
            );
            assert!(sockopt::socket_recv_buffer_size(&socket).unwrap() >= 6 << 20);
            assert!(sockopt::socket_send_buffer_size(&socket).unwrap() >= 6 << 20);

            let same_port = UdpRequest { remote: Remote::Any(Family::Ipv4), ..request };
            let _ipv4 = open_udp(&same_port).expect("each family has ports of its own");
            let taken = open_udp(&request).unwrap_err();
            assert!(matches!(taken, SocketError::PortInUse(51820)), "{taken}");
            assert!(taken.to_string().contains("51820"), "{taken}");
        });
    }

    // spec: PRV-4, PRV-11
    #[test]
    fn a_tcp_connection_bears_the_mark_from_its_first_packet_on() {
        in_own_namespace(|| async {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let remote = listener.local_addr().unwrap();
            // Only what bears the mark finds the way there.
            ip("rule add priority 0 fwmark 0x0ad10000/0xffff0000 lookup local");
            ip(&format!("rule add priority 1 ipproto tcp dport {} unreachable", remote.port()));
            ip("rule add priority 2 lookup local");
            ip("rule delete priority 0 from all lookup local");
            let unmarked = TcpStream::connect(remote).unwrap_err();
            assert_eq!(unmarked.kind(), io::ErrorKind::NetworkUnreachable);

            let socket = open_tcp(remote, Duration::from_secs(5)).await.unwrap();
            assert_eq!(SockRef::from(&socket).mark().unwrap(), BYPASS_MARK);
            assert!(fcntl_getfl(&socket).unwrap().contains(OFlags::NONBLOCK));
        });
    }

    #[test]
    fn a_server_that_cannot_be_reached_is_an_error_of_its_own() {
        in_own_namespace(|| async {
            let closed = SocketAddr::from(([127, 0, 0, 1], 9));
            let elsewhere = SocketAddr::from(([198, 51, 100, 1], 443));
            let limit = Duration::from_millis(300);

            let refused = open_tcp(closed, limit).await.unwrap_err();
            assert!(matches!(refused, SocketError::Refused(address) if address == closed));
            let unreachable = open_tcp(elsewhere, limit).await.unwrap_err();
            assert!(matches!(unreachable, SocketError::Unreachable(_)), "{unreachable}");
            let unreachable = open_udp(&UdpRequest::new(Remote::Connected(elsewhere))).unwrap_err();
            assert!(matches!(unreachable, SocketError::Unreachable(_)), "{unreachable}");

            // A neighbour that swallows everything.
            let _silent = crate::tun::open(&crate::tun::TunOptions::default()).unwrap();
            ip("link set adit0 up");
            ip("address add 198.51.100.9/24 dev adit0");
            let silent = open_tcp(elsewhere, limit).await.unwrap_err();
            assert!(matches!(silent, SocketError::TimedOut(_)), "{silent}");
        });
    }

    #[test]
    fn what_is_no_server_is_refused_before_any_socket() {
        for pointless in ["0.0.0.0:1", "[::]:1", "224.0.0.1:1", "[ff02::1]:1", "192.0.2.1:0"] {
            let remote = pointless.parse().unwrap();
            let refused = open_udp(&UdpRequest::new(Remote::Connected(remote))).unwrap_err();
            assert!(matches!(refused, SocketError::InvalidRemote(_)), "{pointless}: {refused}");
        }
        let broadcast = "[::ffff:255.255.255.255]:1".parse().unwrap();
        assert!(matches!(server_address(broadcast), Err(SocketError::InvalidRemote(_))));

        let mapped = server_address("[::ffff:192.0.2.1]:1".parse().unwrap()).unwrap();
        assert_eq!(mapped, "192.0.2.1:1".parse().unwrap());
        let scoped = "[fe80::1%7]:1".parse().unwrap();
        assert_eq!(server_address(scoped).unwrap(), scoped);
    }

    #[test]
    fn without_the_capability_the_error_names_it() {
        in_own_namespace(|| async {
            let mut sets = capabilities(None).unwrap();
            sets.effective.remove(CapabilitySet::NET_ADMIN | CapabilitySet::NET_RAW);
            set_capabilities(None, sets).unwrap();
            let refused = open_udp(&UdpRequest::new(Remote::Any(Family::Ipv4))).unwrap_err();
            assert!(refused.to_string().contains("CAP_NET_ADMIN"), "{refused}");
        });
    }
}
