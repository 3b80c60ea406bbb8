//! Opening the device that carries a tunnel's packets or frames.
//!
//! The helper opens it and hands its queues to the provider; the interface lives as long as any copy
//! of a queue is open. Linux: Documentation/networking/tuntap.rst.

mod ioctl;
#[cfg(test)]
mod tests;

use std::{io, num::NonZeroUsize, os::fd::OwnedFd};

use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType},
};
use thiserror::Error;

use self::ioctl::flag;

/// What every interface of ours is called; the kernel puts the first free number for `%d`.
pub const NAME_TEMPLATE: &str = "adit%d";

/// What the names of all interfaces of ours begin with.
pub(crate) const NAME_PREFIX: &str = "adit";

/// The length of the virtio header before each packet, in bytes (`struct virtio_net_hdr`).
pub const VNET_HEADER_LENGTH: u8 = 10;

/// What passes through a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layer {
    /// IP packets (TUN).
    #[default]
    Ip,
    /// Ethernet frames (TAP).
    Ethernet,
}

/// How to open a TUN device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunOptions {
    /// What passes through it.
    pub layer: Layer,
    /// A name for the interface, or a template with one `%d` for a number that the kernel picks.
    pub name: String,
    /// Whether each packet has a virtio header before it. Without one there are no offloads.
    pub vnet_header: bool,
    /// How many queues; the kernel keeps a flow on one of them.
    pub queues: NonZeroUsize,
    /// How many packets wait for a reader before the kernel drops (`txqueuelen`).
    pub queue_length: u32,
}

impl Default for TunOptions {
    fn default() -> Self {
        Self {
            layer: Layer::Ip,
            name: NAME_TEMPLATE.to_owned(),
            vnet_header: true,
            queues: NonZeroUsize::MIN,
            // A burst of a program that the reader's thread has to wait for. A provider that reads in
            // time leaves none waiting here.
            queue_length: 256,
        }
    }
}

/// An open TUN device. Its interface is down and has no address.
#[derive(Debug)]
pub struct TunDevice {
    /// The interface's name.
    pub name: String,
    /// The interface's index.
    pub index: u32,
    /// What passes through it.
    pub layer: Layer,
    /// One descriptor a queue, at least one; nonblocking, closed on exec. A read takes one packet or
    /// frame, a write gives one, without packet information (`IFF_NO_PI`).
    pub queues: Vec<OwnedFd>,
    /// What the kernel leaves to the reader.
    pub offloads: Offloads,
}

/// What the reader of a TUN device has to be ready for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offloads {
    /// Each packet has a virtio header of [`VNET_HEADER_LENGTH`] bytes in the machine's byte order.
    pub vnet_header: bool,
    /// Packets come without checksum and TCP in runs of up to 64 KiB. Needs the header.
    pub tso: bool,
    /// UDP comes in runs as well (Linux 6.2). Needs `tso`.
    pub uso: bool,
}

