//! A double of whoever shows notifications: it shows what it was told, and answers.

#![expect(
    clippy::unused_self,
    clippy::used_underscore_binding,
    reason = "D-Bus says what a method has"
)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use zbus::object_server::SignalEmitter;
use zbus::{Connection, OwnedVariant, interface};

use crate::desktop_session::{DesktopSession, eventually};
use crate::log::lock;

const NOTIFICATIONS: &str = "org.freedesktop.Notifications";
const NOTIFICATIONS_PATH: &str = "/org/freedesktop/Notifications";

/// Somebody in a desktop session who shows notifications.
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
    /// Whether it was closed by whoever asked for it.
    pub is_withdrawn: bool,
}

type Shown = Arc<Mutex<Vec<Notification>>>;

struct Server(Shown);

impl DesktopSession {
    /// Somebody comes who shows notifications.
    #[must_use]
    #[track_caller]
    pub fn add_notifications(&self) -> NotificationDouble<'_> {
        let shown = Shown::default();
        let server = Server(Arc::clone(&shown));
        let connection =
            self.connect(|bus| bus.serve_at(NOTIFICATIONS_PATH, server).name(NOTIFICATIONS));
        NotificationDouble { session: self, connection, shown }
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
            Server::activation_token(&emitter, notification.id, &format!("token-{key}")).await?;
            Server::action_invoked(&emitter, notification.id, key).await?;
            Server::notification_closed(&emitter, notification.id, 2).await
        };
        self.session.block_on(answer).expect("a signal");
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
        shown.push(Notification { id, replaces, summary, body, actions, is_withdrawn: false });
        id
    }

    fn get_capabilities(&self) -> Vec<&'static str> {
        vec!["actions", "body"]
    }

    fn get_server_information(&self) -> (&'static str, &'static str, &'static str, &'static str) {
        ("double", "Adit", "1", "1.2")
    }

    async fn close_notification(
        &self,
        id: u32,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) {
        lock(&self.0).iter_mut().filter(|it| it.id == id).for_each(|it| it.is_withdrawn = true);
        // Nobody has to be there to hear it.
        _ = Self::notification_closed(&emitter, id, 3).await;
    }

    #[zbus(signal)]
    async fn activation_token(
        emitter: &SignalEmitter<'_>,
        id: u32,
        token: &str,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn action_invoked(emitter: &SignalEmitter<'_>, id: u32, key: &str) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn notification_closed(
        emitter: &SignalEmitter<'_>,
        id: u32,
        reason: u32,
    ) -> zbus::Result<()>;
}
