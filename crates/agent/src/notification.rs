//! Which change of a session deserves a notification, and what it says. Nothing here knows D-Bus.

use adit_api::Entry;
use adit_model::{ConfigurationId, HealthCode, HealthItem, SessionStatus, Severity, VpnStatus};
use adit_sentence::{Language, in_language};
use serde::{Deserialize, Serialize};

/// Which notifications somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// None.
    Nothing,
    /// What went wrong.
    Problems,
    /// Also that a tunnel is up or down by itself.
    #[default]
    Changes,
}

/// A notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// Of the same configuration, a later one takes its place.
    pub(crate) about: ConfigurationId,
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) is_urgent: bool,
    pub(crate) answers: Vec<Answer>,
    /// What it takes for it to be true.
    pub(crate) says: Says,
}

/// What a notification says of a session. It is true as long as the session is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Says {
    Connected,
    /// It ended by itself, or could not begin.
    Down {
        /// Traffic stays blocked.
        is_blocking: bool,
    },
    /// The problem with this code is there.
    Problem(String),
    /// The provider wants a person to see this.
    Message(String),
    /// What the user asked for was refused while the session was so.
    Refused(VpnStatus),
}

impl Says {
    /// Whether it is so.
    pub(crate) fn is_true(&self, entry: &Entry) -> bool {
        let session = &entry.session;
        let (is_up, is_ending) = match session.status {
            VpnStatus::Connected | VpnStatus::Reasserting => (true, false),
            VpnStatus::Disconnecting => (false, true),
            VpnStatus::Invalid | VpnStatus::Disconnected | VpnStatus::Connecting => (false, false),
        };
        match self {
            // How it ended takes its place.
            Self::Connected => is_up || is_ending,
            Self::Down { is_blocking } => !is_up && (session.blocking || !is_blocking),
            Self::Problem(code) => is_up && problems(session).any(|item| item.code == *code),
            Self::Message(text) => messages(session).any(|item| said(item) == text),
            Self::Refused(status) => session.status == *status,
        }
    }
}

/// What can be done from a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Reconnect,
    Unblock,
    Open,
}

/// What a change does not tell of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Circumstances {
    /// The user has just asked for it where it can be seen.
    pub(crate) is_own: bool,
    /// The tunnel has been connected since it was started.
    pub(crate) was_up: bool,
    /// It ended because another one takes its place.
    pub(crate) is_displaced: bool,
}

/// What to say when a session changes from `before` to `after`.
pub(crate) fn notice(
    before: &Entry,
    after: &Entry,
    Circumstances { is_own, was_up, is_displaced }: Circumstances,
    level: Level,
    language: Language,
) -> Option<Notice> {
    if level == Level::Nothing {
        return None;
    }
    let (was, is) = (&before.session, &in_language(&after.session, language));
    let name = &after.configuration.name;
    let about = after.configuration.id;
    let ended = is_running(was.status) && is.status == VpnStatus::Disconnected;
    if ended && let Some(error) = &is.last_error {
        let title = match (language, was_up) {
            (Language::English, true) => format!("“{name}” is disconnected"),
            (Language::English, false) => format!("“{name}” could not connect"),
            (Language::German, true) => format!("„{name}“ ist getrennt"),
            (Language::German, false) => format!("„{name}“ konnte nicht verbinden"),
        };
        let (text, answers) = if is.blocking {
            let held = language.of("Traffic stays blocked.", "Der Verkehr bleibt gesperrt.");
            let answers = vec![Answer::Reconnect, Answer::Unblock, Answer::Open];
            (format!("{} {held}", error.message), answers)
        } else {
            (error.message.clone(), vec![Answer::Reconnect, Answer::Open])
        };
        let says = Says::Down { is_blocking: is.blocking };
        return Some(Notice { about, title, text, is_urgent: is.blocking, answers, says });
    }
    let is_new = |item: &&HealthItem| problems(was).all(|known| known.code != item.code);
    if let Some(problem) = problems(is).find(is_new) {
        let title = format!("{name}: {}", problem.title);
        let answers = vec![Answer::Reconnect, Answer::Open];
        let says = Says::Problem(problem.code.clone());
        return Some(Notice {
            about,
            title,
            text: problem.text.clone(),
            is_urgent: true,
            answers,
            says,
        });
    }
    let told = |message: &&HealthItem| messages(was).any(|known| said(known) == said(message));
    if let Some(message) = messages(is).find(|message| !told(message)) {
        let (title, text) = (name.clone(), message.text.clone());
        let (answers, says) = (vec![Answer::Open], Says::Message(said(message).into()));
        return Some(Notice { about, title, text, is_urgent: false, answers, says });
    }
    if is_own || level == Level::Problems {
        return None;
    }
    let connected = !was_up && is.status == VpnStatus::Connected;
    let (title, says) = if connected {
        let title =
            language.of(format!("“{name}” is connected"), format!("„{name}“ ist verbunden"));
        (title, Says::Connected)
    } else if ended {
        let title =
            language.of(format!("“{name}” is disconnected"), format!("„{name}“ ist getrennt"));
        (title, Says::Down { is_blocking: false })
    } else {
        return None;
    };
    let text = if ended && is_displaced {
        language.of("Another tunnel takes its place.", "Ein anderer Tunnel tritt an seine Stelle.")
    } else {
        ""
    };
    let (text, answers) = (text.into(), vec![Answer::Open]);
    Some(Notice { about, title, text, is_urgent: false, answers, says })
}

