//! How on demand stands, and which network the computer is in.

use adit_model::{
    InterfaceKind,
    on_demand::{
        CurrentRule, NetworkState, Obstacle, OnDemandAction, OnDemandRule, OnDemandStatus,
        PauseEnd, PrimaryNetwork, RefusalCode,
    },
};
use jiff::Timestamp;

use crate::{language::Language, quantity::local_time};

/// A sentence about what happens by itself. Rules are as the service words them.
#[must_use]
pub fn on_demand(status: &OnDemandStatus, language: Language) -> String {
    match status {
        OnDemandStatus::Paused { end } => {
            let paused = language.of("On demand is paused", "Die Automatik ruht");
            format!("{paused} {}.", pause_end(*end, language))
        }
        OnDemandStatus::Armed { rule: None, .. } => language
            .of(
                "On demand, but no rule is for this network.",
                "Die Automatik ist bereit, aber keine Regel gilt für dieses Netz.",
            )
            .into(),
        OnDemandStatus::Armed { rule: Some(rule), retry_at, obstacle } => {
            let CurrentRule { index, action, reason } = rule;
            let by_rule = language.of("On demand, by rule", "Automatik, nach Regel");
            let retry = next_attempt(*retry_at, language);
            let obstacle =
                obstacle.as_ref().map(|it| format!(" {}", obstacle_sentence(it, language)));
            let obstacle = obstacle.unwrap_or_default();
            format!("{by_rule} {}, {reason}: {action}.{obstacle}{retry}", index + 1)
        }
    }
}

/// What a session that is down waits for, to follow “Not connected.”.
pub(crate) fn waiting(
    rules: &[OnDemandRule],
    status: &OnDemandStatus,
    language: Language,
) -> String {
    let (rule, retry_at) = match status {
        OnDemandStatus::Paused { .. } => return on_demand(status, language),
        OnDemandStatus::Armed { obstacle: Some(obstacle), retry_at, .. } => {
            let retry = next_attempt(*retry_at, language);
            return obstacle_sentence(obstacle, language) + &retry;
        }
        OnDemandStatus::Armed { rule, retry_at, obstacle: None } => (rule, retry_at),
    };
    if let Some(at) = retry_at {
        let next = language.of("Tries again at", "Der nächste Versuch ist um");
        return format!("{next} {}.", local_time(*at));
    }
    let rule = rule.as_ref().and_then(|current| rules.get(current.index));
    let (english, german) = match rule.map(|rule| &rule.action) {
        Some(OnDemandAction::Connect { .. }) => (
            "Connects by itself when something uses the network.",
            "Verbindet von selbst, sobald etwas das Netz benutzt.",
        ),
        Some(OnDemandAction::EvaluateConnection(_)) => {
            ("Connects by itself for some names.", "Verbindet von selbst für manche Namen.")
        }
        Some(OnDemandAction::Disconnect) => {
            ("The rule for this network keeps it so.", "Die Regel für dieses Netz will es so.")
        }
        Some(OnDemandAction::Ignore) | None => (
            "Connects by itself when a rule says so.",
            "Verbindet von selbst, wenn eine Regel es sagt.",
        ),
    };
    language.of(english, german).into()
}

/// To follow a sentence.
fn next_attempt(retry_at: Option<Timestamp>, language: Language) -> String {
    let next = language.of("The next attempt is at", "Der nächste Versuch ist um");
    retry_at.map_or_else(String::new, |at| format!(" {next} {}.", local_time(at)))
}

