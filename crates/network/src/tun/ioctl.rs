//! The requests of `linux/if_tun.h` and `linux/sockios.h` that a TUN device needs.

use std::os::fd::{FromRawFd, OwnedFd};

use rustix::ioctl::{IntegerSetter, Ioctl, IoctlOutput, Opcode, Setter, Updater, ioctl, opcode};

const TUNSETIFF: Opcode = opcode::write::<libc::c_int>(b'T', 202);
const TUNGETDEVNETNS: Opcode = opcode::none(b'T', 227);
const TUNSETOFFLOAD: Opcode = opcode::write::<libc::c_uint>(b'T', 208);
const TUNGETIFF: Opcode = opcode::read::<libc::c_uint>(b'T', 210);
const TUNSETVNETHDRSZ: Opcode = opcode::write::<libc::c_int>(b'T', 216);
const SIOCSIFTXQLEN: Opcode = 0x8943;

/// What `TUNSETIFF` takes in `ifr_flags`, which is 16 bits wide.
pub(super) mod flag {
    pub(in crate::tun) const TUN: u16 = 0x0001;
    pub(in crate::tun) const TAP: u16 = 0x0002;
    pub(in crate::tun) const MULTI_QUEUE: u16 = 0x0100;
    pub(in crate::tun) const NO_PI: u16 = 0x1000;
    pub(in crate::tun) const VNET_HDR: u16 = 0x4000;
    pub(in crate::tun) const TUN_EXCL: u16 = 0x8000;
}

/// Makes `driver` a queue of the interface `name`, which may be a template. Returns the real name.
pub(super) fn set_interface(
    driver: &OwnedFd,
    name: &str,
    flags: u16,
) -> rustix::io::Result<String> {
    let mut request = InterfaceRequest::new(name, flags.to_ne_bytes());
    request.update::<TUNSETIFF>(driver)?;
    Ok(request.name())
}

/// Whether `queue` still has its interface; the kernel says `EBADFD` when that was deleted.
pub(super) fn has_interface(queue: &OwnedFd) -> bool {
    interface(queue).is_ok()
}

/// The name of the interface that `queue` belongs to, and its flags.
pub(super) fn interface(queue: &OwnedFd) -> rustix::io::Result<(String, u16)> {
    let mut request = InterfaceRequest::new("", [0; 2]);
    request.update::<TUNGETIFF>(queue)?;
    Ok((request.name(), u16::from_ne_bytes([request.value[0], request.value[1]])))
}

/// The network namespace of the interface that `queue` belongs to (Linux 5.2).
pub(super) fn network_namespace(queue: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    // SAFETY: TUNGETDEVNETNS has no argument and returns a new descriptor.
    unsafe { ioctl(queue, NetworkNamespace) }
}

/// The length of the virtio header, in bytes.
pub(super) fn set_header_length(driver: &OwnedFd, length: libc::c_int) -> rustix::io::Result<()> {
    // SAFETY: TUNSETVNETHDRSZ reads one int from the pointer.
    unsafe { ioctl(driver, Setter::<TUNSETVNETHDRSZ, libc::c_int>::new(length)) }
}

/// What the reader takes, as `TUN_F_*`. The kernel refuses the whole set if it lacks one.
pub(super) fn set_offloads(driver: &OwnedFd, offloads: libc::c_uint) -> rustix::io::Result<()> {
    // SAFETY: TUNSETOFFLOAD takes its argument by value and refuses bits it does not know.
    unsafe { ioctl(driver, IntegerSetter::<TUNSETOFFLOAD>::new_usize(offloads as usize)) }
}

/// The interface's `txqueuelen`. Any socket will do.
pub(super) fn set_queue_length(
    socket: &OwnedFd,
    name: &str,
    length: libc::c_int,
) -> rustix::io::Result<()> {
    InterfaceRequest::new(name, length.to_ne_bytes()).update::<SIOCSIFTXQLEN>(socket)
}

/// A request that returns a descriptor.
struct NetworkNamespace;

// SAFETY: the opcode is that of the request, which reads and writes no memory of ours.
unsafe impl Ioctl for NetworkNamespace {
    type Output = OwnedFd;
    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        TUNGETDEVNETNS
    }

    fn as_ptr(&mut self) -> *mut libc::c_void {
        std::ptr::null_mut()
    }

    unsafe fn output_from_ptr(
        output: IoctlOutput,
        _: *mut libc::c_void,
    ) -> rustix::io::Result<OwnedFd> {
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(unsafe { OwnedFd::from_raw_fd(output) })
    }
}

/// `struct ifreq`. As long as the longest form of the kernel's, so that no request reads or writes
/// past its end.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; libc::IFNAMSIZ],
    value: [u8; 24],
}

const _: () = assert!(size_of::<InterfaceRequest>() >= size_of::<libc::ifreq>());

impl InterfaceRequest {
    /// `name` is shorter than `IFNAMSIZ`, so a NUL follows it. `value` is the member of the union, in
    /// the machine's byte order.
    fn new<const N: usize>(name: &str, value: [u8; N]) -> Self {
        let mut request = Self { name: [0; libc::IFNAMSIZ], value: [0; 24] };
        request.name[..name.len()].copy_from_slice(name.as_bytes());
        request.value[..N].copy_from_slice(&value);
        request
    }

    fn name(&self) -> String {
        self.name.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect()
    }

    /// `OPCODE` is a request on a `struct ifreq`.
    fn update<const OPCODE: Opcode>(&mut self, fd: &OwnedFd) -> rustix::io::Result<()> {
        // SAFETY: the kernel reads and writes at most one `struct ifreq`, and `self` is as long.
        unsafe { ioctl(fd, Updater::<OPCODE, Self>::new(self)) }
    }
}
