//! Files that people have their configurations in. They come as content, never as paths, and what is
//! secret in them does not go back to the window.

use adit_api::{Get, Save};
use adit_model::{ConfigurationId, Secrets, VpnConfiguration, wireguard::WireGuardConfiguration};
use adit_profile::{
    ImportError, Note, Protection, export_wg_quick, import_wg_quick, lint, name_from_file, protect,
    set_wireguard, wireguard_of,
};
use serde::{Deserialize, Serialize};
use specta::Type;
use tauri::State;

use super::call;
use crate::{
    app::Shared,
    failure::{Failure, FailureKind},
    text::{self, Text},
};

/// What a file would become.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Preview {
    /// As it would be stored. The name and the protections may be changed before it is.
    pub(crate) configuration: VpnConfiguration,
    /// What of the file counts for nothing or for something else, and what the tunnel will do.
    pub(crate) notes: Vec<Note>,
}

/// What the text of a configuration means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Understood {
    /// With everything that the text does not say as it was.
    pub(crate) configuration: VpnConfiguration,
    /// Only those that were written out, to be saved with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secrets: Option<Secrets>,
    /// What of the text counts for nothing or for something else, and what the tunnel will do.
    pub(crate) notes: Vec<Note>,
}

/// Understands a file that was chosen, dropped, pasted or scanned. Nothing is stored until
/// `import_profile`; the secrets wait in the app meanwhile.
#[tauri::command]
#[specta::specta]
pub(crate) fn open_profile(
    shared: State<'_, Shared>,
    file_name: &str,
    content: Vec<u8>,
) -> Result<Preview, Failure> {
    let name = name_from_file(file_name.as_ref());
    let imported = import_wg_quick(&content, &name, ConfigurationId::random())?;
    let mut configuration = imported.configuration;
    protect(&mut configuration, Protection::FULL);
    shared.pending().insert(configuration.id, imported.secrets);
    let notes = [imported.notes, lint(&configuration)].concat();
    Ok(Preview { configuration, notes })
}

/// Stores what `open_profile` has understood.
#[tauri::command]
#[specta::specta]
pub(crate) async fn import_profile(
    shared: State<'_, Shared>,
    configuration: VpnConfiguration,
) -> Result<VpnConfiguration, Failure> {
    let Some(secrets) = shared.pending().get(&configuration.id).cloned() else {
        let sentence = "The file was opened too long ago. Open it again.";
        return Err(Failure::new(FailureKind::Gone, sentence));
    };
    let id = configuration.id;
    let saved = call(&shared, Save { configuration, secrets: Some(secrets) }).await?;
    shared.pending().remove(&id);
    Ok(saved.configuration)
}

/// Forgets what `open_profile` has understood.
#[tauri::command]
#[specta::specta]
pub(crate) fn discard_profile(shared: State<'_, Shared>, id: ConfigurationId) {
    shared.pending().remove(&id);
}

/// What a configuration will do, in words, without storing it.
#[tauri::command]
#[specta::specta]
#[must_use]
pub(crate) fn notes(configuration: VpnConfiguration) -> Vec<Note> {
    lint(&configuration)
}

/// A WireGuard configuration as a file of wg-quick, in which words stand for the secrets.
#[tauri::command]
#[specta::specta]
pub(crate) async fn to_text(
    shared: State<'_, Shared>,
    configuration: VpnConfiguration,
) -> Result<String, Failure> {
    let id = configuration.id;
    let stored = match configuration.generation {
        0 => shared.pending().get(&id).cloned(),
        _ => call(&shared, Get { id, include_secrets: true }).await?.secrets,
    };
    let wireguard = wireguard(&configuration)?;
    Ok(text::write(&wireguard, &stored.unwrap_or_default())?)
}

/// Understands what `to_text` has written and somebody has changed.
#[tauri::command]
#[specta::specta]
pub(crate) fn from_text(
    text: String,
    mut configuration: VpnConfiguration,
) -> Result<Understood, Failure> {
    let block_ipv6 = wireguard(&configuration)?.block_ipv6;
    let Text { mut wireguard, secrets, notes } = text::read(&text)?;
    wireguard.block_ipv6 = block_ipv6;
    set_wireguard(&mut configuration, &wireguard);
    let notes = [notes, lint(&configuration)].concat();
    Ok(Understood { configuration, secrets, notes })
}

/// A WireGuard configuration as a file of wg-quick with its keys: whoever can read it can use the tunnel.
#[tauri::command]
#[specta::specta]
pub(crate) async fn export_profile(
    shared: State<'_, Shared>,
    id: ConfigurationId,
) -> Result<String, Failure> {
    let got = call(&shared, Get { id, include_secrets: true }).await?;
    let wireguard = wireguard(&got.entry.configuration)?;
    let text = export_wg_quick(&wireguard, &got.secrets.unwrap_or_default())?;
    Ok(text.to_string())
}

fn wireguard(configuration: &VpnConfiguration) -> Result<WireGuardConfiguration, Failure> {
    wireguard_of(configuration).ok_or_else(|| {
        let sentence = format!(
            "“{}” is not a WireGuard configuration, but one of {}.",
            configuration.name, configuration.protocol.provider_id
        );
        Failure::new(FailureKind::Invalid, sentence)
    })
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        let line = error.line().and_then(|line| u32::try_from(line).ok());
        Self { line, ..Self::new(FailureKind::Invalid, error.to_string()) }
    }
}

impl From<adit_profile::ExportError> for Failure {
    fn from(error: adit_profile::ExportError) -> Self {
        Self::new(FailureKind::Failed, error.to_string())
    }
}
