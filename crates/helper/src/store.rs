//! Configurations on disk: a file each, readable by root alone.

use std::{
    fs::{self, DirBuilder, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use adit_model::{ConfigurationId, Secrets, VpnConfiguration};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::durable_file::{self, TEMPORARY};

/// A configuration and what must not be seen of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    pub(crate) configuration: VpnConfiguration,
    #[serde(default)]
    pub(crate) secrets: Secrets,
    /// Fields of a later version.
    #[serde(flatten)]
    pub(crate) unknown: Map<String, Value>,
}

/// The folder of records.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
}

/// Why the store could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("{path} cannot be {action}: {source}")]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("The configuration cannot be written: {0}")]
    Unencodable(serde_json::Error),
}

const EXTENSION: &str = "json";

impl Store {
    /// Opens the folder, making it if need be.
    pub(crate) fn open(folder: PathBuf) -> Result<Self, StoreError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|source| failed("created", &folder, source))?;
        // Nothing is written where nothing has to be: the disk may be read-only.
        let protect = |metadata: fs::Metadata| match metadata.permissions().mode() & 0o777 {
            0o700 => Ok(()),
            _ => fs::set_permissions(&folder, Permissions::from_mode(0o700)),
        };
        folder
            .metadata()
            .and_then(protect)
            .map_err(|source| failed("protected", &folder, source))?;
        Ok(Self { folder })
    }

    /// Reads all records. One that cannot be read is set aside under another name and never lost.
    pub(crate) fn load(&self) -> Result<Vec<Record>, StoreError> {
        let entries =
            fs::read_dir(&self.folder).map_err(|source| failed("read", &self.folder, source))?;
        let mut records = Vec::new();
        for entry in entries {
            let path = entry.map_err(|source| failed("read", &self.folder, source))?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some(EXTENSION) => {}
                // Of a write that a crash cut short: it holds keys, and the record itself is whole.
                Some(TEMPORARY) => {
                    if let Err(error) = fs::remove_file(&path) {
                        tracing::warn!("{} cannot be removed: {error}", path.display());
                    }
                    continue;
                }
                Some(_) | None => continue,
            }
            match read(&path) {
                Ok(record) => records.push(record),
                Err(reason) => set_aside(&path, &reason)?,
            }
        }
        records.sort_by(|a, b| a.configuration.name.cmp(&b.configuration.name));
        Ok(records)
    }

    /// Writes a record whole or not at all: a full disk leaves the previous one in place.
    pub(crate) fn write(&self, record: &Record) -> Result<(), StoreError> {
        let path = self.path(record.configuration.id);
        let json = serde_json::to_vec_pretty(record).map_err(StoreError::Unencodable)?;
        durable_file::replace(&path, &Zeroizing::new(json))
            .map_err(|source| failed("written", &path, source))
    }

    /// Deletes a record.
    pub(crate) fn remove(&self, id: ConfigurationId) -> Result<(), StoreError> {
        let path = self.path(id);
        durable_file::remove(&path).map_err(|source| failed("removed", &path, source))
    }

    fn path(&self, id: ConfigurationId) -> PathBuf {
        self.folder.join(format!("{id}.{EXTENSION}"))
    }
}

fn read(path: &Path) -> Result<Record, String> {
    let json = Zeroizing::new(fs::read(path).map_err(|error| error.to_string())?);
    // The text of the error itself may quote a secret.
    let record: Record = serde_json::from_slice(&json).map_err(|error| {
        format!("{:?} error at line {}, column {}", error.classify(), error.line(), error.column())
    })?;
    let named = path.file_stem().and_then(|stem| stem.to_str());
    if named != Some(record.configuration.id.to_string().as_str()) {
        return Err("the file has the name of another configuration".into());
    }
    Ok(record)
}

fn set_aside(path: &Path, reason: &str) -> Result<(), StoreError> {
    let numbered = |number| path.with_extension(format!("{EXTENSION}.unreadable-{number}"));
    let mut aside = numbered(1_u32);
    for number in 2.. {
        if !aside.exists() {
            break;
        }
        aside = numbered(number);
    }
    tracing::error!(
        "A configuration cannot be read and was set aside as {}: {reason}",
        aside.display()
    );
    fs::rename(path, &aside).map_err(|source| failed("set aside", path, source))
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { action, path: path.into(), source }
}

#[cfg(test)]
mod tests {
    use adit_model::{Secret, TunnelProviderProtocol};

    use super::*;

    #[test]
    fn records_come_back_and_only_root_can_read_them() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("configurations")).unwrap();
        let record = example("home");
        store.write(&record).unwrap();
        assert_eq!(store.load().unwrap(), std::slice::from_ref(&record));
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&store.folder), 0o700);
        assert_eq!(mode(&store.path(record.configuration.id)), 0o600);
        store.remove(record.configuration.id).unwrap();
        assert_eq!(store.load().unwrap(), []);
    }

    #[test]
    fn an_unreadable_record_is_set_aside_and_the_others_load() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().into()).unwrap();
        let good = example("good");
        store.write(&good).unwrap();
        let bad = folder.path().join(format!("{}.json", ConfigurationId::random()));
        fs::write(&bad, "{ half").unwrap();
        assert_eq!(store.load().unwrap(), [good]);
        assert!(!bad.exists());
        let kept = fs::read_to_string(bad.with_extension("json.unreadable-1")).unwrap();
        assert_eq!(kept, "{ half");
    }

    #[test]
    fn a_failed_write_leaves_the_previous_record() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().into()).unwrap();
        let mut record = example("home");
        store.write(&record).unwrap();
        // A folder in the place of the temporary file makes every write fail, like a full disk.
        fs::create_dir(store.path(record.configuration.id).with_extension("new")).unwrap();
        record.configuration.name = "changed".into();
        assert!(store.write(&record).is_err());
        assert_eq!(store.load().unwrap()[0].configuration.name, "home");
    }

    fn example(name: &str) -> Record {
        let protocol = TunnelProviderProtocol::new("org.example.vpn", "vpn.example");
        Record {
            configuration: VpnConfiguration::new(ConfigurationId::random(), name, protocol),
            secrets: Secrets::from([("privateKey".into(), Secret::new("x"))]),
            unknown: Map::from_iter([("later".into(), 1.into())]),
        }
    }
}
