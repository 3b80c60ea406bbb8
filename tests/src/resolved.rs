//! systemd-resolved on a machine, on a system bus that only this machine has.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::address;
use crate::machine::Machine;
use crate::package::Package;
use crate::process::Process;
use crate::requirements::skip;

const PACKAGE: Package =
    Package { names: &["systemd-resolved"], proof: "lib/systemd/systemd-resolved" };

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

impl Machine {
    /// A system bus that only this machine has.
    #[track_caller]
    pub(crate) fn start_bus(&self) -> Process {
        self.sh("mkdir -p /run/dbus /etc/dbus-1/system.d");
        let options = ["--system", "--nofork", "--nopidfile", "--print-address"];
        let bus = self.spawn(["dbus-daemon"].into_iter().chain(options));
        bus.wait_for_log("unix:");
        bus
    }

    /// Whether a service takes its name on the system bus within seconds.
    #[track_caller]
    pub(crate) fn has_service(&self, name: &str) -> bool {
        let call = format!("busctl --timeout=1 status {name} >/dev/null 2>&1");
        let wait = format!("for i in $(seq 100); do {call} && exit; sleep 0.05; done; exit 1");
        self.try_run(["sh", "-c", &wait]).status.success()
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
        let bus = machine.start_bus();
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
    let up = machine.has_service("org.freedesktop.resolve1");
    assert!(up, "systemd-resolved does not start:\n{}", daemon.log());
    daemon
}

/// The root of the installed or unpacked package.
fn package() -> Result<PathBuf, String> {
    let system = Path::new("/");
    if system.join(PACKAGE.proof).is_file() {
        return Ok(system.to_owned());
    }
    PACKAGE.root()
}
