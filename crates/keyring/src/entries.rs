//! What is stored, by the package `keyring`, in a keyring that is open. A connection of its own each time:
//! the one that `keyring` would keep outlives a keyring that is restarted, and never comes to be if none
//! was there at first. Secrets are encrypted on the way.

use std::sync::Arc;

use adit_model::{ConfigurationId, Secret, Secrets};
use keyring::{Entry, Error};
use keyring_core::CredentialStore;
use tokio::task::spawn_blocking;
use zbus_secret_service_keyring_store::Store;

use crate::KeyringError;

/// The attribute that has the name of the secret.
pub(crate) const USER: &str = "username";

/// The attribute that all secrets of a configuration have in common.
pub(crate) fn service(id: ConfigurationId) -> (&'static str, String) {
    ("service", format!("org.adit/{id}"))
}

/// Those that are there.
pub(crate) async fn read(id: ConfigurationId, names: Vec<String>) -> Result<Secrets, KeyringError> {
    if names.is_empty() {
        return Ok(Secrets::new());
    }
    blocking(move || {
        let store = open()?;
        let mut found = Secrets::new();
        for name in names {
            match entry(&store, id, &name)?.get_password() {
                Ok(text) => {
                    found.insert(name, Secret::new(text));
                }
                // Others may remove and change them too.
                Err(Error::NoEntry | Error::BadEncoding(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    })
    .await
}

/// In the place of those of the same names.
pub(crate) async fn write(id: ConfigurationId, secrets: Secrets) -> Result<(), KeyringError> {
    blocking(move || {
        let store = open()?;
        for (name, secret) in &secrets {
            entry(&store, id, name)?.set_password(secret.expose())?;
        }
        Ok(())
    })
    .await
}

/// As many as can be.
pub(crate) async fn delete(id: ConfigurationId, names: Vec<String>) -> Result<(), KeyringError> {
    if names.is_empty() {
        return Ok(());
    }
    blocking(move || {
        let store = open()?;
        let mut failed = None;
        for name in names {
            let deleted = entry(&store, id, &name).and_then(|entry| entry.delete_credential());
            failed = deleted.err().or(failed);
        }
        failed.map_or(Ok(()), Err)
    })
    .await
}

fn open() -> keyring::Result<Arc<CredentialStore>> {
    Ok(Store::new()?)
}

fn entry(store: &Arc<CredentialStore>, id: ConfigurationId, name: &str) -> keyring::Result<Entry> {
    let (_, service) = service(id);
    let inner = keyring_core::Entry::new_in_store(store, &service, name)?;
    Ok(Entry { inner })
}

async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> keyring::Result<T> + Send + 'static,
) -> Result<T, KeyringError> {
    match spawn_blocking(act).await {
        Ok(done) => done.map_err(KeyringError::from),
        Err(error) => Err(KeyringError::Failed(error.to_string())),
    }
}
