//! A double of polkit on a machine's system bus: it decides as the test says.

use std::collections::HashMap;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use tokio::runtime::Runtime;
use zbus::{OwnedVariant, connection};

use crate::log::lock;
use crate::machine::Machine;
use crate::process::Process;

const SERVICE: &str = "org.freedesktop.PolicyKit1";
const OBJECT: &str = "/org/freedesktop/PolicyKit1/Authority";
const POLICY: &str = r#"<busconfig>
  <policy user="root"><allow own="org.freedesktop.PolicyKit1"/></policy>
  <policy context="default"><allow send_destination="org.freedesktop.PolicyKit1"/></policy>
</busconfig>"#;

/// A running double.
#[derive(Debug)]
pub struct Polkit {
    state: Arc<Mutex<State>>,
    _connection: zbus::Connection,
    _runtime: Runtime,
    _bus: Process,
}

#[derive(Debug, Default)]
struct State {
    allowed: Vec<String>,
    asked: Vec<Question>,
}

/// What polkit was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The id of the action.
    pub action: String,
    /// The process that wants to do it.
    pub pid: u32,
    /// When it was started, in ticks after boot, proc(5).
    pub start_time: u64,
    /// Its user.
    pub uid: i32,
    /// Whether the user may be asked for a password.
    pub may_ask: bool,
}

struct Authority(Arc<Mutex<State>>);

impl Machine {
    /// Starts a system bus with the double, which allows nothing.
    #[must_use]
    #[track_caller]
    pub fn start_polkit(&self) -> Polkit {
        self.write_file("/etc/dbus-1/system.d/polkit.conf", POLICY);
        let bus = self.start_bus();
        let socket = self.enter(|| UnixStream::connect("/run/dbus/system_bus_socket"));
        let runtime = Runtime::new().expect("a runtime");
        let state = Arc::<Mutex<State>>::default();
        let authority = Authority(Arc::clone(&state));
        let connection = runtime.block_on(async {
            let builder = connection::Builder::unix_stream(socket.expect("a bus"));
            builder.name(SERVICE).serve_at(OBJECT, authority).build().await
        });
        let connection = connection.expect("a service");
        Polkit { state, _connection: connection, _runtime: runtime, _bus: bus }
    }
}

impl Polkit {
    /// Allows an action to everybody from now on.
    pub fn allow(&self, action: &str) {
        lock(&self.state).allowed.push(action.to_owned());
    }

    /// What was asked since the last time.
    #[must_use]
    pub fn asked(&self) -> Vec<Question> {
        std::mem::take(&mut lock(&self.state).asked)
    }
}

#[zbus::interface(name = "org.freedesktop.PolicyKit1.Authority")]
impl Authority {
    #[expect(clippy::needless_pass_by_value, reason = "the shape that zbus wants")]
    fn check_authorization(
        &self,
        subject: (String, HashMap<String, OwnedVariant>),
        action_id: String,
        details: HashMap<String, String>,
        flags: u32,
        cancellation_id: String,
    ) -> ((bool, bool, HashMap<String, String>),) {
        let (kind, mut process) = subject;
        assert_eq!(kind, "unix-process");
        assert!(details.is_empty() && cancellation_id.is_empty());
        let mut take = |key: &str| process.remove(key).expect("a detail of the process");
        let question = Question {
            action: action_id.clone(),
            pid: take("pid").try_into().expect("a number"),
            start_time: take("start-time").try_into().expect("a number"),
            uid: take("uid").try_into().expect("a number"),
            may_ask: flags & 1 != 0,
        };
        let mut state = lock(&self.0);
        state.asked.push(question);
        ((state.allowed.contains(&action_id), false, HashMap::new()),)
    }
}
