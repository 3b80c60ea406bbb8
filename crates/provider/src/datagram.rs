//! How much a datagram may carry.

use std::{
    io,
    net::{IpAddr, UdpSocket},
};

use rustix::net::sockopt;

/// The most bytes that a datagram of this connected socket can carry and still fit the path, as far as
/// the kernel knows it at this moment. More is split up or refused, and less may be lost all the same
/// where the path is narrower and does not say so. Spec NW-20.
pub fn maximum_datagram_length(socket: &UdpSocket) -> io::Result<usize> {
    // Headers of IP (RFC 791, RFC 8200) and UDP (RFC 768), and the most that the former can count.
    let (mtu, ip_header, most) = match socket.peer_addr()?.ip().to_canonical() {
        IpAddr::V4(_) => (sockopt::ip_mtu(socket)?, 20, 65_535),
        IpAddr::V6(_) => (sockopt::ipv6_mtu(socket)?, 40, 65_575),
    };
    let mtu = usize::try_from(mtu).unwrap_or(usize::MAX);
    Ok(mtu.min(most).saturating_sub(ip_header + 8))
}

#[cfg(test)]
mod tests {
    use rustix::{
        io::Errno,
        net::sockopt::{Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery},
    };

    use super::*;

    // spec: NW-20
    #[test]
    fn the_largest_datagram_leaves_in_one_piece_and_a_larger_one_does_not() {
        for local in ["127.0.0.1:0", "[::1]:0"] {
            let peer = UdpSocket::bind(local).unwrap();
            let socket = UdpSocket::bind(local).unwrap();
            assert!(maximum_datagram_length(&socket).is_err(), "it is not connected");
            socket.connect(peer.local_addr().unwrap()).unwrap();
            if peer.local_addr().unwrap().is_ipv4() {
                sockopt::set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::DO).unwrap();
            } else {
                sockopt::set_ipv6_mtu_discover(&socket, Ipv6PathMtuDiscovery::DO).unwrap();
            }
            let length = maximum_datagram_length(&socket).unwrap();
            let payload = vec![0; length + 1];
            assert_eq!(socket.send(&payload[1..]).unwrap(), length);
            let error = socket.send(&payload).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(Errno::MSGSIZE.raw_os_error()), "{local}");
        }
    }
}
