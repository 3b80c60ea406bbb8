//! Files that hold what must not be lost: whole or as they were, also after a crash.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Ends the name of a file that is being written. What a crash leaves under such a name is worth
/// nothing.
pub(crate) const TEMPORARY: &str = "new";

/// Neither a crash nor a full disk leaves half a file under the real name. Only root can read it.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension(TEMPORARY);
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // What matters is the error that led here.
        let _ = fs::remove_file(&temporary);
    }
    written.and_then(|()| sync_folder_of(path))
}

/// Deletes a file, for good.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path).and_then(|()| sync_folder_of(path))
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}
