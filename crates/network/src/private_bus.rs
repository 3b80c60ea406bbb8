//! A message bus for one test.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::{network::Bus, skip::skip};

/// A message bus that ends with the test.
pub(crate) struct PrivateBus {
    daemon: Child,
    pub(crate) address: String,
    _folder: TempDir,
}

impl PrivateBus {
    /// Without a bus daemon the test says so and passes, but not where `CI` is set.
    pub(crate) fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let configuration = folder.path().join("bus.conf");
        fs::write(&configuration, bus_configuration(folder.path())).unwrap();
        let spawned = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", configuration.display()))
            .args(["--nofork", "--nopidfile", "--print-address"])
            .stdout(Stdio::piped())
            .spawn();
        let mut daemon = match spawned {
            Ok(daemon) => daemon,
            Err(error) => {
                skip(&format!("dbus-daemon is needed: {error}"));
                return None;
            }
        };
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Some(Self { daemon, address: address.trim().into(), _folder: folder })
    }

    pub(crate) fn address(&self) -> Bus {
        Bus::Address(self.address.clone())
    }
}

impl Drop for PrivateBus {
    fn drop(&mut self) {
        self.daemon.kill().unwrap();
        self.daemon.wait().unwrap();
    }
}

fn bus_configuration(folder: &Path) -> String {
    format!(
        r#"<busconfig>
             <type>session</type>
             <listen>unix:dir={}</listen>
             <policy context="default">
               <allow user="*"/> <allow own="*"/>
               <allow send_destination="*"/> <allow receive_sender="*"/>
             </policy>
           </busconfig>"#,
        folder.display()
    )
}