/// Why there is no TUN device.
#[derive(Debug, Error)]
pub enum TunError {
    /// The kernel has no TUN driver, or the device node is missing.
    #[error(
        "/dev/net/tun does not exist: load the driver with `modprobe tun`, or give this container the device"
    )]
    NoDriver,
    /// `CAP_NET_ADMIN` is missing, or the device node is closed to us.
    #[error(
        "no permission to create network interfaces: CAP_NET_ADMIN and /dev/net/tun are needed"
    )]
    NotPermitted,
    /// Another interface has this name.
    #[error("the interface name {0} is taken: remove the other interface or choose another name")]
    NameTaken(String),
    /// Not a name that the kernel accepts.
    #[error(
        "{0:?} is no interface name: use 1 to 15 letters, digits, '-', '_' or '.', with at most one %d"
    )]
    InvalidName(String),
    /// More queues than the kernel has for one device.
    #[error("a TUN device cannot have {0} queues: Linux allows 256")]
    TooManyQueues(usize),
    /// Descriptors that are no queues of this interface in this network namespace.
    #[error("what should be the queues of {0} is something else")]
    NotItsQueues(String),
    /// Anything else; names the step that failed.
    #[error("the TUN device could not be set up ({step}): {source}")]
    Kernel {
        /// What was being done.
        step: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Opens a TUN device with an interface of its own, in this thread's network namespace. Never
/// attaches to an interface that is already there. Spec PTP-7, PTP-8, FLOW-6, ETH-1.
pub fn open(options: &TunOptions) -> Result<TunDevice, TunError> {
    if !is_interface_name(&options.name) {
        return Err(TunError::InvalidName(options.name.clone()));
    }
    let mut flags = flag::NO_PI
        | match options.layer {
            Layer::Ip => flag::TUN,
            Layer::Ethernet => flag::TAP,
        };
    if options.vnet_header {
        flags |= flag::VNET_HDR;
    }
    if options.queues.get() > 1 {
        flags |= flag::MULTI_QUEUE;
    }

    let first = open_driver()?;
    let name = attach(&first, &options.name, flags | flag::TUN_EXCL, options.queues)?;
    let offloads = set_offloads(&first, options.vnet_header)?;
    let index = configure_interface(&name, options.queue_length)?;

    let mut queues = vec![first];
    while queues.len() < options.queues.get() {
        let queue = open_driver()?;
        attach(&queue, &name, flags, options.queues)?;
        queues.push(queue);
    }
    Ok(TunDevice { name, index, layer: options.layer, queues, offloads })
}

/// The device whose queues an earlier process of ours has opened with [`open`], unless they are of
/// another interface than the one of this name and index in this thread's network namespace.
pub fn adopt(queues: Vec<OwnedFd>, name: &str, index: u32) -> Result<TunDevice, TunError> {
    let others = || TunError::NotItsQueues(name.to_owned());
    let here =
        rustix::fs::stat("/proc/thread-self/ns/net").map_err(|error| kernel("stat", error))?;
    let mut flags = 0;
    for queue in &queues {
        let (found, found_flags) = ioctl::interface(queue).map_err(|_| others())?;
        let namespace = ioctl::network_namespace(queue).map_err(|_| others())?;
        let there = rustix::fs::fstat(&namespace).map_err(|error| kernel("fstat", error))?;
        if found != name || (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino) {
            return Err(others());
        }
        flags = found_flags;
    }
    let first = queues.first().ok_or_else(others)?;
    let offloads = set_offloads(first, flags & flag::VNET_HDR != 0)?;
    if interface_index(name)? != index {
        return Err(others());
    }
    let layer = if flags & flag::TAP != 0 { Layer::Ethernet } else { Layer::Ip };
    Ok(TunDevice { name: name.to_owned(), index, layer, queues, offloads })
}

impl TunDevice {
    /// Whether its interface is still there: others may delete it. Only [`open`] makes another one.
    #[must_use]
    pub fn has_interface(&self) -> bool {
        self.queues.first().is_some_and(ioctl::has_interface)
    }
}

/// Narrower than the kernel's own rule, so that a name is safe in logs, files and scripts.
fn is_interface_name(name: &str) -> bool {
    let literal = name.replacen("%d", "", 1);
    (1..libc::IFNAMSIZ).contains(&name.len())
        && !matches!(name, "." | "..")
        && literal.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn open_driver() -> Result<OwnedFd, TunError> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open("/dev/net/tun", flags, Mode::empty()).map_err(|error| match error {
        Errno::NOENT | Errno::NODEV | Errno::NXIO => TunError::NoDriver,
        Errno::ACCESS | Errno::PERM => TunError::NotPermitted,
        _ => kernel("open /dev/net/tun", error),
    })
}

/// Creates the interface, or one more queue of it, and returns its real name.
fn attach(
    driver: &OwnedFd,
    name: &str,
    flags: u16,
    queues: NonZeroUsize,
) -> Result<String, TunError> {
    ioctl::set_interface(driver, name, flags).map_err(|error| match error {
        Errno::PERM | Errno::ACCESS => TunError::NotPermitted,
        Errno::BUSY | Errno::EXIST => TunError::NameTaken(name.to_owned()),
        Errno::TOOBIG => TunError::TooManyQueues(queues.get()),
        _ => kernel("TUNSETIFF", error),
    })
}

/// Takes as much as this kernel offers. The header's length and the offloads belong to the interface,
/// not to the queue.
fn set_offloads(driver: &OwnedFd, vnet_header: bool) -> Result<Offloads, TunError> {
    if !vnet_header {
        return Ok(Offloads { vnet_header, tso: false, uso: false });
    }
    ioctl::set_header_length(driver, VNET_HEADER_LENGTH.into())
        .map_err(|error| kernel("TUNSETVNETHDRSZ", error))?;
    let tso = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6;
    let uso = tso | libc::TUN_F_USO4 | libc::TUN_F_USO6;
    let accepts = |offloads| ioctl::set_offloads(driver, offloads).is_ok();
    if accepts(uso) {
        return Ok(Offloads { vnet_header, tso: true, uso: true });
    }
    Ok(Offloads { vnet_header, tso: accepts(tso), uso: false })
}

/// Sets the queue's length and returns the interface's index.
fn configure_interface(name: &str, queue_length: u32) -> Result<u32, TunError> {
    let socket = any_socket()?;
    let length = libc::c_int::try_from(queue_length).unwrap_or(libc::c_int::MAX);
    match ioctl::set_queue_length(&socket, name, length) {
        Ok(()) => {}
        // Root of a user namespace may make the interface, but the kernel keeps its queue's length
        // for the real root. A longer queue only costs latency.
        Err(Errno::PERM) => tracing::debug!("the queue of {name} keeps its length"),
        Err(error) => return Err(kernel("SIOCSIFTXQLEN", error)),
    }
    interface_index(name)
}

pub(crate) fn interface_index(name: &str) -> Result<u32, TunError> {
    rustix::net::netdevice::name_to_index(&any_socket()?, name)
        .map_err(|error| kernel("SIOCGIFINDEX", error))
}

fn any_socket() -> Result<OwnedFd, TunError> {
    let (family, flags) = (AddressFamily::UNIX, SocketFlags::CLOEXEC);
    rustix::net::socket_with(family, SocketType::DGRAM, flags, None)
        .map_err(|error| kernel("socket", error))
}

fn kernel(step: &'static str, error: Errno) -> TunError {
    TunError::Kernel { step, source: error.into() }
}
