//! Saving a configuration whose secrets are with its owner: what is new stays where the old was.

use adit_api::{CallError, Get, HelperClient, HelperError, PrivateKey, Save, SaveReply};
use adit_model::{SecretChange, SecretPlace, SecretPlaces, Secrets, VpnConfiguration};

use crate::{Access, Keyring, KeyringError};

/// Why nothing was saved. Everything is as it was.
#[derive(Debug, thiserror::Error)]
pub enum SavingError {
    /// The helper refused.
    #[error(transparent)]
    Call(#[from] CallError<HelperError>),
    /// The keyring did.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
}

/// Saves, and puts those of the new secrets into the keyring that `userSecrets` says are there.
pub async fn save(
    helper: &mut HelperClient,
    mut save: Save,
) -> Result<VpnConfiguration, SavingError> {
    let id = save.configuration.id;
    let new = for_keyring(helper, &mut save).await?;
    let before = places_before(helper, &save.configuration).await?;
    if new.is_empty() {
        let SaveReply { configuration } = helper.call(&save).await?;
        if before.iter().any(|kept| is_superfluous(kept, &configuration)) {
            // What cannot be removed now goes with the configuration.
            let _ = remove_superfluous(&configuration).await;
        }
        return Ok(configuration);
    }
    let keyring = Keyring::open().await?;
    let old = keyring.find(id, &before, Access::Asking).await?;
    let kept = keyring.keep(id, &save.configuration.name, &new).await;
    let saved = match kept {
        Ok(()) => helper.call(&save).await.map_err(SavingError::from),
        Err(error) => Err(error.into()),
    };
    match saved {
        Ok(SaveReply { configuration }) => {
            let _ = remove_superfluous(&configuration).await;
            Ok(configuration)
        }
        Err(error) => {
            // That it was not saved is what there is to say.
            let _ = keyring.keep(id, &save.configuration.name, &old).await;
            let _ = keyring.retain(id, |name| old.contains_key(name)).await;
            Err(error)
        }
    }
}

/// Those of the new secrets that go into the keyring.
async fn for_keyring(
    helper: &mut HelperClient,
    save: &mut Save,
) -> Result<Secrets, CallError<HelperError>> {
    let places = &mut save.configuration.protocol.user_secrets;
    let mut found = Secrets::new();
    for (name, secret) in save.secrets.iter().flatten() {
        if places.get(name) == Some(&SecretPlace::Keyring) {
            found.insert(name.clone(), secret.clone());
        }
    }
    for (name, change) in &save.secret_changes {
        match (change, places.get(name)) {
            (SecretChange::Set(secret), Some(SecretPlace::Keyring)) => {
                found.insert(name.clone(), secret.clone());
            }
            (SecretChange::KeyOf(public), Some(SecretPlace::Keyring)) => {
                let call = PrivateKey { public_key: *public };
                found.insert(name.clone(), helper.call(&call).await?.private_key);
            }
            // Nobody has seen it, so it has to be somewhere.
            (SecretChange::KeyOf(_), Some(SecretPlace::Nowhere)) => {
                places.remove(name);
            }
            (SecretChange::Set(_), Some(SecretPlace::Nowhere))
            | (SecretChange::Remove {}, Some(_))
            | (_, None) => {}
        }
    }
    Ok(found)
}

async fn places_before(
    helper: &mut HelperClient,
    configuration: &VpnConfiguration,
) -> Result<SecretPlaces, CallError<HelperError>> {
    if configuration.generation == 0 {
        return Ok(SecretPlaces::new());
    }
    let got = helper.call(&Get { id: configuration.id, include_secrets: false }).await?;
    Ok(got.entry.configuration.protocol.user_secrets)
}

/// Whether the keyring had something that it is not to have any more.
fn is_superfluous((name, place): (&String, &SecretPlace), saved: &VpnConfiguration) -> bool {
    *place == SecretPlace::Keyring && !is_kept(name, saved)
}

async fn remove_superfluous(saved: &VpnConfiguration) -> Result<(), KeyringError> {
    Keyring::open().await?.retain(saved.id, |name| is_kept(name, saved)).await
}

fn is_kept(name: &str, saved: &VpnConfiguration) -> bool {
    saved.protocol.user_secrets.get(name) == Some(&SecretPlace::Keyring)
}
