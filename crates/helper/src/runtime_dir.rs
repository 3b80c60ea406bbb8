//! The folder of everything that does not survive a boot: one helper at a time owns it.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
};

use rustix::fs::{FlockOperation, flock};

use crate::arguments::Places;

/// Why the folder cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RuntimeDirError {
    #[error("Another Adit service is running with the same runtime folder ({0}). Stop it first.")]
    AlreadyRunning(String),
    #[error("{0} cannot be opened: {1}. The Adit service must be started as root.")]
    Lock(String, io::Error),
}

/// Takes the runtime folder for this process, for as long as the file is held.
pub(crate) fn lock(places: &Places) -> Result<File, RuntimeDirError> {
    let path = places.lock();
    let named = path.display().to_string();
    let failed = |error| RuntimeDirError::Lock(named.clone(), error);
    make(places).map_err(failed)?;
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(_) => Err(RuntimeDirError::AlreadyRunning(places.runtime_dir.display().to_string())),
    }
}

/// Everybody may reach the socket in it.
fn make(places: &Places) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(&places.runtime_dir)?;
    DirBuilder::new().recursive(true).mode(0o700).create(places.sessions())
}
