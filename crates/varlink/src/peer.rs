use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    sync::Arc,
};

use tokio::net::UnixStream;

/// Who is at the other end, as the kernel noted it at `connect` or `socketpair`.
///
/// On a socketpair that is the process that created it, not the one that was given an end.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Process id; `None` if it is not visible from our PID namespace.
    pub pid: Option<i32>,
    /// A handle on that process that no other process can take over (`SO_PEERPIDFD`). `None` before
    /// Linux 6.5.
    pub pidfd: Option<Arc<OwnedFd>>,
}

impl Peer {
    pub(crate) fn of(stream: &UnixStream) -> io::Result<Self> {
        let credentials = stream.peer_cred()?;
        Ok(Peer {
            uid: credentials.uid(),
            gid: credentials.gid(),
            pid: credentials.pid().filter(|pid| *pid > 0),
            pidfd: peer_pidfd(stream)?.map(Arc::new),
        })
    }
}

fn peer_pidfd(stream: &UnixStream) -> io::Result<Option<OwnedFd>> {
    let mut fd: libc::c_int = -1;
    let mut length = libc::socklen_t::try_from(size_of_val(&fd)).map_err(io::Error::other)?;
    // SAFETY: both pointers are valid for the call, and `length` is the size of what `fd` points
    // to.
    let result = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERPIDFD,
            (&raw mut fd).cast(),
            &raw mut length,
        )
    };
    if result == 0 {
        // SAFETY: the kernel has just installed this descriptor for us.
        return Ok(Some(unsafe { OwnedFd::from_raw_fd(fd) }));
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        // Kernels that do not know the option answer the first or the second, sockets without a
        // peer process the third.
        Some(libc::ENOPROTOOPT | libc::EINVAL | libc::ENODATA) => Ok(None),
        _ => Err(error),
    }
}
