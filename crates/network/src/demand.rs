//! Noticing that somebody wants to go through a tunnel that nobody reads yet.
//!
//! The packets wait in the interface's own queue until a provider takes it over, which bounds them too
//! ([`TunOptions::queue_length`](crate::tun::TunOptions::queue_length)). Only the first is read, to see
//! what it is, and put back. Spec OD-3, OD-26.

mod packet;

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    os::fd::OwnedFd,
};

use rustix::io::fcntl_dupfd_cloexec;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{Interest, unix::AsyncFd};

use self::packet::Frame;
use crate::tun::{TunDevice, VNET_HEADER_LENGTH};

/// The queue of a tunnel without a provider. Whoever reads it must have stopped before a provider
/// starts.
#[derive(Debug)]
pub struct WaitingQueue {
    queue: AsyncFd<OwnedFd>,
    interface: String,
    has_header: bool,
    buffer: Vec<u8>,
}

/// The longest run of segments with its header.
const LONGEST_FRAME: usize = (1 << 16) + VNET_HEADER_LENGTH as usize;
/// More than a queue has.
const MOST_WAITING: usize = 1024;
const FIRST_FREE_FD: i32 = 3;

impl WaitingQueue {
    /// Of a device with one queue. Needs a tokio runtime.
    pub fn of(device: &TunDevice) -> io::Result<Self> {
        let first = device.queues.first().ok_or(io::ErrorKind::NotFound)?;
        let queue = fcntl_dupfd_cloexec(first, FIRST_FREE_FD)?;
        // SAFETY: an OwnedFd is the same descriptor as long as it lives, and is closed with this.
        let queue = unsafe { AsyncFd::register_with_interest(queue, Interest::READABLE) }?;
        Ok(Self {
            queue,
            interface: device.name.clone(),
            has_header: device.offloads.vnet_header,
            buffer: vec![0; LONGEST_FRAME],
        })
    }

    /// Waits until a program wants to reach something, and says what. Its packet is in the queue
    /// again, behind those that came meanwhile; what the kernel sends by itself is gone.
    pub async fn wanted(&mut self) -> io::Result<IpAddr> {
        loop {
            let length = self.next().await?;
            let frame = Frame::new(&self.buffer[..length], self.has_header);
            let Some(wanted) = frame.wanted() else { continue };
            // A run of segments is sent again by its program, in smaller pieces.
            if let Some(packet) = frame.whole() {
                self.put_back(&packet, wanted);
            }
            return Ok(wanted);
        }
    }

    /// Answers everything that programs send with “host unreachable”, so that they fail at once.
    pub async fn refuse(&mut self) -> io::Result<Infallible> {
        loop {
            let length = self.next().await?;
            self.answer(length);
        }
    }

    /// Answers so what is waiting now.
    pub fn refuse_waiting(&mut self) {
        for _ in 0..MOST_WAITING {
            let Ok(length) = rustix::io::read(self.queue.get_ref(), &mut self.buffer[..]) else {
                return;
            };
            self.answer(length);
        }
    }

    async fn next(&mut self) -> io::Result<usize> {
        loop {
            let mut ready = self.queue.readable().await?;
            let buffer = &mut self.buffer[..];
            let read = ready.try_io(|queue| Ok(rustix::io::read(queue, &mut *buffer)?));
            if let Ok(read) = read {
                return read;
            }
        }
    }

    fn answer(&self, length: usize) {
        let frame = Frame::new(&self.buffer[..length], self.has_header);
        let Some(refusal) = frame.refusal() else { return };
        let answer = Frame::around(&refusal, self.has_header);
        if let Err(error) = rustix::io::write(self.queue.get_ref(), &answer) {
            tracing::debug!(%error, "a packet cannot be refused");
        }
    }

    /// Sends it out of the interface once more. If that fails, its program does so.
    fn put_back(&self, packet: &[u8], to: IpAddr) {
        let to_any_port = SocketAddr::new(to, 0);
        let sent = self.socket(to).and_then(|socket| socket.send_to(packet, &to_any_port.into()));
        if let Err(error) = sent {
            tracing::debug!(%error, "the first packet has to be sent again by its program");
        }
    }

