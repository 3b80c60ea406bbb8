//! A user's desktop session on a machine.

use std::ffi::OsStr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use zbus::fdo::DBusProxy;
use zbus::{Connection, connection};

use crate::adit::User;
use crate::installation::program;
use crate::machine::Machine;
use crate::process::Process;
use crate::screen::Screen;

const ROOT: u32 = 0;
const FOLDER: &str = "/run/desktop";
const BUS: &str = "/run/desktop/bus";
const CONFIGURATION: &str = "/run/desktop/bus.conf";
/// As `session.conf`, but without the services of this computer, which the bus would start.
const BUS_CONFIGURATION: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=/run/desktop/bus</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;
const PATIENCE: Duration = Duration::from_secs(20);

/// A running session.
#[derive(Debug)]
pub struct DesktopSession {
    machine: Machine,
    uid: u32,
    runtime: Runtime,
    variables: Vec<String>,
    _bus: Process,
}

impl Machine {
    /// Starts a session without a tray and without anybody who shows notifications.
    #[must_use]
    #[track_caller]
    pub fn start_desktop_session(&self) -> DesktopSession {
        DesktopSession::start(self, ROOT)
    }
}

impl User<'_> {
    /// As [`Machine::start_desktop_session`], of this user.
    #[must_use]
    #[track_caller]
    pub fn start_desktop_session(&self) -> DesktopSession {
        DesktopSession::start(self.machine(), self.uid())
    }
}

impl DesktopSession {
    #[track_caller]
    fn start(machine: &Machine, uid: u32) -> Self {
        machine.write_file(CONFIGURATION, BUS_CONFIGURATION);
        // The bus wants its user to have a name.
        machine.sh(&format!(
            "getent passwd {uid} >/dev/null || echo user{uid}:x:{uid}:{uid}::{FOLDER}/home:/bin/sh >>/etc/passwd
             mkdir -p {FOLDER}/home && chmod 700 {FOLDER} && chown -R {uid}:{uid} {FOLDER}"
        ));
        let mut bus = env_of(machine, uid);
        bus.args(["dbus-daemon", "--nofork", "--nopidfile", "--print-address"]);
        bus.arg(format!("--config-file={CONFIGURATION}"));
        let bus = machine.spawn_command(bus);
        bus.wait_for_log("unix:");
        let runtime = Runtime::new().expect("a runtime");
        Self { machine: machine.clone(), uid, runtime, variables: Vec::new(), _bus: bus }
    }

    /// With these variables for whatever is started in it, as `NAME=value`.
    pub(crate) fn with(self, variables: Vec<String>) -> Self {
        Self { variables, ..self }
    }

    /// Starts one of Adit's programs in the session.
    #[track_caller]
    pub fn spawn(&self, name: &str, arguments: &[&str]) -> Process {
        let mut command = self.command(self.program(name));
        command.args(arguments);
        self.machine.spawn_command(command)
    }

    /// Starts one of Adit's programs with its windows on `screen`.
    #[track_caller]
    pub fn spawn_on(&self, screen: &Screen, name: &str, arguments: &[&str]) -> Process {
        let mut command = self.command("env");
        screen.show(&mut command);
        command.arg(self.program(name)).args(arguments);
        self.machine.spawn_command(command)
    }

    /// Runs a program of the desktop and gives its output.
    #[track_caller]
    pub fn run(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = self.command(program);
        command.args(arguments);
        let output = command.output().expect("a program of the desktop");
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A program in the session, in English and with the helper of this machine.
    #[track_caller]
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = env_of(&self.machine, self.uid);
        // Settings are in a file: the service for them would be started by a bus that others share.
        command.args(["-u", "WAYLAND_DISPLAY", "LC_ALL=C.UTF-8", "GSETTINGS_BACKEND=keyfile"]);
        command.arg("ADIT_SOCKET=/run/adit/helper.sock");
        command.arg(format!("DBUS_SESSION_BUS_ADDRESS=unix:path={BUS}"));
        command.args([format!("HOME={FOLDER}/home"), format!("XDG_RUNTIME_DIR={FOLDER}")]);
        command.args(&self.variables).arg(program);
        command
    }

    /// One of Adit's programs, where whose session it is can execute it.
    #[track_caller]
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        let built = program(name);
        if self.uid == ROOT {
            return built;
        }
        let public = Path::new("/run/bin").join(name);
        let words = ["install", "-D", "-m", "755"].map(OsStr::new);
        self.machine.run(words.into_iter().chain([built.as_os_str(), public.as_os_str()]));
        public
    }

    /// Whether somebody has a name on the bus.
    #[track_caller]
    pub fn has_name(&self, name: &str) -> bool {
        let bus = self.connect(|bus| bus);
        let asking = async {
            let bus = DBusProxy::new(&bus).await?;
            Ok::<bool, zbus::Error>(bus.name_has_owner(name.try_into()?).await?)
        };
        self.block_on(asking).expect("an answer of the bus")
    }

    /// Where the session is.
    pub(crate) fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Something of the desktop, on a connection of its own.
    #[track_caller]
    pub(crate) fn connect(
        &self,
        add: impl FnOnce(connection::Builder<'static>) -> connection::Builder<'static>,
    ) -> Connection {
        let socket = self.machine.enter(|| UnixStream::connect(BUS)).expect("the session bus");
        let builder = add(connection::Builder::unix_stream(socket));
        self.block_on(builder.build()).expect("its name on the bus")
    }

    /// Waits for what happens on the bus.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }
}

/// `env`, as this user.
fn env_of(machine: &Machine, uid: u32) -> Command {
    // Root of a user namespace may not do what changing to itself asks for.
    if uid == ROOT {
        return machine.command("env");
    }
    let mut command = machine.command("setpriv");
    let id = uid.to_string();
    command.args(["--reuid", &id, "--regid", &id, "--clear-groups", "env"]);
    command
}

/// Waits until there is what `look` looks for.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not come");
        thread::sleep(Duration::from_millis(20));
    }
}
