//! Showing notifications, by the Desktop Notifications Specification. They are sent from the connection that the agent keeps: some
//! desktops remove those of whoever is no longer on the bus.

use std::collections::HashMap;

use adit_model::ConfigurationId;
use adit_sentence::Language;
use futures_util::StreamExt;
use tokio::sync::mpsc::UnboundedSender;
use zbus::{Connection, MatchRule, Message, MessageStream, Variant, message, proxy};

use crate::notification::{Answer, Notice};

const SERVER: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";

/// The server knows best how long.
const TIMEOUT: i32 = -1;
const NORMAL: u8 = 1;
const CRITICAL: u8 = 2;

/// What happened to a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// What lets the window come to the front that the next answer opens (xdg-activation).
    Token(u32, String),
    /// The user has chosen something, by its key.
    Chosen(u32, String),
    Closed(u32),
}

/// What the user has chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) about: ConfigurationId,
    pub(crate) answer: Answer,
    pub(crate) token: Option<String>,
}

/// Shows notices.
pub(crate) struct Notifier {
    server: NotificationsProxy<'static>,
    /// The one of each configuration, which a later one replaces.
    shown: HashMap<ConfigurationId, Shown>,
}

struct Shown {
    id: u32,
    answers: Vec<Answer>,
    token: Option<String>,
}

impl Notifier {
    pub(crate) async fn new(bus: &Connection) -> zbus::Result<Self> {
        let server = NotificationsProxy::builder(bus)
            .cache_properties(zbus::proxy::CacheProperties::No)
            .build()
            .await?;
        Ok(Self { server, shown: HashMap::new() })
    }

    /// Shows one. Without anybody who shows notifications, the log has to do.
    pub(crate) async fn show(&mut self, notice: &Notice, language: Language) {
        let replaces = self.shown.get(&notice.about).map_or(0, |shown| shown.id);
        let labels =
            notice.answers.iter().flat_map(|answer| [answer.key(), answer.label(language)]);
        let urgency = if notice.is_urgent { CRITICAL } else { NORMAL };
        let hints = HashMap::from([
            ("desktop-entry", Variant::from("org.adit.Desktop")),
            ("urgency", Variant::from(urgency)),
        ]);
        let text = escaped(&notice.text);
        let labels: Vec<&str> = labels.collect();
        let icon = "org.adit.Desktop";
        let shown = self
            .server
            .notify("Adit", replaces, icon, &notice.title, &text, &labels, hints, TIMEOUT)
            .await;
        match shown {
            Ok(id) => {
                let answers = notice.answers.clone();
                self.shown.insert(notice.about, Shown { id, answers, token: None });
            }
            Err(error) => tracing::warn!("Nobody shows notifications: {error}"),
        }
    }

    /// Takes the one about a configuration away, if it is still there.
    pub(crate) async fn withdraw(&mut self, about: ConfigurationId) {
        let Some(shown) = self.shown.remove(&about) else { return };
        if let Err(error) = self.server.close_notification(shown.id).await {
            tracing::debug!("A notification cannot be taken away: {error}");
        }
    }

    /// What an event means.
    pub(crate) fn hear(&mut self, event: Event) -> Option<Answered> {
        let (Event::Token(id, _) | Event::Chosen(id, _) | Event::Closed(id)) = &event;
        let (about, shown) = self.shown.iter_mut().find(|(_, shown)| shown.id == *id)?;
        let about = *about;
        match event {
            Event::Token(_, token) => shown.token = Some(token),
            Event::Closed(_) => drop(self.shown.remove(&about)),
            Event::Chosen(_, key) => {
                let answer = shown.answers.iter().copied().find(|answer| answer.key() == key)?;
                return Some(Answered { about, answer, token: shown.token.take() });
            }
        }
        None
    }
}

/// Tells what happens to notifications, until the bus is gone. One stream, as a token comes before its answer.
pub(crate) async fn follow(bus: &Connection, hear: UnboundedSender<Event>) -> zbus::Result<()> {
    let rule = MatchRule::builder()
        .msg_type(message::Type::Signal)
        .sender(SERVER)
        .interface(SERVER)
        .path(PATH)
        .build()?;
    let mut signals = MessageStream::for_match_rule(rule, bus, None).await?;
    while let Some(signal) = signals.next().await {
        if let Some(event) = event(&signal?) {
            // Only an agent that ends does not listen.
            let _ = hear.send(event);
        }
    }
    Ok(())
}

fn event(signal: &Message) -> Option<Event> {
    let body = signal.body();
    match signal.header().member()?.as_str() {
        "ActivationToken" => body.deserialize().ok().map(|(id, token)| Event::Token(id, token)),
        "ActionInvoked" => body.deserialize().ok().map(|(id, key)| Event::Chosen(id, key)),
        "NotificationClosed" => {
            body.deserialize::<(u32, u32)>().ok().map(|(id, _)| Event::Closed(id))
        }
        _ => None,
    }
}

#[proxy(
    interface = "org.freedesktop.Notifications",
    default_service = "org.freedesktop.Notifications",
    default_path = "/org/freedesktop/Notifications"
)]
trait Notifications {
    #[allow(clippy::too_many_arguments, reason = "the specification has them")]
    fn notify(
        &self,
        app_name: &str,
        replaces: u32,
        icon: &str,
        summary: &str,
        body: &str,
        actions: &[&str],
        hints: HashMap<&str, Variant<'_>>,
        timeout: i32,
    ) -> zbus::Result<u32>;

    fn close_notification(&self, id: u32) -> zbus::Result<()>;
}

/// Servers may take the text for markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
