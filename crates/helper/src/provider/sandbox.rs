//! What a provider process is kept from although its user could: files and system calls.
//!
//! Everything is prepared before the fork; the process itself only makes system calls.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::Path,
    sync::Once,
};

use adit_provider::Manifest;
use landlock::{
    ABI, Access, AccessFs, PathBeneath, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    path_beneath_rules,
};
use rustix::{
    fs::CWD,
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags,
        fsconfig_create, fsconfig_set_string, fsmount, fsopen, mount_change, move_mount,
    },
};

use super::system_calls::SystemCalls;

/// What a provider process is kept from.
pub(super) struct Sandbox {
    /// A file system of its own, for what is its own and temporary.
    temporary: OwnedFd,
    /// None where the kernel has no Landlock.
    files: Option<OwnedFd>,
    system_calls: Option<SystemCalls>,
}

/// Where programs, libraries, interpreters and their settings are, and what the kernel tells.
const READABLE: [&str; 14] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc",
    "/opt",
    "/nix/store",
    "/gnu/store",
    "/run/current-system",
    "/proc",
    "/sys",
];
const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// Truncating is a right of its own since 3, and device ioctls since 5.
const KNOWN: ABI = ABI::V5;

const TEMPORARY: &str = "/tmp";
/// It is in memory.
const TEMPORARY_BYTES: &str = "16m";

impl Sandbox {
    /// For a process of the provider that will run as `user`.
    pub(super) fn new(manifest: &Manifest, user: Option<u32>) -> io::Result<Self> {
        static SAID: Once = Once::new();
        let temporary = temporary_files(user)?;
        let program = [Some(manifest.folder.as_path()), manifest.executable.parent()];
        let files = files(&program, &temporary).map_err(io::Error::other)?;
        let system_calls = SystemCalls::new();
        if files.is_none() || system_calls.is_none() {
            SAID.call_once(|| {
                tracing::info!(
                    "The kernel cannot keep tunnel providers from all that is none of their business \
                     (Landlock, seccomp)."
                );
            });
        }
        Ok(Self { temporary, files, system_calls })
    }

    /// Gets a place for temporary files that nobody else sees and that ends with the process. Runs after
    /// fork, in a mount namespace of the process's own.
    pub(super) fn place_temporary_files(&self) -> io::Result<()> {
        // What others unmount goes here too, and nothing of this is seen by others.
        mount_change(c"/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?;
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        Ok(move_mount(&self.temporary, c"", CWD, Path::new(TEMPORARY), flags)?)
    }

    /// Locks the process in, for good. Runs after fork, when there is nothing else left to give up.
    pub(super) fn enter(&self) -> io::Result<()> {
        if let Some(files) = &self.files {
            // SAFETY: a plain system call on a descriptor that is open.
            let done = unsafe {
                libc::syscall(libc::SYS_landlock_restrict_self, files.as_raw_fd(), 0_u32)
            };
            if done < 0 {
                return Err(io::Error::last_os_error());
            }
        }
        self.system_calls.as_ref().map_or(Ok(()), SystemCalls::deny)
    }
}

/// A file system that is mounted nowhere yet.
fn temporary_files(user: Option<u32>) -> io::Result<OwnedFd> {
    let user = user.unwrap_or(0).to_string();
    let context = fsopen(c"tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in
        [("size", TEMPORARY_BYTES), ("mode", "0700"), ("uid", &user), ("gid", &user)]
    {
        fsconfig_set_string(&context, key, value)?;
    }
    fsconfig_create(&context)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    Ok(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}

/// Landlock's rules: programs can be read and run, and nothing but what is temporary can be written.
fn files(
    program: &[Option<&Path>],
    temporary: &impl AsFd,
) -> Result<Option<OwnedFd>, RulesetError> {
    let (all, read) = (AccessFs::from_all(KNOWN), AccessFs::from_read(KNOWN));
    let ruleset = Ruleset::default()
        .handle_access(all)?
        .create()?
        .add_rules(path_beneath_rules(READABLE, read))?
        .add_rules(path_beneath_rules(program.iter().flatten(), read))?
        .add_rules(path_beneath_rules(DEVICES, AccessFs::ReadFile | AccessFs::WriteFile))?
        .add_rule(PathBeneath::new(temporary, all))?;
    Ok(ruleset.into())
}
