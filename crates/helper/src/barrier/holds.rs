//! The holds on disk, in the runtime folder: they outlive the service and not a boot, after which no
//! session runs that they belong to.

use std::{fs, io, path::PathBuf};

use adit_api::HelperError;
use adit_model::ConfigurationId;
use serde::{Deserialize, Serialize};

use crate::{durable_file, store::StoreError};

/// `holds.json` in the runtime folder; absent while there is none.
#[derive(Debug)]
pub(super) struct HoldsFile {
    path: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredHold {
    id: ConfigurationId,
    allow_local_networks: bool,
}

impl HoldsFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Whose they are, and whether they let the local networks out; or a sentence that says why
    /// nobody knows.
    pub(super) fn load(&self) -> Result<Vec<(ConfigurationId, bool)>, String> {
        let path = self.path.display();
        let json = match fs::read(&self.path) {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(format!("{path} cannot be read: {}.", error.kind())),
        };
        let holds: Vec<StoredHold> = serde_json::from_slice(&json)
            .map_err(|error| format!("{path} is damaged: {error}."))?;
        Ok(holds.into_iter().map(|hold| (hold.id, hold.allow_local_networks)).collect())
    }

    pub(super) fn store(&self, holds: &[(ConfigurationId, bool)]) -> Result<(), HelperError> {
        let io = |action| {
            move |source| {
                HelperError::from(StoreError::Io { action, path: self.path.clone(), source })
            }
        };
        if holds.is_empty() {
            return match durable_file::remove(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                removed => removed.map_err(io("removed")),
            };
        }
        let stored = |(id, allow_local_networks): &(ConfigurationId, bool)| StoredHold {
            id: *id,
            allow_local_networks: *allow_local_networks,
        };
        let holds: Vec<_> = holds.iter().map(stored).collect();
        let json = serde_json::to_vec(&holds).map_err(StoreError::Unencodable)?;
        durable_file::replace(&self.path, &json).map_err(io("written"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_come_back_and_a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("holds.json");
        let file = HoldsFile::new(path.clone());
        assert_eq!(file.load().unwrap(), []);
        let holds = [(ConfigurationId::random(), true), (ConfigurationId::random(), false)];
        file.store(&holds).unwrap();
        assert_eq!(file.load().unwrap(), holds);
        file.store(&[]).unwrap();
        assert!(!path.exists());
        fs::write(&path, "[{").unwrap();
        assert!(file.load().unwrap_err().contains("holds.json is damaged"));
    }
}
