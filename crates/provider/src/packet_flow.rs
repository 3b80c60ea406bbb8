//! The packets of the virtual interface (`NEPacketTunnelFlow`).
//!
//! A provider with a simple protocol calls [`PacketFlow::recv`] and [`PacketFlow::send`] and sees
//! plain IP packets. A data plane with threads and batches of its own calls [`PacketFlow::read`]
//! and [`PacketFlow::write`] on each of the [`PacketFlow::queues`]. Either way the kernel's offloads
//! are used and nothing of them shows.

mod frames;
mod merge;
mod offload;
mod queue;

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{Mutex, OnceLock, PoisonError},
    task::{Context, Poll},
};

use adit_varlink::Descriptors;
use tokio::io::{Interest, unix::AsyncFd};

use self::queue::Queue;
pub use self::{frames::FrameFlow, offload::Segments};
use crate::protocol::{Family, TunDevice};

/// The TUN device of a session. There is no queue in it: whoever does not read leaves packets to
/// the kernel's bounded one. Spec FLOW-1, PTP-7.
#[derive(Debug)]
pub struct PacketFlow {
    queues: Vec<Queue>,
    receiving: Mutex<Scratch>,
    /// Registered with the runtime on the first [`recv`](Self::recv), so that a data plane with
    /// threads needs no runtime.
    readiness: OnceLock<Vec<AsyncFd<OwnedFd>>>,
}

/// Where one read is split into packets.
#[derive(Debug, Default)]
struct Scratch {
    buffers: Vec<Vec<u8>>,
    sizes: Vec<usize>,
}

impl PacketFlow {
    /// Bytes that must be free in front of a packet that is written.
    pub const HEADROOM: usize = tun_rs::VIRTIO_NET_HDR_LEN;

    /// The most bytes of an IP packet.
    pub const MAX_PACKET: usize = 65_535;

    /// The most packets that one read yields.
    pub const MAX_BATCH: usize = tun_rs::IDEAL_BATCH_SIZE;

    /// The bytes of a buffer for [`read_message`](Self::read_message).
    pub const RAW: usize = Self::HEADROOM + Self::MAX_PACKET + 1;

