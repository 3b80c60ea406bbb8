//! The outer namespaces of a lab. They die with the test, and everything in them dies with them.

use std::io::{PipeWriter, pipe};
use std::process::Command;

use crate::process::Process;
use crate::requirements::tool;

/// The first process of a pid namespace of its own: when it ends, the kernel kills every process of the lab.
///
/// It ends when dropped, and by itself when the test process is gone in whatever way, as its input ends then.
#[derive(Debug)]
pub(crate) struct World {
    first: Process,
    _lifeline: PipeWriter,
}

/// SIGCHLD stays ignored across `exec`, so the kernel reaps orphans and no test takes a zombie for a live process.
const FIRST: &str = "mount -t proc proc /proc; trap '' CHLD; echo ready; exec cat >/dev/null";

impl World {
    #[track_caller]
    pub(crate) fn create() -> Self {
        let (input, lifeline) = pipe().expect("a pipe for the lifeline");
        let mut command = tool("unshare");
        command.args(["--mount", "--net", "--pid", "--fork", "--kill-child", "--"]);
        command.args(["sh", "-euc", FIRST]);
        let first = Process::spawn_reading(command, input);
        first.wait_for_log("ready");
        Self { first, _lifeline: lifeline }
    }

    /// A command that runs in this world.
    pub(crate) fn command(&self) -> Command {
        let mut command = tool("nsenter");
        command.args(["--target", &self.first.pid().to_string(), "--mount", "--pid", "--"]);
        command
    }
}
