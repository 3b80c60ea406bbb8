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

/// A hold as the next helper needs to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredHold {
    pub(super) id: ConfigurationId,
    pub(super) allow_local_networks: bool,
    /// Somebody wants its session gone; it ends when that is down.
    #[serde(default)]
    pub(super) ends: bool,
}

impl HoldsFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The holds, or a sentence that says why nobody knows them.
    pub(super) fn load(&self) -> Result<Vec<StoredHold>, String> {
        let path = self.path.display();
        let json = match fs::read(&self.path) {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(format!("{path} cannot be read: {}.", error.kind())),
        };
        serde_json::from_slice(&json).map_err(|error| format!("{path} is damaged: {error}."))
    }

    pub(super) fn store(&self, holds: &[StoredHold]) -> Result<(), HelperError> {
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
        let json = serde_json::to_vec(holds).map_err(StoreError::Unencodable)?;
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
        let hold = |allow_local_networks, ends| StoredHold {
            id: ConfigurationId::random(),
            allow_local_networks,
            ends,
        };
        let holds = [hold(true, false), hold(false, true)];
        file.store(&holds).unwrap();
        assert_eq!(file.load().unwrap(), holds);
        file.store(&[]).unwrap();
        assert!(!path.exists());
        fs::write(&path, "[{").unwrap();
        assert!(file.load().unwrap_err().contains("holds.json is damaged"));
    }
}
