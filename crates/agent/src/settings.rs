//! What the user has decided about the app: `adit/settings.json` in the folder of the user's configuration (XDG Base Directory
//! Specification). What is about tunnels is the helper's.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use adit_sentence::Language;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Level, session_language};

/// The decisions.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// The language of the app.
    pub language: LanguageChoice,
    /// Which notifications are shown.
    pub notifications: Level,
    /// Fields of a later version, kept so that saving loses nothing.
    #[serde(flatten)]
    #[cfg_attr(feature = "specta", specta(skip))]
    pub unknown: Map<String, Value>,
}

/// The language of the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum LanguageChoice {
    /// That of the session.
    #[default]
    Session,
    /// English
    English,
    /// German
    German,
}

/// Why settings cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// There is no folder for them.
    #[error("The settings cannot be kept: neither XDG_CONFIG_HOME nor HOME is set.")]
    NoFolder,
    /// The system refuses.
    #[error("{} cannot be used: {}.", file.display(), error)]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Somebody has edited them.
    #[error("{} is not valid: {error}. Correct or remove it.", file.display())]
    Invalid {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        error: serde_json::Error,
    },
}

impl Settings {
    /// Reads the user's. Without a file, everything is as it comes.
    pub fn read() -> Result<Self, SettingsError> {
        Self::read_from(&config_folder()?.join("adit/settings.json"))
    }

    /// Keeps the user's.
    pub fn write(&self) -> Result<(), SettingsError> {
        self.write_to(&config_folder()?.join("adit/settings.json"))
    }

    /// The language that follows.
    #[must_use]
    pub fn language(&self) -> Language {
        match self.language {
            LanguageChoice::Session => session_language(),
            LanguageChoice::English => Language::English,
            LanguageChoice::German => Language::German,
        }
    }

    fn read_from(file: &Path) -> Result<Self, SettingsError> {
        let text = match fs::read(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(SettingsError::Io { file: file.into(), error }),
        };
        serde_json::from_slice(&text)
            .map_err(|error| SettingsError::Invalid { file: file.into(), error })
    }

    fn write_to(&self, file: &Path) -> Result<(), SettingsError> {
        let invalid = |error| SettingsError::Invalid { file: file.into(), error };
        let text = serde_json::to_string_pretty(self).map_err(invalid)? + "\n";
        replace(file, &text).map_err(|error| SettingsError::Io { file: file.into(), error })
    }
}

/// Whoever reads it meanwhile reads all of the old or all of the new text.
pub(crate) fn replace(file: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let next = file.with_extension("new");
    fs::write(&next, text)?;
    fs::rename(&next, file)
}

pub(crate) fn config_folder() -> Result<PathBuf, SettingsError> {
    folder("XDG_CONFIG_HOME", ".config")
}

pub(crate) fn state_folder() -> Result<PathBuf, SettingsError> {
    folder("XDG_STATE_HOME", ".local/state")
}

/// Relative paths count as not set, as the specification says.
fn folder(variable: &str, in_home: &str) -> Result<PathBuf, SettingsError> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || absolute("HOME").map(|home| home.join(in_home));
    absolute(variable).or_else(home).ok_or(SettingsError::NoFolder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_kept_with_what_a_later_version_has_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("adit/settings.json");
        assert_eq!(Settings::read_from(&file).unwrap(), Settings::default());
        let mut settings = Settings { notifications: Level::Nothing, ..Settings::default() };
        settings.unknown.insert("later".into(), true.into());
        settings.write_to(&file).unwrap();
        assert_eq!(Settings::read_from(&file).unwrap(), settings);
        fs::write(&file, "{").unwrap();
        assert!(matches!(Settings::read_from(&file), Err(SettingsError::Invalid { .. })));
    }
}
