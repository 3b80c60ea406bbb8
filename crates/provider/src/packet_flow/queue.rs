//! One queue of the TUN device.

use std::{
    fmt, io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use rustix::{
    fs::OFlags,
    io::{Errno, retry_on_intr},
};
use tun_rs::GROTable;

use super::{PacketFlow, offload};
use crate::protocol::TunDevice;

const HEADROOM: usize = PacketFlow::HEADROOM;

/// Marks a header that nobody filled in: its packet became part of another. Flags of all ones are
/// nothing the kernel knows.
const MERGED: [u8; HEADROOM] = [0xff; HEADROOM];

/// The descriptor with what it takes to read and write batches. Readers take turns, and so do
/// writers; one of each runs undisturbed.
pub(super) struct Queue {
    fd: OwnedFd,
    /// Each message begins with a virtio header.
    vnet_header: bool,
    /// The kernel takes merged UDP packets.
    uso: bool,
    raw: Mutex<Vec<u8>>,
    merging: Mutex<GROTable>,
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
            raw: Mutex::new(vec![0; HEADROOM + PacketFlow::MAX_PACKET + 1]),
            merging: Mutex::new(GROTable::new()),
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
        let length = retry_on_intr(|| rustix::io::read(&self.fd, raw.as_mut_slice()))?;
        let split = if self.vnet_header {
            offload::split(&mut raw[..length], buffers, sizes, offset)
        } else {
            offload::copy(&raw[..length], buffers, sizes, offset)
        };
        Ok(split.unwrap_or_else(|error| {
            tracing::trace!(%error, "a packet of the system is dropped");
            self.drop_packets(1);
            0
        }))
    }

    /// See [`PacketFlow::write`].
    pub(super) fn write(&self, buffers: &mut [Vec<u8>], offset: usize) {
        let usable = |buffer: &Vec<u8>| offset >= HEADROOM && buffer.len() > offset;
        if !buffers.iter().all(usable) {
            return self.drop_packets(buffers.len());
        }
        if !self.vnet_header {
            for buffer in buffers {
                self.write_message(&[io::IoSlice::new(&buffer[offset..])]);
            }
            return;
        }
        let header = offset - HEADROOM..offset;
        for buffer in &mut *buffers {
            buffer[header.clone()].copy_from_slice(&MERGED);
        }
        let mut merging = self.merging.lock().unwrap_or_else(PoisonError::into_inner);
        if merging.apply_gro(buffers, offset, self.uso).is_err() {
            return self.drop_packets(buffers.len());
        }
        for buffer in buffers.iter().filter(|buffer| buffer[header.clone()] != MERGED) {
            self.write_message(&[io::IoSlice::new(&buffer[header.start..])]);
        }
    }

    /// Packets that were lost in either direction.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(super) fn write_packet(&self, packet: &[u8]) -> bool {
        if PacketFlow::family(packet).is_none() {
            self.drop_packets(1);
            return false;
        }
        if self.vnet_header {
            // All zero: a whole packet with its checksums done.
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
