//! The product, installed on a machine of the lab.

mod user;

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub use user::User;

use crate::installation::{FOLDERS, PROVIDERS_DIR, Privileges, install, path_of, start_helper};
use crate::machine::Machine;
use crate::process::{Outcome, Process};
use crate::requirements::skip;

/// How long what should happen soon may take on a busy computer; a peer of WireGuard notices only
/// after 15 seconds that it is not heard.
const PATIENCE: Duration = Duration::from_secs(45);
const SOCKET: &str = "/run/adit/helper.sock";
/// Where every user of the machine can run the command line.
const PUBLIC_PROGRAM: &str = "/run/bin/adit";
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// A running helper with its providers, and the command line to it.
#[derive(Debug)]
pub struct Adit {
    machine: Machine,
    privileges: Privileges,
    helper: Process,
    resolv_conf: String,
    expected_errors: Vec<&'static str>,
}

impl Adit {
    /// Installs Adit on the machine and waits until the helper is ready. Panics when the programs were not built.
    #[track_caller]
    pub fn start(machine: &Machine) -> Self {
        Self::start_with(machine, Privileges::AllOfRoot)
    }

    /// As [`start`](Self::start), with no other capabilities than the packaged service has.
    #[track_caller]
    pub fn start_as_packaged(machine: &Machine) -> Self {
        Self::start_with(machine, Privileges::AsPackaged)
    }

    #[track_caller]
    fn start_with(machine: &Machine, privileges: Privileges) -> Self {
        install(machine);
        let resolv_conf = machine.read_file(RESOLV_CONF);
        let helper = start_helper(machine, privileges);
        let expected_errors = Vec::new();
        Self { machine: machine.clone(), privileges, helper, resolv_conf, expected_errors }
    }

    /// Runs `adit` to its end, whatever that is.
    #[track_caller]
    pub fn try_run<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Outcome {
        self.machine.try_run(command_line(words))
    }

    /// Starts `adit` and does not wait for its end.
    #[track_caller]
    pub fn spawn<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Process {
        self.machine.spawn(command_line(words))
    }

