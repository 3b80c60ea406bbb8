//! The frames of an Ethernet tunnel's interface (`NEPacketTunnelFlow` of `NEEthernetTunnelProvider`).

use std::{
    io,
    os::fd::{BorrowedFd, OwnedFd},
};

use super::PacketFlow;
use crate::protocol::TunDevice;

/// The TAP device of a session. Each frame is whole, from the destination's address to the end of its
/// content, without a checksum (IEEE 802.3, section 3.1.1). As with packets, there is no queue in it.
/// Spec ETH-1, FLOW-1.
#[derive(Debug)]
pub struct FrameFlow(PacketFlow);

/// Two addresses and a type.
const HEADER: usize = 14;

impl FrameFlow {
    /// The device whose queues are among `fds`. Without offloads: those of the kernel are for packets.
    pub fn new(device: &TunDevice, fds: Vec<OwnedFd>) -> io::Result<Self> {
        if device.vnet_header {
            let message = "the TAP device has offloads, which frames have not";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        PacketFlow::new(device, fds).map(Self)
    }

    /// Waits for frames and puts one batch of them into `frames`, whose buffers are used again. What is
    /// not fetched stays in the kernel, which drops when its queue is full. One task receives.
    ///
    /// # Errors
    ///
    /// The interface is gone.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn recv(&self, frames: &mut Vec<Vec<u8>>) -> io::Result<()> {
        self.0.recv(frames).await
    }

    /// Gives the system one frame that came through the tunnel; it never waits. Returns whether it was
    /// accepted: not if it is no frame, or the interface is down.
    pub fn send(&self, frame: &[u8]) -> bool {
        let queue = &self.0.queues[0];
        if frame.len() < HEADER {
            return queue.refuse_to_write();
        }
        queue.write_whole(frame)
    }

    /// What a frame carries, by the number of IEEE 802: 0x0800 for IPv4, 0x86dd for IPv6, 0x0806 for
    /// ARP; below 0x0600 it is the length of the content.
    #[must_use]
    pub fn ether_type(frame: &[u8]) -> Option<u16> {
        let octets = frame.get(HEADER - 2..HEADER)?;
        Some(u16::from_be_bytes([octets[0], octets[1]]))
    }

    /// Frames lost between the tunnel and the system since the start.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped()
    }

    /// The queues, at least one, to be polled.
    pub fn queues(&self) -> impl ExactSizeIterator<Item = BorrowedFd<'_>> {
        self.0.queues()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    // spec: ETH-1
    #[tokio::test]
    async fn frames_pass_whole_and_what_is_none_does_not() {
        let (flow, system) = device(false).unwrap();
        let arp = [&[0xff; 6][..], &[2, 0, 0, 0, 0, 1], &[0x08, 0x06], &[0; 28]].concat();
        system.send(&arp).unwrap();
        let mut frames = Vec::new();
        flow.recv(&mut frames).await.unwrap();
        assert_eq!(frames, std::slice::from_ref(&arp));
        assert_eq!(FrameFlow::ether_type(&frames[0]), Some(0x0806));
        assert_eq!(FrameFlow::ether_type(&arp[..13]), None);

        assert!(flow.send(&arp));
        let mut received = [0; 100];
        let length = system.recv(&mut received).unwrap();
        assert_eq!(received[..length], arp);
        assert!(!flow.send(&arp[..13]));
        assert_eq!(flow.dropped(), 1);
        assert!(device(true).is_err(), "offloads");
    }

    fn device(offloads: bool) -> io::Result<(FrameFlow, UnixDatagram)> {
        let (system, fd) = UnixDatagram::pair()?;
        let tap =
            TunDevice { queues: vec![0], vnet_header: offloads, tso: offloads, uso: offloads };
        Ok((FrameFlow::new(&tap, vec![fd.into()])?, system))
    }
}
