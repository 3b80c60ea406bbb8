//! Why name resolution could not be changed.

use std::{fs::File, io, net::Ipv4Addr, path::Path};

use rustix::fs::{IFlags, ioctl_getflags};

/// Name resolution could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    /// There is no way to do it here.
    #[error("{0}")]
    Unsupported(String),
    /// A file that nobody may change, chattr(1).
    #[error("{0} is immutable, so it cannot be changed; run “chattr -i {0}”")]
    Immutable(String),
    /// A file below a file system that nobody may change.
    #[error("{0} cannot be changed: its file system is read-only")]
    ReadOnly(String),
    /// No stub can be where programs are to ask.
    #[error(
        "names cannot be listened for at {address}: {source}; does another DNS server use all \
         addresses of this computer?"
    )]
    Stub {
        /// Where.
        address: Ipv4Addr,
        /// Why not.
        source: io::Error,
    },
    /// `/etc/resolv.conf`.
    #[error("{path} cannot be changed: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A crash took away both copies of the original.
    #[error(
        "{0} is from a VPN that is gone, and what it was before is lost; \
         reconnect to your network to have it written again"
    )]
    OriginalLost(String),
    /// systemd-resolved.
    #[error("systemd-resolved refused {call}: {source}")]
    Resolved {
        /// Its method.
        call: &'static str,
        /// Why.
        source: zbus::Error,
    },
    /// NetworkManager.
    #[error("NetworkManager refused the VPN's DNS servers: {0}")]
    NetworkManager(zbus::Error),
    /// A service that ran a moment ago.
    #[error("{0} has just ended")]
    Ended(&'static str),
    /// A service that took the servers and does not use them.
    #[error("{0} has not written the VPN's DNS servers to /etc/resolv.conf")]
    NotWritten(&'static str),
    /// A program that was run.
    #[error("{path} failed: {reason}")]
    Program {
        /// The program.
        path: String,
        /// Why.
        reason: io::Error,
    },
}

impl DnsError {
    /// Why a file could not be changed, as far as that can be found out.
    pub(super) fn of_file(path: &Path, source: io::Error) -> Self {
        let name = path.display().to_string();
        match source.kind() {
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly(name),
            io::ErrorKind::PermissionDenied if is_immutable(path) => Self::Immutable(name),
            _ => Self::File { path: name, source },
        }
    }
}

fn is_immutable(path: &Path) -> bool {
    let flags = File::open(path).map(|file| ioctl_getflags(file).unwrap_or(IFlags::empty()));
    flags.is_ok_and(|flags| flags.contains(IFlags::IMMUTABLE))
}
