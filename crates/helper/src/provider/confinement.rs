//! What a provider process gives up between fork and exec.

use std::{collections::BTreeSet, fs, io, mem, os::fd::RawFd, time::Duration};

use adit_network::Slot;
use adit_provider::protocol::ATTACH_FD;
use libc::{c_int, c_ulong};
use rustix::process::{Pid, Signal};

use super::sandbox::Sandbox;

/// The user of the provider in slot 0; each slot has one of its own, so that providers cannot
/// touch each other. The range belongs to no distribution and to no container runtime.
const FIRST_UID: u32 = 2_060_500_000;

/// What one provider may open and start: threads count as processes.
const DESCRIPTORS: libc::rlim_t = 256;
const PROCESSES: libc::rlim_t = 256;

const HIGHEST_CAPABILITY: c_ulong = 63;
/// `_LINUX_CAPABILITY_VERSION_3`, linux/capability.h.
const CAPABILITY_VERSION: u32 = 0x2008_0522;

/// How often, and after which pause, processes that should be gone are looked for again.
const ROUNDS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(2);

/// What the provider of one slot may be and do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Confinement {
    /// Absent where the user namespace has no such user: then only capabilities are given up.
    user: Option<u32>,
}

#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: c_int,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct CapabilityData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

impl Confinement {
    pub(crate) fn for_slot(slot: Slot) -> Self {
        let uid = FIRST_UID + u32::from(slot.number());
        let mapped = ["/proc/self/uid_map", "/proc/self/gid_map"]
            .iter()
            .all(|map| fs::read_to_string(map).is_ok_and(|text| maps(&text, uid)));
        Self { user: mapped.then_some(uid) }
    }

    /// The user that it runs as, if that is one of its own.
    pub(super) fn user(self) -> Option<u32> {
        self.user
    }

    /// Whether a process runs as the provider's user.
    pub(crate) fn holds(self, process: Pid) -> bool {
        self.user.is_none_or(|user| user_of(process) == Some(user))
    }

    /// Ends everything that still runs as the provider's user.
    pub(super) fn end_processes(self) {
        if let Some(user) = self.user {
            end_processes_of(|uid| uid == user);
        }
    }

    /// Gives everything up. Runs after fork, so it only makes system calls.
    pub(super) fn enter(self, sandbox: &Sandbox) -> io::Result<()> {
        // SAFETY: a plain system call.
        check(unsafe { libc::setsid() })?;
        // SAFETY: as above. The provider has no network: its sockets are opened for it.
        check(unsafe {
            libc::unshare(
                libc::CLONE_NEWNET | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS | libc::CLONE_NEWNS,
            )
        })?;
        sandbox.place_temporary_files()?;
        // A core file would hold the secrets.
        limit(libc::RLIMIT_CORE, 0)?;
        limit(libc::RLIMIT_NOFILE, DESCRIPTORS)?;
        for capability in 0..=HIGHEST_CAPABILITY {
            // SAFETY: as above.
            let dropped = check(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) });
            match dropped {
                // Past the last one that this kernel knows.
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => break,
                dropped => dropped?,
            }
        }
        if let Some(id) = self.user {
            limit(libc::RLIMIT_NPROC, PROCESSES)?;
            // SAFETY: plain system calls; groups before user, which takes the right to change them.
            unsafe {
                check(libc::setgroups(0, std::ptr::null()))?;
                check(libc::setresgid(id, id, id))?;
                check(libc::setresuid(id, id, id))?;
            }
        }
        drop_capabilities()?;
        // SAFETY: as above.
        check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
        sandbox.enter()
    }
}

/// Whether this user is a provider's. Providers are not trusted with anything but what they are
/// given.
pub(crate) fn is_provider(uid: u32) -> bool {
    (FIRST_UID..FIRST_UID + u32::from(Slot::COUNT)).contains(&uid)
}

/// Ends whatever providers of an earlier helper have left running, but for those of the slots in
/// `keep`.
pub(crate) fn end_all_processes(keep: &BTreeSet<Slot>) -> bool {
    let kept = |uid: u32| keep.iter().any(|slot| uid == FIRST_UID + u32::from(slot.number()));
    end_processes_of(|uid| is_provider(uid) && !kept(uid))
}

/// Kills until none is left: one that is being killed may have started another. Returns whether
/// there was any.
fn end_processes_of(whose: impl Fn(u32) -> bool) -> bool {
    let mut any = false;
    for _ in 0..ROUNDS {
        let mut found = false;
        for pid in processes().filter(|pid| user_of(*pid).is_some_and(&whose)) {
            // Of another user if the number was taken over meanwhile, and that only in theory:
            // numbers are given in turn.
            let _ = rustix::process::kill_process(pid, Signal::KILL);
            found = true;
        }
        if !found {
            return any;
        }
        any = true;
        std::thread::sleep(PAUSE);
    }
    tracing::error!("processes of a provider could not be ended");
    any
}

fn processes() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
}

/// The real user of a process that is not a zombie, from `/proc/PID/status`, proc(5).
fn user_of(pid: Pid) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).ok()?;
    let field = |key: &str| status.lines().find_map(|line| line.strip_prefix(key));
    if field("State:")?.trim_start().starts_with('Z') {
        return None;
    }
    field("Uid:")?.split_whitespace().next()?.parse().ok()
}

/// The first descriptor that no provider gets.
pub(crate) const FIRST_FREE_FD: RawFd = ATTACH_FD + 1;

/// Occupies the descriptors that providers get. The standard library has a pipe of its own between
/// fork and exec; it must not lie where [`super::place`] puts something.
pub(crate) fn reserve_descriptors() -> io::Result<()> {
    loop {
        let filler = fs::File::open("/dev/null")?;
        let number = std::os::fd::AsRawFd::as_raw_fd(&filler);
        if number >= FIRST_FREE_FD {
            return Ok(());
        }
        // Kept open for as long as the helper lives.
        mem::forget(filler);
    }
}

fn limit(resource: libc::__rlimit_resource_t, value: libc::rlim_t) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: reads the struct.
    check(unsafe { libc::setrlimit(resource, &raw const limit) })
}

fn drop_capabilities() -> io::Result<()> {
    let header = CapabilityHeader { version: CAPABILITY_VERSION, pid: 0 };
    let none = [CapabilityData { effective: 0, permitted: 0, inheritable: 0 }; 2];
    // SAFETY: version 3 reads the header and two data structs.
    let done = unsafe { libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr()) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Whether a user namespace's map (`user_namespaces(7)`) has this id.
fn maps(map: &str, id: u32) -> bool {
    map.lines().any(|line| {
        let numbers: Vec<u32> =
            line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        matches!(numbers[..], [first, _, count] if id >= first && id - first < count)
    })
}

fn check(result: c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_says_which_users_exist() {
        assert!(maps("         0          0 4294967295\n", FIRST_UID));
        assert!(!maps("         0       1000          1\n", FIRST_UID));
        assert!(maps("0 1000 1\n5 100000 65536\n", 6));
    }
}
