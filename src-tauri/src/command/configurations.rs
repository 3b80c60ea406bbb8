//! Stored configurations.

use adit_api::{
    GenerateKey, Get, Got, HelperClient, Provider, Providers, PublicKey, Remove, Save,
    SecretChanges, SetEnabled,
};
use adit_model::{ConfigurationId, Secrets, VpnConfiguration};
use serde::{Deserialize, Serialize};
use specta::Type;
use tauri::State;

use super::call;
use crate::{app::Shared, failure::Failure};

/// A configuration as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoredConfiguration {
    /// The configuration.
    pub(crate) configuration: VpnConfiguration,
    /// Only on request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secrets: Option<Secrets>,
    /// Which secrets are stored.
    pub(crate) secret_names: Vec<String>,
}

/// One configuration. Its secrets are for somebody who has asked to see them.
#[tauri::command]
#[specta::specta]
pub(crate) async fn get(
    shared: State<'_, Shared>,
    id: ConfigurationId,
    include_secrets: bool,
) -> Result<StoredConfiguration, Failure> {
    let Got { entry, secrets, secret_names } = call(&shared, Get { id, include_secrets }).await?;
    Ok(StoredConfiguration { configuration: entry.configuration, secrets, secret_names })
}

/// Stores a configuration, with generation 0 to create it. Secrets that are not mentioned stay, and new
/// ones go where the old ones are.
#[tauri::command]
#[specta::specta]
pub(crate) async fn save(
    shared: State<'_, Shared>,
    configuration: VpnConfiguration,
    secret_changes: SecretChanges,
) -> Result<VpnConfiguration, Failure> {
    let mut helper = HelperClient::connect(&shared.socket).await?;
    let save = Save { configuration, secrets: None, secret_changes };
    Ok(adit_keyring::save(&mut helper, save).await?)
}

/// Deletes a configuration.
#[tauri::command]
#[specta::specta]
pub(crate) async fn remove(shared: State<'_, Shared>, id: ConfigurationId) -> Result<(), Failure> {
    call(&shared, Remove { id }).await.map(drop)
}

/// Allows or forbids a configuration to start.
#[tauri::command]
#[specta::specta]
pub(crate) async fn set_enabled(
    shared: State<'_, Shared>,
    id: ConfigurationId,
    enabled: bool,
) -> Result<VpnConfiguration, Failure> {
    Ok(call(&shared, SetEnabled { id, enabled }).await?.configuration)
}

/// The installed providers.
#[tauri::command]
#[specta::specta]
pub(crate) async fn providers(shared: State<'_, Shared>) -> Result<Vec<Provider>, Failure> {
    Ok(call(&shared, Providers {}).await?.providers)
}

/// Makes a key pair. The private half stays in the helper until a save asks for it by the public one.
#[tauri::command]
#[specta::specta]
pub(crate) async fn generate_key(shared: State<'_, Shared>) -> Result<String, Failure> {
    Ok(call(&shared, GenerateKey {}).await?.public_key.to_string())
}

/// The public half of a stored key.
#[tauri::command]
#[specta::specta]
pub(crate) async fn public_key(
    shared: State<'_, Shared>,
    id: ConfigurationId,
    secret: String,
) -> Result<String, Failure> {
    Ok(call(&shared, PublicKey { id, secret }).await?.public_key.to_string())
}