    /// Runs `adit` and gives the reason why it failed. Panics unless it ends with exit code `code`, without a result
    /// and with a reason that a person can read.
    #[track_caller]
    pub fn refused<'a>(&self, code: i32, words: impl IntoIterator<Item = &'a str>) -> String {
        let words: Vec<&str> = words.into_iter().collect();
        let outcome = self.try_run(words.iter().copied());
        let reason = reason(&outcome, code);
        reason.unwrap_or_else(|| {
            panic!("adit {words:?}: {outcome:?}\nthe helper's log:\n{}", self.helper.log())
        })
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
        self.import_with(name, conf, &[])
    }

    /// As [`import`](Self::import), with options such as `--enforce-routes`.
    #[track_caller]
    pub fn import_with(&self, name: &str, conf: &str, options: &[&str]) -> String {
        let path = format!("/run/{name}.conf");
        self.machine.write_file(&path, conf);
        self.run([&["import", &path], options].concat())
    }

    /// Imports a configuration of any provider as an administrator would, in the form that `adit export --format adit`
    /// writes, or replaces the one of this name. `protocol` is what follows the provider's id and the server's address.
    #[track_caller]
    pub fn import_for(&self, provider: &str, name: &str, protocol: &Value) {
        let mut archive = json!({
            "adit": 1,
            "secrets": {},
            "configuration": {
                "name": name,
                "id": "5f0c6a32-9d3c-4a9e-8d0b-3c1f9b7d2a11",
                "protocol": { "providerId": provider, "serverAddress": "server.test" },
            },
        });
        for (key, value) in protocol.as_object().into_iter().flatten() {
            archive["configuration"]["protocol"][key] = value.clone();
        }
        self.import_archive(name, &archive);
    }

    /// Imports what `adit export --format adit` has written, or replaces what has its name.
    #[track_caller]
    pub fn import_archive(&self, name: &str, archive: &Value) {
        let path = format!("/run/{name}.json");
        self.machine.write_file(&path, archive.to_string());
        self.run(["import", "--replace", &path]);
    }

    /// Gives a configuration rules by which it connects by itself, in the form in which they are stored.
    #[track_caller]
    pub fn set_on_demand(&self, name: &str, rules: &Value) {
        self.set_on_demand_settings(name, &json!({ "enabled": true, "rules": rules }));
    }

    /// As [`set_on_demand`](Self::set_on_demand), with all that can be set beside the rules.
    #[track_caller]
    pub fn set_on_demand_settings(&self, name: &str, settings: &Value) {
        let archive = self.run(["export", name, "--format", "adit"]);
        let mut archive: Value = serde_json::from_str(&archive).expect("JSON");
        archive["configuration"]["onDemand"] = settings.clone();
        let path = format!("/run/{name}.json");
        self.machine.write_file(&path, archive.to_string());
        self.run(["remove", name, "--yes"]);
        self.run(["import", &path]);
    }

    /// Installs a provider with this program.
    #[track_caller]
    pub fn install_provider(&self, id: &str, executable: &str) {
        let folder = format!("{PROVIDERS_DIR}/{id}");
        let manifest = format!(
            "id = \"{id}\"\nname = \"{id}\"\nexecutable = \"run\"\nkinds = [\"packet-tunnel\"]\n"
        );
        self.machine.write_file(format!("{folder}/provider.toml"), manifest);
        self.machine.write_file(format!("{folder}/run"), executable);
        self.machine.run(["chmod", "755", &folder, &format!("{folder}/run")]);
    }

    /// Somebody else on the machine. `None` where there is no such user: the reason is printed, and in CI it is a panic.
    #[track_caller]
    pub fn user(&self, uid: u32) -> Option<User<'_>> {
        let user = User { adit: self, uid };
        self.machine.run(["install", "-D", "-m", "755", &path_of("adit"), PUBLIC_PROGRAM]);
        let outcome = self.machine.try_run(user.command_line(["--version"]));
        if !outcome.status.success() {
            skip(&format!("no user {uid}: {}", outcome.stderr));
            return None;
        }
        Some(user)
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
        self.session(name)["status"].as_str().expect("a status").to_owned()
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
        self.run_helper("reset")
    }

    /// Runs the helper's program for one thing, beside the service or without it, and gives what it printed.
    #[track_caller]
    pub fn run_helper(&self, command: &str) -> String {
        self.machine.run([&[path_of("adit-helper").as_str(), command], &FOLDERS[..]].concat())
    }

    /// The helper's process.
    pub fn helper(&self) -> &Process {
        &self.helper
    }

    /// The helper's resident memory in KiB.
    #[track_caller]
    pub fn helper_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.helper.pid()));
        let status = status.expect("the helper is running");
        let size = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = size.and_then(|size| size.split_whitespace().next());
        number.and_then(|number| number.parse().ok()).expect("a size, proc(5)")
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

    /// SIGKILL to every provider. Their tunnels stay, and others take their places.
    #[track_caller]
    pub fn kill_providers(&self) {
        let providers = self.providers();
        assert!(!providers.is_empty(), "no provider runs");
        self.machine.run(["kill", "-9"].into_iter().chain(providers.iter().map(String::as_str)));
    }

    /// The session of a configuration, as `adit status --json` shows it.
    #[must_use]
    #[track_caller]
    pub fn session(&self, name: &str) -> Value {
        let status: Value =
            serde_json::from_str(&self.run(["status", name, "--json"])).expect("JSON");
        status["session"].clone()
    }

    /// The codes of what a session has to tell.
    #[must_use]
    #[track_caller]
    pub fn health(&self, name: &str) -> Vec<String> {
        let session = self.session(name);
        let items = session["health"].as_array().cloned().unwrap_or_default();
        items.iter().map(|item| item["code"].as_str().expect("a code").to_owned()).collect()
    }

    /// The state of the machine's lockdown, as `adit lockdown --json` shows it.
    #[must_use]
    #[track_caller]
    pub fn lockdown(&self) -> Value {
        serde_json::from_str(&self.run(["lockdown", "--json"])).expect("JSON")
    }

    /// SIGKILL: the helper has no chance to clean up.
    pub fn kill_helper(&self) {
        self.helper.kill();
    }

    /// Starts a helper again after it ended.
    #[track_caller]
    pub fn restart_helper(&mut self) {
        self.helper.kill();
        let before =
            std::mem::replace(&mut self.helper, start_helper(&self.machine, self.privileges));
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
             nft list tables | grep -w adit || true
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

fn command_line<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut command = vec!["env".into(), format!("ADIT_SOCKET={SOCKET}"), path_of("adit")];
    command.extend(words.into_iter().map(str::to_owned));
    command
}

/// What a failed program told a person: a sentence, and below it at most one more that says what to do.
fn reason(outcome: &Outcome, code: i32) -> Option<String> {
    let text = outcome.stderr.trim();
    let is_readable = (1..=2).contains(&text.lines().count()) && !text.contains("os error");
    let failed = outcome.status.code() == Some(code) && outcome.stdout.is_empty();
    (failed && is_readable).then(|| text.to_owned())
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
