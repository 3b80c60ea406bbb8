//! What viewers show of a configuration that connects by itself.

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
        let armed = OnDemandStatus::Armed { rule: None, retry_at: Some(Timestamp::UNIX_EPOCH) };
        check(armed, json!({"state": "armed", "retryAt": "1970-01-01T00:00:00Z"}));
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
