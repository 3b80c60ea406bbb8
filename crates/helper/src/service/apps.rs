//! Apps of per-app tunnels: who may run in which.

use std::{fmt::Display, fs, os::fd::OwnedFd, sync::Arc};

use adit_api::HelperError;
use adit_model::{ConfigurationId, VpnConfiguration};
use adit_varlink::Peer;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};

use super::{STOP_PATIENCE, Service, locked};

impl Service {
    /// Puts the process that asks into the group of a per-app configuration that it may see. What it
    /// starts is in it too, and it never leaves. Spec MGR-30.
    pub(crate) async fn join_apps(
        &self,
        peer: &Peer,
        id: ConfigurationId,
    ) -> Result<(), HelperError> {
        // A configuration that is being removed takes its group along.
        let _one = self.starting.lock().await;
        let record = locked(&self.configurations).seen_by(peer.uid, id)?.clone();
        let configuration = record.configuration;
        if !configuration.routing_method.is_per_app() {
            return Err(HelperError::NotPerApp { name: configuration.name });
        }
        self.prepare_apps(&configuration).await?;
        let gone = || failed(&configuration, "the program that asked is not to be found");
        let pid = peer.pid.and_then(Pid::from_raw).ok_or_else(gone)?;
        // It says afterwards whether the number was that of the same process all the time.
        let handle = handle(peer, pid).filter(lives).ok_or_else(gone)?;
        let network = &self.surroundings.network;
        let joined = network.join_app_group(&id.to_string(), pid.as_raw_nonzero().get()).await;
        joined.map_err(|error| failed(&configuration, error))?;
        if lives(&handle) { Ok(()) } else { Err(gone()) }
    }

    /// Makes the group of a per-app configuration. Nothing is made for any other.
    pub(super) async fn prepare_apps(
        &self,
        configuration: &VpnConfiguration,
    ) -> Result<(), HelperError> {
        if !configuration.routing_method.is_per_app() {
            return Ok(());
        }
        let (groups, network) = (&self.surroundings.app_groups, &self.surroundings.network);
        groups.make(network, configuration).await.map_err(|error| failed(configuration, error))
    }

    /// Ends the group of a configuration that is removed, when its session is down: not before, as
    /// another configuration may get the same mark.
    pub(super) fn close_apps_after_session(&self, id: ConfigurationId) {
        let Ok(session) = self.session(id) else { return };
        let surroundings = Arc::clone(&self.surroundings);
        tokio::spawn(async move {
            if session.reach(STOP_PATIENCE, |status| !status.is_active()).await {
                surroundings.app_groups.close(&surroundings.network, id).await;
            }
        });
    }

    /// Lets the apps of all per-app tunnels out. Says what that changed.
    pub(super) async fn dissolve_apps(&self) -> Result<Vec<String>, HelperError> {
        let dissolved = self.surroundings.app_groups.dissolve(&self.surroundings.network).await;
        dissolved.map_err(|error| {
            let message = format!("The apps of per-app tunnels cannot be let out: {error}.");
            HelperError::SystemFailed { message }
        })
    }
}

/// A handle on the process that asks. Before Linux 6.5 its number may be another's by now, but never
/// somebody else's.
fn handle(peer: &Peer, pid: Pid) -> Option<OwnedFd> {
    if let Some(handle) = &peer.pidfd {
        return handle.try_clone().ok();
    }
    let handle = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).ok()?;
    is_of(&status, peer.uid).then_some(handle)
}

/// Whether a process is wholly one user's, by its `status` (proc(5)).
fn is_of(status: &str, uid: u32) -> bool {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    let ids: Vec<&str> = line.unwrap_or_default().split_whitespace().collect();
    !ids.is_empty() && ids.iter().all(|id| id.parse() == Ok(uid))
}

fn failed(configuration: &VpnConfiguration, reason: impl Display) -> HelperError {
    let name = &configuration.name;
    let message = format!("“{name}” cannot have apps on this computer: {reason}.");
    HelperError::SystemFailed { message }
}

/// A handle on a process is readable when that has ended.
fn lives(process: &OwnedFd) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&now)) == Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_partly_somebody_elses_is_not_ones_own() {
        assert!(is_of("Name:\tx\nUid:\t1000\t1000\t1000\t1000\n", 1000));
        assert!(!is_of("Uid:\t1000\t0\t0\t0\n", 1000));
        assert!(!is_of("Uid:\t1001\t1001\t1001\t1001\n", 1000));
        assert!(!is_of("Uid:\n", 0) && !is_of("", 0));
    }
}
