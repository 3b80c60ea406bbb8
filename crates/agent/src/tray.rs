//! The tray: a `StatusNotifierItem` with a menu, registered whenever there is a tray to register with.
//! (<https://www.freedesktop.org/wiki/Specifications/StatusNotifierItem/>)

#![expect(
    clippy::unused_self,
    clippy::used_underscore_binding,
    reason = "D-Bus says what a method has"
)]

mod dbusmenu;
mod icon;
mod menu;
mod on_demand;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use adit_sentence::Glyph;
use futures_util::StreamExt;
use tokio::sync::mpsc::UnboundedSender;
use zbus::{Connection, ObjectPath, fdo::DBusProxy, interface, object_server::SignalEmitter};

use self::{
    dbusmenu::{DbusMenu, Numbered},
    icon::{Pixmap, icon_name, pixmaps},
};

pub(crate) use self::{
    menu::{Action, Tray, tray},
    on_demand::{Pause, armed, paused},
};

const PATH: &str = "/StatusNotifierItem";
const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const WATCHER_PATH: &str = "/StatusNotifierWatcher";

/// The item on the bus.
pub(crate) struct TrayItem {
    bus: Connection,
    menu: Numbered,
    shown: Shown,
    token: Token,
}

/// What the item shows at this moment.
#[derive(Clone)]
struct Shown(Arc<Mutex<(Glyph, String)>>);

/// What lets the next window come to the front, if the tray said so with the click (xdg-activation).
#[derive(Clone, Default)]
struct Token(Arc<Mutex<Option<String>>>);

/// The object on the bus.
struct StatusNotifierItem {
    shown: Shown,
    token: Token,
    chosen: UnboundedSender<Action>,
}

impl TrayItem {
    /// Puts the item on the bus. What the user chooses goes to `chosen`.
    pub(crate) async fn serve(
        bus: &Connection,
        chosen: UnboundedSender<Action>,
    ) -> zbus::Result<Self> {
        let menu = Numbered::default();
        let shown = Shown(Arc::new(Mutex::new((Glyph::Disconnected, String::new()))));
        let token = Token::default();
        let item = StatusNotifierItem {
            shown: shown.clone(),
            token: token.clone(),
            chosen: chosen.clone(),
        };
        bus.object_server().at(PATH, item).await?;
        bus.object_server().at(dbusmenu::PATH, DbusMenu::new(menu.clone(), chosen)).await?;
        Ok(Self { bus: bus.clone(), menu, shown, token })
    }

    /// Shows something else. Trays hear of it only when it differs.
    pub(crate) async fn show(&self, tray: Tray) -> zbus::Result<()> {
        if let Some(revision) = self.menu.set(tray.menu) {
            let emitter = SignalEmitter::new(&self.bus, dbusmenu::PATH)?;
            DbusMenu::layout_updated(&emitter, revision, 0).await?;
        }
        let next = (tray.glyph, tray.title);
        let before = std::mem::replace(&mut *self.shown.lock(), next.clone());
        let emitter = SignalEmitter::new(&self.bus, PATH)?;
        if before.0 != next.0 {
            StatusNotifierItem::new_icon(&emitter).await?;
        }
        if before.1 != next.1 {
            StatusNotifierItem::new_tool_tip(&emitter).await?;
            StatusNotifierItem::new_title(&emitter).await?;
        }
        Ok(())
    }

    /// Registers with each tray that appears, and tells `hear` whether there is one.
    pub(crate) async fn register(&self, mut hear: impl FnMut(bool) + Send) -> zbus::Result<()> {
        let names = DBusProxy::new(&self.bus).await?;
        let mut owners = names.receive_name_owner_changed_with_args(&[(0, WATCHER)]).await?;
        hear(self.register_once().await.is_ok());
        while let Some(change) = owners.next().await {
            let is_there = change.args()?.new_owner().is_some();
            hear(is_there && self.register_once().await.is_ok());
        }
        Ok(())
    }

    /// The token that came with the last click. It counts once.
    pub(crate) fn take_token(&self) -> Option<String> {
        self.token.lock().take()
    }

    async fn register_once(&self) -> zbus::Result<()> {
        let name = self.bus.unique_name().map(ToString::to_string).unwrap_or_default();
        let method = "RegisterStatusNotifierItem";
        self.bus.call_method(Some(WATCHER), WATCHER_PATH, Some(WATCHER), method, &name).await?;
        Ok(())
    }
}

impl Shown {
    fn lock(&self) -> MutexGuard<'_, (Glyph, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn glyph(&self) -> Glyph {
        self.lock().0
    }

    fn title(&self) -> String {
        self.lock().1.clone()
    }
}

impl Token {
    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// Calls are answered in their order: a token comes before its click.
#[interface(name = "org.kde.StatusNotifierItem", spawn = false)]
impl StatusNotifierItem {
    fn provide_xdg_activation_token(&self, token: String) {
        *self.token.lock() = Some(token);
    }

    fn activate(&self, _x: i32, _y: i32) {
        // Only a tray that ends does not listen.
        let _ = self.chosen.send(Action::Open);
    }

    fn secondary_activate(&self, _x: i32, _y: i32) {}

    fn context_menu(&self, _x: i32, _y: i32) {}

    fn scroll(&self, _delta: i32, _orientation: &str) {}

    #[zbus(signal)]
    async fn new_icon(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn new_title(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn new_tool_tip(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;

    #[zbus(property)]
    fn category(&self) -> &'static str {
        "SystemServices"
    }

    #[zbus(property)]
    fn id(&self) -> &'static str {
        "org.adit.Desktop"
    }

    #[zbus(property)]
    fn title(&self) -> String {
        self.shown.title()
    }

    #[zbus(property)]
    fn status(&self) -> &'static str {
        "Active"
    }

    #[zbus(property)]
    fn window_id(&self) -> i32 {
        0
    }

    #[zbus(property)]
    fn icon_name(&self) -> String {
        icon_name(self.shown.glyph())
    }

    #[zbus(property)]
    fn icon_pixmap(&self) -> Vec<Pixmap> {
        pixmaps(self.shown.glyph())
    }

    #[zbus(property)]
    fn overlay_icon_name(&self) -> &'static str {
        ""
    }

    #[zbus(property)]
    fn attention_icon_name(&self) -> &'static str {
        ""
    }

    #[zbus(property)]
    fn icon_theme_path(&self) -> &'static str {
        ""
    }

    /// Icon, pictures, title, text.
    #[zbus(property)]
    fn tool_tip(&self) -> (String, Vec<Pixmap>, String, String) {
        (String::new(), Vec::new(), "Adit".into(), self.shown.title())
    }

    /// A click opens the window; the menu is for the other button.
    #[zbus(property)]
    fn item_is_menu(&self) -> bool {
        false
    }

    #[zbus(property)]
    fn menu(&self) -> ObjectPath<'static> {
        ObjectPath::from_static_str_unchecked(dbusmenu::PATH)
    }
}
