//! Moving the secrets of a configuration between the helper and their owner.

use adit_api::{CallError, Get, Got, HelperClient, HelperError, Save, SaveReply, SecretChanges};
use adit_model::{
    ConfigurationId, SecretPlace, SecretPlaces, Secrets, VpnConfiguration, secret_words,
};

use crate::{Access, Keyring, KeyringError};

/// Where all secrets of a configuration are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// With the helper, so that tunnels start without anybody there.
    System,
    /// With their owner.
    Owner(SecretPlace),
}

/// Why secrets were not moved. All are where they were.
#[derive(Debug, thiserror::Error)]
pub enum RelocationError {
    /// The helper refused.
    #[error(transparent)]
    Call(#[from] CallError<HelperError>),
    /// The keyring did.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// Only who is in the session of the owner reaches the keyring.
    #[error("Only the owner of “{name}” can move its keys: they are or will be with them alone.")]
    NotOwner {
        /// The configuration.
        name: String,
    },
    /// It is nowhere, so that it cannot be brought elsewhere.
    #[error("The {what} of “{name}” is not kept anywhere. Enter it anew by editing “{name}”.")]
    NotKept {
        /// The configuration.
        name: String,
        /// Which secret.
        what: String,
    },
}

/// Moves all secrets of a configuration. What the keyring had and has not to have any more is removed
/// last, so that nothing is lost on the way.
pub async fn relocate(
    helper: &mut HelperClient,
    id: ConfigurationId,
    to: Place,
) -> Result<VpnConfiguration, RelocationError> {
    let Got { entry, secrets, secret_names } =
        helper.call(&Get { id, include_secrets: true }).await?;
    let mut configuration = entry.configuration;
    let called = configuration.name.clone();
    if configuration.owner != rustix::process::geteuid().as_raw() {
        return Err(RelocationError::NotOwner { name: called });
    }
    let places = std::mem::take(&mut configuration.protocol.user_secrets);
    let keyring = open_for(&places, to).await?;
    let mut known = secrets.unwrap_or_default();
    if let Some(keyring) = &keyring {
        known.extend(keyring.find(id, &places, Access::Asking).await?);
    }
    let secrets = match to {
        Place::System => {
            if let Some(name) = secret_names.iter().find(|name| !known.contains_key(*name)) {
                let what = secret_words(name);
                return Err(RelocationError::NotKept { name: called, what });
            }
            Some(known)
        }
        Place::Owner(place) => {
            configuration.protocol.user_secrets =
                secret_names.into_iter().map(|name| (name, place)).collect();
            if let (Some(keyring), SecretPlace::Keyring) = (&keyring, place) {
                keyring.keep(id, &called, &known).await?;
            }
            None
        }
    };
    let saved = save(helper, configuration, secrets).await;
    if let Some(keyring) = keyring {
        let is_kept_there = match &saved {
            Ok(_) => to == Place::Owner(SecretPlace::Keyring),
            Err(_) => places.values().any(|place| *place == SecretPlace::Keyring),
        };
        if !is_kept_there {
            keyring.forget(id).await?;
        }
    }
    saved
}

async fn save(
    helper: &mut HelperClient,
    configuration: VpnConfiguration,
    secrets: Option<Secrets>,
) -> Result<VpnConfiguration, RelocationError> {
    let save = Save { configuration, secrets, secret_changes: SecretChanges::new() };
    let SaveReply { configuration } = helper.call(&save).await?;
    Ok(configuration)
}

/// The keyring, if the move has to do with it.
async fn open_for(places: &SecretPlaces, to: Place) -> Result<Option<Keyring>, KeyringError> {
    let leaves = places.values().any(|place| *place == SecretPlace::Keyring);
    if leaves || to == Place::Owner(SecretPlace::Keyring) {
        return Keyring::open().await.map(Some);
    }
    Ok(None)
}
