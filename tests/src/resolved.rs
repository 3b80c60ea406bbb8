//! systemd-resolved on a machine, on a system bus that only this machine has.

use std::env;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use crate::address;
use crate::log::lock;
use crate::machine::Machine;
use crate::process::Process;
use crate::requirements::skip;

/// A running systemd-resolved that manages `/etc/resolv.conf` of its machine.
#[derive(Debug)]
pub struct Resolved {
    machine: Machine,
    package: PathBuf,
    daemon: Process,
    _bus: Process,
}

impl Machine {
    /// Starts systemd-resolved with the public DNS server for `eth0`, as a desktop's network manager would set it up.
    ///
    /// `None` when this computer cannot run it: the reason is printed, and in CI it is a panic.
    #[must_use]
    #[track_caller]
    pub fn start_resolved(&self) -> Option<Resolved> {
        match package().and_then(|package| Resolved::start(self, package)) {
            Ok(resolved) => Some(resolved),
            Err(reason) => {
                skip(&format!("systemd-resolved: {reason}"));
                None
            }
        }
    }
}

impl Resolved {
    /// Runs `resolvectl` and gives its output, as in `ctl(["dns", "tun0"])`.
    #[track_caller]
    pub fn ctl<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> String {
        let resolvectl = self.package.join("usr/bin/resolvectl");
        let line = [resolvectl.to_string_lossy().into_owned()];
        self.machine.run(line.into_iter().chain(words.into_iter().map(str::to_owned)))
    }

    /// The DNS servers of a link.
    #[must_use]
    #[track_caller]
    pub fn servers(&self, interface: &str) -> Vec<IpAddr> {
        let values = self.values("dns", interface);
        values.iter().map(|value| value.parse().expect("an address")).collect()
    }

    /// The domains of a link; routing-only ones begin with `~`.
    #[must_use]
    #[track_caller]
    pub fn domains(&self, interface: &str) -> Vec<String> {
        self.values("domain", interface)
    }

    /// SIGKILL, without a new one.
    pub fn kill(&self) {
        self.daemon.kill();
    }

    /// Ends the daemon and starts it again, as `systemctl restart` does.
    #[track_caller]
    pub fn restart(&mut self) {
        self.daemon.kill();
        self.daemon = start_daemon(&self.machine, &self.package);
    }

    /// All it logged since its last start.
    #[must_use]
    pub fn log(&self) -> String {
        self.daemon.log()
    }

    fn start(machine: &Machine, package: PathBuf) -> Result<Self, String> {
        prepare(machine, &package)?;
        let bus = machine.spawn([
            "dbus-daemon",
            "--system",
            "--nofork",
            "--nopidfile",
            "--print-address",
        ]);
        bus.wait_for_log("unix:");
        let daemon = start_daemon(machine, &package);
        let resolved = Self { machine: machine.clone(), package, daemon, _bus: bus };
        resolved.ctl(["dns", "eth0", &address::DNS.v4.to_string()]);
        resolved.ctl(["default-route", "eth0", "yes"]);
        Ok(resolved)
    }

    /// The words after `Link 2 (eth0):`.
    #[track_caller]
    fn values(&self, verb: &str, interface: &str) -> Vec<String> {
        let shown = self.ctl([verb, interface]);
        let (_, values) = shown.split_once("):").expect("one line about the link");
        values.split_whitespace().map(str::to_owned).collect()
    }
}

/// Users, bus policy, folders and the link of `/etc/resolv.conf`, as the package's installation would make them.
fn prepare(machine: &Machine, package: &Path) -> Result<(), String> {
    let user = "systemd-resolve";
    let script = format!(
        "for tool in dbus-daemon busctl; do
             command -v $tool > /dev/null || {{ echo $tool is not installed >&2; exit 1; }}
         done
         getent passwd {user} || echo '{user}:x:991:991::/:/usr/sbin/nologin' >> /etc/passwd
         getent group {user} || echo '{user}:x:991:' >> /etc/group
         mkdir -p /run/dbus /run/systemd/resolve /etc/dbus-1/system.d
         chown {user}:{user} /run/systemd/resolve
         cp '{}'/usr/share/dbus-1/system.d/org.freedesktop.resolve1.conf /etc/dbus-1/system.d/
         ln -sfn /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf",
        package.display()
    );
    let outcome = machine.try_run(["sh", "-euc", &script]);
    // A user namespace that maps only root has no other user to give a folder to.
    if outcome.status.success() { Ok(()) } else { Err(outcome.stderr) }
}

#[track_caller]
fn start_daemon(machine: &Machine, package: &Path) -> Process {
    let daemon = machine.spawn([package.join("lib/systemd/systemd-resolved")]);
    let call = "busctl --timeout=1 status org.freedesktop.resolve1 >/dev/null 2>&1";
    let up = machine.try_run([
        "sh",
        "-c",
        &format!("for i in $(seq 100); do {call} && exit; sleep 0.05; done; exit 1"),
    ]);
    assert!(up.status.success(), "systemd-resolved does not start:\n{}", daemon.log());
    daemon
}

/// The root of the installed or unpacked package. It is never installed, which would change the computer's own resolver.
fn package() -> Result<PathBuf, String> {
    static FETCHING: Mutex<()> = Mutex::new(());
    let has_daemon = |root: &Path| root.join("lib/systemd/systemd-resolved").is_file();
    let system = Path::new("/");
    if has_daemon(system) {
        return Ok(system.to_owned());
    }
    let _one_at_a_time = lock(&FETCHING);
    let cache = cache().ok_or("the test binary is in no target folder")?;
    let root = cache.join("systemd-resolved");
    if !has_daemon(&root) {
        fetch(&cache, &root)?;
    }
    Ok(root)
}

/// Of Cargo's target folder, where the test binary is in `debug/deps`.
fn cache() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    Some(program.ancestors().nth(3)?.join("lab-cache"))
}

/// Unpacks beside `root` and renames at the end, so that two test processes may both do it.
fn fetch(cache: &Path, root: &Path) -> Result<(), String> {
    let work = cache.join(format!("fetch-{}", std::process::id()));
    let result = fs::create_dir_all(&work)
        .map_err(|error| error.to_string())
        .and_then(|()| download(&work))
        .and_then(|unpacked| match fs::rename(unpacked, root) {
            Err(error) if !root.exists() => Err(error.to_string()),
            _ => Ok(()),
        });
    _ = fs::remove_dir_all(work);
    result
}

fn download(work: &Path) -> Result<PathBuf, String> {
    let script = "apt-get download systemd-resolved >&2 && dpkg -x systemd-resolved_*.deb unpacked";
    let output = Command::new("sh").args(["-euc", script]).current_dir(work).output();
    let output = output.map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(work.join("unpacked"))
}
