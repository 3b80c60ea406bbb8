//! Who holds which rules off, on disk: it outlives the service and, if it has to, the boot.

use std::{
    collections::BTreeMap,
    fs, io,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use adit_api::HelperError;
use adit_model::ConfigurationId;

use super::machine::Pause;
use crate::{durable_file, store::StoreError};

/// `on-demand.json` in the state folder; absent while nobody holds anything off.
#[derive(Debug)]
pub(crate) struct Pauses {
    path: PathBuf,
    /// Of this boot.
    boot: String,
    held: Mutex<BTreeMap<ConfigurationId, Pause>>,
}

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

impl Pauses {
    /// Reads them. One that cannot be understood holds nothing off, which is said.
    pub(crate) fn load(path: PathBuf) -> Self {
        let boot = fs::read_to_string(BOOT_ID).unwrap_or_default().trim().to_owned();
        let mut pauses: BTreeMap<ConfigurationId, Pause> = match fs::read(&path) {
            Ok(json) => serde_json::from_slice(&json).unwrap_or_else(|error| {
                tracing::error!("{} is damaged: {error}. No rules are held off.", path.display());
                BTreeMap::new()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                tracing::error!("{} cannot be read: {error}.", path.display());
                BTreeMap::new()
            }
        };
        pauses.retain(|_, pause| pause.lasts_in(&boot));
        Self { path, boot, held: Mutex::new(pauses) }
    }

    pub(super) fn boot(&self) -> &str {
        &self.boot
    }

    pub(super) fn of(&self, id: ConfigurationId) -> Option<Pause> {
        self.pauses().get(&id).cloned()
    }

    /// Writes down what holds for a configuration. On an error it holds until the service ends.
    pub(super) fn set(
        &self,
        id: ConfigurationId,
        pause: Option<&Pause>,
    ) -> Result<(), HelperError> {
        let mut pauses = self.pauses();
        if pauses.get(&id) == pause {
            return Ok(());
        }
        match pause {
            Some(pause) => pauses.insert(id, pause.clone()),
            None => pauses.remove(&id),
        };
        self.write(&pauses)
    }

    /// The configuration is gone.
    pub(super) fn forget(&self, id: ConfigurationId) {
        if let Err(error) = self.set(id, None) {
            tracing::warn!("{error}");
        }
    }

    fn write(&self, pauses: &BTreeMap<ConfigurationId, Pause>) -> Result<(), HelperError> {
        let io = |action| {
            move |source| {
                HelperError::from(StoreError::Io { action, path: self.path.clone(), source })
            }
        };
        if pauses.is_empty() {
            return match durable_file::remove(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                removed => removed.map_err(io("removed")),
            };
        }
        let json = serde_json::to_vec(pauses).map_err(StoreError::Unencodable)?;
        durable_file::replace(&self.path, &json).map_err(io("written"))
    }

    /// They are whole after every statement, so a panic elsewhere does not spoil them.
    fn pauses(&self) -> MutexGuard<'_, BTreeMap<ConfigurationId, Pause>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use adit_model::on_demand::{NetworkState, PauseEnd};

    use super::*;

    // spec: OD-22
    #[test]
    fn they_outlive_the_service_but_not_the_boot_that_ends_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("on-demand.json");
        let pauses = Pauses::load(path.clone());
        assert!(!pauses.boot().is_empty());
        let [first, second] = [1, 2].map(|number| ConfigurationId::from_random([number; 16]));
        let network = NetworkState::default();
        let until_boot = |boot| Pause::new(PauseEnd::NextBoot, &network, boot);
        pauses.set(first, Some(&until_boot(pauses.boot()))).unwrap();
        pauses.set(second, Some(&until_boot("another boot"))).unwrap();

        let again = Pauses::load(path.clone());
        assert_eq!(again.of(first), Some(until_boot(pauses.boot())));
        assert_eq!(again.of(second), None);
        again.forget(first);
        assert!(!path.exists());

        fs::write(&path, "{").unwrap();
        assert_eq!(Pauses::load(path).of(first), None);
    }
}
