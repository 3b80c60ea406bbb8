//! The programs of this build, and what a package would put on a machine.

use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::machine::Machine;
use crate::process::Process;

pub(crate) const PROVIDERS_DIR: &str = "/run/adit-providers";
/// Where the helper keeps what it knows, as its options.
pub(crate) const FOLDERS: [&str; 4] =
    ["--state-dir", "/run/adit-state", "--runtime-dir", "/run/adit"];

/// Where the programs of this build are.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let own = env::current_exe().expect("the test's own program");
    let folder = own.ancestors().find(|folder| folder.join("adit-helper").is_file());
    let folder = folder.expect("the programs: run `cargo build --workspace` first");
    folder.join(name)
}

/// As the machines see it: they share this computer's file system.
pub(crate) fn path_of(name: &str) -> String {
    program(name).display().to_string()
}

/// The providers, the examples among them.
pub(crate) fn install(machine: &Machine) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wireguard = source.with_file_name("crates").join("wireguard");
    let script = format!(
        "cd /run; mkdir -p adit-providers/org.adit.wireguard
         cp -r {examples}/* adit-providers/
         cp {wireguard}/provider.toml {wireguard}/schema.json {binary} adit-providers/org.adit.wireguard/
         cp {ethernet} adit-providers/org.example.ethernet/
         chmod -R go-w adit-providers",
        examples = source.join("providers").display(),
        wireguard = wireguard.display(),
        binary = program("adit-wireguard").display(),
        ethernet = program("adit-ethernet-in-udp").display(),
    );
    machine.sh(&script);
}

/// What the helper may do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Privileges {
    AllOfRoot,
    AsPackaged,
}

/// Runs the helper, and waits until it is ready.
#[track_caller]
pub(crate) fn start_helper(machine: &Machine, privileges: Privileges) -> Process {
    let mut command = machine.command("setpriv");
    match privileges {
        Privileges::AllOfRoot => {}
        Privileges::AsPackaged => _ = command.arg(format!("--bounding-set={}", packaged())),
    }
    command.args(["env", "ADIT_LOG=debug"]).arg(program("adit-helper"));
    command.args(FOLDERS).args(["--providers-dir", PROVIDERS_DIR]);
    let helper = machine.spawn_command(command);
    helper.wait_for_log("Adit is ready");
    helper
}

/// The capabilities of the service, as setpriv(1) takes them.
fn packaged() -> String {
    let unit =
        Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("packaging/adit-helper.service");
    let unit = fs::read_to_string(unit).expect("the unit of the service");
    let lines = unit.lines().filter_map(|line| line.strip_prefix("CapabilityBoundingSet=CAP_"));
    let names =
        lines.flat_map(|line| line.split(" CAP_")).map(|name| format!("+{}", name.to_lowercase()));
    format!("-all,{}", names.collect::<Vec<_>>().join(","))
}
