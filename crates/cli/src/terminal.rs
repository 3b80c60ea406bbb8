//! The person at the terminal.

use std::io::{self, IsTerminal};

use tokio::{signal, task};

use crate::{failure::Failure, output::to_standard_error, page::harmless};

/// Whether somebody is there to answer a question.
pub(crate) fn is_attended() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for yes or no; an empty answer is `default`, the end of the input is no.
pub(crate) async fn ask(question: &str, default: bool) -> Result<bool, Failure> {
    let choice = if default { "[Y/n]" } else { "[y/N]" };
    to_standard_error(&format!("{question} {choice} "));
    let answer = task::spawn_blocking(|| {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|_| line)
    });
    let line = tokio::select! {
        answer = answer => answer.ok().and_then(Result::ok).unwrap_or_default(),
        _ = signal::ctrl_c() => {
            to_standard_error("\n");
            return Err(Failure::Interrupted);
        }
    };
    Ok(match line.trim().to_lowercase().as_str() {
        "" => default && line.ends_with('\n'),
        answer => "yes".starts_with(answer),
    })
}

/// A line on standard error that says how something goes, and leaves no trace.
pub(crate) struct Progress {
    shown: bool,
    enabled: bool,
}

/// A line that wraps cannot be erased.
const MAX_LINE: usize = 79;
/// Back to the beginning of the line, and erase it (ECMA-48 EL).
const ERASE_LINE: &str = "\r\x1b[K";

impl Progress {
    pub(crate) fn new(enabled: bool) -> Self {
        Self { shown: false, enabled }
    }

    /// Replaces the line.
    pub(crate) fn show(&mut self, text: &str) {
        if self.enabled {
            let line: String = text.chars().map(harmless).take(MAX_LINE).collect();
            to_standard_error(&format!("{ERASE_LINE}{line}"));
            self.shown = true;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            to_standard_error(ERASE_LINE);
        }
    }
}
