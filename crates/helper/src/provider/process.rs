//! A process that may be a child of an earlier helper.

use std::{
    fs, io,
    os::fd::{AsFd, OwnedFd},
};

use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions};
use serde::{Deserialize, Serialize};
use tokio::io::{Interest, unix::AsyncFd};

/// A process, held by a handle so that another one with its number is never taken for it
/// (`pidfd_open(2)`).
#[derive(Debug)]
pub(crate) struct Process {
    pid: Pid,
    handle: AsyncFd<OwnedFd>,
}

/// Names a process in a file. A number alone may be another process's by the time it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProcessName {
    pid: i32,
    start_time: u64,
}

impl Process {
    /// A child of ours, which nobody has waited for.
    pub(crate) fn child(pid: Pid) -> io::Result<Self> {
        let handle = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
        // SAFETY: an OwnedFd is open and the same descriptor for as long as it lives.
        let handle = unsafe { AsyncFd::register_with_interest(handle, Interest::READABLE) }?;
        Ok(Self { pid, handle })
    }

    /// The process of this name, if it still runs.
    pub(crate) fn find(name: ProcessName) -> Option<Self> {
        let process = Self::child(Pid::from_raw(name.pid).filter(|pid| !pid.is_init())?).ok()?;
        // Looked at with the handle open: the number cannot change hands any more.
        (process.name() == Some(name)).then_some(process)
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// None for one that has ended.
    pub(crate) fn name(&self) -> Option<ProcessName> {
        let pid = self.pid.as_raw_nonzero().get();
        Some(ProcessName { pid, start_time: start_time(pid)? })
    }

    /// Waits until it has ended, and reaps it if it is a child of ours.
    pub(crate) async fn ended(&self) {
        if self.handle.readable().await.is_ok() {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
            // Another helper's child is nobody's to wait for.
            let _ = rustix::process::waitid(WaitId::PidFd(self.handle.get_ref().as_fd()), options);
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        // It may have ended.
        let _ = rustix::process::pidfd_send_signal(self.handle.get_ref(), signal);
    }

    /// SIGKILL to all of the group that it leads.
    pub(crate) fn kill_group(&self) {
        let _ = rustix::process::kill_process_group(self.pid, Signal::KILL);
        self.signal(Signal::KILL);
    }
}

/// Field 22 of `/proc/PID/stat`, proc(5): ticks after boot at which the process started. A zombie
/// does not count.
pub(crate) fn start_time(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command, field 2, is in parentheses and may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    if fields.first() == Some(&"Z") {
        return None;
    }
    fields.get(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::{process::Command, time::Duration};

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_process_is_found_by_its_name_until_it_ends() {
        let mut child = Command::new("sleep").arg("30").spawn().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
        let name = Process::child(pid).unwrap().name().unwrap();
        let process = Process::find(name).unwrap();
        let stranger = ProcessName { start_time: name.start_time + 1, ..name };
        assert!(Process::find(stranger).is_none());
        assert!(timeout(Duration::from_millis(50), process.ended()).await.is_err());

        process.kill_group();
        timeout(Duration::from_secs(20), process.ended()).await.unwrap();
        assert!(Process::find(name).is_none());
        // Reaped already.
        assert!(child.try_wait().is_err());
    }
}
