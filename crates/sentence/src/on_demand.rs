//! How on demand stands, and which network the computer is in.

use adit_model::{
    InterfaceKind,
    on_demand::{CurrentRule, NetworkState, OnDemandStatus, PauseEnd, PrimaryNetwork},
};

use crate::{language::Language, quantity::local_time};

/// A sentence about what happens by itself. Rules are as the service words them.
#[must_use]
pub fn on_demand(status: &OnDemandStatus, language: Language) -> String {
    match status {
        OnDemandStatus::Paused { end } => {
            let paused = language.of("On demand is paused", "Bei Bedarf ist angehalten,");
            format!("{paused} {}.", pause_end(*end, language))
        }
        OnDemandStatus::Armed { rule: None, .. } => language
            .of(
                "On demand, but no rule is for this network.",
                "Bei Bedarf, aber keine Regel gilt für dieses Netz.",
            )
            .into(),
        OnDemandStatus::Armed { rule: Some(rule), retry_at } => {
            let CurrentRule { index, action, reason } = rule;
            let by_rule = language.of("On demand, by rule", "Bei Bedarf, nach Regel");
            let next = language.of("The next attempt is at", "Der nächste Versuch ist um");
            let retry = retry_at.map(|at| format!(" {next} {}.", local_time(at)));
            let retry = retry.unwrap_or_default();
            format!("{by_rule} {}, {reason}: {action}.{retry}", index + 1)
        }
    }
}

/// When a pause ends, to follow what is paused.
#[must_use]
pub fn pause_end(end: PauseEnd, language: Language) -> String {
    let until = language.of("until", "bis");
    let end = match end {
        PauseEnd::Time { at } => local_time(at),
        PauseEnd::NextNetwork => language
            .of("this computer is in another network", "dieser Computer in einem anderen Netz ist")
            .into(),
        PauseEnd::NextBoot => {
            language.of("this computer starts again", "dieser Computer neu startet").into()
        }
        PauseEnd::ByHand => {
            language.of("you connect or resume it", "du verbindest oder fortsetzt").into()
        }
    };
    format!("{until} {end}")
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
        let armed = |rule| OnDemandStatus::Armed { rule, retry_at: None };
        assert_eq!(
            on_demand(&armed(Some(CurrentRule::of(1, &rule))), Language::English),
            "On demand, by rule 2, on Wi-Fi “Café”: connect when something wants the network."
        );
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
            "Bei Bedarf, aber keine Regel gilt für dieses Netz."
        );
    }
}
