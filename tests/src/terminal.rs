//! A person at a terminal of a desktop session.

use std::io::{PipeWriter, Write as _, pipe};
use std::time::Duration;

use crate::desktop_session::DesktopSession;
use crate::installation::program;
use crate::process::Process;

const PATIENCE: Duration = Duration::from_secs(30);

/// `adit` at a terminal of its own, which knows what is typed there and what is not shown.
#[derive(Debug)]
pub struct Terminal {
    process: Process,
    keys: PipeWriter,
}

impl DesktopSession {
    /// Runs the command line at a terminal.
    #[must_use]
    #[track_caller]
    pub fn at_terminal(&self, words: &str) -> Terminal {
        let mut command = self.command("script");
        let line = format!("{} {words}", program("adit").display());
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
        let (typed, keys) = pipe().expect("a pipe for the keyboard");
        Terminal { process: Process::spawn_reading(command, typed), keys }
    }
}

impl Terminal {
    /// Waits until the terminal shows a text.
    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        self.process.wait_for_log(text);
    }

    /// Waits until the terminal has shown a text for the second time.
    #[track_caller]
    pub fn wait_for_again(&self, text: &str) {
        self.process
            .wait_for(&format!("write {text:?} again"), |log| log.matches(text).count() == 2);
    }

    /// Types a line.
    #[track_caller]
    pub fn type_line(&mut self, line: &str) {
        writeln!(self.keys, "{line}").expect("a keyboard");
    }

    /// Waits for the end of the program. Returns whether it did what it should, and all that was shown.
    #[track_caller]
    pub fn end(self) -> (bool, String) {
        let status = self.process.wait(PATIENCE);
        let shown = self.process.log();
        (status.unwrap_or_else(|| panic!("it still runs: {shown}")).success(), shown)
    }
}