fn obstacle_sentence(obstacle: &Obstacle, language: Language) -> String {
    match obstacle {
        Obstacle::Offline => {
            language.of("This computer is offline.", "Dieser Computer ist offline.").into()
        }
        Obstacle::InTheWay { name, route } => {
            let other = match (name, language) {
                (Some(name), Language::English) => format!("“{name}”"),
                (Some(name), Language::German) => format!("„{name}“"),
                (None, Language::English) => "The VPN of another user".into(),
                (None, Language::German) => "Das VPN eines anderen Benutzers".into(),
            };
            let is = language.of("is connected and", "ist verbunden und");
            let has = match route {
                Some(route) => {
                    format!("{} {route}", language.of("already leads to", "führt schon zu"))
                }
                None => language.of("has the default route", "hat die Standardroute").into(),
            };
            format!("{other} {is} {has}.")
        }
        Obstacle::Refused { message, code, reason } => match language {
            Language::English => message.clone(),
            Language::German => german_refusal(*code, reason).unwrap_or_else(|| message.clone()),
        },
    }
}

fn german_refusal(code: RefusalCode, reason: &str) -> Option<String> {
    let because = |what: &str| format!("{what}: {reason}");
    Some(match code {
        RefusalCode::Disabled => "Die Konfiguration ist abgeschaltet.".into(),
        RefusalCode::Provider => because("Der Provider lässt sich nicht benutzen"),
        RefusalCode::Interface => because("Die Schnittstelle des Tunnels lässt sich nicht anlegen"),
        RefusalCode::Names => because("Niemand hört, welche Namen gesucht werden"),
        RefusalCode::Settings => because("Die Einstellungen des Tunnels sind nicht gültig"),
        RefusalCode::Network => because("Das Netz lässt sich nicht lesen oder ändern"),
        RefusalCode::NoRoom => {
            "Zu viele Tunnel laufen oder warten. Trennen Sie erst einen davon.".into()
        }
        RefusalCode::Ending => "Adit wird zurückgesetzt oder endet.".into(),
        RefusalCode::Storage => {
            because("Die Konfigurationen lassen sich nicht lesen oder schreiben")
        }
        RefusalCode::Other => return None,
    })
}

/// When a pause ends, to follow what is paused.
#[must_use]
pub fn pause_end(end: PauseEnd, language: Language) -> String {
    let (english, german) = match end {
        PauseEnd::Time { at } => {
            return format!("{} {}", language.of("until", "bis"), local_time(at));
        }
        PauseEnd::NextNetwork => {
            ("until this computer is in another network", "bis zum nächsten Netz")
        }
        PauseEnd::NextBoot => {
            ("until this computer starts again", "bis zum nächsten Start des Computers")
        }
        PauseEnd::ByHand => ("until you connect or resume it", "bis Sie sie fortsetzen"),
    };
    language.of(english, german).into()
}

/// A sentence about where the computer is.
#[must_use]
pub fn network_sentence(network: &NetworkState) -> String {
    let Some(primary) = &network.primary else { return "This computer is offline.".into() };
    let PrimaryNetwork { interface, kind, ssid, .. } = primary;
    let place = match (kind, ssid) {
        (_, Some(ssid)) => format!("Wi-Fi “{ssid}”"),
        (InterfaceKind::Ethernet, None) => "a wired network".into(),
        (InterfaceKind::WiFi, None) => "a Wi-Fi without a name".into(),
        (InterfaceKind::Cellular, None) => "a mobile network".into(),
        (InterfaceKind::Other, None) => "a network".into(),
    };
    let sign_in = if primary.captive_portal { ", where somebody has to sign in" } else { "" };
    format!("This computer is in {place} ({interface}){sign_in}.")
}

#[cfg(test)]
mod tests {
    use adit_model::on_demand::OnDemandRule;
    use serde_json::json;

    use super::*;

