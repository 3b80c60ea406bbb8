//! Why a session was started.

use serde::{Deserialize, Serialize};

use crate::ROOT;

/// Why a session was started. It stays what it was when the session outlives the service, or is started
/// again because the service died.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum StartCause {
    /// Somebody asked for it.
    User {
        /// Who.
        uid: u32,
    },
    /// A rule of its configuration asked for it. Spec OD-1.
    OnDemand {
        /// Which of them, from 0.
        rule: usize,
        /// What made the rule act, as a part of a sentence: `rule 3 matched Wi-Fi Café`.
        reason: String,
    },
}

impl StartCause {
    /// To follow “Started”, for the user `viewer`.
    #[must_use]
    pub fn words(&self, viewer: u32) -> String {
        match self {
            Self::User { uid } if *uid == viewer => "by you".into(),
            Self::User { uid: ROOT } => "by root".into(),
            Self::User { uid } => format!("by the user with uid {uid}"),
            Self::OnDemand { rule: _, reason } => format!("on demand: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cause_is_one_field_on_the_wire_and_a_few_words_for_people() {
        let on_demand =
            StartCause::OnDemand { rule: 2, reason: "rule 3 matched Wi-Fi Café".into() };
        let user = |uid| StartCause::User { uid };
        for (cause, wire, words) in [
            (user(1000), json!({"user": {"uid": 1000}}), "by you"),
            (user(ROOT), json!({"user": {"uid": 0}}), "by root"),
            (user(1001), json!({"user": {"uid": 1001}}), "by the user with uid 1001"),
            (
                on_demand,
                json!({"onDemand": {"rule": 2, "reason": "rule 3 matched Wi-Fi Café"}}),
                "on demand: rule 3 matched Wi-Fi Café",
            ),
        ] {
            assert_eq!(cause.words(1000), words);
            assert_eq!(serde_json::to_value(&cause).unwrap(), wire);
            assert_eq!(serde_json::from_value::<StartCause>(wire).unwrap(), cause);
        }
    }
}
