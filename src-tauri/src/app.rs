//! What all parts of the app share.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use adit_api::{Change, Heard, Viewer};
use adit_diagnosis::Finding;
use adit_model::{ConfigurationId, Secrets, VpnConfiguration};
use tauri::ipc::Channel;

use crate::opened::OpenedFile;

/// One for the app.
pub(crate) struct Shared {
    /// The helper's.
    pub(crate) socket: PathBuf,
    known: Mutex<Known>,
    /// Of files that were opened and not imported yet.
    pending: Mutex<BTreeMap<ConfigurationId, Secrets>>,
    /// Files that were given to the app and that the window has not taken yet.
    opened: Mutex<Vec<OpenedFile>>,
    /// What was found and shown last, until it is saved.
    findings: Mutex<Vec<Finding>>,
}

/// What the app knows of the helper, and the page that shows it.
#[derive(Default)]
struct Known {
    viewer: Viewer,
    page: Option<Channel<Change>>,
}

impl Shared {
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self {
            socket,
            known: Mutex::default(),
            pending: Mutex::default(),
            opened: Mutex::default(),
            findings: Mutex::default(),
        }
    }

    /// Keeps what is heard of the helper, and tells the page.
    pub(crate) fn hear(&self, heard: Heard) {
        let mut known = lock(&self.known);
        let Some(change) = known.viewer.follow(heard) else { return };
        let Some(page) = &known.page else { return };
        if let Err(error) = page.send(change) {
            tracing::warn!("The window does not hear what happens: {error}");
        }
    }

    /// All that is known so far. A page hears of everything after that, until another one takes its place.
    pub(crate) fn tell(&self, page: Channel<Change>) -> Vec<Change> {
        let mut known = lock(&self.known);
        known.page = Some(page);
        known.viewer.changes_so_far()
    }

    /// The configuration of the user that is another version of the same profile.
    pub(crate) fn version_of(&self, imported: &VpnConfiguration) -> Option<VpnConfiguration> {
        let own = rustix::process::geteuid().as_raw();
        let known = lock(&self.known);
        let mut stored = known.viewer.entries.values().map(|entry| &entry.configuration);
        let version = stored.find(|stored| {
            stored.owner == own && stored.managed_by.is_none() && stored.is_version_of(imported)
        });
        version.cloned()
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
