//! The person at the terminal.

use std::{
    io::{self, IsTerminal},
    os::fd::OwnedFd,
};

use rustix::{
    fs::{Mode, OFlags},
    termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr},
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    signal, task,
};
use zeroize::Zeroizing;

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

/// Says something to the person, on a line of its own.
pub(crate) fn say(text: &str) {
    let line: String = text.chars().map(harmless).collect();
    to_standard_error(&format!("{ERASE_LINE}{line}\n"));
}

/// Asks for a line that is not shown. None if the person enters nothing or interrupts. May be dropped
/// while it waits: then the terminal shows again what is typed.
pub(crate) async fn ask_secret(question: &str) -> Option<Zeroizing<String>> {
    // Opened anew, as it must not become non-blocking for the shell.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let tty = rustix::fs::open("/dev/tty", flags, Mode::empty()).ok()?;
    let hidden = HiddenInput::begin(tty).ok()?;
    let question: String = question.chars().map(harmless).collect();
    to_standard_error(&format!("{ERASE_LINE}{question}"));
    let line = hidden.read_line().await;
    line.ok().flatten().filter(|line| !line.is_empty())
}

/// A terminal that does not show what is typed, for as long as this lives.
struct HiddenInput {
    tty: AsyncFd<OwnedFd>,
    shown: Termios,
}

impl HiddenInput {
    fn begin(tty: OwnedFd) -> io::Result<Self> {
        // SAFETY: an OwnedFd is the same descriptor as long as it lives, and is closed with this.
        let tty = unsafe { AsyncFd::register_with_interest(tty, Interest::READABLE) }?;
        let shown = tcgetattr(&tty)?;
        let mut hidden = shown.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&tty, OptionalActions::Flush, &hidden)?;
        Ok(Self { tty, shown })
    }

    /// None at the end of the input. The terminal gives whole lines.
    async fn read_line(&self) -> io::Result<Option<Zeroizing<String>>> {
        let mut bytes = Zeroizing::new([0; LONGEST_LINE]);
        let length = loop {
            let mut ready = self.tty.readable().await?;
            let read = ready.try_io(|tty| Ok(rustix::io::read(tty, bytes.as_mut_slice())?));
            if let Ok(length) = read {
                break length?;
            }
        };
        let line = str::from_utf8(&bytes[..length]).map_err(io::Error::other)?;
        Ok((length > 0).then(|| Zeroizing::new(line.trim_end_matches(['\r', '\n']).into())))
    }
}

impl Drop for HiddenInput {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing anyway.
        let _ = tcsetattr(&self.tty, OptionalActions::Flush, &self.shown);
        // The one that was typed was not shown either.
        to_standard_error("\n");
    }
}

/// A line on standard error that says how something goes, and leaves no trace.
pub(crate) struct Progress {
    shown: bool,
    enabled: bool,
}

/// Bytes; what the kernel gives of one line (`N_TTY_BUF_SIZE`).
const LONGEST_LINE: usize = 4096;
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
