//! A program in other namespaces: `nsenter` or `unshare` waits for it, and it is this wrapper's only child.

use std::fs;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::log::lock;

/// How often a wait looks again where the kernel offers no event.
const POLL: Duration = Duration::from_millis(2);
/// How long what should happen at once may take on a busy computer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The program and its wrapper; both are gone when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    wrapper: Mutex<Child>,
    program: OnceLock<Program>,
}

/// The program itself, held by a handle so that a reused number never gets the signal.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) pid: u32,
    handle: OwnedFd,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> std::io::Result<Self> {
        Ok(Self { wrapper: Mutex::new(command.spawn()?), program: OnceLock::new() })
    }

    /// `None` when it has ended.
    pub(crate) fn program(&self) -> Option<&Program> {
        let end = Instant::now() + PATIENCE;
        while self.status().is_none() && Instant::now() < end {
            if let Some(program) = self.find_program() {
                return Some(program);
            }
            thread::sleep(POLL);
        }
        None
    }

    /// SIGKILL, and waits for the end.
    pub(crate) fn kill(&self) {
        let end = Instant::now() + PATIENCE;
        while self.status().is_none() {
            match self.find_program() {
                // An error means that it ended since; the next turn of the loop sees that.
                Some(program) => _ = program.signal(Signal::KILL),
                // Not what it should be: no program will ever be forked.
                None if Instant::now() > end => _ = lock(&self.wrapper).kill(),
                None => {}
            }
            self.wait(POLL);
        }
    }

    /// Waits for the end; `None` when it still runs after `limit`.
    pub(crate) fn wait(&self, limit: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + limit;
        loop {
            let status = self.status();
            if status.is_some() || Instant::now() >= end {
                return status;
            }
            thread::sleep(POLL);
        }
    }

    /// How it ended; `None` when it has not.
    pub(crate) fn status(&self) -> Option<ExitStatus> {
        lock(&self.wrapper).try_wait().expect("our own child")
    }

    fn find_program(&self) -> Option<&Program> {
        if self.program.get().is_none() {
            let found = Program::below(&lock(&self.wrapper))?;
            _ = self.program.set(found);
        }
        self.program.get()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Program {
    pub(crate) fn signal(&self, signal: Signal) -> rustix::io::Result<()> {
        pidfd_send_signal(&self.handle, signal)
    }

    /// `None` before it is forked and after it has ended.
    fn below(wrapper: &Child) -> Option<Self> {
        let id = wrapper.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?;
        let pid = children.split_whitespace().next()?.parse().ok()?;
        let handle = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
        Some(Self { pid: pid.unsigned_abs(), handle })
    }
}
