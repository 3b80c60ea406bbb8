//! A double of systemd-logind on a machine's system bus: it tells of sleeps that never happen, and of
//! people who come and go.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::runtime::Runtime;
use zbus::object_server::SignalEmitter;
use zbus::{OwnedObjectPath, connection};

use crate::log::lock;
use crate::machine::Machine;
use crate::process::Process;

const SERVICE: &str = "org.freedesktop.login1";
const OBJECT: &str = "/org/freedesktop/login1";
const SEAT: &str = "/org/freedesktop/login1/seat/seat0";
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
    logins: Logins,
    connection: zbus::Connection,
    runtime: Runtime,
    _bus: Process,
}

/// The ends of pipes whose other ends hold sleep back.
type Inhibitors = Arc<Mutex<Vec<OwnedFd>>>;

/// The users that are logged in, in the order in which they came. The last one sits at the computer.
type Logins = Arc<Mutex<Vec<u32>>>;

struct Manager {
    inhibitors: Inhibitors,
    logins: Logins,
}

/// The session of a user.
struct Session {
    uid: u32,
    class: &'static str,
    logins: Logins,
}

/// The one place at which people sit.
struct Seat {
    logins: Logins,
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
        let logins = Logins::default();
        let manager = Manager { inhibitors: Arc::clone(&inhibitors), logins: Arc::clone(&logins) };
        let seat = Seat { logins: Arc::clone(&logins) };
        let connection = runtime.block_on(async {
            let builder = connection::Builder::unix_stream(socket.expect("a bus"));
            let builder = builder.name(SERVICE).serve_at(OBJECT, manager).serve_at(SEAT, seat);
            builder.build().await
        });
        let connection = connection.expect("a service");
        Logind { inhibitors, logins, connection, runtime, _bus: bus }
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

    /// A user logs in at the computer; whoever sat there stays logged in behind them.
    #[track_caller]
    pub fn log_in(&self, uid: u32) {
        self.log_in_out(uid, true);
    }

    /// A user logs out.
    #[track_caller]
    pub fn log_out(&self, uid: u32) {
        self.log_in_out(uid, false);
    }

    #[track_caller]
    fn log_in_out(&self, uid: u32, comes: bool) {
        let logins = Arc::clone(&self.logins);
        let told = self.runtime.block_on(async {
            let server = self.connection.object_server();
            if comes {
                lock(&logins).push(uid);
                let session = Session { uid, class: "user", logins: Arc::clone(&logins) };
                server.at(session_path(uid), session).await?;
            } else {
                lock(&logins).retain(|login| *login != uid);
                server.remove::<Session, _>(session_path(uid)).await?;
            }
            let emitter = SignalEmitter::new(&self.connection, OBJECT)?;
            let id = uid.to_string();
            if comes {
                Manager::session_new(&emitter, &id, session_path(uid)).await?;
            } else {
                Manager::session_removed(&emitter, &id, session_path(uid)).await?;
            }
            let seat = server.interface::<_, Seat>(SEAT).await?;
            seat.get().await.active_session_changed(seat.signal_emitter()).await
        });
        told.expect("signals on the bus");
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

    fn list_sessions(&self) -> Vec<(String, u32, String, String, OwnedObjectPath)> {
        let logins = lock(&self.logins);
        let listed = |uid: &u32| {
            let (id, name) = (uid.to_string(), format!("user{uid}"));
            (id, *uid, name, "seat0".to_owned(), session_path(*uid))
        };
        logins.iter().map(listed).collect()
    }

    #[zbus(signal)]
    async fn session_new(
        emitter: &SignalEmitter<'_>,
        id: &str,
        path: OwnedObjectPath,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn session_removed(
        emitter: &SignalEmitter<'_>,
        id: &str,
        path: OwnedObjectPath,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn prepare_for_sleep(emitter: &SignalEmitter<'_>, start: bool) -> zbus::Result<()>;
}

#[zbus::interface(name = "org.freedesktop.login1.Session")]
impl Session {
    #[zbus(property)]
    fn class(&self) -> String {
        self.class.to_owned()
    }

    #[zbus(property)]
    fn state(&self) -> String {
        let is_active = lock(&self.logins).last() == Some(&self.uid);
        if is_active { "active" } else { "online" }.to_owned()
    }
}

#[zbus::interface(name = "org.freedesktop.login1.Seat")]
impl Seat {
    #[zbus(property)]
    fn active_session(&self) -> (String, OwnedObjectPath) {
        let shown = lock(&self.logins).last().copied();
        let path = shown.map_or_else(OwnedObjectPath::default, session_path);
        (shown.map(|uid| uid.to_string()).unwrap_or_default(), path)
    }
}

fn session_path(uid: u32) -> OwnedObjectPath {
    let path = format!("{OBJECT}/session/{uid}");
    OwnedObjectPath::try_from(path).expect("a path")
}

/// Whether the other end of the pipe is closed.
fn is_released(inhibitor: &OwnedFd) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let mut fds = [PollFd::new(inhibitor, PollFlags::IN)];
    poll(&mut fds, Some(&now)).is_ok() && fds[0].revents().contains(PollFlags::HUP)
}
