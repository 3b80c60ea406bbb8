//! The processes whose packets a per-app tunnel carries: a control group (cgroup v2) for each.
//!
//! What a process of the group opens is marked by the kernel as soon as it exists
//! ([`mark_program`]), so that it is routed by its mark and has the right source address from the
//! beginning. That it goes nowhere else is for the firewall, which looks at the group itself: a mark
//! can be changed by whoever may mark packets, and subflows of MPTCP do not inherit it.
//!
//! The group lies at the top of the hierarchy and is root's, so no process of a user leaves it or
//! enters it by itself: in the part that systemd gives to a user they could. What its processes start
//! is in it too.

mod cgroup;
mod mark_program;

use std::io;

use serde::{Deserialize, Serialize};

use crate::BYPASS_MASK;

pub(crate) use cgroup::Cgroup;

/// A group of processes, by its number on this computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppGroup(u8);

/// Where the kernel has a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Members {
    /// What the group is called; no other has the name.
    pub(crate) name: String,
    /// The number of its control group.
    pub(crate) cgroup: u64,
    /// How far that is below the root of the hierarchy that this process sees.
    pub(crate) level: u32,
}

/// Why there is no group.
#[derive(Debug, thiserror::Error)]
pub enum AppGroupError {
    /// Containers often have none that they may change.
    #[error("control groups (cgroup v2) are not mounted at /sys/fs/cgroup as they should be")]
    NoHierarchy,
    /// It cannot be made, or a process cannot be put into it.
    #[error("the control group {path} cannot be {action}: {source}")]
    Cgroup {
        /// Which.
        path: String,
        /// What was tried.
        action: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// Without it packets would not find the tunnel.
    #[error("the kernel does not mark what apps send (bpf): {0}")]
    Unmarked(io::Error),
    /// Each has its mark.
    #[error("there are {} per-app tunnels with apps already", AppGroup::COUNT)]
    TooMany,
    /// It was never made, or is gone.
    #[error("there is no such group")]
    Unknown,
}

/// The mark of the first group; the next ones follow in the bits of [`BYPASS_MASK`].
const FIRST_MARK: u32 = 0x0AE0_0000;

impl AppGroup {
    /// How many there may be at one time.
    pub const COUNT: u8 = 32;

    /// The group with this number, counted from 0 and below [`Self::COUNT`].
    pub(crate) fn new(number: u8) -> Option<Self> {
        (number < Self::COUNT).then_some(Self(number))
    }

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }

    pub(crate) fn number(self) -> u8 {
        self.0
    }

    /// What its packets bear, under [`BYPASS_MASK`].
    pub(crate) fn mark(self) -> u32 {
        FIRST_MARK + (u32::from(self.0) << BYPASS_MASK.trailing_zeros())
    }

    /// The group of a mark.
    pub(crate) fn of_mark(mark: u32) -> Option<Self> {
        Self::all().find(|group| group.mark() == mark)
    }
}
