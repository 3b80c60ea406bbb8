//! Files that were given to the app from outside. The window gets their content, never their paths.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use adit_profile::MAX_SIZE;
use serde::{Deserialize, Serialize};
use specta::Type;

/// A file that somebody wants to import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OpenedFile {
    /// Its name, without folders.
    pub(crate) name: String,
    /// What is in it. One byte more than a profile may have is kept, so that too much is noticed.
    pub(crate) content: Vec<u8>,
}

/// Tells the window that there are files for `take_opened`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, Type, tauri_specta::Event)]
pub(crate) struct FilesOpened;

impl OpenedFile {
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let mut content = Vec::new();
        File::open(path)?.take(MAX_SIZE as u64 + 1).read_to_end(&mut content)?;
        Ok(Self { name, content })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_comes_as_its_name_and_content_and_never_as_a_whole_disk() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("de-1.conf");
        fs::write(&file, "[Interface]").unwrap();
        let opened = OpenedFile::read(&file).unwrap();
        assert_eq!(
            (opened.name.as_str(), opened.content.as_slice()),
            ("de-1.conf", &b"[Interface]"[..])
        );
        let endless = OpenedFile::read(Path::new("/dev/zero")).unwrap();
        assert_eq!(endless.content.len(), MAX_SIZE + 1);
    }
}
