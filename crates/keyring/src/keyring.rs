//! The items of Adit in the keyring.

use std::collections::HashMap;

use adit_api::Got;
use adit_model::{ConfigurationId, Secret, SecretPlace, SecretPlaces, Secrets, secret_words};
use secret_service::{EncryptionType, Item, SecretService};
use zeroize::Zeroizing;

use crate::{KeyringError, is_in_keyring};

/// By this, programs that show keyrings tell kinds of items apart.
const SCHEMA: (&str, &str) = ("xdg:schema", "org.adit.Secret");
const CONFIGURATION: &str = "configuration";
const SECRET: &str = "secret";
const PLAIN_TEXT: &str = "text/plain";

/// A connection to the user's keyring. Closed when it is dropped: nothing of it stays in memory.
pub struct Keyring {
    service: SecretService<'static>,
}

/// Whether the person may be asked to unlock the keyring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nobody is bothered.
    Quiet,
    /// By the keyring's own window.
    Asking,
}

/// Adds to a configuration that was got with its secrets those that are in the keyring.
pub async fn complete(got: &mut Got) -> Result<(), KeyringError> {
    let configuration = &got.entry.configuration;
    let places = &configuration.protocol.user_secrets;
    if is_in_keyring(places) {
        let keyring = Keyring::open().await?;
        let found = keyring.find(configuration.id, places, Access::Asking).await?;
        got.secrets.get_or_insert_default().extend(found);
    }
    Ok(())
}

impl Keyring {
    /// Connects to the keyring of this session. What it tells is encrypted on the way.
    pub async fn open() -> Result<Self, KeyringError> {
        let service = SecretService::connect(EncryptionType::Dh).await?;
        Ok(Self { service })
    }

    /// Those of the secrets that are in the keyring.
    pub async fn find(
        &self,
        id: ConfigurationId,
        places: &SecretPlaces,
        access: Access,
    ) -> Result<Secrets, KeyringError> {
        let mut found = Secrets::new();
        for item in self.items(id, access).await? {
            let mut attributes = item.get_attributes().await?;
            let Some(name) = attributes.remove(SECRET) else { continue };
            if places.get(&name) != Some(&SecretPlace::Keyring) {
                continue;
            }
            let bytes = Zeroizing::new(item.get_secret().await?);
            if let Ok(text) = std::str::from_utf8(&bytes) {
                found.insert(name, Secret::new(text));
            }
        }
        Ok(found)
    }

    /// Stores secrets of the configuration that is called `called`, in the place of earlier ones of the
    /// same names. The person may be asked to unlock the keyring, or to make one.
    pub async fn keep(
        &self,
        id: ConfigurationId,
        called: &str,
        secrets: &Secrets,
    ) -> Result<(), KeyringError> {
        let collection = match self.service.get_default_collection().await {
            Err(secret_service::Error::NoResult) => {
                self.service.create_collection("Adit", "default").await?
            }
            found => found?,
        };
        if collection.is_locked().await? {
            collection.unlock().await?;
        }
        let id = id.to_string();
        for (name, secret) in secrets {
            let attributes =
                HashMap::from([SCHEMA, (CONFIGURATION, id.as_str()), (SECRET, name.as_str())]);
            let text = secret.expose().as_bytes();
            let label = label(called, name);
            collection.create_item(&label, attributes, text, true, PLAIN_TEXT).await?;
        }
        Ok(())
    }

    /// Removes all secrets of a configuration, as somebody else may do at the same time.
    pub async fn forget(&self, id: ConfigurationId) -> Result<(), KeyringError> {
        let mut failed = None;
        for item in self.items(id, Access::Asking).await? {
            failed = item.delete().await.err().or(failed);
        }
        match failed {
            Some(error) if !self.items(id, Access::Quiet).await?.is_empty() => Err(error.into()),
            Some(_) | None => Ok(()),
        }
    }

    /// Brings the labels up to date.
    pub async fn rename(&self, id: ConfigurationId, called: &str) -> Result<(), KeyringError> {
        for item in self.items(id, Access::Quiet).await? {
            if let Some(name) = item.get_attributes().await?.get(SECRET) {
                item.set_label(&label(called, name)).await?;
            }
        }
        Ok(())
    }

    async fn items(
        &self,
        id: ConfigurationId,
        access: Access,
    ) -> Result<Vec<Item<'_>>, KeyringError> {
        let id = id.to_string();
        let attributes = HashMap::from([SCHEMA, (CONFIGURATION, id.as_str())]);
        let found = self.service.search_items(attributes).await?;
        if !found.locked.is_empty() {
            match access {
                Access::Quiet => return Err(KeyringError::Locked),
                Access::Asking => {
                    self.service.unlock_all(&found.locked.iter().collect::<Vec<_>>()).await?;
                }
            }
        }
        Ok(found.unlocked.into_iter().chain(found.locked).collect())
    }
}

/// What programs that show keyrings call the item.
fn label(called: &str, name: &str) -> String {
    format!("Adit: {called} ({})", secret_words(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_says_whose_it_is() {
        assert_eq!(label("home", "privateKey"), "Adit: home (private key)");
    }
}
