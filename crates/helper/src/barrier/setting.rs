//! The machine's lockdown on disk. A file that is there and cannot be understood may say that it is
//! on, so it does.

use std::{fs, io, path::PathBuf};

use adit_api::HelperError;
use adit_model::{Lockdown, LockdownSetting};

use crate::{durable_file, store::StoreError};

/// `lockdown.json` in the state folder; absent while lockdown is off.
#[derive(Debug)]
pub(super) struct SettingFile {
    path: PathBuf,
}

impl SettingFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn load(&self) -> LockdownSetting {
        let path = self.path.display();
        let json = match fs::read(&self.path) {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return LockdownSetting::Off,
            Err(error) => {
                let reason = format!("{path} cannot be read: {}.", error.kind());
                return LockdownSetting::Unreadable(reason);
            }
        };
        match serde_json::from_slice::<Lockdown>(&json) {
            Ok(lockdown) => LockdownSetting::On(lockdown),
            Err(_) if json.is_empty() => LockdownSetting::Unreadable(format!("{path} is empty.")),
            Err(error) => LockdownSetting::Unreadable(format!("{path} is damaged: {error}.")),
        }
    }

    /// Nothing is changed on an error.
    pub(super) fn store(&self, setting: &LockdownSetting) -> Result<(), HelperError> {
        let io = |action| {
            move |source| {
                HelperError::from(StoreError::Io { action, path: self.path.clone(), source })
            }
        };
        match setting {
            LockdownSetting::On(lockdown) => {
                let json = serde_json::to_vec(lockdown).map_err(StoreError::Unencodable)?;
                durable_file::replace(&self.path, &json).map_err(io("written"))
            }
            LockdownSetting::Off => match durable_file::remove(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                removed => removed.map_err(io("removed")),
            },
            // What could not be read is left as it is.
            LockdownSetting::Unreadable(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_and_whatever_is_no_setting_counts_as_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lockdown.json");
        let file = SettingFile::new(path.clone());
        assert_eq!(file.load(), LockdownSetting::Off);
        let on = LockdownSetting::On(Lockdown { allow_local_networks: true, set_by: 1000 });
        file.store(&on).unwrap();
        assert_eq!(file.load(), on);
        file.store(&LockdownSetting::Off).unwrap();
        file.store(&LockdownSetting::Off).unwrap();
        assert_eq!(file.load(), LockdownSetting::Off);
        for damage in ["", "{", "null", "[]", "{\"allowLocalNetworks\":true"] {
            fs::write(&path, damage).unwrap();
            assert!(matches!(file.load(), LockdownSetting::Unreadable(_)), "{damage}");
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(matches!(file.load(), LockdownSetting::Unreadable(_)));
        // Neither can it be written then, and that changes nothing.
        file.store(&on).unwrap_err();
        assert!(path.is_dir());
    }
}
