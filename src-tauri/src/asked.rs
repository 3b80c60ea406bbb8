//! Secrets that the window is asked for, until the person answers or the request is over.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use adit_agent::Person;
use adit_api::{SecretAnswer, SecretRequest};
use adit_keyring::{Found, KeyringError, is_in_keyring};
use adit_model::{ConfigurationId, Secrets};
use serde::{Deserialize, Serialize};
use specta::Type;
use tauri::{AppHandle, Manager};
use tauri_specta::Event;
use tokio::sync::oneshot;

use crate::window;

/// A request as the page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AskedSecrets {
    /// Of the request.
    pub(crate) number: u64,
    /// The configuration.
    pub(crate) id: ConfigurationId,
    /// What it is called.
    pub(crate) name: String,
    /// What people see as the server.
    pub(crate) server: String,
    /// The user name, when the provider uses one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) username: Option<String>,
    /// What has to be entered, by the names of the secrets.
    pub(crate) wanted: Vec<String>,
    /// The server did not accept what it was given.
    pub(crate) refused: bool,
    /// Whether it can be remembered in the keyring.
    pub(crate) can_remember: bool,
    /// Why not, where it should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trouble: Option<KeyringTrouble>,
}

/// Why the keyring is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) enum KeyringTrouble {
    /// There is none.
    Missing,
    /// It is locked.
    Locked,
    /// The person would not unlock it.
    NotUnlocked,
    /// Anything else.
    Failed,
}

/// All that the window is asked for, told whenever that is something else.
#[derive(Debug, Clone, Serialize, Deserialize, Type, Event)]
#[serde(transparent)]
pub(crate) struct SecretsAsked(pub(crate) Vec<AskedSecrets>);

/// What is asked for at this moment.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    open: Mutex<BTreeMap<u64, Open>>,
}

#[derive(Debug)]
struct Open {
    request: SecretRequest,
    view: AskedSecrets,
    /// None when the person closes the request.
    answer: oneshot::Sender<Option<Secrets>>,
}

impl Asked {
    /// In the order in which they came.
    pub(crate) fn all(&self) -> Vec<AskedSecrets> {
        self.open().values().map(|open| open.view.clone()).collect()
    }

    /// Answers a request. None if it is over.
    pub(crate) fn answer(&self, number: u64, secrets: Option<Secrets>) -> Option<SecretRequest> {
        let Open { request, answer, .. } = self.open().remove(&number)?;
        // It may have been withdrawn at this moment.
        answer.send(secrets).ok()?;
        Some(request)
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AskedSecrets {
    fn new(request: &SecretRequest, found: &Found) -> Self {
        let is_missing = |name: &&String| !found.secrets.contains_key(*name);
        Self {
            number: request.number,
            id: request.id,
            name: request.name.clone(),
            server: request.server.clone(),
            username: request.username.clone(),
            wanted: request.secrets.keys().filter(is_missing).cloned().collect(),
            refused: request.refused,
            can_remember: is_in_keyring(&request.secrets) && found.trouble.is_none(),
            trouble: found.trouble.as_ref().map(Into::into),
        }
    }
}

impl From<&KeyringError> for KeyringTrouble {
    fn from(error: &KeyringError) -> Self {
        match error {
            KeyringError::Missing => Self::Missing,
            KeyringError::Locked => Self::Locked,
            KeyringError::NotUnlocked => Self::NotUnlocked,
            KeyringError::Failed(_) => Self::Failed,
        }
    }
}

/// Asks in the page.
pub(crate) struct InPage(pub(crate) AppHandle);

impl Person for InPage {
    async fn ask(&self, request: SecretRequest, found: Found) -> SecretAnswer {
        let (answer, answered) = oneshot::channel();
        let number = request.number;
        let view = AskedSecrets::new(&request, &found);
        self.0.state::<Asked>().open().insert(number, Open { request, view, answer });
        let _shown = Shown { app: &self.0, number };
        tell(&self.0);
        raise(&self.0);
        match answered.await {
            Ok(Some(entered)) => {
                let mut secrets = found.secrets;
                secrets.extend(entered);
                SecretAnswer::Given(secrets)
            }
            Ok(None) | Err(_) => SecretAnswer::Canceled {},
        }
    }
}

/// A request that the page shows for as long as this lives.
struct Shown<'a> {
    app: &'a AppHandle,
    number: u64,
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.app.state::<Asked>().open().remove(&self.number);
        tell(self.app);
    }
}

fn tell(app: &AppHandle) {
    let asked = app.state::<Asked>().all();
    if let Err(error) = SecretsAsked(asked).emit(app) {
        tracing::warn!("The window does not hear what it is asked for: {error}");
    }
}

/// Whoever is asked has to see that. Toolkits want windows to be handled in their own thread.
fn raise(app: &AppHandle) {
    let window = app.clone();
    let raised = app.run_on_main_thread(move || {
        if let Err(error) = window::open(&window, None) {
            tracing::error!("The window cannot be opened: {error}");
        }
    });
    if let Err(error) = raised {
        tracing::error!("The window cannot be opened: {error}");
    }
}

#[cfg(test)]
mod tests {
    use adit_model::{Secret, SecretPlace, SecretPlaces};

    use super::*;

    #[test]
    fn what_is_missing_is_asked_for_and_answered_once() {
        let mut request = request();
        request.secrets.insert("pin".into(), SecretPlace::Nowhere);
        let secrets = Secrets::from([("password".into(), Secret::new("x"))]);
        let found = Found { secrets, trouble: None };
        let view = AskedSecrets::new(&request, &found);
        assert_eq!((&view.wanted[..], view.can_remember), (&["pin".to_owned()][..], true));
        let locked = Found { trouble: Some(KeyringError::NotUnlocked), ..Found::default() };
        let view = AskedSecrets::new(&request, &locked);
        assert_eq!(view.trouble, Some(KeyringTrouble::NotUnlocked));
        assert!(!view.can_remember);

        let asked = Asked::default();
        let (answer, mut answered) = oneshot::channel();
        asked.open().insert(1, Open { request: request.clone(), view: view.clone(), answer });
        assert_eq!(asked.all(), [view]);
        assert_eq!(asked.answer(2, None), None);
        assert_eq!(asked.answer(1, None), Some(request));
        assert_eq!(answered.try_recv(), Ok(None));
        assert_eq!(asked.answer(1, None), None);
    }

    fn request() -> SecretRequest {
        SecretRequest {
            number: 1,
            id: ConfigurationId::from_random([1; 16]),
            name: "home".into(),
            server: "vpn.example".into(),
            username: None,
            secrets: SecretPlaces::from([("password".into(), SecretPlace::Keyring)]),
            refused: false,
            may_ask: true,
        }
    }
}