    // spec: OD-22
    #[test]
    fn what_happens_by_itself_is_one_sentence() {
        let rule: OnDemandRule =
            serde_json::from_value(json!({"action": "connect", "ssids": ["Café"]})).unwrap();
        let armed = |rule| OnDemandStatus::Armed { rule, retry_at: None, obstacle: None };
        assert_eq!(
            on_demand(&armed(Some(CurrentRule::of(1, &rule))), Language::English),
            "On demand, by rule 2, on Wi-Fi “Café”: connect when something wants the network."
        );
        let held = |obstacle| OnDemandStatus::Armed {
            rule: Some(CurrentRule::of(1, &rule)),
            retry_at: None,
            obstacle: Some(obstacle),
        };
        let offline = on_demand(&held(Obstacle::Offline), Language::English);
        assert!(offline.ends_with("wants the network. This computer is offline."), "{offline}");
        let in_the_way = |name: Option<&str>, route: Option<&str>| Obstacle::InTheWay {
            name: name.map(Into::into),
            route: route.map(|route| route.parse().unwrap()),
        };
        let named = on_demand(&held(in_the_way(Some("work"), None)), Language::English);
        assert!(named.ends_with("“work” is connected and has the default route."), "{named}");
        let foreign = in_the_way(None, Some("10.0.0.0/8"));
        let (message, reason) = ("It cannot be used.".into(), "It is gone.".into());
        let refused = held(Obstacle::Refused { message, code: RefusalCode::Provider, reason });
        assert!(on_demand(&refused, Language::English).ends_with("It cannot be used."));
        let said = on_demand(&refused, Language::German);
        assert!(said.ends_with("Der Provider lässt sich nicht benutzen: It is gone."), "{said}");
        let foreign = on_demand(&held(foreign), Language::German);
        let said = "Das VPN eines anderen Benutzers ist verbunden und führt schon zu 10.0.0.0/8.";
        assert!(foreign.ends_with(said), "{foreign}");
        assert_eq!(
            on_demand(&armed(None), Language::English),
            "On demand, but no rule is for this network."
        );
        let paused = |end| on_demand(&OnDemandStatus::Paused { end }, Language::English);
        let by_hand = "On demand is paused until you connect or resume it.";
        assert_eq!(paused(PauseEnd::ByHand), by_hand);
        let network = "On demand is paused until this computer is in another network.";
        assert_eq!(paused(PauseEnd::NextNetwork), network);
        assert_eq!(
            on_demand(&armed(None), Language::German),
            "Die Automatik ist bereit, aber keine Regel gilt für dieses Netz."
        );
    }

    #[test]
    fn what_waits_says_for_what() {
        let rules: Vec<OnDemandRule> = serde_json::from_value(json!([
            {"action": "connect"},
            {"action": "evaluateConnection", "connectionRules": []},
            {"action": "disconnect"},
            {"action": "ignore"},
        ]))
        .unwrap();
        let by = |index: usize, language| {
            let rule = rules.get(index).map(|rule| CurrentRule::of(index, rule));
            waiting(
                &rules,
                &OnDemandStatus::Armed { rule, retry_at: None, obstacle: None },
                language,
            )
        };
        let said: Vec<String> = (0..5).map(|index| by(index, Language::English)).collect();
        assert_eq!(
            said,
            [
                "Connects by itself when something uses the network.",
                "Connects by itself for some names.",
                "The rule for this network keeps it so.",
                "Connects by itself when a rule says so.",
                "Connects by itself when a rule says so.",
            ]
        );
        assert_eq!(by(1, Language::German), "Verbindet von selbst für manche Namen.");
        let retry_at = Some(jiff::Timestamp::UNIX_EPOCH);
        let retry = OnDemandStatus::Armed { rule: None, retry_at, obstacle: None };
        assert!(waiting(&rules, &retry, Language::English).starts_with("Tries again at 19"));
        let obstacle = Some(Obstacle::Offline);
        let offline = OnDemandStatus::Armed { rule: None, retry_at, obstacle };
        let said = waiting(&rules, &offline, Language::English);
        assert!(said.starts_with("This computer is offline. The next attempt is at 19"), "{said}");
        let paused = OnDemandStatus::Paused { end: PauseEnd::NextNetwork };
        let text = "Die Automatik ruht bis zum nächsten Netz.";
        assert_eq!(waiting(&rules, &paused, Language::German), text);
    }
}
