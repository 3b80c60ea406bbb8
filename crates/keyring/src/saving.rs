//! Saving a configuration with new secrets, each where it is kept.

use adit_api::{CallError, HelperClient, HelperError, Save, SaveReply, SecretChanges};
use adit_model::{SecretPlace, Secrets, VpnConfiguration};

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

/// Saves a configuration with `secrets` in the place of all that it had. Those that the helper does not keep go into the keyring,
/// if that is their place, and are asked for else.
pub async fn save(
    helper: &mut HelperClient,
    configuration: VpnConfiguration,
    secrets: Secrets,
) -> Result<VpnConfiguration, SavingError> {
    let places = configuration.protocol.user_secrets.clone();
    let mut kept = secrets.clone();
    kept.retain(|name, _| places.get(name) == Some(&SecretPlace::Keyring));
    let (id, called) = (configuration.id, configuration.name.clone());
    let secret_changes = SecretChanges::new();
    let save = Save { configuration, secrets: Some(secrets), secret_changes };
    if kept.is_empty() {
        return Ok(helper.call(&save).await?.configuration);
    }
    // First where people may refuse. What was there is put back if the helper does.
    let keyring = Keyring::open().await?;
    let before = keyring.find(id, &places, Access::Asking).await?;
    keyring.keep(id, &called, &kept).await?;
    match helper.call(&save).await {
        Ok(SaveReply { configuration }) => Ok(configuration),
        Err(error) => {
            keyring.keep(id, &called, &before).await?;
            Err(error.into())
        }
    }
}
