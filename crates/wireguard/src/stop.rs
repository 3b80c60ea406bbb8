//! How the threads of an engine wait, and how all of them are told to end.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll},
    io::retry_on_intr,
};

/// Raised once and never lowered; every waiting thread sees it.
#[derive(Debug)]
pub(crate) struct Stop(OwnedFd);

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// The descriptor is ready, or broken.
    Ready,
    /// The time is over.
    TimedOut,
    /// The engine ends.
    Stopped,
}

impl Stop {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC)?))
    }

    /// The counter never overflows, so the write has no way to fail.
    pub(crate) fn raise(&self) {
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.pause(Duration::ZERO)
    }

    /// Waits until `fd` can be read.
    pub(crate) fn wait_readable(&self, fd: impl AsFd) -> Waited {
        self.wait(&fd, PollFlags::IN, None)
    }

    /// Waits until `fd` can be written, at most for `limit`.
    pub(crate) fn wait_writable(&self, fd: impl AsFd, limit: Duration) -> Waited {
        self.wait(&fd, PollFlags::OUT, Some(limit))
    }

    /// Waits for a time; whether the engine ends.
    pub(crate) fn pause(&self, time: Duration) -> bool {
        self.wait(&self.0, PollFlags::empty(), Some(time)) == Waited::Stopped
    }

    fn wait(&self, fd: &impl AsFd, events: PollFlags, limit: Option<Duration>) -> Waited {
        let mut fds = [PollFd::new(&self.0, PollFlags::IN), PollFd::new(fd, events)];
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        match retry_on_intr(|| poll(&mut fds, limit.as_ref())) {
            // poll fails only when the kernel has no memory; whoever waits tries again.
            Ok(0) | Err(_) => Waited::TimedOut,
            Ok(_) if !fds[0].revents().is_empty() => Waited::Stopped,
            Ok(_) => Waited::Ready,
        }
    }
}
