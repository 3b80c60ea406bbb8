//! Files that the user asks for. The window names them and never learns where they lie.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use rfd::AsyncFileDialog;

use crate::failure::{Failure, FailureKind};

/// Asks where to, and writes a file that only the user can read. Whether that was not cancelled.
#[tauri::command]
#[specta::specta]
pub(crate) async fn save_file(name: &str, content: &str) -> Result<bool, Failure> {
    save_bytes(name, content.as_bytes()).await
}

/// The same for any content.
pub(super) async fn save_bytes(name: &str, content: &[u8]) -> Result<bool, Failure> {
    let Some(chosen) = AsyncFileDialog::new().set_file_name(name).save_file().await else {
        return Ok(false);
    };
    write_private(chosen.path(), content).map_err(|error| {
        let sentence = format!("{} cannot be written: {error}.", chosen.path().display());
        Failure::new(FailureKind::Failed, sentence)
    })?;
    Ok(true)
}

/// A file that was there is replaced, so that its old mode does not stay.
fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(content)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn nobody_else_can_read_it_even_where_a_file_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("home.conf");
        std::fs::write(&path, "old and longer than the new").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        write_private(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
