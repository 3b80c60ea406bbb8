//! Files that are either the old or the new one, at any instant and after any crash.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

/// Replaces a file's content. A symbolic link is replaced, not followed.
pub(crate) fn write(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let temporary = temporary(path)?;
    let written = File::create_new(&temporary).and_then(|mut file| {
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(content)?;
        file.sync_all()
    });
    written
        .and_then(|()| rename(&temporary, path))
        .inspect_err(|_| drop(fs::remove_file(temporary)))
}

/// Replaces a file by a symbolic link.
pub(crate) fn write_link(path: &Path, target: &Path) -> io::Result<()> {
    let temporary = temporary(path)?;
    symlink(target, &temporary)
        .and_then(|()| rename(&temporary, path))
        .inspect_err(|_| drop(fs::remove_file(temporary)))
}

/// Moves a file over another one, durably.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    // The name is in force already; a folder that cannot be synced is no reason to say otherwise.
    if let Some(folder) = to.parent() {
        drop(File::open(folder).and_then(|folder| folder.sync_all()));
    }
    Ok(())
}

/// Overwrites a file in place, for files that cannot be renamed over, such as mount points.
pub(crate) fn overwrite(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// A free name beside `path`.
fn temporary(path: &Path) -> io::Result<PathBuf> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(".adit-new");
    let temporary = path.with_file_name(name);
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(temporary),
    }
}
