//! systemd-journald(8) on a machine, with a journal of its own.

use std::path::Path;

use crate::machine::Machine;
use crate::process::Process;
use crate::requirements::skip;

const DAEMON: &str = "/usr/lib/systemd/systemd-journald";

/// It, running.
#[derive(Debug)]
pub struct Journal {
    machine: Machine,
    _daemon: Process,
}

impl Machine {
    /// Starts it. None, and a word about it, where it is not installed.
    #[must_use]
    #[track_caller]
    pub fn start_journal(&self) -> Option<Journal> {
        if !Path::new(DAEMON).exists() {
            skip("systemd-journald is not installed");
            return None;
        }
        self.sh("mkdir -p /run/systemd/journal
            test -s /etc/machine-id || echo 5f0c6a329d3c4a9e8d0b3c1f9b7d2a11 >/etc/machine-id");
        let daemon = self.spawn([DAEMON]);
        self.sh("for _ in $(seq 200); do test -S /run/systemd/journal/socket && exit; sleep 0.05; done; exit 1");
        Some(Journal { machine: self.clone(), _daemon: daemon })
    }
}

impl Journal {
    /// Keeps lines as a unit's. Root may say whose they are (`OBJECT_SYSTEMD_UNIT`, systemd.journal-fields(7)).
    #[track_caller]
    pub fn keep(&self, unit: &str, lines: &str) {
        self.machine.write_file("/run/lines", lines);
        let entry = format!("OBJECT_SYSTEMD_UNIT={unit}\\nMESSAGE=%s\\n");
        self.machine.sh(&format!(
            "while IFS= read -r line; do printf '{entry}' \"$line\" | logger --journald; done </run/lines"
        ));
    }
}
