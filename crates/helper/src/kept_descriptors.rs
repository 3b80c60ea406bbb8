//! The interfaces that systemd keeps while no helper runs (`FileDescriptorStoreMax=`, `sd_notify(3)`).
//! Without systemd the providers keep theirs.

use std::{
    collections::BTreeMap,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use adit_model::ConfigurationId;
use rustix::io::fcntl_dupfd_cloexec;
use sd_notify::NotifyState;

use crate::provider::FIRST_FREE_FD;

/// What systemd gave back: the queues of each session's TUN device.
#[derive(Debug, Default)]
pub(crate) struct KeptDescriptors(BTreeMap<String, Vec<OwnedFd>>);

impl KeptDescriptors {
    /// Takes what this process was started with, once and before anything else is opened. Whatever
    /// lies where a provider's descriptors go is moved away.
    pub(crate) fn inherited() -> Self {
        Self::take_all().unwrap_or_else(|error| {
            tracing::warn!("what systemd has kept cannot be taken: {error}");
            Self::default()
        })
    }

    /// Those of a session, if there are any.
    pub(crate) fn take(&mut self, id: ConfigurationId) -> Vec<OwnedFd> {
        self.0.remove(&name(id)).unwrap_or_default()
    }

    fn take_all() -> io::Result<Self> {
        let mut kept = Self::default();
        for (number, name) in sd_notify::listen_fds_with_names()? {
            // SAFETY: systemd left it open for us, and nothing else here has it.
            let given = unsafe { BorrowedFd::borrow_raw(number) };
            let ours = fcntl_dupfd_cloexec(given, FIRST_FREE_FD)?;
            // SAFETY: as above, and nothing has it from here on.
            unsafe { rustix::io::close(number) };
            kept.0.entry(name).or_default().push(ours);
        }
        Ok(kept)
    }
}

/// Has the queues of a session's TUN device kept, in the place of any before.
pub(crate) fn keep(id: ConfigurationId, queues: &[OwnedFd]) {
    forget(id);
    let name = name(id);
    let state = [NotifyState::FdStore, NotifyState::FdName(&name)];
    let queues: Vec<BorrowedFd<'_>> = queues.iter().map(AsFd::as_fd).collect();
    if let Err(error) = sd_notify::notify_with_fds(&state, &queues) {
        tracing::debug!(%error, "systemd does not keep an interface");
    }
}

/// Lets the queues of a session go.
pub(crate) fn forget(id: ConfigurationId) {
    // Without systemd there is nobody to tell.
    let _ = sd_notify::notify(&[NotifyState::FdStoreRemove, NotifyState::FdName(&name(id))]);
}

fn name(id: ConfigurationId) -> String {
    format!("tun-{id}")
}
