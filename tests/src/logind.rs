//! A double of systemd-logind on a machine's system bus: it tells of sleeps that never happen.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::runtime::Runtime;
use zbus::connection;
use zbus::object_server::SignalEmitter;

use crate::log::lock;
use crate::machine::Machine;
use crate::process::Process;

const SERVICE: &str = "org.freedesktop.login1";
const OBJECT: &str = "/org/freedesktop/login1";
const POLICY: &str = r#"<busconfig>
  <policy user="root"><allow own="org.freedesktop.login1"/></policy>
  <policy context="default"><allow send_destination="org.freedesktop.login1"/></policy>
</busconfig>"#;

/// How long an inhibitor may take to be there.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running double.
#[derive(Debug)]
pub struct Logind {
    inhibitors: Inhibitors,
    connection: zbus::Connection,
    runtime: Runtime,
    _bus: Process,
}

/// The ends of pipes whose other ends hold sleep back.
type Inhibitors = Arc<Mutex<Vec<OwnedFd>>>;

struct Manager {
    inhibitors: Inhibitors,
}

impl Machine {
    /// Starts a system bus with the double.
    #[must_use]
    #[track_caller]
    pub fn start_logind(&self) -> Logind {
        self.write_file("/etc/dbus-1/system.d/login1.conf", POLICY);
        let bus = self.start_bus();
        let socket = self.enter(|| UnixStream::connect("/run/dbus/system_bus_socket"));
        let runtime = Runtime::new().expect("a runtime");
        let inhibitors = Inhibitors::default();
        let manager = Manager { inhibitors: Arc::clone(&inhibitors) };
        let connection = runtime.block_on(async {
            let builder = connection::Builder::unix_stream(socket.expect("a bus"));
            builder.name(SERVICE).serve_at(OBJECT, manager).build().await
        });
        Logind { inhibitors, connection: connection.expect("a service"), runtime, _bus: bus }
    }
}

impl Logind {
    /// Waits until somebody holds sleep back.
    #[track_caller]
    pub fn wait_for_inhibitor(&self) {
        let end = Instant::now() + PATIENCE;
        while lock(&self.inhibitors).iter().all(is_released) {
            assert!(Instant::now() < end, "nobody holds sleep back");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Tells that the machine goes to sleep, and waits until nobody holds it back. Returns how long that took.
    #[track_caller]
    pub fn fall_asleep(&self) -> Duration {
        self.wait_for_inhibitor();
        let start = Instant::now();
        self.tell(true);
        while !lock(&self.inhibitors).iter().all(is_released) {
            assert!(start.elapsed() < PATIENCE, "sleep is held back for ever");
            thread::sleep(Duration::from_millis(2));
        }
        start.elapsed()
    }

    /// Tells that it woke.
    #[track_caller]
    pub fn wake(&self) {
        self.tell(false);
    }

    #[track_caller]
    fn tell(&self, start: bool) {
        let told = self.runtime.block_on(async {
            let emitter = SignalEmitter::new(&self.connection, OBJECT)?;
            Manager::prepare_for_sleep(&emitter, start).await
        });
        told.expect("a signal on the bus");
    }
}

#[zbus::interface(name = "org.freedesktop.login1.Manager")]
impl Manager {
    fn inhibit(
        &self,
        what: &str,
        who: &str,
        why: &str,
        mode: &str,
    ) -> zbus::fdo::Result<zbus::OwnedFd> {
        assert_eq!((what, mode), ("sleep", "delay"));
        assert!(!who.is_empty() && !why.is_empty(), "a person reads it in systemd-inhibit(1)");
        let (ours, theirs) =
            std::io::pipe().map_err(|error| zbus::fdo::Error::Failed(error.to_string()))?;
        lock(&self.inhibitors).push(ours.into());
        Ok(OwnedFd::from(theirs).into())
    }

    #[zbus(signal)]
    async fn prepare_for_sleep(emitter: &SignalEmitter<'_>, start: bool) -> zbus::Result<()>;
}

/// Whether the other end of the pipe is closed.
fn is_released(inhibitor: &OwnedFd) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let mut fds = [PollFd::new(inhibitor, PollFlags::IN)];
    poll(&mut fds, Some(&now)).is_ok() && fds[0].revents().contains(PollFlags::HUP)
}
