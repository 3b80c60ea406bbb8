//! Showing notifications, by the Desktop Notifications Specification. Each handle is kept until its notification is closed: some
//! desktops remove those of whoever is no longer on the bus.

use std::{collections::HashMap, sync::Arc, time::Duration};

use adit_model::ConfigurationId;
use adit_sentence::Language;
use futures_util::StreamExt;
use notify_rust::{Hint, Notification, NotificationHandle, NotificationResponse, Urgency};
use tokio::{sync::mpsc::UnboundedSender, task::AbortHandle, time::sleep};
use zbus::{Connection, MatchRule, MessageStream, message};

use crate::notification::{Answer, Notice};

const SERVER: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";
/// A token is sent before its answer, but comes over another connection.
const TOKEN_PATIENCE: Duration = Duration::from_millis(100);

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
    events: UnboundedSender<Event>,
    /// The one of each configuration, which a later one replaces.
    shown: HashMap<ConfigurationId, Shown>,
}

struct Shown {
    handle: Arc<NotificationHandle>,
    answers: Vec<Answer>,
    token: Option<String>,
    /// Nobody else may wait for the same answer, which would count twice.
    waiting: AbortHandle,
}

impl Notifier {
    pub(crate) fn new(events: UnboundedSender<Event>) -> Self {
        Self { events, shown: HashMap::new() }
    }

    /// Shows one. Without anybody who shows notifications, the log has to do.
    pub(crate) async fn show(&mut self, notice: &Notice, language: Language) {
        let mut notification = Notification::new();
        notification
            .appname("Adit")
            .icon("org.adit.Desktop")
            .summary(&notice.title)
            .body(&escaped(&notice.text))
            .hint(Hint::DesktopEntry("org.adit.Desktop".into()))
            .urgency(if notice.is_urgent { Urgency::Critical } else { Urgency::Normal });
        for answer in &notice.answers {
            notification.action(answer.key(), answer.label(language));
        }
        if let Some(shown) = self.shown.get(&notice.about) {
            notification.id(shown.handle.id());
        }
        match notification.show_async().await {
            Ok(handle) => {
                let handle = Arc::new(handle);
                let waiting = wait(Arc::clone(&handle), self.events.clone());
                let waiting = tokio::spawn(waiting).abort_handle();
                let answers = notice.answers.clone();
                self.shown.insert(notice.about, Shown { handle, answers, token: None, waiting });
            }
            Err(error) => tracing::warn!("Nobody shows notifications: {error}"),
        }
    }

    /// Takes the one about a configuration away, if it is still there.
    pub(crate) async fn withdraw(&mut self, about: ConfigurationId) {
        if let Some(shown) = self.shown.remove(&about) {
            shown.handle.close_async().await;
        }
    }

    /// What an event means.
    pub(crate) fn hear(&mut self, event: Event) -> Option<Answered> {
        let (Event::Token(id, _) | Event::Chosen(id, _) | Event::Closed(id)) = &event;
        let (about, shown) = self.shown.iter_mut().find(|(_, shown)| shown.handle.id() == *id)?;
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

impl Drop for Shown {
    fn drop(&mut self) {
        self.waiting.abort();
    }
}

/// Tells what the user does with a notification.
async fn wait(handle: Arc<NotificationHandle>, events: UnboundedSender<Event>) {
    let id = handle.id();
    let mut event = None;
    handle
        .wait_for_action_async(|response: &NotificationResponse| {
            event = match response {
                NotificationResponse::Default => Some(Event::Chosen(id, Answer::Open.key().into())),
                NotificationResponse::Action(key) => Some(Event::Chosen(id, key.clone())),
                NotificationResponse::Closed(_) => Some(Event::Closed(id)),
                NotificationResponse::Reply(_) => None,
            };
        })
        .await;
    if matches!(event, Some(Event::Chosen(..))) {
        sleep(TOKEN_PATIENCE).await;
    }
    if let Some(event) = event {
        // Only an agent that ends does not listen.
        let _ = events.send(event);
    }
}

/// Tells the tokens of notifications, until the bus is gone.
pub(crate) async fn follow(bus: &Connection, tell: UnboundedSender<Event>) -> zbus::Result<()> {
    let rule = MatchRule::builder()
        .msg_type(message::Type::Signal)
        .sender(SERVER)
        .interface(SERVER)
        .member("ActivationToken")
        .path(PATH)
        .build()?;
    let mut signals = MessageStream::for_match_rule(rule, bus, None).await?;
    while let Some(signal) = signals.next().await {
        if let Ok((id, token)) = signal?.body().deserialize() {
            // Only an agent that ends does not listen.
            let _ = tell.send(Event::Token(id, token));
        }
    }
    Ok(())
}

/// Servers may take the text for markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
