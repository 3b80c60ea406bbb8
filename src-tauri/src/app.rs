//! What all parts of the app share.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use adit_model::{ConfigurationId, Secrets};

use crate::service::Service;

/// One for the app.
pub(crate) struct Shared {
    /// The helper's.
    pub(crate) socket: PathBuf,
    service: Mutex<Service>,
    /// Of files that were opened and not imported yet.
    pending: Mutex<BTreeMap<ConfigurationId, Secrets>>,
}

impl Shared {
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self { socket, service: Mutex::default(), pending: Mutex::default() }
    }

    pub(crate) fn service(&self) -> MutexGuard<'_, Service> {
        lock(&self.service)
    }

    pub(crate) fn pending(&self) -> MutexGuard<'_, BTreeMap<ConfigurationId, Secrets>> {
        lock(&self.pending)
    }
}

/// Nothing panics half-way through a change, so what a panicked thread left is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
