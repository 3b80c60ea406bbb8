//! On demand in the menu: holding the rules off, and letting them count again.

use adit_api::Entry;
use adit_model::{
    ConfigurationId,
    on_demand::{OnDemandStatus, PauseEnd},
};
use adit_sentence::{Language, on_demand};
use jiff::{SignedDuration, Timestamp};

use super::menu::{Action, MenuItem};

/// For how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pause {
    QuarterHour,
    Hour,
    UntilNextNetwork,
}

const PAUSES: [Pause; 3] = [Pause::QuarterHour, Pause::Hour, Pause::UntilNextNetwork];

impl Pause {
    pub(crate) fn end(self, now: Timestamp) -> PauseEnd {
        let after = |minutes| PauseEnd::Time { at: now + SignedDuration::from_mins(minutes) };
        match self {
            Self::QuarterHour => after(15),
            Self::Hour => after(60),
            Self::UntilNextNetwork => PauseEnd::NextNetwork,
        }
    }

    fn label(self, language: Language) -> &'static str {
        match self {
            Self::QuarterHour => language.of("For 15 minutes", "Für 15 Minuten"),
            Self::Hour => language.of("For an hour", "Für eine Stunde"),
            Self::UntilNextNetwork => {
                language.of("Until the next network", "Bis zum nächsten Netz")
            }
        }
    }
}

/// Those whose rules count and whom the user may hold off.
pub(crate) fn armed<'a>(
    entries: impl IntoIterator<Item = &'a Entry>,
) -> impl Iterator<Item = ConfigurationId> {
    let armed = entries.into_iter().filter(|entry| match entry.session.on_demand {
        Some(OnDemandStatus::Armed { .. }) => !entry.configuration.on_demand.user_override_disabled,
        Some(OnDemandStatus::Paused { .. }) | None => false,
    });
    armed.map(|entry| entry.configuration.id)
}

/// Those that are held off.
pub(crate) fn paused<'a>(
    entries: impl IntoIterator<Item = &'a Entry>,
) -> impl Iterator<Item = (ConfigurationId, PauseEnd)> {
    entries.into_iter().filter_map(|entry| match entry.session.on_demand {
        Some(OnDemandStatus::Paused { end }) => Some((entry.configuration.id, end)),
        Some(OnDemandStatus::Armed { .. }) | None => None,
    })
}

/// What the menu has about it: nothing when nothing connects by itself.
pub(super) fn lines(entries: &[&Entry], language: Language) -> Vec<MenuItem> {
    let mut lines = Vec::new();
    let ends: Vec<PauseEnd> = paused(entries.iter().copied()).map(|(_, end)| end).collect();
    if let Some(first) = ends.first() {
        lines.push(MenuItem::Words(if ends.iter().all(|end| end == first) {
            on_demand(&OnDemandStatus::Paused { end: *first }, language)
        } else {
            language.of("On demand is paused.", "Die Automatik ruht.").into()
        }));
        let label = language.of("Resume on demand", "Automatik fortsetzen").into();
        lines.push(MenuItem::Action { label, action: Action::Resume });
    }
    if armed(entries.iter().copied()).next().is_some() {
        let pause = |pause: Pause| MenuItem::Action {
            label: pause.label(language).into(),
            action: Action::Pause(pause),
        };
        let label = language.of("Pause on demand", "Automatik ruhen lassen").into();
        lines.push(MenuItem::Submenu { label, items: PAUSES.map(pause).into() });
    }
    if !lines.is_empty() {
        lines.push(MenuItem::Separator);
    }
    lines
}

#[cfg(test)]
mod tests {
    use adit_model::{SessionStatus, TunnelProviderProtocol, VpnConfiguration};

    use super::*;

    #[test]
    fn what_is_armed_can_be_held_off_and_what_is_held_off_says_until_when() {
        let armed = || Some(OnDemandStatus::Armed { rule: None, retry_at: None, obstacle: None });
        let by_hand = entry(2, Some(OnDemandStatus::Paused { end: PauseEnd::ByHand }));
        let said = |entries: &[&Entry]| lines(entries, Language::English);
        assert_eq!(said(&[&entry(1, None)]), []);

        let all = said(&[&entry(1, armed()), &entry(3, None)]);
        let [MenuItem::Submenu { items, .. }, MenuItem::Separator] = &all[..] else {
            panic!("{all:?}")
        };
        assert_eq!(items.len(), PAUSES.len());

        let resume = MenuItem::Action { label: "Resume on demand".into(), action: Action::Resume };
        let words = |text: &str| MenuItem::Words(text.into());
        let text = "On demand is paused until you connect or resume it.";
        let all = said(&[&by_hand, &by_hand]);
        assert_eq!(all, [words(text), resume.clone(), MenuItem::Separator]);
        let boot = entry(4, Some(OnDemandStatus::Paused { end: PauseEnd::NextBoot }));
        let all = said(&[&by_hand, &boot, &entry(1, armed())]);
        assert_eq!(all[..2], [words("On demand is paused."), resume]);
        assert_eq!(all.len(), 4, "the one that is armed can be held off too: {all:?}");
    }

    #[test]
    fn what_is_locked_is_not_offered() {
        let mut locked =
            entry(1, Some(OnDemandStatus::Armed { rule: None, retry_at: None, obstacle: None }));
        locked.configuration.on_demand.user_override_disabled = true;
        assert_eq!(lines(&[&locked], Language::English), []);
    }

    #[test]
    fn pauses_end_as_long_after_now_as_they_say() {
        let at = |seconds| PauseEnd::Time { at: Timestamp::from_second(seconds).unwrap() };
        let ends = PAUSES.map(|pause| pause.end(Timestamp::from_second(1000).unwrap()));
        assert_eq!(ends, [at(1900), at(4600), PauseEnd::NextNetwork]);
    }

    fn entry(id: u8, on_demand: Option<OnDemandStatus>) -> Entry {
        let id = ConfigurationId::from_random([id; 16]);
        let protocol = TunnelProviderProtocol::new("org.example.vpn", "vpn.example");
        let configuration = VpnConfiguration::new(id, "a", protocol);
        Entry { configuration, session: SessionStatus { on_demand, ..SessionStatus::new(id) } }
    }
}
