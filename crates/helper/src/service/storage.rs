//! Configurations on their way to the disk, which may be slow: whoever only reads does not wait for it.

use adit_api::HelperError;
use adit_model::ConfigurationId;
use tokio::task::spawn_blocking;

use super::{Service, locked};
use crate::store::{Record, StoreError};

impl Service {
    /// Stores a record. What is in memory is never ahead of the disk, and as whoever changes something
    /// holds `starting`, never behind another change.
    pub(super) async fn store(&self, record: Record) -> Result<Record, HelperError> {
        let store = locked(&self.configurations).store();
        let record = carried_out(move || store.write(&record).map(|()| record)).await?;
        locked(&self.configurations).put(record.clone());
        Ok(record)
    }

    /// Deletes the record of a configuration.
    pub(super) async fn delete(&self, id: ConfigurationId) -> Result<Record, HelperError> {
        let store = locked(&self.configurations).store();
        carried_out(move || store.remove(id)).await?;
        locked(&self.configurations).forget(id)
    }
}

async fn carried_out<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, HelperError> {
    match spawn_blocking(act).await {
        Ok(done) => Ok(done?),
        Err(error) => Err(HelperError::StorageFailed { message: error.to_string() }),
    }
}
