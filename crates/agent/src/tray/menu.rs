//! What the tray shows: a pure function of what is known. Nothing here knows D-Bus.

use std::collections::BTreeMap;

use adit_api::{Entry, Link, Older, Viewer};
use adit_model::ConfigurationId;
use adit_sentence::{Glyph, Language, Sentence, in_language, sentence};
use jiff::Timestamp;

use super::on_demand::{self, Pause};

/// More configurations than this are looked for in the window: long menus do not fit the screen.
const MOST_SHOWN: usize = 20;

/// The icon and the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tray {
    /// The state as a shape.
    pub(crate) glyph: Glyph,
    /// The same in words, for whoever cannot see it.
    pub(crate) title: String,
    pub(crate) menu: Vec<MenuItem>,
}

/// One line of a menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MenuItem {
    Separator,
    /// Words that cannot be chosen.
    Words(String),
    /// Something that can be done.
    Action {
        label: String,
        action: Action,
    },
    /// Something that is on or off.
    Switch {
        label: String,
        is_on: bool,
        action: Action,
    },
    /// A menu below.
    Submenu {
        label: String,
        items: Vec<MenuItem>,
    },
}

/// What choosing a line does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    Start(ConfigurationId),
    Stop(ConfigurationId),
    /// Holds off the rules of all configurations that connect by themselves.
    Pause(Pause),
    Resume,
    Open,
    Quit,
}

/// What to show. `last_used` is the configuration that was started last, if it still exists.
pub(crate) fn tray(
    viewer: &Viewer,
    last_used: Option<ConfigurationId>,
    language: Language,
) -> Tray {
    let entries = sorted(&viewer.entries);
    let (glyph, title) = state(viewer, &entries, language);
    let mut menu = vec![MenuItem::Words(title.clone()), MenuItem::Separator];
    if matches!(viewer.link, Link::Attached { .. }) {
        menu.extend(configurations(&entries, last_used, language));
        menu.extend(on_demand::lines(&entries, language));
    }
    menu.push(MenuItem::Action {
        label: language.of("Open Adit", "Adit öffnen").into(),
        action: Action::Open,
    });
    menu.push(MenuItem::Action {
        label: language.of("Quit (tunnels stay up)", "Beenden (Tunnel bleiben)").into(),
        action: Action::Quit,
    });
    Tray { glyph, title, menu }
}

fn configurations(
    entries: &[&Entry],
    last_used: Option<ConfigurationId>,
    language: Language,
) -> Vec<MenuItem> {
    let first = entries
        .iter()
        .find(|entry| Some(entry.configuration.id) == last_used)
        .or_else(|| entries.iter().find(|entry| entry.session.status.is_active()))
        .or_else(|| entries.first());
    let Some(first) = first else { return Vec::new() };
    let others = entries.iter().filter(|entry| entry.configuration.id != first.configuration.id);
    let mut items: Vec<MenuItem> = others.clone().take(MOST_SHOWN).map(|e| switch(e)).collect();
    let hidden = others.count().saturating_sub(MOST_SHOWN);
    if hidden > 0 {
        let more = language.of("more in the window", "weitere im Fenster");
        items.push(MenuItem::Words(format!("{hidden} {more}")));
    }
    let mut menu = vec![switch(first)];
    if !items.is_empty() {
        let label = language.of("Other configurations", "Andere Konfigurationen").into();
        menu.push(MenuItem::Submenu { label, items });
    }
    menu.push(MenuItem::Separator);
    menu
}

fn switch(entry: &Entry) -> MenuItem {
    let id = entry.configuration.id;
    let is_on = entry.session.status.is_active();
    let action = if is_on { Action::Stop(id) } else { Action::Start(id) };
    MenuItem::Switch { label: entry.configuration.name.clone(), is_on, action }
}

