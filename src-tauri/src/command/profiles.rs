//! Files that people have their configurations in, and the text of a configuration in the editor. Files
//! come as content, never as paths, and what is secret in them does not go back to the window.

use adit_api::{Get, HelperClient, Save, SecretChanges};
use adit_keyring::{self as keyring, SavingError, complete};
use adit_model::{
    ConfigurationId, Fault, InvalidConfiguration, VpnConfiguration,
    wireguard::WireGuardConfiguration,
};
use adit_profile::{
    AppleSystem, Archive, ArchiveError, ExportError, ImportError, Imported, ImportedProfile, Note,
    ProfileError, ProfileIds, Protection, check, export_mobileconfig, export_wg_quick,
    import_mobileconfig, import_wg_quick, is_mobileconfig, is_said_by_wg_quick, lint,
    name_from_file, protect, read_draft, succeed, wireguard_of, write_draft,
};
use serde::{Deserialize, Serialize};
use specta::Type;
use tauri::State;

use super::call;
use crate::{
    app::Shared,
    failure::{Failure, FailureKind},
};

/// What a file would become.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Preview {
    /// As it would be stored. The name and the protections may be changed before it is.
    pub(crate) configuration: VpnConfiguration,
    /// The stored configuration whose place it takes, as a later version of the same profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) replaces: Option<ConfigurationId>,
    /// Which secrets it has.
    pub(crate) secret_names: Vec<String>,
    /// What of the file counts for nothing or for something else.
    pub(crate) notes: Vec<Note>,
}

/// What the text of a configuration means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Understood {
    /// With everything that the text does not say as it was.
    pub(crate) configuration: VpnConfiguration,
    /// For the save.
    pub(crate) secret_changes: SecretChanges,
    /// What of the text counts for nothing or for something else.
    pub(crate) notes: Vec<Note>,
}

/// What a configuration will do.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Checked {
    /// With those fields up to date that follow from others.
    pub(crate) configuration: VpnConfiguration,
    /// What the helper or the provider would refuse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) invalid: Option<InvalidField>,
    /// First what goes through the tunnel, then what may surprise.
    pub(crate) notes: Vec<Note>,
}

/// A field by its path, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InvalidField {
    /// Such as `protocol.providerConfiguration.peers[0].publicKey`.
    pub(crate) field: String,
    /// What would be right.
    pub(crate) reason: String,
    /// The same for those who say it in another language.
    pub(crate) fault: Fault,
}

/// The forms of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ProfileFormat {
    /// For wg-quick(8) and every app of WireGuard.
    WgQuick,
    /// For iPhones, iPads and those who manage them.
    MobileconfigIos,
    /// For Macs and those who manage them. The app of WireGuard there has another name.
    MobileconfigMacos,
    /// All that Adit knows of it.
    Adit,
}

/// Understands a file that was chosen, dropped, pasted or scanned. A profile of Apple's may have
/// several configurations. Nothing is stored until `import_profile`; the secrets wait in the app meanwhile.
#[tauri::command]
#[specta::specta]
pub(crate) fn open_profile(
    shared: State<'_, Shared>,
    file_name: &str,
    content: Vec<u8>,
) -> Result<Vec<Preview>, Failure> {
    let opened = if Archive::is_meant_by(&content) {
        vec![from_archive(&content)?]
    } else if is_mobileconfig(&content) {
        from_mobileconfig(&content)?
    } else {
        vec![from_file(file_name, &content)?]
    };
    let preview = |Imported { configuration, secrets, notes }| {
        let secret_names = secrets.keys().cloned().collect();
        let id = configuration.id;
        shared.pending().insert(id, secrets);
        let Some(stored) = shared.version_of(&configuration) else {
            return Preview { configuration, replaces: None, secret_names, notes };
        };
        let replaces = Some(stored.id);
        // Until it is stored it is known by its own id: the same file may have been opened twice.
        let configuration = VpnConfiguration { id, ..succeed(&configuration, stored) };
        Preview { configuration, replaces, secret_names, notes }
    };
    Ok(opened.into_iter().map(preview).collect())
}

