//! A provider's manifest: the entitlement to be started by the helper. Spec ENT-1, ENT-2, ENT-9.

use std::{
    fs::Metadata,
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// What the helper may start for a provider id. It lies in `<providers>/<id>/provider.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The id that configurations name.
    pub id: String,
    /// For people.
    pub name: String,
    /// Where it and what belongs to it are, an absolute path.
    pub folder: PathBuf,
    /// The program, an absolute path without links: no part of it can be changed by others than root, so
    /// what was checked is what is run. (By its descriptor, a script would not find what is beside it.)
    pub executable: PathBuf,
    /// What its tunnels are.
    pub kind: Kind,
    /// Whether it understands virtio headers on the TUN device. An Ethernet tunnel has none.
    pub offloads: bool,
    /// Whether a tunnel follows the computer to another network; else it ends there. Spec STOP-4.
    pub roams: bool,
    /// JSON Schema of its provider configuration, an absolute path.
    pub configuration_schema: Option<PathBuf>,
}

/// What the tunnels of a provider are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It carries IP packets.
    PacketTunnel,
    /// It carries Ethernet frames.
    EthernetTunnel,
}

/// Why a provider cannot be started. Known before any interface exists (ENT-C1).
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// No such folder or file.
    #[error("The tunnel provider “{0}” is not installed.")]
    NotInstalled(String),
    /// The file is not a manifest.
    #[error("{path} is no manifest that can be used: {reason}. Install the provider again.")]
    Unreadable {
        /// The manifest.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file names another id than its folder.
    #[error("{path} is the manifest of “{found}”, not of “{expected}”.")]
    WrongId {
        /// The manifest.
        path: PathBuf,
        /// The id of the folder.
        expected: String,
        /// The id in the file.
        found: String,
    },
    /// Whoever can write it could run programs through the helper.
    #[error(
        "{0} can be changed by others than root, so the provider is not started. Repair its owner and mode."
    )]
    Writable(PathBuf),
    /// The program is missing or is no program.
    #[error(
        "The program of the tunnel provider, {0}, is missing or cannot be executed. Install the provider again."
    )]
    NotExecutable(PathBuf),
    /// It is something else.
    #[error("The provider “{id}” cannot be used as a {kind}.")]
    WrongKind {
        /// The provider.
        id: String,
        /// What was asked of it.
        kind: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    id: String,
    name: String,
    executable: PathBuf,
    kinds: Vec<Kind>,
    #[serde(default)]
    offloads: bool,
    #[serde(default = "yes")]
    roams: bool,
    configuration_schema: Option<PathBuf>,
}

fn yes() -> bool {
    true
}

const FILE_NAME: &str = "provider.toml";

impl Manifest {
    /// Reads the manifest of `id` below `providers`, and checks that neither it nor its program
    /// can be changed by anyone but root and `trusted_uid`.
    pub fn load(providers: &Path, id: &str, trusted_uid: u32) -> Result<Self, ManifestError> {
        let folder = providers.join(id);
        let path = folder.join(FILE_NAME);
        let text = std::fs::read_to_string(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ManifestError::NotInstalled(id.into()),
            _ => ManifestError::Unreadable { path: path.clone(), reason: error.to_string() },
        })?;
        let file: File = toml::from_str(&text).map_err(|error| ManifestError::Unreadable {
            path: path.clone(),
            reason: error.message().into(),
        })?;
        if file.id != id {
            return Err(ManifestError::WrongId { path, expected: id.into(), found: file.id });
        }
        let [kind] = file.kinds[..] else {
            let reason = "it has to name one kind: a provider carries packets or frames";
            return Err(ManifestError::Unreadable { path, reason: reason.into() });
        };
        let named = folder.join(file.executable);
        let Ok(executable) = named.canonicalize() else {
            return Err(ManifestError::NotExecutable(named));
        };
        for guarded in [&folder, &path, &executable] {
            if !guarded.metadata().is_ok_and(|found| changed_by_root_alone(&found, trusted_uid)) {
                return Err(ManifestError::Writable(guarded.clone()));
            }
        }
        if let Some(open) = changeable_ancestor(&executable, trusted_uid) {
            return Err(ManifestError::Writable(open));
        }
        if !executable.metadata().is_ok_and(|found| found.is_file() && found.mode() & 0o111 != 0) {
            return Err(ManifestError::NotExecutable(executable));
        }
        Ok(Self {
            id: file.id,
            name: file.name,
            executable,
            kind,
            offloads: file.offloads,
            roams: file.roams,
            configuration_schema: file.configuration_schema.map(|schema| folder.join(schema)),
            folder,
        })
    }

    /// All providers below `providers`, by id; those that cannot be used with the reason.
    pub fn load_all(
        providers: &Path,
        trusted_uid: u32,
    ) -> io::Result<Vec<(String, Result<Self, ManifestError>)>> {
        let mut ids = Vec::new();
        for entry in std::fs::read_dir(providers)? {
            if let Ok(id) = entry?.file_name().into_string() {
                ids.push(id);
            }
        }
        ids.sort();
        let load = |id: String| {
            let manifest = Self::load(providers, &id, trusted_uid);
            (id, manifest)
        };
        Ok(ids.into_iter().map(load).collect())
    }

    /// Refuses a provider that is not of this kind.
    pub fn require(&self, kind: Kind) -> Result<(), ManifestError> {
        if self.kind == kind {
            return Ok(());
        }
        let kind = match kind {
            Kind::PacketTunnel => "packet tunnel",
            Kind::EthernetTunnel => "Ethernet tunnel",
        };
        Err(ManifestError::WrongKind { id: self.id.clone(), kind })
    }
}

