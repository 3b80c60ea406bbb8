//! The program that the kernel runs when a process of a control group opens a socket, bpf(2).
//!
//! It belongs to the control group and not to us, so that it outlives this process.

use std::{
    ffi::c_long,
    fs::File,
    io,
    mem::size_of,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
};

/// Has every socket bear `mark` that is opened in the control group from now on. What was attached by
/// us before is replaced.
pub(super) fn attach(cgroup: &File, mark: u32) -> io::Result<()> {
    let program = load(mark)?;
    let attach = Attach::to(cgroup, program.as_raw_fd());
    // SAFETY: as `bpf` demands of BPF_PROG_ATTACH.
    unsafe { bpf(BPF_PROG_ATTACH, &attach) }.map(drop)
}

/// Ends that.
pub(super) fn detach(cgroup: &File) -> io::Result<()> {
    // SAFETY: as `bpf` demands of BPF_PROG_DETACH.
    unsafe { bpf(BPF_PROG_DETACH, &Attach::to(cgroup, 0)) }.map(drop)
}

const BPF_PROG_LOAD: c_long = 5;
const BPF_PROG_ATTACH: c_long = 8;
const BPF_PROG_DETACH: c_long = 9;
const BPF_PROG_TYPE_CGROUP_SOCK: u32 = 9;
const BPF_CGROUP_INET_SOCK_CREATE: u32 = 2;

/// Where the mark is in `struct bpf_sock` (`linux/bpf.h`).
const MARK: i16 = 16;
const R0: u8 = 0;
const R1: u8 = 1;
const R2: u8 = 2;
/// `BPF_ALU64 | BPF_MOV | BPF_K`
const MOVE: u8 = 0xB7;
/// `BPF_STX | BPF_MEM | BPF_W`
const STORE: u8 = 0x63;
/// `BPF_JMP | BPF_EXIT`
const EXIT: u8 = 0x95;
/// Of the program; it calls nothing that asks for one.
const LICENCE: &[u8] = b"Dual MIT/GPL\0";

/// `struct bpf_insn`: two registers share a byte.
#[repr(C)]
struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// The part of `union bpf_attr` that `BPF_PROG_LOAD` reads.
#[repr(C)]
struct Load {
    program_type: u32,
    instruction_count: u32,
    instructions: u64,
    licence: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    hook: u32,
}

/// The part that `BPF_PROG_ATTACH` and `BPF_PROG_DETACH` read.
#[repr(C)]
struct Attach {
    cgroup: u32,
    program: u32,
    hook: u32,
    flags: u32,
}

impl Attach {
    /// Without flags there is one program, and nobody puts another below it.
    fn to(cgroup: &File, program: RawFd) -> Self {
        Self {
            cgroup: cgroup.as_raw_fd().cast_unsigned(),
            program: program.cast_unsigned(),
            hook: BPF_CGROUP_INET_SOCK_CREATE,
            flags: 0,
        }
    }
}

fn load(mark: u32) -> io::Result<OwnedFd> {
    let instruction = |code, to, from: u8, offset, immediate| Instruction {
        code,
        // The first register is in the byte's lower half, as the machine's bit fields have it.
        registers: if cfg!(target_endian = "little") { to | from << 4 } else { to << 4 | from },
        offset,
        immediate,
    };
    let instructions = [
        instruction(MOVE, R2, 0, 0, mark.cast_signed()),
        instruction(STORE, R1, R2, MARK, 0),
        // The socket may be opened.
        instruction(MOVE, R0, 0, 0, 1),
        instruction(EXIT, 0, 0, 0, 0),
    ];
    let load = Load {
        program_type: BPF_PROG_TYPE_CGROUP_SOCK,
        instruction_count: u32::try_from(instructions.len()).unwrap_or_default(),
        instructions: instructions.as_ptr().expose_provenance() as u64,
        licence: LICENCE.as_ptr().expose_provenance() as u64,
        log_level: 0,
        log_size: 0,
        log: 0,
        kernel_version: 0,
        flags: 0,
        name: *b"adit_apps\0\0\0\0\0\0\0",
        interface: 0,
        hook: BPF_CGROUP_INET_SOCK_CREATE,
    };
    // SAFETY: the pointers in `load` are to memory that lives longer than the call.
    let descriptor = unsafe { bpf(BPF_PROG_LOAD, &load) }?;
    let descriptor = RawFd::try_from(descriptor).map_err(|_| io::ErrorKind::InvalidData)?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// # Safety
///
/// `attributes` is what the command reads of `union bpf_attr`, and the pointers in it are valid for as
/// long as the call takes.
unsafe fn bpf<T>(command: c_long, attributes: &T) -> io::Result<c_long> {
    // SAFETY: the kernel reads as many bytes as it is told, and writes none for these commands.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attributes), size_of::<T>())
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
