//! A double of a tray: it shows what it was told, and clicks.

#![expect(
    clippy::unused_self,
    clippy::used_underscore_binding,
    clippy::needless_pass_by_value,
    reason = "D-Bus says what a method has"
)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use zbus::message::Header;
use zbus::{Connection, OwnedVariant, Variant, interface};

use crate::desktop_session::{DesktopSession, eventually};
use crate::log::lock;

const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const WATCHER_PATH: &str = "/StatusNotifierWatcher";
const ITEM: &str = "org.kde.StatusNotifierItem";
const ITEM_PATH: &str = "/StatusNotifierItem";
const MENU: &str = "com.canonical.dbusmenu";

/// A tray in a desktop session.
#[derive(Debug)]
pub struct TrayDouble<'a> {
    session: &'a DesktopSession,
    connection: Connection,
    items: Registered,
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

struct Watcher(Registered);

impl DesktopSession {
    /// A tray appears.
    #[must_use]
    #[track_caller]
    pub fn add_tray(&self) -> TrayDouble<'_> {
        let items = Registered::default();
        let watcher = Watcher(Arc::clone(&items));
        let connection = self.connect(|bus| bus.serve_at(WATCHER_PATH, watcher).name(WATCHER));
        TrayDouble { session: self, connection, items }
    }
}

impl TrayDouble<'_> {
    /// The item that registered last and is there, as soon as one is.
    #[track_caller]
    fn item(&self) -> String {
        let last = || lock(&self.items).last().cloned();
        eventually("an item of the tray", || last().filter(|item| self.session.has_name(item)))
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
        self.layout().1.2.into_iter().map(MenuLine::read).collect()
    }

    /// How often the menu was built.
    #[track_caller]
    pub fn revision(&self) -> u32 {
        self.layout().0
    }

    #[track_caller]
    fn layout(&self) -> (u32, Layout) {
        let arguments = (0_i32, -1_i32, Vec::<String>::new());
        let reply = self.call(&self.menu_path(), MENU, "GetLayout", &arguments);
        reply.body().deserialize().expect("a layout")
    }

    /// Lets the program of the next click bring its window to the front.
    #[track_caller]
    pub fn provide_token(&self, token: &str) {
        self.call(ITEM_PATH, ITEM, "ProvideXdgActivationToken", &token);
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
        self.session.block_on(call).expect("an answer of the item")
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
