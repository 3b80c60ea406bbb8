//! What was changed outside the kernel's routing, written down before it is changed.
//!
//! Rules and routes need no journal: they bear [`RTPROT_ADIT`](crate::RTPROT_ADIT).

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    Slot, atomic_file,
    dns::{GlobalDns, ResolvconfProgram, ServerList},
    error::NetworkError,
    firewall::Policy,
};

/// The journal with the file it is kept in.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    entries: Entries,
}

/// What is in force at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Entries {
    /// Kernel settings by key.
    pub(crate) sysctls: BTreeMap<String, SysctlChange>,
    /// The index of the interface that systemd-resolved was told about, by slot.
    pub(crate) resolved_links: BTreeMap<u8, u32>,
    /// What the firewall is to hold back, for all sessions and the machine.
    pub(crate) firewall: Policy,
    /// The lists of servers that sessions want, where there is one for all; the last one is in force.
    pub(crate) server_lists: Vec<Wish>,
    /// Where that list was written.
    pub(crate) one_list: Option<OneListChange>,
}

/// A changed kernel setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SysctlChange {
    pub(crate) from: String,
    pub(crate) to: String,
}

/// The list that a session wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wish {
    pub(crate) slot: u8,
    pub(crate) list: ServerList,
}

/// A changed list of servers for all names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum OneListChange {
    /// `/etc/resolv.conf`, which was this before.
    File(Original),
    /// NetworkManager, which had this before.
    NetworkManager(GlobalDns),
    /// A record beside those of others.
    Resolvconf(ResolvconfProgram),
}

/// A file as it was before us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Original {
    /// There was none.
    Absent,
    /// A regular file.
    Content(String),
    /// A symbolic link.
    Link(PathBuf),
    /// A symbolic link to a file that systemd-resolved keeps, with what that had in it.
    Resolved { link: PathBuf, content: Option<String> },
}

const FILE_NAME: &str = "network.json";

impl Entries {
    /// The sessions that have changed name resolution.
    pub(crate) fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        let lists = self.server_lists.iter().map(|wish| wish.slot);
        let numbers = self.resolved_links.keys().copied().chain(lists);
        numbers.filter_map(Slot::new)
    }

    /// Whether this session has changed name resolution.
    pub(crate) fn has_dns(&self, slot: Slot) -> bool {
        self.slots().any(|known| known == slot)
    }
}

impl Journal {
    /// Opens the journal in this folder. One that cannot be understood is treated as lost: being
    /// unable to put an old value back must not keep the service from starting.
    pub(crate) fn open(folder: &Path) -> Result<Self, NetworkError> {
        let path = folder.join(FILE_NAME);
        let failed = |source| NetworkError::Journal { path: path.clone(), source };
        fs::create_dir_all(folder).map_err(failed)?;
        let entries = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!("{} is damaged and ignored: {error}", path.display());
                Entries::default()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Entries::default(),
            Err(error) => return Err(failed(error)),
        };
        Ok(Self { path, entries })
    }

    pub(crate) fn entries(&self) -> &Entries {
        &self.entries
    }

    /// Changes the journal. It is on disk when this returns.
    pub(crate) fn update(&mut self, change: impl FnOnce(&mut Entries)) -> Result<(), NetworkError> {
        let mut entries = self.entries.clone();
        change(&mut entries);
        if entries == self.entries {
            return Ok(());
        }
        serde_json::to_vec_pretty(&entries)
            .map_err(io::Error::from)
            .and_then(|bytes| atomic_file::write(&self.path, &bytes, 0o600))
            .map_err(|source| NetworkError::Journal { path: self.path.clone(), source })?;
        self.entries = entries;
        Ok(())
    }
}
