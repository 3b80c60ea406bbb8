//! A user's desktop session on a machine: a session bus, and doubles of what a desktop has on it: a tray and somebody who
//! shows notifications.

#![expect(
    clippy::unused_self,
    clippy::used_underscore_binding,
    clippy::needless_pass_by_value,
    reason = "D-Bus says what a method has"
)]

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use zbus::fdo::DBusProxy;
use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, OwnedVariant, Variant, connection, interface};

use crate::installation::program;
use crate::log::lock;
use crate::machine::Machine;
use crate::process::Process;
use crate::screen::Screen;

pub(crate) const FOLDER: &str = "/run/desktop";
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
const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const WATCHER_PATH: &str = "/StatusNotifierWatcher";
const ITEM: &str = "org.kde.StatusNotifierItem";
const ITEM_PATH: &str = "/StatusNotifierItem";
const MENU: &str = "com.canonical.dbusmenu";
const NOTIFICATIONS: &str = "org.freedesktop.Notifications";
const NOTIFICATIONS_PATH: &str = "/org/freedesktop/Notifications";

const PATIENCE: Duration = Duration::from_secs(20);

/// A running session.
#[derive(Debug)]
pub struct DesktopSession {
    machine: Machine,
    runtime: Runtime,
    _bus: Process,
}

/// A tray in it.
#[derive(Debug)]
pub struct TrayDouble<'a> {
    session: &'a DesktopSession,
    connection: Connection,
    items: Registered,
}

/// Somebody in it who shows notifications.
#[derive(Debug)]
pub struct NotificationDouble<'a> {
    session: &'a DesktopSession,
    connection: Connection,
    shown: Shown,
}

/// A notification as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// What it is known by.
    pub id: u32,
    /// The one that it replaces, or 0.
    pub replaces: u32,
    /// The title.
    pub summary: String,
    /// The text.
    pub body: String,
    /// Keys and labels in turn.
    pub actions: Vec<String>,
}

/// A line of a menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuLine {
    id: i32,
    /// What it says; empty for a line between others.
    pub label: String,
    /// Whether it is on, if it is a switch.
    pub is_on: Option<bool>,
    /// Whether it can be chosen.
    pub is_enabled: bool,
    /// The lines below.
    pub below: Vec<MenuLine>,
}

type Registered = Arc<Mutex<Vec<String>>>;
type Shown = Arc<Mutex<Vec<Notification>>>;

struct Watcher(Registered);
struct Server(Shown);

impl Machine {
    /// Starts a session without a tray and without anybody who shows notifications.
    #[must_use]
    #[track_caller]
    pub fn start_desktop_session(&self) -> DesktopSession {
        self.sh(&format!("mkdir -p {FOLDER}/home && chmod 700 {FOLDER}"));
        self.write_file(CONFIGURATION, BUS_CONFIGURATION);
        let configuration = format!("--config-file={CONFIGURATION}");
        let options = ["--nofork", "--nopidfile", "--print-address", &configuration];
        let bus = self.spawn(["dbus-daemon"].into_iter().chain(options));
        bus.wait_for_log("unix:");
        let runtime = Runtime::new().expect("a runtime");
        DesktopSession { machine: self.clone(), runtime, _bus: bus }
    }
}

impl DesktopSession {
    /// Starts one of Adit's programs in the session.
    #[track_caller]
    pub fn spawn(&self, name: &str, arguments: &[&str]) -> Process {
        let mut command = self.command(program(name));
        command.args(arguments);
        self.machine.spawn_command(command)
    }

    /// Starts one of Adit's programs with its windows on `screen`.
    #[track_caller]
    pub fn spawn_on(&self, screen: &Screen, name: &str, arguments: &[&str]) -> Process {
        let mut command = self.command("env");
        screen.show(&mut command);
        command.arg(program(name)).args(arguments);
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
        let mut command = self.machine.command("env");
        // Settings are in a file: the service for them would be started by a bus that others share.
        command.args(["-u", "WAYLAND_DISPLAY", "LC_ALL=C.UTF-8", "GSETTINGS_BACKEND=keyfile"]);
        command.arg("ADIT_SOCKET=/run/adit/helper.sock");
        command.arg(format!("DBUS_SESSION_BUS_ADDRESS=unix:path={BUS}"));
        command.args([format!("HOME={FOLDER}/home"), format!("XDG_RUNTIME_DIR={FOLDER}")]);
        command.arg(program);
        command
    }