/// Stores what `open_profile` has understood, in the place of the configuration that it `replaces`.
#[tauri::command]
#[specta::specta]
pub(crate) async fn import_profile(
    shared: State<'_, Shared>,
    mut configuration: VpnConfiguration,
    replaces: Option<ConfigurationId>,
) -> Result<VpnConfiguration, Failure> {
    let Some(secrets) = shared.pending().get(&configuration.id).cloned() else {
        let sentence = "The file was opened too long ago. Open it again.";
        return Err(Failure::new(FailureKind::Gone, sentence));
    };
    let opened = configuration.id;
    if let Some(id) = replaces {
        let stored = call(&shared, Get { id, include_secrets: false }).await?.entry.configuration;
        configuration.id = id;
        configuration.generation = stored.generation;
        configuration.enablement = stored.enablement;
    }
    let mut helper = HelperClient::connect(&shared.socket).await?;
    let secret_changes = SecretChanges::new();
    let save = Save { configuration, secrets: Some(secrets), secret_changes };
    let saved = keyring::save(&mut helper, save).await?;
    shared.pending().remove(&opened);
    Ok(saved)
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
pub(crate) fn check_configuration(mut configuration: VpnConfiguration) -> Checked {
    let invalid = check(&mut configuration).err();
    let invalid = invalid.map(|InvalidConfiguration { field, reason: fault }| {
        let reason = fault.to_string();
        InvalidField { field, reason, fault }
    });
    let notes = lint(&configuration);
    Checked { configuration, invalid, notes }
}

/// A WireGuard configuration as a file of wg-quick, with `(hidden)` in place of each of its secrets.
#[tauri::command]
#[specta::specta]
pub(crate) fn to_text(
    configuration: VpnConfiguration,
    secret_names: Vec<String>,
) -> Result<String, Failure> {
    Ok(write_draft(&wireguard(&configuration)?, &secret_names.into_iter().collect())?)
}

/// Understands what `to_text` has written and somebody has changed.
#[tauri::command]
#[specta::specta]
pub(crate) fn from_text(
    text: &str,
    configuration: VpnConfiguration,
    secret_names: Vec<String>,
) -> Result<Understood, Failure> {
    let draft = read_draft(text, &configuration, &secret_names.into_iter().collect())?;
    Ok(Understood {
        configuration: draft.configuration,
        secret_changes: draft.secrets,
        notes: draft.notes,
    })
}

/// A configuration as a file with its keys: whoever can read it can use the tunnel.
#[tauri::command]
#[specta::specta]
pub(crate) async fn export_profile(
    shared: State<'_, Shared>,
    id: ConfigurationId,
    format: ProfileFormat,
) -> Result<String, Failure> {
    let mut got = call(&shared, Get { id, include_secrets: true }).await?;
    complete(&mut got).await?;
    let (configuration, secrets) = (got.entry.configuration, got.secrets.unwrap_or_default());
    let mobileconfig = |system| {
        let id = configuration.id;
        let ids = ProfileIds { profile: id.derived(2), payload: id };
        let xml = export_mobileconfig(&configuration, &secrets, ids, system)?;
        Ok(String::from_utf8_lossy(&xml).into_owned())
    };
    match format {
        ProfileFormat::WgQuick => {
            is_said_by_wg_quick(&configuration)?;
            Ok(export_wg_quick(&wireguard(&configuration)?, &secrets)?.to_string())
        }
        ProfileFormat::MobileconfigIos => mobileconfig(AppleSystem::Ios),
        ProfileFormat::MobileconfigMacos => mobileconfig(AppleSystem::Macos),
        ProfileFormat::Adit => serde_json::to_string_pretty(&Archive::new(configuration, secrets))
            .map_err(|error| Failure::new(FailureKind::Failed, error.to_string())),
    }
}

fn from_file(file_name: &str, content: &[u8]) -> Result<Imported, Failure> {
    let name = name_from_file(file_name.as_ref());
    let mut imported = import_wg_quick(content, &name, ConfigurationId::random())?;
    protect(&mut imported.configuration, Protection::FULL);
    Ok(imported)
}

/// What is about the profile as a whole is said with its first configuration.
fn from_mobileconfig(content: &[u8]) -> Result<Vec<Imported>, Failure> {
    let ImportedProfile { mut configurations, notes } =
        import_mobileconfig(content, ConfigurationId::random)?;
    if let Some(first) = configurations.first_mut() {
        first.notes.extend(notes);
    }
    Ok(configurations)
}

/// An archive comes from elsewhere, where its id and generation stay. It says all about protections.
fn from_archive(content: &[u8]) -> Result<Imported, Failure> {
    let archive = Archive::read(content)?;
    let notes = archive.notes();
    let Archive { mut configuration, secrets, .. } = archive;
    configuration.id = ConfigurationId::random();
    configuration.generation = 0;
    // Where they were there is nothing to know of here.
    configuration.protocol.user_secrets.retain(|name, _| !secrets.contains_key(name));
    configuration
        .validate()
        .map_err(|error| Failure::new(FailureKind::Invalid, error.to_string()))?;
    Ok(Imported { configuration, secrets, notes })
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

impl From<SavingError> for Failure {
    fn from(error: SavingError) -> Self {
        match error {
            SavingError::Call(error) => error.into(),
            SavingError::Keyring(error) => error.into(),
        }
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        let line = error.line().and_then(|line| u32::try_from(line).ok());
        let sentence = error.to_string();
        Self { line, cause: Some(Box::new(error)), ..Self::new(FailureKind::Invalid, sentence) }
    }
}

impl From<ProfileError> for Failure {
    fn from(error: ProfileError) -> Self {
        Self::new(FailureKind::Invalid, error.to_string())
    }
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        Self::new(FailureKind::Invalid, error.to_string())
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        Self::new(FailureKind::Failed, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use adit_profile::NoteCode;

    use super::*;

    /// Of nobody.
    const KEY: &str = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";

    #[test]
    fn a_profile_of_apples_may_have_several() {
        let vpns: String = ["Office", "Laboratory"].map(payload).concat();
        let profile = format!(
            "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>PayloadType</key>\
             <string>Configuration</string><key>PayloadRemovalDisallowed</key><true/>\
             <key>PayloadContent</key><array>{vpns}</array></dict></plist>"
        );
        assert!(is_mobileconfig(profile.as_bytes()));
        let opened = from_mobileconfig(profile.as_bytes()).unwrap();
        let name = |imported: &Imported| imported.configuration.name.clone();
        assert_eq!(opened.iter().map(name).collect::<Vec<_>>(), ["Office", "Laboratory"]);
        assert!(opened.iter().all(|imported| imported.secrets.contains_key("privateKey")));
        let about_the_whole = |imported: &Imported| {
            imported.notes.iter().any(|note| note.code == NoteCode::ProfileRemoval)
        };
        assert_eq!(opened.iter().map(about_the_whole).collect::<Vec<_>>(), [true, false]);
    }

    fn payload(name: &str) -> String {
        let text = format!(
            "[Interface]\nPrivateKey = {KEY}\nAddress = 10.0.0.2/32\n[Peer]\nPublicKey = {KEY}\n\
             AllowedIPs = 0.0.0.0/0\nEndpoint = a.test:51820\n"
        );
        format!(
            "<dict><key>PayloadType</key><string>com.apple.vpn.managed</string>\
             <key>UserDefinedName</key><string>{name}</string>\
             <key>VPNType</key><string>VPN</string>\
             <key>VPNSubType</key><string>com.wireguard.macos</string>\
             <key>VendorConfig</key><dict><key>WgQuickConfig</key><string>{text}</string></dict>\
             <key>VPN</key><dict><key>AuthenticationMethod</key><string>Password</string>\
             <key>RemoteAddress</key><string>a.test:51820</string></dict></dict>"
        )
    }
}
