//! Control groups, cgroups(7).

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{AppGroup, AppGroupError, Members, mark_program};

/// The control group of apps.
#[derive(Debug)]
pub(crate) struct Cgroup {
    path: PathBuf,
    /// Below the root of the hierarchy that this process sees.
    level: u32,
}

/// Where the unified hierarchy is mounted, and where it is beside the old ones.
const MOUNT_POINTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
/// All groups of ours are below it.
const FOLDER: &str = "adit";

impl Cgroup {
    /// The one of this name, whether it exists or not.
    pub(crate) fn of(name: &str) -> Result<Self, AppGroupError> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let (mount_point, depth) = hierarchy(&mounts).ok_or(AppGroupError::NoHierarchy)?;
        Ok(Self { path: Path::new(mount_point).join(FOLDER).join(name), level: depth + 2 })
    }

    /// Makes it, if need be, with what its processes open marked as the group's.
    pub(crate) fn make(&self, name: &str, group: AppGroup) -> Result<Members, AppGroupError> {
        let failed = |source| self.failed("made", source);
        fs::create_dir_all(&self.path).map_err(failed)?;
        let folder = File::open(&self.path).map_err(failed)?;
        mark_program::attach(&folder, group.mark()).map_err(AppGroupError::Unmarked)?;
        let cgroup = folder.metadata().map_err(failed)?.ino();
        Ok(Members { name: name.into(), cgroup, level: self.level })
    }

    /// Puts a process into it, with all its threads. What it has open stays as it is.
    pub(crate) fn enter(&self, pid: i32) -> Result<(), AppGroupError> {
        fs::write(self.path.join("cgroup.procs"), pid.to_string())
            .map_err(|source| self.failed("entered", source))
    }

    /// Removes it, unless a process is in it. Whether it is gone.
    pub(crate) fn remove(&self) -> bool {
        let is_gone = match fs::remove_dir(&self.path) {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if let Some(folder) = self.path.parent() {
            // The last one takes it along; it is not empty before.
            let _ = fs::remove_dir(folder);
        }
        is_gone
    }

    /// What its processes open from now on is as everybody's.
    pub(crate) fn unmark(&self) {
        if let Ok(folder) = File::open(&self.path)
            && let Err(error) = mark_program::detach(&folder)
        {
            tracing::debug!(%error, "apps are still marked");
        }
    }

    fn failed(&self, action: &'static str, source: io::Error) -> AppGroupError {
        AppGroupError::Cgroup { path: self.path.display().to_string(), action, source }
    }
}

/// Where the hierarchy is mounted, and how far what is mounted there is below its root, by
/// `/proc/self/mountinfo` (proc(5)). What was mounted last lies on top.
fn hierarchy(mounts: &str) -> Option<(&'static str, u32)> {
    MOUNT_POINTS.into_iter().find_map(|mount_point| {
        let mounted = |line: &&str| line.split(' ').nth(4) == Some(mount_point);
        let (mount, file_system) = mounts.lines().rfind(mounted)?.split_once(" - ")?;
        let root = mount.split(' ').nth(3)?;
        let is_seen_whole = !root.split('/').any(|part| part == "..");
        (file_system.starts_with("cgroup2 ") && is_seen_whole).then(|| {
            let depth = root.split('/').filter(|part| !part.is_empty()).count();
            (mount_point, u32::try_from(depth).unwrap_or(u32::MAX))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hierarchy_is_what_is_mounted_on_top() {
        let unified = "30 23 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let old = "30 23 0:27 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n";
        let beside = "31 30 0:28 / /sys/fs/cgroup/unified rw shared:9 - cgroup2 cgroup2 rw\n";
        let part = "32 31 0:28 /a/b /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let outside = "32 31 0:28 /../a /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        assert_eq!(hierarchy(unified), Some(("/sys/fs/cgroup", 0)));
        assert_eq!(hierarchy(&[old, beside].concat()), Some(("/sys/fs/cgroup/unified", 0)));
        assert_eq!(hierarchy(&[old, beside, part].concat()), Some(("/sys/fs/cgroup/unified", 2)));
        assert_eq!(hierarchy(&[unified, old].concat()), None);
        assert_eq!(hierarchy(outside), None);
        assert_eq!(hierarchy(""), None);
    }
}
