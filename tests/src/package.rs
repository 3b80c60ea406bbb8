//! Debian packages that the lab runs from a folder: installed, they would take over this computer's own resolver.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use crate::log::lock;

/// Packages that are unpacked into one folder, which `scripts/setup` does too.
#[derive(Debug)]
pub(crate) struct Package {
    /// The first is the name of the folder; the others are libraries that this computer may lack.
    pub(crate) names: &'static [&'static str],
    /// A file that shows that it is there.
    pub(crate) proof: &'static str,
}

impl Package {
    /// The folder, downloaded if need be.
    pub(crate) fn root(&self) -> Result<PathBuf, String> {
        static FETCHING: Mutex<()> = Mutex::new(());
        let _one_at_a_time = lock(&FETCHING);
        let cache = cache().ok_or("the test binary is in no target folder")?;
        let root = cache.join(self.names[0]);
        if !root.join(self.proof).exists() {
            self.fetch(&cache, &root)?;
        }
        Ok(root)
    }

    /// Unpacks beside `root` and renames at the end, so that two test processes may both do it.
    fn fetch(&self, cache: &Path, root: &Path) -> Result<(), String> {
        let work = cache.join(format!("fetch-{}", std::process::id()));
        let result = fs::create_dir_all(&work)
            .map_err(|error| error.to_string())
            .and_then(|()| self.download(&work))
            .and_then(|unpacked| match fs::rename(unpacked, root) {
                Err(error) if !root.exists() => Err(error.to_string()),
                _ => Ok(()),
            });
        _ = fs::remove_dir_all(work);
        result
    }

    fn download(&self, work: &Path) -> Result<PathBuf, String> {
        let script =
            "apt-get download \"$@\" >&2 && for deb in *.deb; do dpkg -x $deb unpacked; done";
        let mut command = Command::new("sh");
        command.args(["-euc", script, "sh"]).args(self.names).current_dir(work);
        let output = command.output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(work.join("unpacked"))
    }
}

/// Of Cargo's target folder, where the test binary is in `debug/deps`.
fn cache() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    Some(program.ancestors().nth(3)?.join("lab-cache"))
}