    /// The device whose queues are among `fds`. A descriptor may be anything that keeps the
    /// boundaries of messages, such as a Unix datagram socket in a test.
    pub fn new(device: &TunDevice, fds: Vec<OwnedFd>) -> io::Result<Self> {
        let mut fds = Descriptors::from(fds);
        let mut queues = Vec::with_capacity(device.queues.len());
        for index in &device.queues {
            let fd = fds.take(*index).ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidInput, "a queue of the TUN device is missing")
            })?;
            queues.push(Queue::new(fd, device)?);
        }
        if queues.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the TUN device has no queue"));
        }
        Ok(Self { queues, receiving: Mutex::default(), readiness: OnceLock::new() })
    }

    /// Waits for packets and puts one batch of them into `packets`, whose buffers are used again.
    /// What is not fetched stays in the kernel, which drops when its queue is full. One task
    /// receives. Spec FLOW-1.
    ///
    /// # Errors
    ///
    /// The interface is gone.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn recv(&self, packets: &mut Vec<Vec<u8>>) -> io::Result<()> {
        std::future::poll_fn(|context| self.poll_recv(context, packets)).await
    }

    /// Gives the system one packet that came through the tunnel; it never waits. Returns whether
    /// it was accepted: not if it is no IP packet, or the interface is down. Spec FLOW-4.
    pub fn send(&self, packet: &[u8]) -> bool {
        let queue = &self.queues[0];
        if Self::family(packet).is_none() {
            return queue.refuse_to_write();
        }
        queue.write_whole(packet)
    }

    /// The family of a packet, by its version. Spec FLOW-2.
    #[must_use]
    pub fn family(packet: &[u8]) -> Option<Family> {
        match packet.first()? >> 4 {
            4 => Some(Family::Ipv4),
            6 => Some(Family::Ipv6),
            _ => None,
        }
    }

    /// Packets lost between the tunnel and the system since the start. Spec FLOW-4.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.queues.iter().map(Queue::dropped).sum()
    }

    /// The queues, at least one, to be polled. The kernel spreads flows over all of them, so all
    /// must be read.
    pub fn queues(&self) -> impl ExactSizeIterator<Item = BorrowedFd<'_>> {
        self.queues.iter().map(Queue::as_fd)
    }

    /// Reads a queue once without waiting. What segmentation offload left whole is split: packet
    /// `i` lies at `offset..offset + sizes[i]` of `buffers[i]`. Returns how many there are; none if
    /// what was read is of no use.
    ///
    /// `buffers` and `sizes` are of one length; [`MAX_BATCH`](Self::MAX_BATCH) buffers of `offset`
    /// \+ [`MAX_PACKET`](Self::MAX_PACKET) bytes hold whatever comes.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is nothing to read; any other means that the interface is gone.
    ///
    /// # Panics
    ///
    /// There is no such queue.
    pub fn read<B: AsRef<[u8]> + AsMut<[u8]>>(
        &self,
        queue: usize,
        buffers: &mut [B],
        sizes: &mut [usize],
        offset: usize,
    ) -> io::Result<usize> {
        self.queues[queue].read(buffers, sizes, offset)
    }

    /// Reads one message of a queue without waiting, as the kernel gives it, for whoever knows best
    /// where its packets are to go. `raw` has [`RAW`](Self::RAW) bytes. Returns the message's length.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    ///
    /// # Panics
    ///
    /// There is no such queue.
    pub fn read_message(&self, queue: usize, raw: &mut [u8]) -> io::Result<usize> {
        self.queues[queue].read_message(raw)
    }

    /// Where in a message of a queue its packet begins.
    ///
    /// # Panics
    ///
    /// There is no such queue.
    #[must_use]
    pub fn packet_offset(&self, queue: usize) -> usize {
        self.queues[queue].packet_offset()
    }

    /// The packets of a message: [`Segments::split`] puts them where they are to go. `None` if it is
    /// of no use, which is counted.
    ///
    /// # Panics
    ///
    /// There is no such queue.
    pub fn segments<'a>(&self, queue: usize, message: &'a mut [u8]) -> Option<Segments<'a>> {
        self.queues[queue].segments(message)
    }

    /// Writes a batch to a queue without waiting. Packet `i` is what follows the first `offset`
    /// bytes of `buffers[i]`; `offset` is at least [`HEADROOM`](Self::HEADROOM). Packets of one
    /// flow are merged, so that the headers of any may be changed. What the kernel does not take is
    /// dropped and counted. Spec FLOW-4.
    ///
    /// # Panics
    ///
    /// There is no such queue.
    pub fn write<B: AsRef<[u8]> + AsMut<[u8]>>(
        &self,
        queue: usize,
        buffers: &mut [B],
        offset: usize,
    ) {
        self.queues[queue].write(buffers, offset);
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        packets: &mut Vec<Vec<u8>>,
    ) -> Poll<io::Result<()>> {
        for (queue, readiness) in self.queues.iter().zip(self.readiness()?) {
            while let Poll::Ready(guard) = readiness.poll_read_ready(context) {
                match guard?.try_io(|_| self.read_some(queue, packets)) {
                    // Only a packet that could not be used.
                    Ok(Ok(0)) => {}
                    Ok(result) => return Poll::Ready(result.map(drop)),
                    Err(_would_block) => {}
                }
            }
        }
        Poll::Pending
    }

    fn read_some(&self, queue: &Queue, packets: &mut Vec<Vec<u8>>) -> io::Result<usize> {
        let mut scratch = self.receiving.lock().unwrap_or_else(PoisonError::into_inner);
        let Scratch { buffers, sizes } = &mut *scratch;
        if buffers.is_empty() {
            buffers.resize_with(Self::MAX_BATCH, || vec![0; Self::MAX_PACKET]);
            sizes.resize(Self::MAX_BATCH, 0);
        }
        let count = queue.read(buffers, sizes, 0)?;
        packets.resize_with(count, Vec::new);
        for ((packet, buffer), size) in packets.iter_mut().zip(buffers).zip(sizes) {
            packet.clear();
            packet.extend_from_slice(&buffer[..*size]);
        }
        Ok(count)
    }

    fn readiness(&self) -> io::Result<&[AsyncFd<OwnedFd>]> {
        if let Some(readiness) = self.readiness.get() {
            return Ok(readiness);
        }
        let register = |queue: &Queue| -> io::Result<_> {
            let fd = queue.as_fd().try_clone_to_owned()?;
            // SAFETY: an OwnedFd is open and the same descriptor for as long as it lives.
            Ok(unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?)
        };
        let readiness = self.queues.iter().map(register).collect::<io::Result<_>>()?;
        Ok(self.readiness.get_or_init(|| readiness))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    // spec: FLOW-1, FLOW-2, FLOW-4
    #[tokio::test]
    async fn a_plain_device_gives_and_takes_single_packets() {
        let (flow, system) = device(false);
        let (ipv4, ipv6) = (packet(4), packet(6));
        let mut packets = vec![vec![9; 9]; 9];
        for packet in [&ipv4, &ipv6] {
            system.send(packet).unwrap();
            flow.recv(&mut packets).await.unwrap();
            assert_eq!(&packets, std::slice::from_ref(packet));
        }
        assert_eq!(PacketFlow::family(&ipv4), Some(Family::Ipv4));
        assert_eq!(PacketFlow::family(&ipv6), Some(Family::Ipv6));

        assert!(flow.send(&ipv6));
        let mut received = [0; 100];
        let length = system.recv(&mut received).unwrap();
        assert_eq!(received[..length], ipv6);
        assert!(!flow.send(&packet(5)));
        assert!(!flow.send(b""));
        assert_eq!(flow.dropped(), 2);
    }

    // spec: FLOW-1
    #[tokio::test]
    async fn receiving_waits_and_a_reader_that_does_not_come_back_costs_no_memory() {
        let (flow, system) = device(false);
        system.set_nonblocking(true).unwrap();
        let mut accepted = 0;
        while system.send(&packet(4)).is_ok() {
            accepted += 1;
        }
        let mut packets = Vec::new();
        for _ in 0..accepted {
            flow.recv(&mut packets).await.unwrap();
            assert_eq!(packets, [packet(4)]);
        }
        tokio::select! {
            biased;
            _ = flow.recv(&mut packets) => panic!("there is nothing to receive"),
            () = std::future::ready(()) => {}
        }
    }

    // spec: FLOW-4
    #[test]
    fn what_the_system_does_not_take_is_dropped_and_counted() {
        let (flow, system) = device(false);
        let mut accepted = 0;
        while flow.send(&packet(4)) {
            accepted += 1;
        }
        assert!(accepted > 0);
        assert_eq!(flow.dropped(), 1);
        system.recv(&mut [0; 100]).unwrap();
        assert!(flow.send(&packet(4)));
    }

    #[test]
    fn a_device_needs_its_queues() {
        let new = |queues: Vec<usize>| {
            let (_, fd) = UnixDatagram::pair().unwrap();
            let plain = TunDevice { queues, vnet_header: false, tso: false, uso: false };
            PacketFlow::new(&plain, vec![fd.into()])
        };
        assert!(new(vec![0]).is_ok());
        assert!(new(vec![]).is_err());
        assert!(new(vec![1]).is_err());
        assert!(new(vec![0, 0]).is_err());
    }

    pub(super) fn device(offloads: bool) -> (PacketFlow, UnixDatagram) {
        let (system, fd) = UnixDatagram::pair().unwrap();
        let tun =
            TunDevice { queues: vec![0], vnet_header: offloads, tso: offloads, uso: offloads };
        (PacketFlow::new(&tun, vec![fd.into()]).unwrap(), system)
    }

    fn packet(version: u8) -> Vec<u8> {
        let mut packet = vec![0; 60];
        packet[0] = version << 4;
        packet
    }
}
