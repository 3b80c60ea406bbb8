//! Programs inside a machine: started, watched, never left behind.

use std::fmt::Write as _;
use std::io::pipe;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::log::{Log, Output};
use crate::running::{PATIENCE, Program, Running};

/// What a finished program left.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How it ended.
    pub status: ExitStatus,
    /// All it wrote to standard output.
    pub stdout: String,
    /// All it wrote to standard error.
    pub stderr: String,
}

/// A program in the background of a machine; killed when dropped. Its standard output and error are one log.
#[derive(Debug)]
pub struct Process {
    name: String,
    running: Running,
    log: Log,
}

impl Process {
    /// Starts `command`, which has to be one that forks once, as [`Machine::command`](crate::Machine::command) gives.
    #[track_caller]
    pub(crate) fn spawn(command: Command) -> Self {
        Self::spawn_reading(command, Stdio::null())
    }

    /// As [`spawn`](Self::spawn), with a standard input.
    #[track_caller]
    pub(crate) fn spawn_reading(mut command: Command, input: impl Into<Stdio>) -> Self {
        let name = describe(&command);
        // A pipe and no file, as programs may run under a limit for the size of files.
        let (reader, writer) = pipe().expect("a pipe for the log");
        let both = writer.try_clone().expect("a pipe for the log");
        command.stdin(input).stdout(writer).stderr(both);
        let running = start(&mut command, &name);
        // `command` still holds the writing ends; only without them does the log end with the program.
        drop(command);
        Self { name, running, log: Log::collect(reader) }
    }

    /// The program's process id, as the test sees it.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        self.program().pid
    }

    /// All it wrote so far; what it wrote just now may be missing, for which there is
    /// [`wait_for_log`](Self::wait_for_log).
    #[must_use]
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Returns as soon as the log contains `text`; panics after ten seconds, or when the program ends without it.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str) {
        self.wait_for(&format!("write {text:?}"), |log| log.contains(text));
    }

    /// Returns as soon as the log shows that the program did `what`.
    #[track_caller]
    pub(crate) fn wait_for(&self, what: &str, shown: impl Fn(&str) -> bool) {
        let done = self.log.wait(PATIENCE, shown);
        assert!(done, "{} did not {what}; its log:\n{}", self.name, self.log());
    }

    /// Sends a signal to the program.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        self.program().signal(signal).expect("the program is still running");
    }

    /// SIGKILL, and waits for the end. Fine to call when the program has ended by itself.
    pub fn kill(&self) {
        self.running.kill();
    }

    /// Waits for the end; `None` when it still runs after `limit`.
    pub fn wait(&self, limit: Duration) -> Option<ExitStatus> {
        self.running.wait(limit)
    }

    /// Whether it has not ended yet.
    pub fn is_running(&self) -> bool {
        self.running.status().is_none()
    }

    #[track_caller]
    fn program(&self) -> &Program {
        match self.running.program() {
            Some(program) => program,
            None => panic!("{} is not running; its log:\n{}", self.name, self.log()),
        }
    }
}

/// Runs `command` to its end, at most `limit`.
#[track_caller]
pub(crate) fn outcome(mut command: Command, limit: Duration) -> Outcome {
    let name = describe(&command);
    // Files rather than pipes: complete as soon as the program ends, whatever it left running in the background.
    let (stdout, stderr) = (Output::create(), Output::create());
    command.stdin(Stdio::null()).stdout(stdout.writer()).stderr(stderr.writer());
    let running = start(&mut command, &name);
    let Some(status) = running.wait(limit) else {
        running.kill();
        panic!("{name} still ran after {limit:?}; it wrote:\n{}{}", stdout.text(), stderr.text());
    };
    Outcome { status, stdout: stdout.text(), stderr: stderr.text() }
}

/// The command line, for messages.
pub(crate) fn describe(command: &Command) -> String {
    let mut text = String::new();
    let words = command.get_args().skip_while(|word| *word != "--").skip(1);
    for word in words {
        let separator = if text.is_empty() { "" } else { " " };
        _ = write!(text, "{separator}{}", word.display());
    }
    text
}

#[track_caller]
fn start(command: &mut Command, name: &str) -> Running {
    match Running::start(command) {
        Ok(running) => running,
        Err(error) => panic!("cannot start {name}: {error}"),
    }
}