    /// Takes packets with their own IP header, raw(7), for this interface.
    fn socket(&self, to: IpAddr) -> io::Result<Socket> {
        let domain = if to.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
        let whole_packets = Protocol::from(libc::IPPROTO_RAW);
        let socket = Socket::new(domain, Type::RAW.nonblocking().cloexec(), Some(whole_packets))?;
        socket.bind_device(Some(self.interface.as_bytes()))?;
        Ok(socket)
    }
}

#[cfg(test)]
mod tests {
    use std::{io::ErrorKind, net::UdpSocket, time::Duration};

    use etherparse::{SlicedPacket, TransportSlice};
    use tokio::{net::TcpStream, time::timeout};

    use super::*;
    use crate::{
        netns::{in_own_namespace, ip},
        tun::{TunOptions, open},
    };

    const AT_ONCE: Duration = Duration::from_millis(300);

    // spec: OD-3, OD-26
    #[test]
    fn the_first_packet_of_a_program_is_noticed_and_waits_for_a_reader() {
        in_own_namespace(|| async {
            for (vnet_header, site) in
                [true, false].into_iter().zip(["203.0.113.10:443", "[2001:db8::10]:443"])
            {
                let site: SocketAddr = site.parse().unwrap();
                let device = bring_up(vnet_header);
                let mut queue = WaitingQueue::of(&device).unwrap();
                let noise = UdpSocket::bind("10.8.0.2:0").unwrap();
                noise.send_to(b"who is there?", "224.0.0.251:5353").unwrap();
                assert!(timeout(AT_ONCE, queue.wanted()).await.is_err(), "noise is no wish");

                let connecting = tokio::spawn(TcpStream::connect(site));
                assert_eq!(queue.wanted().await.unwrap(), site.ip());
                drop(queue);

                let syn = read(&device);
                let header = if vnet_header { usize::from(VNET_HEADER_LENGTH) } else { 0 };
                let sliced = SlicedPacket::from_ip(&syn[header..]).unwrap();
                let Some(TransportSlice::Tcp(tcp)) = &sliced.transport else { panic!("{syn:?}") };
                assert!(tcp.syn() && tcp.destination_port() == site.port(), "{tcp:?}");
                let expected = match sliced.net.as_ref().unwrap() {
                    etherparse::NetSlice::Ipv4(ip) => {
                        let header = ip.header();
                        tcp.calc_checksum_ipv4(header.source(), header.destination())
                    }
                    etherparse::NetSlice::Ipv6(ip) => {
                        let header = ip.header();
                        tcp.calc_checksum_ipv6(header.source(), header.destination())
                    }
                    etherparse::NetSlice::Arp(_) => panic!("ARP"),
                };
                assert_eq!(tcp.checksum(), expected.unwrap());
                connecting.abort();
            }
        });
    }

    #[test]
    fn whoever_is_refused_fails_at_once() {
        in_own_namespace(|| async {
            let device = bring_up(true);
            let mut queue = WaitingQueue::of(&device).unwrap();
            let refusing = tokio::spawn(async move { queue.refuse().await });
            for site in ["203.0.113.10:443", "[2001:db8::10]:443"] {
                let site: SocketAddr = site.parse().unwrap();
                let refused = TcpStream::connect(site).await.unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::HostUnreachable, "{site}");
            }
            refusing.abort();
        });
    }

    fn bring_up(vnet_header: bool) -> TunDevice {
        let device = open(&TunOptions { vnet_header, ..TunOptions::default() }).unwrap();
        let name = &device.name;
        ip(&format!("address add 10.8.0.2/32 dev {name}"));
        ip(&format!("address add fd00::2/128 dev {name} nodad"));
        ip(&format!("link set {name} up"));
        ip(&format!("route add default dev {name}"));
        ip(&format!("-6 route add default dev {name}"));
        device
    }

    fn read(device: &TunDevice) -> Vec<u8> {
        let mut buffer = vec![0; LONGEST_FRAME];
        let length = rustix::io::read(&device.queues[0], &mut buffer[..]).unwrap();
        buffer.truncate(length);
        buffer
    }
}
