//! A part of the hierarchy of control groups (cgroups(7)) for one machine of a lab.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::machine::Machine;
use crate::requirements::skip;

/// What the machine takes for the whole hierarchy, from then on. When dropped, what runs in it is killed and it is gone.
#[derive(Debug)]
pub struct ControlGroups {
    root: PathBuf,
}

/// Where the unified hierarchy is, alone or beside the old ones.
const MOUNT_POINTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
const PREFIX: &str = "adit-lab-";
/// How long the kernel may take to end what is in a group.
const PATIENCE: Duration = Duration::from_secs(5);

impl ControlGroups {
    /// `None` where there is none to be had, as in a user namespace: the reason is printed, and in CI it is a panic.
    #[must_use]
    #[track_caller]
    pub fn of(machine: &Machine) -> Option<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let is_unified = |folder: &&&str| Path::new(folder).join("cgroup.subtree_control").exists();
        let Some(mount_point) = MOUNT_POINTS.iter().find(is_unified) else {
            skip("there is no unified hierarchy of control groups");
            return None;
        };
        sweep(Path::new(mount_point));
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}", std::process::id());
        let root = Path::new(mount_point).join(&name);
        if let Err(error) = fs::create_dir(&root) {
            skip(&format!("no control group can be made: {error}"));
            return None;
        }
        let groups = Self { root };
        machine.run(["mount", "--bind", &format!("{mount_point}/{name}"), mount_point]);
        Some(groups)
    }

    /// The processes in the groups that the product has made there.
    #[must_use]
    pub fn processes(&self) -> usize {
        let groups = folders_in(&self.root.join("adit"));
        let listed = groups.iter().map(|group| fs::read_to_string(group.join("cgroup.procs")));
        listed.flatten().map(|processes| processes.lines().count()).sum()
    }

    /// Whether the product has left a group there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        folders_in(&self.root).is_empty()
    }
}

impl Drop for ControlGroups {
    fn drop(&mut self) {
        _ = fs::write(self.root.join("cgroup.kill"), "1");
        let end = Instant::now() + PATIENCE;
        while !remove(&self.root) && Instant::now() < end {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// What tests have left that were killed.
fn sweep(mount_point: &Path) {
    for folder in folders_in(mount_point) {
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            remove(&folder);
        }
    }
}

/// Whether it is gone.
fn remove(folder: &Path) -> bool {
    for inner in folders_in(folder) {
        remove(&inner);
    }
    fs::remove_dir(folder).is_ok() || !folder.exists()
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}
