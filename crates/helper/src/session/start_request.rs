//! What a session is started with.

use adit_api::StartCredentials;
use adit_model::{PASSWORD, SecretPlaces, Secrets, StartCause};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::store::Record;

/// What a session is started with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StartRequest {
    pub(crate) cause: StartCause,
    /// For the provider.
    pub(crate) options: Option<Map<String, Value>>,
    /// For this start alone, so they are never written down.
    #[serde(skip)]
    pub(crate) credentials: Option<StartCredentials>,
}

impl StartRequest {
    /// Puts what it brings in the place of what is stored.
    pub(super) fn overrule(&self, record: &mut Record) {
        let Some(StartCredentials { username, password }) = &self.credentials else { return };
        if let Some(username) = username {
            record.configuration.protocol.username = Some(username.clone());
        }
        if let Some(password) = password {
            record.secrets.insert(PASSWORD.into(), password.clone());
        }
    }

    /// What it brings of these secrets, if that is all of them.
    pub(super) fn brings(&self, wanted: &SecretPlaces) -> Option<Secrets> {
        let password = self.credentials.as_ref()?.password.clone()?;
        let is_all = wanted.keys().all(|name| name == PASSWORD);
        is_all.then(|| Secrets::from([(PASSWORD.into(), password)]))
    }

    /// They were refused, or the session that they were for is over.
    pub(super) fn forget_credentials(&mut self) {
        self.credentials = None;
    }
}
