//! The keyring of a desktop session: the real GNOME Keyring.

use std::collections::BTreeMap;
use std::io::{Write as _, pipe};
use std::thread;
use std::time::{Duration, Instant};

use crate::desktop_session::DesktopSession;
use crate::process::Process;
use crate::requirements::skip;

const DAEMON: &str = "gnome-keyring-daemon";
const NAME: &str = "org.freedesktop.secrets";
const SERVICE: &str = "org.freedesktop.Secret.Service";
const PATIENCE: Duration = Duration::from_secs(20);

/// A keyring that is open. Its secrets go with the machine.
#[derive(Debug)]
pub struct Keyring<'a> {
    session: &'a DesktopSession,
    _daemon: Process,
}

impl DesktopSession {
    /// Starts a keyring and unlocks it, as a login does. None, and a word about it, where there is none.
    #[must_use]
    #[track_caller]
    pub fn start_keyring(&self) -> Option<Keyring<'_>> {
        if !self.machine().try_run(["which", DAEMON, "secret-tool"]).status.success() {
            skip("gnome-keyring or libsecret-tools is not installed");
            return None;
        }
        let mut command = self.command(DAEMON);
        command.args(["--foreground", "--unlock", "--components=secrets"]);
        let (password, mut typed) = pipe().expect("a pipe for the password");
        typed.write_all(b"open sesame").expect("a password");
        drop(typed);
        let daemon = Process::spawn_reading(command, password);
        let end = Instant::now() + PATIENCE;
        while !self.has_name(NAME) {
            assert!(Instant::now() < end, "no keyring: {}", daemon.log());
            thread::sleep(Duration::from_millis(20));
        }
        Some(Keyring { session: self, _daemon: daemon })
    }
}

impl Keyring<'_> {
    /// The secrets of a configuration by name, as another program finds them.
    #[track_caller]
    pub fn secrets(&self, configuration: &str) -> BTreeMap<String, String> {
        let names = self.attributes(configuration, "attribute.username = ");
        let service = service(configuration);
        let secret = |name: String| {
            let found = ["lookup", "service", &service, "username", &name];
            let text = self.session.run("secret-tool", &found);
            (name, text)
        };
        names.into_iter().map(secret).collect()
    }

    /// What programs that show keyrings call the secrets of a configuration.
    #[track_caller]
    pub fn labels(&self, configuration: &str) -> Vec<String> {
        self.attributes(configuration, "label = ")
    }

    /// Locks it, as programs that show keyrings can.
    #[track_caller]
    pub fn lock(&self) {
        let arguments = ["ao", "1", "/org/freedesktop/secrets/collection/login"];
        let call = ["--user", "call", NAME, "/org/freedesktop/secrets", SERVICE, "Lock"];
        self.session.run("busctl", &[&call[..], &arguments].concat());
    }

    #[track_caller]
    fn attributes(&self, configuration: &str, key: &str) -> Vec<String> {
        let search = "secret-tool search --all service \"$0\" 2>&1 || true";
        let found = self.session.run("sh", &["-c", search, &service(configuration)]);
        found.lines().filter_map(|line| line.strip_prefix(key)).map(str::to_owned).collect()
    }
}

fn service(configuration: &str) -> String {
    format!("org.adit/{configuration}")
}
