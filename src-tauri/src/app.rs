//! What all parts of the app share.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use adit_api::Viewer;
use adit_diagnosis::Finding;
use adit_model::{ConfigurationId, Secrets};

use crate::opened::OpenedFile;

/// One for the app.
pub(crate) struct Shared {
    /// The helper's.
    pub(crate) socket: PathBuf,
    viewer: Mutex<Viewer>,
    /// Of files that were opened and not imported yet.
    pending: Mutex<BTreeMap<ConfigurationId, Secrets>>,
    /// Files that were given to the app and that the window has not taken yet.
    opened: Mutex<Vec<OpenedFile>>,
    /// What was found and shown last, until it is saved.
    findings: Mutex<Vec<Finding>>,
}

impl Shared {
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self {
            socket,
            viewer: Mutex::default(),
            pending: Mutex::default(),
            opened: Mutex::default(),
            findings: Mutex::default(),
        }
    }

    pub(crate) fn viewer(&self) -> MutexGuard<'_, Viewer> {
        lock(&self.viewer)
    }

    pub(crate) fn pending(&self) -> MutexGuard<'_, BTreeMap<ConfigurationId, Secrets>> {
        lock(&self.pending)
    }

    pub(crate) fn opened(&self) -> MutexGuard<'_, Vec<OpenedFile>> {
        lock(&self.opened)
    }

    pub(crate) fn findings(&self) -> MutexGuard<'_, Vec<Finding>> {
        lock(&self.findings)
    }
}

/// Nothing panics half-way through a change, so what a panicked thread left is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
