//! One queue of the TUN device.

use std::{
    fmt, io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use rustix::{
    fs::OFlags,
    io::{Errno, retry_on_intr},
};

use super::{
    PacketFlow,
    merge::{Merger, Message},
    offload::Segments,
};
use crate::protocol::TunDevice;

const HEADROOM: usize = PacketFlow::HEADROOM;

/// The descriptor with what it takes to read and write batches. Readers take turns, and so do
/// writers; one of each runs undisturbed.
pub(super) struct Queue {
    fd: OwnedFd,
    /// Each message begins with a virtio header.
    vnet_header: bool,
    /// The kernel takes merged UDP packets.
    uso: bool,
    raw: Mutex<Vec<u8>>,
    merging: Mutex<Merger>,
    /// The kernel refused a merged message.
    unmerged: AtomicBool,
    dropped: AtomicU64,
}

impl Queue {
    pub(super) fn new(fd: OwnedFd, device: &TunDevice) -> io::Result<Self> {
        let flags = rustix::fs::fcntl_getfl(&fd)?;
        rustix::fs::fcntl_setfl(&fd, flags | OFlags::NONBLOCK)?;
        Ok(Self {
            fd,
            vnet_header: device.vnet_header,
            uso: device.uso,
            raw: Mutex::new(vec![0; PacketFlow::RAW]),
            merging: Mutex::default(),
            unmerged: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
        })
    }

    /// See [`PacketFlow::read`].
    pub(super) fn read<B: AsRef<[u8]> + AsMut<[u8]>>(
        &self,
        buffers: &mut [B],
        sizes: &mut [usize],
        offset: usize,
    ) -> io::Result<usize> {
        let mut raw = self.raw.lock().unwrap_or_else(PoisonError::into_inner);
        let length = self.read_message(&mut raw)?;
        let Some(segments) = self.segments(&mut raw[..length]) else { return Ok(0) };
        Ok(segments.split(buffers, sizes, offset).unwrap_or_else(|error| {
            self.refuse(&error);
            0
        }))
    }

    /// See [`PacketFlow::read_message`].
    pub(super) fn read_message(&self, raw: &mut [u8]) -> io::Result<usize> {
        Ok(retry_on_intr(|| rustix::io::read(&self.fd, &mut *raw))?)
    }

    /// See [`PacketFlow::packet_offset`].
    pub(super) fn packet_offset(&self) -> usize {
        if self.vnet_header { HEADROOM } else { 0 }
    }

    /// See [`PacketFlow::segments`].
    pub(super) fn segments<'a>(&self, message: &'a mut [u8]) -> Option<Segments<'a>> {
        if !self.vnet_header {
            return Some(Segments::plain(message));
        }
        Segments::parse(message).inspect_err(|error| self.refuse(error)).ok()
    }

    /// See [`PacketFlow::write`].
    pub(super) fn write<B: AsRef<[u8]> + AsMut<[u8]>>(&self, buffers: &mut [B], offset: usize) {
        let usable = |buffer: &B| offset >= HEADROOM && buffer.as_ref().len() > offset;
        if !buffers.iter().all(usable) {
            return self.drop_packets(buffers.len());
        }
        if !self.vnet_header {
            for buffer in buffers {
                self.write_message(&[io::IoSlice::new(&buffer.as_ref()[offset..])]);
            }
            return;
        }
        let mut merging = self.merging.lock().unwrap_or_else(PoisonError::into_inner);
        if self.unmerged.load(Ordering::Relaxed) {
            for buffer in buffers {
                merging.merge(std::slice::from_mut(buffer), offset, self.uso);
                self.write_message(&[io::IoSlice::new(&buffer.as_ref()[offset - HEADROOM..])]);
            }
            return;
        }
        merging.merge(buffers, offset, self.uso);
        for message in merging.messages() {
            self.write_gathered(message, buffers, offset);
        }
    }

    fn write_gathered<B: AsRef<[u8]>>(&self, message: Message<'_>, buffers: &[B], offset: usize) {
        let first = io::IoSlice::new(&buffers[message.first()].as_ref()[offset - HEADROOM..]);
        if message.count() == 1 {
            self.write_message(&[first]);
            return;
        }
        let (others, headers) = message.others();
        let content = |index: usize| io::IoSlice::new(&buffers[index].as_ref()[offset + headers..]);
        let mut parts = Vec::with_capacity(message.count());
        parts.push(first);
        parts.extend(others.map(content));
        match retry_on_intr(|| rustix::io::writev(&self.fd, &parts)) {
            Ok(_) => {}
            Err(Errno::INVAL) => self.write_split(&parts),
            Err(error) => {
                tracing::trace!(%error, "packets of the tunnel are dropped");
                self.drop_packets(message.count());
            }
        }
    }

    /// Writes a merged message that the kernel refuses as the packets that it was, and merges none
    /// from then on.
    fn write_split(&self, parts: &[io::IoSlice<'_>]) {
        if !self.unmerged.swap(true, Ordering::Relaxed) {
            tracing::debug!("the system takes no merged packets");
        }
        let mut message: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let Ok(segments) = Segments::parse(&mut message) else {
            return self.drop_packets(parts.len());
        };
        let (count, length) = (segments.count(), HEADROOM + segments.longest());
        let (mut packets, mut sizes) = (vec![vec![0; length]; count], vec![0; count]);
        if segments.split(&mut packets, &mut sizes, HEADROOM).is_err() {
            return self.drop_packets(parts.len());
        }
        for (packet, size) in packets.iter().zip(sizes) {
            self.write_message(&[io::IoSlice::new(&packet[..HEADROOM + size])]);
        }
    }

    /// Packets that were lost in either direction.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Counts what is not even tried.
    pub(super) fn refuse_to_write(&self) -> bool {
        self.drop_packets(1);
        false
    }

    /// Writes a packet or a frame with its checksums done.
    pub(super) fn write_whole(&self, packet: &[u8]) -> bool {
        if self.vnet_header {
            // All zero: nothing is left to do.
            self.write_message(&[io::IoSlice::new(&[0; HEADROOM]), io::IoSlice::new(packet)])
        } else {
            self.write_message(&[io::IoSlice::new(packet)])
        }
    }

    /// A full queue (EAGAIN), an interface that is down (EIO) and a packet that the kernel
    /// dislikes (EINVAL) all lose this packet and nothing else.
    fn write_message(&self, parts: &[io::IoSlice<'_>]) -> bool {
        let written: Result<usize, Errno> = retry_on_intr(|| rustix::io::writev(&self.fd, parts));
        if let Err(error) = written {
            tracing::trace!(%error, "a packet of the tunnel is dropped");
            self.drop_packets(1);
        }
        written.is_ok()
    }

    fn refuse(&self, error: &io::Error) {
        tracing::trace!(%error, "a packet of the system is dropped");
        self.drop_packets(1);
    }

    fn drop_packets(&self, count: usize) {
        self.dropped.fetch_add(count as u64, Ordering::Relaxed);
    }
}

impl AsFd for Queue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("fd", &self.fd)
            .field("vnet_header", &self.vnet_header)
            .finish_non_exhaustive()
    }
}
