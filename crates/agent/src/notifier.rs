//! Showing notifications. Each handle is kept until its notification is closed: some desktops remove those of whoever is no
//! longer on the bus.

use std::collections::HashMap;

use adit_model::ConfigurationId;
use adit_sentence::Language;
use notify_rust::{Hint, Notification, NotificationResponse, Urgency};
use tokio::sync::mpsc::UnboundedSender;

use crate::notification::{Answer, Notice};

/// What the user has chosen in a notification about this configuration.
pub(crate) type Answered = (ConfigurationId, Answer);

/// Shows notices.
pub(crate) struct Notifier {
    answered: UnboundedSender<Answered>,
    /// The last one of each configuration, which a later one replaces.
    shown: HashMap<ConfigurationId, u32>,
}

impl Notifier {
    pub(crate) fn new(answered: UnboundedSender<Answered>) -> Self {
        Self { answered, shown: HashMap::new() }
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
        if let Some(id) = self.shown.get(&notice.about) {
            notification.id(*id);
        }
        match notification.show_async().await {
            Ok(handle) => {
                self.shown.insert(notice.about, handle.id());
                let (about, answers) = (notice.about, notice.answers.clone());
                let answered = self.answered.clone();
                tokio::spawn(async move {
                    let hear = |response: &NotificationResponse| {
                        if let Some(answer) = chosen(response, &answers) {
                            // Only an agent that ends does not listen.
                            let _ = answered.send((about, answer));
                        }
                    };
                    handle.wait_for_action_async(hear).await;
                });
            }
            Err(error) => tracing::warn!("Nobody shows notifications: {error}"),
        }
    }
}

fn chosen(response: &NotificationResponse, answers: &[Answer]) -> Option<Answer> {
    let key = match response {
        NotificationResponse::Default => Answer::Open.key(),
        NotificationResponse::Action(key) => key,
        NotificationResponse::Reply(_) | NotificationResponse::Closed(_) => return None,
    };
    answers.iter().copied().find(|answer| answer.key() == key)
}

/// Servers may take the text for markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