/// A folder above the program in which others could put another in its place. In a
/// folder with the sticky bit they could not.
fn changeable_ancestor(executable: &Path, trusted_uid: u32) -> Option<PathBuf> {
    const STICKY: u32 = 0o1000;
    let guarded = |folder: &&Path| {
        let found = folder.metadata();
        found.is_ok_and(|found| {
            changed_by_root_alone(&found, trusted_uid) || found.mode() & STICKY != 0
        })
    };
    executable.ancestors().skip(1).find(|folder| !guarded(folder)).map(Path::to_owned)
}

/// Whether nobody but root and `trusted_uid` can change what this is about.
#[must_use]
pub fn changed_by_root_alone(found: &Metadata, trusted_uid: u32) -> bool {
    let uid = found.uid();
    let owned = uid == 0 || uid == trusted_uid || is_beyond_namespace(uid);
    let group_writable = found.mode() & 0o020 != 0 && found.gid() != 0;
    owned && !group_writable && found.mode() & 0o002 == 0
}

/// Whether this is how a user namespace shows those who do not exist in it, the system's root among
/// them (`user_namespaces(7)`). Who is root of a namespace only is an ordinary user, and risks no more
/// than what is theirs.
fn is_beyond_namespace(uid: u32) -> bool {
    const OVERFLOW_UID: u32 = 65534;
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let has_it = map.lines().any(|line| {
        let mut numbers = line.split_whitespace().map(str::parse::<u64>);
        let (Some(Ok(first)), Some(Ok(_)), Some(Ok(count))) =
            (numbers.next(), numbers.next(), numbers.next())
        else {
            // Nothing is known, so nothing is trusted.
            return true;
        };
        (first..first + count).contains(&uid.into())
    });
    uid == OVERFLOW_UID && !map.is_empty() && !has_it
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    // spec: ENT-1, ENT-2, ENT-9, PRV-9
    #[test]
    fn only_a_sound_manifest_is_an_entitlement() {
        let providers = tempfile::tempdir().unwrap();
        let folder = providers.path().join("org.example.vpn");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let write = |name: &str, text: &str, mode| {
            fs::write(folder.join(name), text).unwrap();
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        let uid = rustix::process::geteuid().as_raw();
        let load = || Manifest::load(providers.path(), "org.example.vpn", uid);
        let sound = "id = \"org.example.vpn\"\nname = \"Example\"\nexecutable = \"run\"\nkinds = [\"packet-tunnel\"]\n";

        assert!(matches!(load(), Err(ManifestError::NotInstalled(_))));
        write("provider.toml", sound, 0o644);
        assert!(matches!(load(), Err(ManifestError::NotExecutable(_))));
        write("run", "#!/bin/sh\n", 0o644);
        assert!(matches!(load(), Err(ManifestError::NotExecutable(_))));
        write("run", "#!/bin/sh\n", 0o757);
        assert!(matches!(load(), Err(ManifestError::Writable(_))));
        write("run", "#!/bin/sh\n", 0o755);
        let manifest = load().unwrap();
        assert!(manifest.require(Kind::PacketTunnel).is_ok());
        assert!(matches!(
            manifest.require(Kind::EthernetTunnel),
            Err(ManifestError::WrongKind { .. })
        ));
        write("provider.toml", &sound.replace("packet-tunnel", "ethernet-tunnel"), 0o644);
        assert_eq!(load().unwrap().kind, Kind::EthernetTunnel);
        for kinds in ["", "\"packet-tunnel\", \"ethernet-tunnel\"", "\"radio-tunnel\""] {
            write("provider.toml", &sound.replace("\"packet-tunnel\"", kinds), 0o644);
            assert!(matches!(load(), Err(ManifestError::Unreadable { .. })), "{kinds}");
        }
        // A link that leads through a folder that others can change.
        let open = providers.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        std::os::unix::fs::symlink(folder.join("run"), open.join("link")).unwrap();
        std::os::unix::fs::symlink(open.join("link"), folder.join("linked")).unwrap();
        write("provider.toml", &sound.replace("\"run\"", "\"linked\""), 0o644);
        assert_eq!(load().unwrap().executable, manifest.executable);
        write("provider.toml", "id = ", 0o644);
        let unreadable = load().unwrap_err().to_string();
        assert!(unreadable.contains("provider.toml is no manifest"), "{unreadable}");
        write("provider.toml", sound, 0o646);
        assert!(matches!(load(), Err(ManifestError::Writable(_))));
        write("provider.toml", &sound.replace("org.example.vpn", "org.other"), 0o644);
        assert!(matches!(load(), Err(ManifestError::WrongId { .. })));
    }
}