/// A configuration that was just made goes from invalid to disconnected, and nothing has ended.
fn is_running(status: VpnStatus) -> bool {
    match status {
        VpnStatus::Connecting
        | VpnStatus::Connected
        | VpnStatus::Reasserting
        | VpnStatus::Disconnecting => true,
        VpnStatus::Invalid | VpnStatus::Disconnected => false,
    }
}

/// What does not work.
fn problems(session: &SessionStatus) -> impl Iterator<Item = &HealthItem> {
    session.health.iter().filter(|item| item.severity == Severity::Problem)
}

/// What a provider wants a person to see.
fn messages(session: &SessionStatus) -> impl Iterator<Item = &HealthItem> {
    session.health.iter().filter(|item| item.code == HealthCode::ProviderMessage.as_str())
}

/// What it wants them to see, in its own words.
fn said(message: &HealthItem) -> &str {
    message.arguments.get("message").map_or(&message.text, String::as_str)
}

impl Answer {
    /// Its name on D-Bus.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Reconnect => "reconnect",
            Self::Unblock => "unblock",
            // What a click on the notification itself means (Desktop Notifications Specification).
            Self::Open => "default",
        }
    }

    pub(crate) fn label(self, language: Language) -> &'static str {
        match self {
            Self::Reconnect => language.of("Reconnect", "Neu verbinden"),
            Self::Unblock => language.of("Unblock", "Freigeben"),
            Self::Open => language.of("Open", "Öffnen"),
        }
    }
}

#[cfg(test)]
mod tests {
    use adit_model::{ConnectionError, HealthCode, TunnelProviderProtocol, VpnConfiguration};
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn what_goes_wrong_is_said_even_when_the_user_asked_for_the_start() {
        let failed = with(VpnStatus::Disconnected, |s| {
            s.last_error = Some(ConnectionError::ServerNotResponding.plain());
        });
        for is_own in [false, true] {
            let notice = say(&with(VpnStatus::Connecting, |_| {}), &failed, is_own).unwrap();
            assert_eq!(notice.title, "“home” could not connect");
            assert_eq!(notice.text, "The server does not answer.");
            assert_eq!(notice.answers, [Answer::Reconnect, Answer::Open]);
        }
        let lost = say(&up(), &failed, false).unwrap();
        assert_eq!(lost.title, "“home” is disconnected");
        let blocked = with(VpnStatus::Disconnected, |s| {
            s.blocking = true;
            s.last_error = Some(ConnectionError::PluginFailed.plain());
        });
        let notice = say(&up(), &blocked, false).unwrap();
        assert!(notice.is_urgent && notice.text.ends_with("Traffic stays blocked."), "{notice:?}");
        assert!(notice.answers.contains(&Answer::Unblock));
        assert_eq!(say(&failed, &failed, false), None, "once is enough");
    }

    #[test]
    fn what_the_user_just_did_is_not_told_back() {
        let down = with(VpnStatus::Disconnected, |_| {});
        let connecting = with(VpnStatus::Connecting, |_| {});
        let title = |before: &Entry, after: &Entry, is_own| {
            say(before, after, is_own).map(|notice| notice.title)
        };
        assert_eq!(title(&connecting, &up(), false).as_deref(), Some("“home” is connected"));
        assert_eq!(title(&connecting, &up(), true), None);
        assert_eq!(title(&up(), &down, false).as_deref(), Some("“home” is disconnected"));
        assert_eq!(title(&up(), &down, true), None);
        assert_eq!(title(&down, &connecting, false), None);
        assert_eq!(title(&with(VpnStatus::Invalid, |_| {}), &down, false), None, "it is new");
        let reasserting =
            with(VpnStatus::Reasserting, |s| s.connected_at = up().session.connected_at);
        assert_eq!(title(&up(), &reasserting, false), None);
        assert_eq!(title(&reasserting, &up(), false), None, "it was connected all the time");
    }

