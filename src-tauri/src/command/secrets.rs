//! Secrets that are with the user and not with the helper.

use adit_api::HelperClient;
use adit_keyring::{Place, RelocationError, relocate, remember as keep};
use adit_model::{ConfigurationId, SecretPlace, Secrets, VpnConfiguration};
use tauri::State;

use crate::{
    app::Shared,
    asked::{Asked, AskedSecrets},
    failure::{Failure, FailureKind},
};

/// What is asked for at this moment. To miss nothing, listen for `secretsAsked` before.
#[tauri::command]
#[specta::specta]
#[must_use]
pub(crate) fn asked_secrets(asked: State<'_, Asked>) -> Vec<AskedSecrets> {
    asked.all()
}

/// Gives what was asked for, and remembers it in the keyring if the person wants that. That it could not
/// be remembered is a failure; the tunnel is started all the same.
#[tauri::command]
#[specta::specta]
pub(crate) async fn answer_secrets(
    asked: State<'_, Asked>,
    number: u64,
    secrets: Secrets,
    remember: bool,
) -> Result<(), Failure> {
    let Some(request) = asked.answer(number, Some(secrets.clone())) else { return Ok(()) };
    if !remember {
        return Ok(());
    }
    keep(&request, &secrets).await.map_err(|error| {
        let sentence = format!("It counts for this session alone. {error}");
        Failure::new(FailureKind::Failed, sentence)
    })
}

/// Closes a request. The tunnel is not started.
#[tauri::command]
#[specta::specta]
pub(crate) fn cancel_secrets(asked: State<'_, Asked>, number: u64) {
    asked.answer(number, None);
}

/// Keeps all secrets of a configuration elsewhere; without a place, with the helper.
#[tauri::command]
#[specta::specta]
pub(crate) async fn keep_secrets(
    shared: State<'_, Shared>,
    id: ConfigurationId,
    place: Option<SecretPlace>,
) -> Result<VpnConfiguration, Failure> {
    let mut helper = HelperClient::connect(&shared.socket).await?;
    let to = place.map_or(Place::System, Place::Owner);
    relocate(&mut helper, id, to).await.map_err(|error| match error {
        RelocationError::Call(error) => error.into(),
        RelocationError::NotOwner { .. } => {
            Failure::new(FailureKind::NotAuthorised, error.to_string())
        }
        RelocationError::Keyring(_) | RelocationError::NotKept { .. } => {
            Failure::new(FailureKind::Failed, error.to_string())
        }
    })
}