    /// Whether somebody has a name on the bus.
    #[track_caller]
    pub(crate) fn has_name(&self, name: &str) -> bool {
        let asking = async {
            let bus = DBusProxy::new(&self.builder().build().await?).await?;
            Ok::<bool, zbus::Error>(bus.name_has_owner(name.try_into()?).await?)
        };
        self.runtime.block_on(asking).expect("an answer of the bus")
    }

    /// Where the session is.
    pub(crate) fn machine(&self) -> &Machine {
        &self.machine
    }

    /// A tray appears.
    #[must_use]
    #[track_caller]
    pub fn add_tray(&self) -> TrayDouble<'_> {
        let items = Registered::default();
        let watcher = Watcher(Arc::clone(&items));
        let builder = self.builder().serve_at(WATCHER_PATH, watcher).name(WATCHER);
        let connection = self.runtime.block_on(builder.build()).expect("a tray");
        TrayDouble { session: self, connection, items }
    }

    /// Somebody comes who shows notifications.
    #[must_use]
    #[track_caller]
    pub fn add_notifications(&self) -> NotificationDouble<'_> {
        let shown = Shown::default();
        let server = Server(Arc::clone(&shown));
        let builder = self.builder().serve_at(NOTIFICATIONS_PATH, server).name(NOTIFICATIONS);
        let connection = self.runtime.block_on(builder.build()).expect("notifications");
        NotificationDouble { session: self, connection, shown }
    }

    #[track_caller]
    fn builder(&self) -> connection::Builder<'static> {
        let socket = self.machine.enter(|| UnixStream::connect(BUS));
        connection::Builder::unix_stream(socket.expect("the session bus"))
    }
}

/// Waits until there is what `look` looks for.
#[track_caller]
fn eventually<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not come");
        thread::sleep(Duration::from_millis(20));
    }
}

impl TrayDouble<'_> {
    /// The item that registered, as soon as one has.
    #[track_caller]
    fn item(&self) -> String {
        eventually("an item of the tray", || lock(&self.items).last().cloned())
    }

    /// The name of the icon.
    #[track_caller]
    pub fn icon(&self) -> String {
        self.property("IconName").try_into().expect("a name")
    }

    /// Waits until the icon has this name.
    #[track_caller]
    pub fn wait_for_icon(&self, name: &str) {
        eventually(&format!("the icon {name}"), || (self.icon() == name).then_some(()));
    }

    /// Waits until there is such a line in the menu, at any depth.
    #[track_caller]
    pub fn wait_for_line(&self, what: &str, is_it: impl Fn(&MenuLine) -> bool) -> MenuLine {
        let found = || flat(&self.menu()).into_iter().find(|line| is_it(line));
        eventually(what, found)
    }

    /// The menu as it is now.
    #[track_caller]
    pub fn menu(&self) -> Vec<MenuLine> {
        let arguments = (0_i32, -1_i32, Vec::<String>::new());
        let reply = self.call(&self.menu_path(), MENU, "GetLayout", &arguments);
        let (_, root): (u32, Layout) = reply.body().deserialize().expect("a layout");
        root.2.into_iter().map(MenuLine::read).collect()
    }

    /// Chooses a line.
    #[track_caller]
    pub fn choose(&self, line: &MenuLine) {
        let event = (line.id, "clicked", Variant::from(0_i32), 0_u32);
        self.call(&self.menu_path(), MENU, "Event", &event);
    }

    fn menu_path(&self) -> String {
        let path: zbus::OwnedObjectPath = self.property("Menu").try_into().expect("a path");
        path.to_string()
    }

    #[track_caller]
    fn property(&self, name: &str) -> OwnedVariant {
        let properties = "org.freedesktop.DBus.Properties";
        let reply = self.call(ITEM_PATH, properties, "Get", &(ITEM, name));
        reply.body().deserialize().expect("a property")
    }

    #[track_caller]
    fn call(
        &self,
        path: &str,
        interface: &str,
        method: &str,
        body: &(impl serde::Serialize + zbus::wire::DynamicType),
    ) -> zbus::Message {
        let item = self.item();
        let call =
            self.connection.call_method(Some(item.as_str()), path, Some(interface), method, body);
        self.session.runtime.block_on(call).expect("an answer of the item")
    }
}

