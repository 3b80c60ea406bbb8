//! What viewers show of a configuration that connects by itself.

use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How on demand stands. A session whose configuration has it off has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(tag = "state", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum OnDemandStatus {
    /// The rules count.
    Armed {
        /// The current one; absent when none matches or the network is still being looked at.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<CurrentRule>,
        /// Starts failed, and before this moment there is no other. Spec OD-25.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "specta", specta(type = Option<String>))]
        retry_at: Option<Timestamp>,
        /// Why there is no session although the rule wants one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        obstacle: Option<Obstacle>,
    },
    /// Somebody holds them off. Spec OD-22.
    Paused {
        /// When they count again.
        #[serde(flatten)]
        end: PauseEnd,
    },
}

/// The rule that decides at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct CurrentRule {
    /// Its place in the list, from 0.
    pub index: usize,
    /// What it does, in words.
    pub action: String,
    /// Why it is this one, in words.
    pub reason: String,
}

/// What keeps a session from beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Obstacle {
    /// The computer is in no network.
    Offline,
    /// Another tunnel is connected, and a rule ends nobody's session.
    InTheWay {
        /// Its name; absent if it is not to be known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The destination that both want; absent if that is the default route.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "specta", specta(type = Option<String>))]
        route: Option<IpNet>,
    },
    /// The start was refused.
    Refused {
        /// Why, in a sentence.
        message: String,
        /// The same for those who say it in another language.
        #[serde(default)]
        code: RefusalCode,
        /// What somebody else said who refused; empty where the code says all.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
    },
}

/// Why a start was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum RefusalCode {
    /// The configuration is disabled.
    Disabled,
    /// Its provider cannot be used.
    Provider,
    /// No interface can be made or watched.
    Interface,
    /// Nobody hears which names are looked up.
    Names,
    /// What the provider asks for is not valid.
    Settings,
    /// The system's network is not to be seen or changed.
    Network,
    /// Too many tunnels are running or waiting.
    NoRoom,
    /// The service ends, or is being reset.
    Ending,
    /// Nothing can be read or written.
    Storage,
    /// Something else, or what a later version knows.
    #[default]
    #[serde(other)]
    Other,
}

/// What ends a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(tag = "until", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum PauseEnd {
    /// A moment.
    Time {
        /// When.
        #[cfg_attr(feature = "specta", specta(type = String))]
        at: Timestamp,
    },
    /// Another network.
    NextNetwork,
    /// The next boot.
    NextBoot,
    /// Somebody who resumes or connects.
    ByHand,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_status_is_a_flat_object() {
        let check = |status: OnDemandStatus, expected| {
            let json = serde_json::to_value(&status).unwrap();
            assert_eq!(json, expected);
            assert_eq!(serde_json::from_value::<OnDemandStatus>(json).unwrap(), status);
        };
        let armed = OnDemandStatus::Armed {
            rule: None,
            retry_at: Some(Timestamp::UNIX_EPOCH),
            obstacle: None,
        };
        check(armed, json!({"state": "armed", "retryAt": "1970-01-01T00:00:00Z"}));
        let held = |obstacle| OnDemandStatus::Armed {
            rule: None,
            retry_at: None,
            obstacle: Some(obstacle),
        };
        let offline = json!({"state": "armed", "obstacle": {"kind": "offline"}});
        check(held(Obstacle::Offline), offline);
        let in_the_way =
            json!({"state": "armed", "obstacle": {"kind": "inTheWay", "name": "work"}});
        check(held(Obstacle::InTheWay { name: Some("work".into()), route: None }), in_the_way);
        let refused = json!({"state": "armed", "obstacle":
            {"kind": "refused", "message": "No.", "code": "provider", "reason": "It is gone."}});
        let (code, reason) = (RefusalCode::Provider, "It is gone.".into());
        check(held(Obstacle::Refused { message: "No.".into(), code, reason }), refused);
        let paused = |end| OnDemandStatus::Paused { end };
        let at = PauseEnd::Time { at: Timestamp::UNIX_EPOCH };
        check(
            paused(at),
            json!({"state": "paused", "until": "time", "at": "1970-01-01T00:00:00Z"}),
        );
        let by_hand = json!({"state": "paused", "until": "byHand"});
        check(paused(PauseEnd::ByHand), by_hand);
    }
}
