//! Secrets that the helper does not keep: who can be asked for them, and their answers.

use adit_model::{ConfigurationId, SecretPlaces, Secrets};
use serde::{Deserialize, Serialize};
use serde_json::Value;

messages! {
    /// Be asked for the caller's secrets for as long as this call lasts.
    pub struct AttendSecrets {
        /// Of this configuration alone, as at a terminal that connects it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<ConfigurationId>,
    }

    /// What is asked.
    pub struct AttendSecretsReply {
        /// One thing.
        #[cfg_attr(feature = "specta", specta(type = serde_json::Value))]
        pub event: SecretEvent,
    }

    /// Secrets that a session needs to start.
    pub struct SecretRequest {
        /// Names this request in the answer.
        pub number: u64,
        /// Of this configuration.
        pub id: ConfigurationId,
        /// Its name.
        pub name: String,
        /// What people see as the server.
        pub server: String,
        /// The user name, when the provider uses one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub username: Option<String>,
        /// Which, and where they are.
        pub secrets: SecretPlaces,
        /// The server did not accept those that were given before.
        pub refused: bool,
        /// Whether the person may be bothered: somebody has just asked for the session, and no rule.
        pub may_ask: bool,
    }

    /// The request is over: it was answered elsewhere, or the session is not to start any more.
    pub struct SecretsWithdrawn {
        /// Of the request.
        pub number: u64,
    }

    /// Answer a request.
    pub struct AnswerSecrets {
        /// Of the request.
        pub number: u64,
        /// What becomes of it.
        pub answer: SecretAnswer,
    }

    /// Why this one has none. Others may be asked.
    pub struct SecretsUnavailable {
        /// A sentence.
        pub reason: String,
    }
}

/// What whoever attends to secrets hears. On the wire it is an object with exactly one field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SecretEvent {
    /// The helper knows that there is somebody to ask.
    Attending {},
    /// Secrets are needed.
    Wanted(SecretRequest),
    /// They are not any more.
    Withdrawn(SecretsWithdrawn),
    /// Something that this version does not know.
    #[serde(untagged)]
    Unknown(Value),
}

/// An answer to a request. On the wire it is an object with exactly one field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum SecretAnswer {
    /// Here they are.
    Given(Secrets),
    /// The person closed the request; nobody else is asked. Spec STOP-6.
    Canceled {},
    /// Not from this one.
    Unavailable(SecretsUnavailable),
    /// Not from this one, but somebody is on the way who can be asked.
    Called {},
}
