//! The product, installed on a machine of the lab.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::machine::Machine;
use crate::process::{Outcome, Process};

/// How long what should happen soon may take on a busy computer; a peer of WireGuard notices only
/// after 15 seconds that it is not heard.
const PATIENCE: Duration = Duration::from_secs(45);
const SOCKET: &str = "/run/adit/helper.sock";
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// A running helper with its providers, and the command line to it.
#[derive(Debug)]
pub struct Adit {
    machine: Machine,
    helper: Process,
    resolv_conf: String,
    expected_errors: Vec<&'static str>,
}

impl Adit {
    /// Installs Adit on the machine and waits until the helper is ready. Panics when the programs were not built.
    #[track_caller]
    pub fn start(machine: &Machine) -> Self {
        install(machine);
        let resolv_conf = machine.read_file(RESOLV_CONF);
        let helper = start_helper(machine);
        Self { machine: machine.clone(), helper, resolv_conf, expected_errors: Vec::new() }
    }

    /// Runs `adit` to its end, whatever that is.
    #[track_caller]
    pub fn try_run<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Outcome {
        let mut command = vec!["env".to_owned(), format!("ADIT_SOCKET={SOCKET}")];
        command.push(program("adit").display().to_string());
        command.extend(words.into_iter().map(str::to_owned));
        self.machine.try_run(command)
    }

    /// Runs `adit` and gives what it printed. Panics when it fails.
    #[track_caller]
    pub fn run<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> String {
        let words: Vec<&str> = words.into_iter().collect();
        let outcome = self.try_run(words.iter().copied());
        assert!(
            outcome.status.success(),
            "adit {words:?}: {}\n{}{}\nthe helper's log:\n{}",
            outcome.status,
            outcome.stdout,
            outcome.stderr,
            self.helper.log()
        );
        outcome.stdout
    }

    /// Imports the text of a `.conf` file under a name.
    #[track_caller]
    pub fn import(&self, name: &str, conf: &str) -> String {
        let path = format!("/run/{name}.conf");
        self.machine.write_file(&path, conf);
        self.run(["import", &path])
    }

    /// Connects and waits until the tunnel is established. Panics when it fails.
    #[track_caller]
    pub fn connect(&self, name: &str) {
        self.run(["connect", name, "--wait", "15"]);
    }

    /// Disconnects and waits until it is down.
    #[track_caller]
    pub fn disconnect(&self, name: &str) {
        self.run(["disconnect", name]);
    }

    /// The state of a session, as in `VpnStatus`.
    #[must_use]
    #[track_caller]
    pub fn status(&self, name: &str) -> String {
        let json = self.run(["status", name, "--json"]);
        let status = json.split("\"status\":").nth(1).expect("a status").trim_start();
        status.split('"').nth(1).expect("a text").to_owned()
    }

