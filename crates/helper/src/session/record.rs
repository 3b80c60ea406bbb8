//! What a helper that crashed leaves to the next one: which process belonged to which session.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use adit_model::ConfigurationId;
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

/// The record of one run, in a folder below the runtime folder.
#[derive(Debug)]
pub(crate) struct RunRecord {
    folder: PathBuf,
}

/// A pid alone may belong to another process by the time it is read.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    pid: i32,
    start_time: u64,
}

const FILE: &str = "provider.json";
/// A provider ends by itself when the helper's connections close.
const GRACE: Duration = Duration::from_secs(1);

impl RunRecord {
    pub(super) fn write(sessions: &Path, id: ConfigurationId, pid: Pid) -> io::Result<Self> {
        let record = Self { folder: sessions.join(id.to_string()) };
        fs::create_dir_all(&record.folder)?;
        let pid = pid.as_raw_nonzero().get();
        // Of a process that has ended already there is nothing to record.
        if let Some(start_time) = start_time(pid) {
            let json = serde_json::to_vec(&Content { pid, start_time })?;
            fs::write(record.folder.join(FILE), json).inspect_err(|_| record.remove())?;
        }
        Ok(record)
    }

    pub(super) fn remove(&self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::debug!(%error, "a run's folder cannot be removed");
        }
    }

    /// Ends the providers of runs whose helper is gone, and says which were still there.
    pub(crate) fn clean_up(sessions: &Path) -> Vec<String> {
        let Ok(folders) = fs::read_dir(sessions) else { return Vec::new() };
        let mut ended = Vec::new();
        for folder in folders.flatten().map(|entry| entry.path()) {
            let content = fs::read(folder.join(FILE)).ok();
            let content = content.and_then(|json| serde_json::from_slice::<Content>(&json).ok());
            if content.is_some_and(|content| end(&content)) {
                ended.push("ended a tunnel provider that had lost its service".into());
            }
            let _ = fs::remove_dir_all(folder);
        }
        ended
    }
}

/// Returns whether the process had to be killed or was still ending.
fn end(content: &Content) -> bool {
    let lives = || start_time(content.pid) == Some(content.start_time);
    let Some(pid) = Pid::from_raw(content.pid).filter(|_| lives()) else { return false };
    let patience = Instant::now() + GRACE;
    while lives() && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(20));
    }
    if lives() {
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        let _ = rustix::process::kill_process(pid, Signal::KILL);
    }
    true
}

/// Field 22 of `/proc/PID/stat`, proc(5): ticks after boot at which the process started. A zombie
/// does not count.
fn start_time(pid: i32) -> Option<u64> {
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
    use std::process::Command;

    use super::*;

    #[test]
    fn a_provider_without_a_helper_is_ended_and_a_stranger_with_its_pid_is_not() {
        let sessions = tempfile::tempdir().unwrap();
        let mut child = Command::new("sleep").arg("30").spawn().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
        RunRecord::write(sessions.path(), ConfigurationId::random(), pid).unwrap();
        let other = Content { pid: std::process::id().cast_signed(), start_time: 1 };
        let folder = sessions.path().join("stranger");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(FILE), serde_json::to_vec(&other).unwrap()).unwrap();

        assert_eq!(RunRecord::clean_up(sessions.path()).len(), 1);
        assert!(!child.wait().unwrap().success());
        assert_eq!(fs::read_dir(sessions.path()).unwrap().count(), 0);
    }
}