    #[test]
    fn levels_leave_out_what_is_not_wanted() {
        let connecting = with(VpnStatus::Connecting, |_| {});
        let at = |level, before: &Entry, after: &Entry| {
            let circumstances = circumstances(before, false);
            notice(before, after, circumstances, level, Language::English).is_some()
        };
        let mut silent = up();
        silent.session.health = vec![HealthItem::new(
            HealthCode::PathDead,
            Severity::Problem,
            "Nothing has come back for 2 min",
            "A text.",
        )];
        assert!(at(Level::Problems, &up(), &silent));
        assert!(!at(Level::Problems, &silent, &silent));
        assert!(!at(Level::Nothing, &up(), &silent));
        assert!(!at(Level::Problems, &connecting, &up()));
        assert!(at(Level::Changes, &connecting, &up()));
    }

    #[test]
    fn a_notice_is_true_as_long_as_the_session_is_so() {
        use VpnStatus::{Connecting, Disconnected, Disconnecting, Reasserting};
        let problem = |entry: Entry, code: &str| {
            let item =
                HealthItem::new(HealthCode::PathDead, Severity::Problem, "A title", "A text.");
            let item = HealthItem { code: code.into(), ..item };
            let session = SessionStatus { health: vec![item], ..entry.session };
            Entry { session, ..entry }
        };
        let blocked = || with(Disconnected, |s| s.blocking = true);
        let down = |is_blocking| Says::Down { is_blocking };
        let silent = || Says::Problem("path.dead".into());
        let said = |text: &str| Says::Message(text.into());
        let told = || problem(up(), HealthCode::ProviderMessage.as_str());
        for (says, entry, is_true) in vec![
            (said("A text."), told(), true),
            (said("Another."), told(), false),
            (said("A text."), up(), false),
            (Says::Connected, up(), true),
            (Says::Connected, with(Reasserting, |_| {}), true),
            (Says::Connected, with(Disconnecting, |_| {}), true),
            (Says::Connected, with(Disconnected, |_| {}), false),
            (down(false), with(Disconnected, |_| {}), true),
            // A try is no success.
            (down(false), with(Connecting, |_| {}), true),
            (down(false), up(), false),
            (down(true), blocked(), true),
            (down(true), with(Disconnected, |_| {}), false),
            (silent(), problem(up(), "path.dead"), true),
            (silent(), problem(up(), "other"), false),
            (silent(), problem(blocked(), "path.dead"), false),
            (Says::Refused(Disconnected), with(Disconnected, |_| {}), true),
            (Says::Refused(Disconnected), with(Connecting, |_| {}), false),
        ] {
            assert_eq!(says.is_true(&entry), is_true, "{says:?} {:?}", entry.session);
        }
    }

    #[test]
    fn what_the_service_says_is_told_in_the_language_of_the_session() {
        let mut silent = up();
        let item = HealthItem::new(
            HealthCode::NetworkNotFollowed,
            Severity::Problem,
            "A title",
            "They could not follow.",
        );
        silent.session.health = vec![item.with("reason", "busy")];
        let german = |before: &Entry, after: &Entry| {
            notice(before, after, circumstances(before, false), Level::Changes, Language::German)
        };
        let told = german(&up(), &silent).unwrap();
        assert_eq!(told.title, "home: Die Routen des Tunnels sind die des letzten Netzes");
        assert!(told.text.contains("nicht folgen: busy."), "{told:?}");
        let failed = with(VpnStatus::Disconnected, |s| {
            s.last_error = Some(ConnectionError::ServerNotResponding.plain());
        });
        assert_eq!(german(&up(), &failed).unwrap().text, "Der Server antwortet nicht.");
    }

    fn say(before: &Entry, after: &Entry, is_own: bool) -> Option<Notice> {
        notice(before, after, circumstances(before, is_own), Level::Changes, Language::English)
    }

    fn circumstances(before: &Entry, is_own: bool) -> Circumstances {
        let was_up = matches!(before.session.status, VpnStatus::Connected | VpnStatus::Reasserting);
        Circumstances { is_own, was_up, is_displaced: false }
    }

    fn up() -> Entry {
        with(VpnStatus::Connected, |s| s.connected_at = Some(Timestamp::UNIX_EPOCH))
    }

    fn with(status: VpnStatus, edit: impl Fn(&mut SessionStatus)) -> Entry {
        let id = ConfigurationId::from_random([1; 16]);
        let protocol = TunnelProviderProtocol::new("org.example.vpn", "vpn.example");
        let mut session = SessionStatus { status, ..SessionStatus::new(id) };
        edit(&mut session);
        Entry { configuration: VpnConfiguration::new(id, "home", protocol), session }
    }
}