impl NotificationDouble<'_> {
    /// Waits until a notification with this title is shown.
    #[track_caller]
    pub fn wait_for(&self, summary: &str) -> Notification {
        let found = || lock(&self.shown).iter().find(|it| it.summary == summary).cloned();
        eventually(&format!("the notification “{summary}”"), found)
    }

    /// All that were shown so far.
    pub fn shown(&self) -> Vec<Notification> {
        lock(&self.shown).clone()
    }

    /// The user chooses an action.
    #[track_caller]
    pub fn answer(&self, notification: &Notification, key: &str) {
        let answer = async {
            let emitter = SignalEmitter::new(&self.connection, NOTIFICATIONS_PATH)?;
            Server::action_invoked(&emitter, notification.id, key).await?;
            Server::notification_closed(&emitter, notification.id, 2).await
        };
        self.session.runtime.block_on(answer).expect("a signal");
    }
}

type Layout = (i32, HashMap<String, OwnedVariant>, Vec<OwnedVariant>);

impl MenuLine {
    fn read(line: OwnedVariant) -> Self {
        let (id, properties, below): Layout = Variant::from(line).downcast().expect("a line");
        let text =
            |name: &str| properties.get(name).and_then(|value| value.downcast_ref::<String>().ok());
        let is = |name: &str| properties.get(name).and_then(|v| v.downcast_ref::<bool>().ok());
        let state = properties.get("toggle-state").and_then(|v| v.downcast_ref::<i32>().ok());
        Self {
            id,
            label: text("label").unwrap_or_default(),
            is_on: state.map(|state| state == 1),
            is_enabled: is("enabled").unwrap_or(true),
            below: below.into_iter().map(Self::read).collect(),
        }
    }
}

fn flat(lines: &[MenuLine]) -> Vec<MenuLine> {
    lines.iter().flat_map(|line| [vec![line.clone()], flat(&line.below)].concat()).collect()
}

#[interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(&self, _service: &str, #[zbus(header)] header: Header<'_>) {
        lock(&self.0).extend(header.sender().map(ToString::to_string));
    }

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }
}

#[interface(name = "org.freedesktop.Notifications")]
#[allow(clippy::too_many_arguments, reason = "the specification has them")]
impl Server {
    fn notify(
        &self,
        _app_name: &str,
        replaces: u32,
        _icon: &str,
        summary: String,
        body: String,
        actions: Vec<String>,
        _hints: HashMap<String, OwnedVariant>,
        _timeout: i32,
    ) -> u32 {
        let mut shown = lock(&self.0);
        let next = u32::try_from(shown.len()).map_or(0, |count| count + 1);
        let id = if replaces == 0 { next } else { replaces };
        shown.push(Notification { id, replaces, summary, body, actions });
        id
    }

    fn get_capabilities(&self) -> Vec<&'static str> {
        vec!["actions", "body"]
    }

    fn get_server_information(&self) -> (&'static str, &'static str, &'static str, &'static str) {
        ("double", "Adit", "1", "1.2")
    }

    fn close_notification(&self, _id: u32) {}

    #[zbus(signal)]
    async fn action_invoked(emitter: &SignalEmitter<'_>, id: u32, key: &str) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn notification_closed(
        emitter: &SignalEmitter<'_>,
        id: u32,
        reason: u32,
    ) -> zbus::Result<()>;
}
