//! What a computer needs for a lab, and what happens when it has not.

use std::env;
use std::fs::OpenOptions;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Debian packages: util-linux, iproute2, nftables, dnsmasq-base, wireguard-tools, wireguard-go, libc-bin, procps.
const TOOLS: [&str; 9] =
    ["unshare", "nsenter", "mount", "ip", "nft", "dnsmasq", "wg", "wireguard-go", "getent"];

/// Where the tools are, also for a user whose own path lacks the folders of the administrator.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Says whether a lab can be built. If only root can, executes the test binary again as root of a user namespace.
#[track_caller]
pub(crate) fn met() -> bool {
    static MISSING: OnceLock<Option<String>> = OnceLock::new();
    match MISSING.get_or_init(missing) {
        None => true,
        Some(reason) => {
            skip(reason);
            false
        }
    }
}

/// Reports that a test did not run. In CI nothing may be skipped unseen, so there it is a failure.
#[track_caller]
pub(crate) fn skip(reason: &str) {
    assert!(env::var_os("CI").is_none(), "the lab cannot run here: {reason}");
    eprintln!("\n*** skipped: {reason} ***\n");
}

/// A command that finds the tools.
pub(crate) fn tool(program: &str) -> Command {
    let mut command = Command::new(program);
    let own = env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{own}:{PATH}"));
    command
}

fn missing() -> Option<String> {
    let absent = TOOLS.iter().find(|name| !is_installed(name));
    if let Some(name) = absent {
        return Some(format!("{name} is not installed"));
    }
    let tun = OpenOptions::new().read(true).write(true).open("/dev/net/tun");
    if let Err(error) = tun {
        return Some(format!("cannot open /dev/net/tun: {error}"));
    }
    if can_unshare(&[]) {
        return None;
    }
    let as_root = ["--user", "--map-root-user"];
    if !can_unshare(&as_root) {
        return Some("not root, and the system allows no user namespaces".to_owned());
    }
    let program = env::current_exe().expect("the test binary");
    let error =
        tool("unshare").args(as_root).arg("--").arg(program).args(env::args_os().skip(1)).exec();
    Some(format!("cannot execute the test in a user namespace: {error}"))
}

/// Whether there is such a program.
pub(crate) fn is_installed(name: &str) -> bool {
    let path = env::var("PATH").unwrap_or_default() + ":" + PATH;
    env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// Some systems allow a user namespace and then refuse everything in it: only doing something tells.
fn can_unshare(options: &[&str]) -> bool {
    let mut command = tool("unshare");
    command.args(options).args(["--mount", "--net", "--pid", "--fork", "--"]);
    command.args(["mount", "-t", "proc", "proc", "/proc"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