/// One shape and one sentence for all sessions together.
fn state(viewer: &Viewer, entries: &[&Entry], language: Language) -> (Glyph, String) {
    match &viewer.link {
        Link::Connecting | Link::Attached { .. } => {}
        Link::Missing => {
            let text =
                language.of("The Adit service is not running.", "Der Adit-Dienst läuft nicht.");
            return (Glyph::ServiceMissing, text.into());
        }
        Link::OtherVersion { older, .. } => {
            let text = match older {
                Older::Viewer => language.of(
                    "Adit was updated. Quit it here and open it again.",
                    "Adit wurde aktualisiert. Beenden Sie es hier, und öffnen Sie es neu.",
                ),
                Older::Service => language.of(
                    "The Adit service is older than this and has to be restarted.",
                    "Der Adit-Dienst ist älter als dies und muss neu gestartet werden.",
                ),
            };
            return (Glyph::ServiceMissing, text.into());
        }
        Link::Untrusted { reason } | Link::Failed { reason } => {
            return (Glyph::ServiceMissing, reason.clone());
        }
    }
    let said = |entry: &Entry| {
        let mut session = in_language(&entry.session, language);
        // The menu does not tick.
        session.connected_at = None;
        sentence(&entry.configuration, &session, Timestamp::UNIX_EPOCH, language)
    };
    let all: Vec<(&Entry, Sentence)> = entries.iter().map(|entry| (*entry, said(entry))).collect();
    // Of those that are down, one that is held off has more to say.
    let worst = all
        .iter()
        .min_by_key(|(entry, said)| (rank(said.glyph), entry.session.on_demand.is_none()));
    let named = |(entry, said): &(&Entry, Sentence)| {
        (said.glyph, format!("{}: {}", entry.configuration.name, said.text))
    };
    match worst {
        Some(worst) if rank(worst.1.glyph) < rank(Glyph::Waiting) => named(worst),
        Some(_) | None if viewer.machine.blocking => {
            let text = language.of(
                "Lockdown is on: nothing leaves this computer but through a tunnel.",
                "Die Sperre ist an: nichts verlässt diesen Computer außer durch einen Tunnel.",
            );
            (Glyph::Blocked, text.into())
        }
        Some(worst) if worst.0.session.on_demand.is_some() => named(worst),
        Some(_) | None => {
            (Glyph::Disconnected, language.of("Not connected.", "Nicht verbunden.").into())
        }
    }
}

/// Which of several states is shown: what needs attention first, then what is under way.
fn rank(glyph: Glyph) -> u8 {
    match glyph {
        Glyph::Blocked => 0,
        Glyph::Impaired => 1,
        Glyph::Reasserting => 2,
        Glyph::Connecting => 3,
        Glyph::Connected => 4,
        Glyph::Problem => 5,
        Glyph::Waiting => 6,
        Glyph::Disconnected => 7,
        Glyph::ServiceMissing => 8,
    }
}

fn sorted(entries: &BTreeMap<ConfigurationId, Entry>) -> Vec<&Entry> {
    let mut sorted: Vec<&Entry> = entries.values().collect();
    sorted.sort_by_cached_key(|entry| entry.configuration.name.to_lowercase());
    sorted
}

#[cfg(test)]
mod tests {
    use adit_model::{
        ConnectionError, SessionStatus, TunnelProviderProtocol, VpnConfiguration, VpnStatus,
        on_demand::{OnDemandStatus, PauseEnd},
    };

    use super::*;

    #[test]
    fn the_last_used_is_at_hand_and_the_others_are_below() {
        let viewer = viewer(&[("home", VpnStatus::Disconnected), ("work", VpnStatus::Connected)]);
        let work = tray(&viewer, Some(id("work")), Language::English);
        assert_eq!(work.glyph, Glyph::Connected);
        assert_eq!(work.title, "work: Connected.");
        let home = MenuItem::Switch {
            label: "home".into(),
            is_on: false,
            action: Action::Start(id("home")),
        };
        assert_eq!(
            work.menu[2..4],
            [
                MenuItem::Switch {
                    label: "work".into(),
                    is_on: true,
                    action: Action::Stop(id("work")),
                },
                MenuItem::Submenu {
                    label: "Other configurations".into(),
                    items: vec![home.clone()],
                },
            ]
        );
        let home_first = tray(&viewer, Some(id("home")), Language::German);
        assert_eq!(home_first.menu[2], home);
        assert_eq!(home_first.title, "work: Verbunden.");
        // Without a last one, that which is up is at hand.
        assert_eq!(tray(&viewer, None, Language::English), work);
    }

