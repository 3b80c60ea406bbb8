//! The items of Adit in the keyring.

use std::collections::HashMap;

use adit_api::Got;
use adit_model::{ConfigurationId, SecretPlace, SecretPlaces, Secrets, secret_words};
use secret_service::{EncryptionType, Error, Item, SecretService};

use crate::{
    KeyringError,
    entries::{self, USER, service},
    is_in_keyring,
};

/// A connection to the user's keyring. Closed when it is dropped: nothing of it stays in memory, and a
/// window that asks to unlock the keyring goes away.
///
/// What is stored is read, written and deleted by the package `keyring`. That one unlocks whatever it
/// finds, and waits in a thread for as long as the person takes; so the keyring is opened here before it.
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
    /// Connects to the keyring of this session.
    pub async fn open() -> Result<Self, KeyringError> {
        // No secret comes this way.
        let service = SecretService::connect(EncryptionType::Plain).await?;
        Ok(Self { service })
    }

    /// Those of the secrets that are in the keyring.
    pub async fn find(
        &self,
        id: ConfigurationId,
        places: &SecretPlaces,
        access: Access,
    ) -> Result<Secrets, KeyringError> {
        let mut names = self.names(id, access).await?;
        names.retain(|name| places.get(name) == Some(&SecretPlace::Keyring));
        entries::read(id, names).await
    }

    /// Stores secrets of the configuration that is called `called`, in the place of earlier ones of the
    /// same names. The person may be asked to unlock the keyring, or to make one.
    pub async fn keep(
        &self,
        id: ConfigurationId,
        called: &str,
        secrets: &Secrets,
    ) -> Result<(), KeyringError> {
        self.unlock_default().await?;
        // Earlier ones may be in another.
        self.items(id, Access::Asking).await?;
        entries::write(id, secrets.clone()).await?;
        self.rename(id, called).await
    }

    /// Removes all secrets of a configuration, as somebody else may do at the same time.
    pub async fn forget(&self, id: ConfigurationId) -> Result<(), KeyringError> {
        self.retain(id, |_| false).await
    }

    /// Removes those secrets of a configuration that are not wanted.
    pub async fn retain(
        &self,
        id: ConfigurationId,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<(), KeyringError> {
        let names = self.unwanted(id, Access::Asking, &is_wanted).await?;
        match entries::delete(id, names).await {
            Err(error) if !self.unwanted(id, Access::Quiet, &is_wanted).await?.is_empty() => {
                Err(error)
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Brings the labels up to date.
    pub async fn rename(&self, id: ConfigurationId, called: &str) -> Result<(), KeyringError> {
        for item in self.items(id, Access::Quiet).await? {
            if let Some(name) = item.get_attributes().await?.get(USER) {
                item.set_label(&label(called, name)).await?;
            }
        }
        Ok(())
    }

    async fn unwanted(
        &self,
        id: ConfigurationId,
        access: Access,
        is_wanted: &impl Fn(&str) -> bool,
    ) -> Result<Vec<String>, KeyringError> {
        let mut names = self.names(id, access).await?;
        names.retain(|name| !is_wanted(name));
        Ok(names)
    }

    /// Which secrets of a configuration are there. From then on, they are not locked.
    async fn names(
        &self,
        id: ConfigurationId,
        access: Access,
    ) -> Result<Vec<String>, KeyringError> {
        let mut names = Vec::new();
        for item in self.items(id, access).await? {
            names.extend(item.get_attributes().await?.remove(USER));
        }
        Ok(names)
    }

    async fn items(
        &self,
        id: ConfigurationId,
        access: Access,
    ) -> Result<Vec<Item<'_>>, KeyringError> {
        if access == Access::Quiet {
            self.expect_open().await?;
        }
        let (key, service) = service(id);
        let found = self.service.search_items(HashMap::from([(key, service.as_str())])).await?;
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

    /// `KeePassXC` asks to be unlocked when it is merely searched.
    async fn expect_open(&self) -> Result<(), KeyringError> {
        match self.service.get_default_collection().await {
            Ok(collection) if collection.is_locked().await? => Err(KeyringError::Locked),
            Ok(_) | Err(Error::NoResult) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Where what is new goes.
    async fn unlock_default(&self) -> Result<(), KeyringError> {
        let collection = match self.service.get_default_collection().await {
            Err(Error::NoResult) => self.service.create_collection("Adit", "default").await?,
            found => found?,
        };
        if collection.is_locked().await? {
            collection.unlock().await?;
        }
        Ok(())
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
