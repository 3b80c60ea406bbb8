//! What the files of the folder say.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use adit_model::{ConfigurationId, Scope, VpnConfiguration};
use adit_profile::{
    Imported, MAX_SIZE, Note, Protection, import_mobileconfig, import_wg_quick, name_from_file,
    protect,
};
use adit_provider::changed_by_root_alone;
use zeroize::Zeroizing;

/// One file, and what is to become of it.
#[derive(Debug)]
pub(crate) struct ManagedFile {
    pub(crate) path: PathBuf,
    /// Its configurations, or why it is not understood, in sentences.
    pub(crate) found: Result<Vec<Imported>, String>,
}

/// Reads all files of the folder, by name. There may be no such folder.
///
/// Whoever can change a file decides where the traffic of everybody goes, so that has to be root, or
/// `trusted_uid`, alone.
pub(crate) fn read(folder: &Path, trusted_uid: u32) -> io::Result<Vec<ManagedFile>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| Format::of(path).is_some());
    paths.sort();
    let open = !changed_by_root_alone(&fs::metadata(folder)?, trusted_uid);
    let understood = |path: &Path| {
        if open {
            return Err(format!(
                "The folder {} can be changed by others than root, so nothing in it counts. \
                 Repair its owner and mode.",
                folder.display()
            ));
        }
        understand(path, trusted_uid)
    };
    let files = paths.into_iter().map(|path| ManagedFile { found: understood(&path), path });
    Ok(without_earlier_versions(files.collect()))
}

impl ManagedFile {
    /// Whether a profile says that one of its configurations is a later version of this.
    pub(crate) fn has_version_of(&self, stored: &VpnConfiguration) -> bool {
        let found = self.found.as_ref().map_or(&[][..], Vec::as_slice);
        found.iter().any(|it| it.configuration.is_version_of(stored))
    }
}

/// Of files with the same profile the last one by name counts. Spec MDM-1.
fn without_earlier_versions(mut files: Vec<ManagedFile>) -> Vec<ManagedFile> {
    for number in 0..files.len() {
        let (earlier, later) = files.split_at_mut(number + 1);
        let Some(file) = earlier.last_mut() else { continue };
        let is_in_later =
            |it: &Imported| later.iter().find(|later| later.has_version_of(&it.configuration));
        let version = file.found.iter().flatten().find_map(is_in_later);
        if let Some(version) = version {
            let path = version.path.display();
            file.found = Err(format!("{path} has the same profile, and that counts."));
        }
    }
    files
}

#[derive(Clone, Copy)]
enum Format {
    Mobileconfig,
    WgQuick,
}

impl Format {
    fn of(path: &Path) -> Option<Self> {
        // What an editor keeps beside a file begins with a dot.
        if path.file_name()?.to_str()?.starts_with('.') {
            return None;
        }
        match path.extension()?.to_str()? {
            "mobileconfig" => Some(Self::Mobileconfig),
            "conf" => Some(Self::WgQuick),
            _ => None,
        }
    }
}

fn understand(path: &Path, trusted_uid: u32) -> Result<Vec<Imported>, String> {
    let bytes = content(path, trusted_uid)?;
    let format = Format::of(path).ok_or_else(|| "It is of no known format.".to_owned())?;
    let mut found = match format {
        Format::Mobileconfig => {
            let profile = import_mobileconfig(&bytes, ConfigurationId::random)
                .map_err(|error| error.to_string())?;
            log(path, &profile.notes);
            profile.configurations
        }
        Format::WgQuick => {
            let id = ConfigurationId::random();
            let mut imported = import_wg_quick(&bytes, &name_from_file(path), id)
                .map_err(|error| error.to_string())?;
            protect(&mut imported.configuration, Protection::FULL);
            vec![imported]
        }
    };
    for Imported { configuration, notes, .. } in &mut found {
        configuration.scope = Scope::System;
        log(path, notes);
    }
    let mut names: Vec<&str> =
        found.iter().map(|imported| imported.configuration.name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(found),
        Some(pair) => Err(format!("Two of its VPNs are called “{}”.", pair[0])),
    }
}

/// Checks the file that is read, not one that could be in its place by then.
fn content(path: &Path, trusted_uid: u32) -> Result<Zeroizing<Vec<u8>>, String> {
    let failed = |error: io::Error| format!("It cannot be read: {}.", error.kind());
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err("It is no file.".into());
    }
    if !changed_by_root_alone(&metadata, trusted_uid) {
        return Err("It can be changed by others than root. Repair its owner and mode.".into());
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_SIZE as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn log(path: &Path, notes: &[Note]) {
    for note in notes {
        tracing::debug!("{}: {note}", path.display());
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const CONF: &str = "[Interface]\n\
        PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n\
        Address = 10.0.0.2/32\n\
        [Peer]\n\
        PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\n\
        Endpoint = vpn.example:51820\n\
        AllowedIPs = 0.0.0.0/0\n";

    #[test]
    fn each_file_says_what_it_is_or_why_it_counts_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str, mode| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        };
        write("office.conf", CONF, 0o600);
        write("broken.conf", "[Interface]\nPrivateKey\n", 0o600);
        write("open.conf", CONF, 0o666);
        write("broken.mobileconfig", "<plist version=\"1.0\"><array/></plist>", 0o600);
        write("office.conf~", CONF, 0o600);
        write(".office.conf", CONF, 0o600);
        let own = rustix::process::geteuid().as_raw();
        let files = read(folder.path(), own).unwrap();
        let said: Vec<(String, String)> = files
            .iter()
            .map(|file| {
                let name = file.path.file_name().unwrap().to_str().unwrap().to_owned();
                let said = match &file.found {
                    Ok(found) => found[0].configuration.name.clone(),
                    Err(reason) => reason.clone(),
                };
                (name, said)
            })
            .collect();
        let expected = [
            (
                "broken.conf",
                "Line 2 is neither a section such as [Peer] nor a setting such as \
                MTU = 1420; comments begin with #.",
            ),
            ("broken.mobileconfig", "This is a property list, but no configuration profile."),
            ("office.conf", "office"),
            ("open.conf", "It can be changed by others than root. Repair its owner and mode."),
        ];
        assert_eq!(said, expected.map(|(name, said)| (name.to_owned(), said.to_owned())));
        let office = &files[2].found.as_ref().unwrap()[0].configuration;
        assert_eq!(office.scope, Scope::System);
        assert!(office.protocol.enforce_routes);
        assert_eq!(read(&folder.path().join("none"), own).unwrap().len(), 0);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let files = read(folder.path(), own).unwrap();
        assert!(files.iter().all(|file| file.found.is_err()), "{files:?}");
    }
}
