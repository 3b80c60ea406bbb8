//! Which change of a session deserves a notification, and what it says. Nothing here knows D-Bus.

use adit_api::Entry;
use adit_model::{ConfigurationId, HealthItem, Severity, VpnStatus};
use adit_sentence::Language;
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
}

/// What to say when a session changes from `before` to `after`.
pub(crate) fn notice(
    before: &Entry,
    after: &Entry,
    Circumstances { is_own, was_up }: Circumstances,
    level: Level,
    language: Language,
) -> Option<Notice> {
    if level == Level::Nothing {
        return None;
    }
    let (was, is) = (&before.session, &after.session);
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
        return Some(Notice { about, title, text, is_urgent: is.blocking, answers });
    }
    if let Some(problem) = new_problem(&was.health, &is.health) {
        let title = format!("{name}: {}", problem.title);
        let answers = vec![Answer::Reconnect, Answer::Open];
        return Some(Notice { about, title, text: problem.text.clone(), is_urgent: true, answers });
    }
    if is_own || level == Level::Problems {
        return None;
    }
    let connected = !was_up && is.status == VpnStatus::Connected;
    let title = if connected {
        language.of(format!("“{name}” is connected"), format!("„{name}“ ist verbunden"))
    } else if ended {
        language.of(format!("“{name}” is disconnected"), format!("„{name}“ ist getrennt"))
    } else {
        return None;
    };
    let answers = vec![Answer::Open];
    Some(Notice { about, title, text: String::new(), is_urgent: false, answers })
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

/// Something that does not work now and did before.
fn new_problem<'a>(before: &[HealthItem], after: &'a [HealthItem]) -> Option<&'a HealthItem> {
    let mut problems = after.iter().filter(|item| item.severity == Severity::Problem);
    problems.find(|item| !before.iter().any(|known| known.code == item.code))
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
    use adit_model::{
        ConnectionError, HealthCode, SessionStatus, TunnelProviderProtocol, VpnConfiguration,
    };
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
            let circumstances = Circumstances { is_own: false, was_up: was_up(before) };
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

    fn say(before: &Entry, after: &Entry, is_own: bool) -> Option<Notice> {
        let circumstances = Circumstances { is_own, was_up: was_up(before) };
        notice(before, after, circumstances, Level::Changes, Language::English)
    }

    fn was_up(before: &Entry) -> bool {
        matches!(before.session.status, VpnStatus::Connected | VpnStatus::Reasserting)
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
