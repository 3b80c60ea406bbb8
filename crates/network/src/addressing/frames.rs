//! Frames of one interface, past the system's own handling of them (packet(7)).

use std::{io, mem, os::fd::AsFd};

use socket2::{Domain, SockAddr, SockAddrStorage, SockFilter, Socket, Type};
use tokio::io::{Interest, unix::AsyncFd};

use crate::Tunnel;

/// A socket that hears of what assigns addresses and of nothing else: all that goes through the tunnel
/// would have to be copied.
#[derive(Debug)]
pub(super) struct Frames {
    socket: AsyncFd<Socket>,
    buffer: Vec<u8>,
}

impl Frames {
    /// Of the interface of a tunnel.
    pub(super) fn of(tunnel: &Tunnel, mtu: u32) -> io::Result<Self> {
        const HEADER: usize = 14;
        // With a protocol it would hear of everything before it has its filter.
        let socket = Socket::new(Domain::PACKET, Type::RAW.nonblocking().cloexec(), None)?;
        socket.attach_filter(&FILTER)?;
        socket.bind(&all_frames_of(tunnel.index)?)?;
        // SAFETY: a Socket is the same descriptor as long as it lives, and is closed with this.
        let socket = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) }?;
        let longest = usize::try_from(mtu).unwrap_or(usize::MAX).saturating_add(HEADER);
        Ok(Self { socket, buffer: vec![0; longest] })
    }

    /// The next one. Never, when the interface is gone: then there is another one, and another of these.
    pub(super) async fn receive(&mut self) -> Vec<u8> {
        loop {
            let Ok(mut ready) = self.socket.readable().await else {
                return std::future::pending().await;
            };
            let buffer = &mut self.buffer[..];
            match ready.try_io(|socket| Ok(rustix::io::read(socket.get_ref(), &mut *buffer)?)) {
                Ok(Ok(length)) => return self.buffer[..length].to_vec(),
                // The interface was down for a moment, or is no more.
                Ok(Err(error)) => tracing::debug!(%error, "no frame"),
                Err(_would_block) => {}
            }
        }
    }

    /// What is lost is sent again.
    pub(super) fn send(&self, frame: &[u8]) {
        if let Err(error) = rustix::io::write(self.socket.as_fd(), frame) {
            tracing::debug!(%error, "a frame is lost");
        }
    }
}

fn all_frames_of(index: u32) -> io::Result<SockAddr> {
    const ALL: u16 = 0x0003;
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: the storage is large enough for every kind of address, and this is one of its own kind.
    let address = unsafe { storage.view_as::<libc::sockaddr_ll>() };
    address.sll_family = u16::try_from(libc::AF_PACKET).unwrap_or_default();
    address.sll_protocol = ALL.to_be();
    address.sll_ifindex = i32::try_from(index).map_err(io::Error::other)?;
    let length = u32::try_from(mem::size_of::<libc::sockaddr_ll>()).map_err(io::Error::other)?;
    // SAFETY: as many bytes of it are an address of this family.
    Ok(unsafe { SockAddr::new(storage, length) })
}

/// A program for the kernel (bpf(4), linux/filter.h): answers to ARP, messages to the client's port of
/// DHCP, announcements of routers.
const FILTER: [SockFilter; 19] = [
    load(HALF, 12),
    if_equal(0x0806, 0, 2),
    load(HALF, 20),
    if_equal(2, 14, 13),
    if_equal(0x0800, 0, 7),
    load(BYTE, 23),
    if_equal(17, 0, 10),
    load(HALF, 20),
    // All fragments but the first.
    jump(libc::BPF_JSET, 0x1fff, 8, 0),
    statement(libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH, 14),
    statement(libc::BPF_LD | libc::BPF_H | libc::BPF_IND, 16),
    if_equal(68, 6, 5),
    if_equal(0x86dd, 0, 4),
    load(BYTE, 20),
    if_equal(58, 0, 2),
    load(BYTE, 54),
    if_equal(134, 1, 0),
    statement(libc::BPF_RET | libc::BPF_K, 0),
    statement(libc::BPF_RET | libc::BPF_K, u32::MAX),
];

const HALF: u32 = libc::BPF_H;
const BYTE: u32 = libc::BPF_B;

const fn load(size: u32, from: u32) -> SockFilter {
    statement(libc::BPF_LD | size | libc::BPF_ABS, from)
}

/// Skips so many instructions.
const fn if_equal(value: u32, then: u8, otherwise: u8) -> SockFilter {
    jump(libc::BPF_JEQ, value, then, otherwise)
}

const fn jump(condition: u32, value: u32, then: u8, otherwise: u8) -> SockFilter {
    instruction(libc::BPF_JMP | condition | libc::BPF_K, then, otherwise, value)
}

const fn statement(code: u32, value: u32) -> SockFilter {
    instruction(code, 0, 0, value)
}

#[expect(clippy::cast_possible_truncation, reason = "instructions have 16 bits")]
const fn instruction(code: u32, then: u8, otherwise: u8, value: u32) -> SockFilter {
    SockFilter::new(code as u16, then, otherwise, value)
}