    /// Waits until a session is in a state.
    #[track_caller]
    pub fn wait_for(&self, name: &str, state: &str) {
        let end = Instant::now() + PATIENCE;
        while self.status(name) != state {
            assert!(
                Instant::now() < end,
                "{name} is {} and not {state}; the helper's log:\n{}",
                self.status(name),
                self.helper.log()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until `done`.
    #[track_caller]
    pub fn eventually(&self, what: &str, done: impl Fn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !done() {
            assert!(Instant::now() < end, "no {what}; the helper's log:\n{}", self.helper.log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// `adit-helper reset`, as root does when no helper runs.
    #[track_caller]
    pub fn reset(&self) -> String {
        let helper = program("adit-helper").display().to_string();
        self.machine.run([helper.as_str(), "reset", "--runtime-dir", "/run/adit"])
    }

    /// The helper's process.
    pub fn helper(&self) -> &Process {
        &self.helper
    }

    /// The process ids of the running providers of this machine, as the machine sees them.
    pub fn providers(&self) -> Vec<String> {
        let found = self.machine.try_run([
            "pgrep",
            "-f",
            "^(python3 |/usr/bin/env python3 )?/run/adit-providers/",
        ]);
        found.stdout.split_whitespace().map(str::to_owned).collect()
    }

    /// SIGKILL: the helper has no chance to clean up.
    pub fn kill_helper(&self) {
        self.helper.kill();
    }

    /// Starts a helper again after it ended.
    #[track_caller]
    pub fn restart_helper(&mut self) {
        self.helper.kill();
        let before = std::mem::replace(&mut self.helper, start_helper(&self.machine));
        self.check_log(&before);
    }

    /// Says that the test provokes an error with this text in the helper's log.
    pub fn expect_error(&mut self, text: &'static str) {
        self.expected_errors.push(text);
    }

    /// Everything of Adit's that the machine's network still has; empty after a disconnect.
    #[track_caller]
    pub fn residue(&self) -> String {
        let mut residue = String::new();
        let found = self.machine.sh("ip -o link show | grep adit || true
             for family in -4 -6; do
                 ip $family rule show | grep -E 'proto 173|fwmark 0xad1' || true
                 ip $family route show table all | grep -E 'proto 173|dev adit' || true
             done
             ls /run/adit/sessions");
        residue.push_str(&found);
        let resolv_conf = self.machine.read_file(RESOLV_CONF);
        if resolv_conf != self.resolv_conf {
            _ = write!(residue, "{RESOLV_CONF}:\n{resolv_conf}");
        }
        for provider in self.providers() {
            _ = writeln!(residue, "provider process {provider}");
        }
        residue
    }

    /// Panics unless nothing of Adit's is left in the machine's network, now or within seconds.
    #[track_caller]
    pub fn assert_no_residue(&self) {
        let end = Instant::now() + PATIENCE;
        loop {
            let residue = self.residue();
            if residue.is_empty() {
                return;
            }
            assert!(Instant::now() < end, "left behind:\n{residue}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    #[track_caller]
    fn check_log(&self, helper: &Process) {
        let log = helper.log();
        keep_log(&log, &self.expected_errors);
        let unasked = |line: &&str| {
            line.contains(" ERROR ") && !self.expected_errors.iter().any(|text| line.contains(text))
        };
        let unasked: Vec<&str> = log.lines().filter(unasked).collect();
        assert!(thread::panicking() || unasked.is_empty(), "the helper logged {unasked:#?}");
    }
}

impl Drop for Adit {
    fn drop(&mut self) {
        self.check_log(&self.helper);
    }
}

/// Where the programs of this build are.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let own = env::current_exe().expect("the test's own program");
    let folder = own.ancestors().find(|folder| folder.join("adit-helper").is_file());
    let folder = folder.expect("the programs: run `cargo build --workspace` first");
    folder.join(name)
}

fn install(machine: &Machine) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wireguard = source.with_file_name("crates").join("wireguard");
    let script = format!(
        "cd /run; mkdir -p adit-providers/org.adit.wireguard
         cp -r {examples}/* adit-providers/
         cp {wireguard}/provider.toml {wireguard}/schema.json {binary} adit-providers/org.adit.wireguard/
         chmod -R go-w adit-providers",
        examples = source.join("providers").display(),
        wireguard = wireguard.display(),
        binary = program("adit-wireguard").display(),
    );
    machine.sh(&script);
}

#[track_caller]
fn start_helper(machine: &Machine) -> Process {
    let mut command = machine.command("env");
    command.args(["ADIT_LOG=debug"]).arg(program("adit-helper"));
    command.args(["--state-dir", "/run/adit-state", "--runtime-dir", "/run/adit"]);
    command.args(["--providers-dir", "/run/adit-providers"]);
    let helper = machine.spawn_command(command);
    helper.wait_for_log("Adit is ready");
    helper
}

/// For whoever reads it after a failed run.
fn keep_log(log: &str, expected_errors: &[&str]) {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let Some(folder) = env::var_os("ADIT_TEST_LOGS") else { return };
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let test = thread::current().name().unwrap_or("helper").replace("::", "-");
    let file = PathBuf::from(folder).join(format!("{test}-{}-{number}.log", std::process::id()));
    let _ = fs::write(&file, log);
    let _ = fs::write(file.with_extension("expected-errors"), expected_errors.join("\n"));
}
