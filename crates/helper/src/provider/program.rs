//! Which version of a provider's program runs.

use std::{os::unix::fs::MetadataExt, path::Path};

use serde::{Deserialize, Serialize};

/// Tells a program from the one that takes its place under the same path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProgramVersion {
    device: u64,
    inode: u64,
    /// When it was written, in seconds after 1970 and nanoseconds.
    modified: (i64, i64),
}

impl ProgramVersion {
    /// That of the program that is there now, if there is one.
    pub(crate) fn of(program: &Path) -> Option<Self> {
        let found = program.metadata().ok()?;
        let modified = (found.mtime(), found.mtime_nsec());
        Some(Self { device: found.dev(), inode: found.ino(), modified })
    }
}