    #[test]
    fn what_needs_attention_is_what_the_icon_shows() {
        use VpnStatus::{Connected, Connecting, Disconnected, Reasserting};
        let glyph =
            |sessions: &[(&str, VpnStatus)]| tray(&viewer(sessions), None, Language::English).glyph;
        assert_eq!(glyph(&[]), Glyph::Disconnected);
        assert_eq!(glyph(&[("a", Disconnected)]), Glyph::Disconnected);
        assert_eq!(glyph(&[("a", Connected), ("b", Connecting)]), Glyph::Connecting);
        assert_eq!(glyph(&[("a", Connected), ("b", Reasserting)]), Glyph::Reasserting);

        let mut failed = viewer(&[("a", Disconnected), ("b", Connected)]);
        let session = &mut failed.entries.get_mut(&id("a")).unwrap().session;
        session.last_error = Some(ConnectionError::ServerDead.plain());
        let said = tray(&failed, None, Language::English);
        assert_eq!(
            said.glyph,
            Glyph::Connected,
            "one that failed before does not hide one that is up"
        );
        failed.entries.get_mut(&id("a")).unwrap().session.blocking = true;
        assert_eq!(tray(&failed, None, Language::English).glyph, Glyph::Blocked);

        let mut locked = viewer(&[("a", Disconnected)]);
        locked.machine.blocking = true;
        assert_eq!(tray(&locked, None, Language::English).glyph, Glyph::Blocked);
        let mut missing = viewer(&[("a", Connected)]);
        missing.link = Link::Missing;
        let said = tray(&missing, None, Language::English);
        assert_eq!(said.glyph, Glyph::ServiceMissing);
        assert_eq!(said.menu.len(), 4, "nothing can be switched: {:?}", said.menu);
    }

    #[test]
    fn what_connects_by_itself_is_shown_when_nothing_is_connected() {
        let mut viewer = viewer(&[("a", VpnStatus::Disconnected), ("b", VpnStatus::Disconnected)]);
        let session = |viewer: &mut Viewer, status| {
            viewer.entries.get_mut(&id("b")).unwrap().session.on_demand = Some(status);
        };
        session(&mut viewer, OnDemandStatus::Armed { rule: None, retry_at: None, obstacle: None });
        let waiting = tray(&viewer, None, Language::English);
        let said = "b: Not connected. Connects by itself when a rule says so.";
        assert_eq!((waiting.glyph, waiting.title.as_str()), (Glyph::Waiting, said));
        session(&mut viewer, OnDemandStatus::Paused { end: PauseEnd::NextNetwork });
        let paused = tray(&viewer, None, Language::English);
        let said =
            "b: Not connected. On demand is paused until this computer is in another network.";
        assert_eq!((paused.glyph, paused.title.as_str()), (Glyph::Disconnected, said));
        viewer.machine.blocking = true;
        assert_eq!(tray(&viewer, None, Language::English).glyph, Glyph::Blocked);
        viewer.machine.blocking = false;
        viewer.entries.get_mut(&id("a")).unwrap().session.status = VpnStatus::Connected;
        let title = tray(&viewer, None, Language::English).title;
        assert_eq!(title, "a: Connected.");
    }

    #[test]
    fn hundreds_of_configurations_do_not_fill_the_screen() {
        let names: Vec<String> = (0..500).map(|n| format!("c{n:03}")).collect();
        let sessions: Vec<_> =
            names.iter().map(|name| (name.as_str(), VpnStatus::Disconnected)).collect();
        let shown = tray(&viewer(&sessions), None, Language::English).menu;
        let Some(MenuItem::Submenu { items, .. }) = shown.get(3) else { panic!("{shown:?}") };
        assert_eq!(items.len(), MOST_SHOWN + 1);
        assert_eq!(items.last(), Some(&MenuItem::Words("479 more in the window".into())));
    }

    fn id(name: &str) -> ConfigurationId {
        let mut bytes = [0; 16];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        ConfigurationId::from_random(bytes)
    }

    fn viewer(sessions: &[(&str, VpnStatus)]) -> Viewer {
        let entries = sessions.iter().map(|(name, status)| {
            let id = id(name);
            let protocol = TunnelProviderProtocol::new("org.example.vpn", "vpn.example");
            let session = SessionStatus { status: *status, ..SessionStatus::new(id) };
            (id, Entry { configuration: VpnConfiguration::new(id, *name, protocol), session })
        });
        Viewer {
            link: Link::Attached { version: "1.0.0".into() },
            entries: entries.collect(),
            ..Viewer::default()
        }
    }
}
