//! What a session leaves to the next helper, should this one die: a folder for each that is not down.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::{fs::DirBuilderExt, net::UnixListener},
    path::{Path, PathBuf},
};

use adit_model::{ConfigurationId, PacketTunnelNetworkSettings};
use adit_network::Strength;
use adit_provider::VirtualInterface;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::StartRequest;
use crate::{
    durable_file,
    provider::{ProcessName, ProgramVersion},
};

/// A session as the next helper needs to know it. It is written by root for root.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionRecord {
    pub(crate) owner: u32,
    /// What it was started with.
    pub(crate) start: StartRequest,
    /// Not any more once it is ending.
    pub(crate) wanted: bool,
    /// None while its owner is asked for secrets, before anything exists.
    pub(crate) run: Option<RunRecord>,
}

/// What exists of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunRecord {
    /// The number of its slot.
    pub(crate) slot: u8,
    /// None before an Ethernet tunnel has one.
    pub(crate) interface: Option<VirtualInterface>,
    /// Whether that is the one it began with: then its counters are the session's.
    pub(crate) first_interface: bool,
    /// None before it runs and while it is being replaced.
    pub(crate) provider: Option<ProcessName>,
    /// What that runs.
    #[serde(default)]
    pub(crate) program: Option<ProgramVersion>,
    pub(crate) established: Option<Established>,
}

/// The tunnel, once there is one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Established {
    pub(crate) connected_at: Timestamp,
    /// Those in force.
    pub(crate) settings: Option<PacketTunnelNetworkSettings>,
    pub(crate) strength: Strength,
}

/// The folder of one session, below that of all.
#[derive(Debug)]
pub(crate) struct SessionFolder {
    path: PathBuf,
    written: Option<SessionRecord>,
}

const RECORD: &str = "session.json";
const SOCKET: &str = "provider.sock";

impl SessionFolder {
    /// An empty one.
    pub(crate) fn create(sessions: &Path, id: ConfigurationId) -> io::Result<Self> {
        let folder = Self { path: sessions.join(id.to_string()), written: None };
        folder.remove();
        DirBuilder::new().recursive(true).mode(0o700).create(&folder.path)?;
        Ok(folder)
    }

    /// Those that an earlier helper has left.
    pub(crate) fn left_in(sessions: &Path) -> Vec<Self> {
        let entries = fs::read_dir(sessions).into_iter().flatten().flatten();
        entries.map(|entry| Self { path: entry.path(), written: None }).collect()
    }

    /// Whose session it is and what is known of it; none if that cannot be understood.
    pub(crate) fn read(&mut self) -> Option<(ConfigurationId, SessionRecord)> {
        let id = self.path.file_name()?.to_str()?.parse().ok()?;
        let json = fs::read(self.path.join(RECORD)).ok()?;
        let record: SessionRecord = serde_json::from_slice(&json)
            .inspect_err(|error| {
                tracing::warn!("the record of a session is damaged and ignored: {error}");
            })
            .ok()?;
        self.written = Some(record.clone());
        Some((id, record))
    }

    /// Writes the record if it changed. One that cannot be written is removed: the next helper would
    /// be misled.
    pub(crate) fn save(&mut self, record: &SessionRecord) -> io::Result<()> {
        if self.written.as_ref() == Some(record) {
            return Ok(());
        }
        let path = self.path.join(RECORD);
        let json = serde_json::to_vec(record)?;
        durable_file::replace(&path, &json).inspect_err(|_| {
            self.written = None;
            let _ = fs::remove_file(&path);
        })?;
        self.written = Some(record.clone());
        Ok(())
    }

    /// Where the provider of this session waits for the next helper. Only root reaches it.
    pub(crate) fn listen(&self) -> io::Result<UnixListener> {
        let path = self.socket();
        let _ = fs::remove_file(&path);
        UnixListener::bind(path)
    }

    /// The path of that socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.path.join(SOCKET)
    }

    pub(crate) fn remove(&self) {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::debug!(%error, "a session's folder cannot be removed");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use adit_model::StartCause;

    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was_written_last() {
        let sessions = tempfile::tempdir().unwrap();
        let id = ConfigurationId::random();
        let mut folder = SessionFolder::create(sessions.path(), id).unwrap();
        let mut record = example();
        folder.save(&record).unwrap();
        record.wanted = false;
        folder.save(&record).unwrap();
        let [left] = &mut SessionFolder::left_in(sessions.path())[..] else { panic!("one folder") };
        assert_eq!(left.read(), Some((id, record)));
        left.remove();
        assert!(SessionFolder::left_in(sessions.path()).is_empty());
    }

    #[test]
    fn a_record_that_cannot_be_written_does_not_leave_an_old_one() {
        let sessions = tempfile::tempdir().unwrap();
        let mut folder = SessionFolder::create(sessions.path(), ConfigurationId::random()).unwrap();
        let mut record = example();
        folder.save(&record).unwrap();
        // A folder in the place of the temporary file makes the write fail, like a full disk.
        fs::create_dir(folder.path.join(RECORD).with_extension("new")).unwrap();
        record.wanted = false;
        assert!(folder.save(&record).is_err());
        assert_eq!(folder.read(), None);
    }

    #[test]
    fn garbage_is_no_record() {
        let sessions = tempfile::tempdir().unwrap();
        let mut folder = SessionFolder::create(sessions.path(), ConfigurationId::random()).unwrap();
        for garbage in ["", "{}", "[1]", "\u{0}", "{\"owner\": -1}"] {
            fs::write(folder.path.join(RECORD), garbage).unwrap();
            assert_eq!(folder.read(), None, "{garbage}");
        }
        fs::create_dir(sessions.path().join("stranger")).unwrap();
        let found = SessionFolder::left_in(sessions.path());
        assert!(found.into_iter().all(|mut folder| folder.read().is_none()));
    }

    fn example() -> SessionRecord {
        let run = RunRecord {
            slot: 3,
            interface: Some(VirtualInterface { name: "adit3".into(), index: 7 }),
            first_interface: true,
            provider: None,
            program: None,
            established: Some(Established {
                connected_at: Timestamp::UNIX_EPOCH,
                settings: None,
                strength: Strength::default(),
            }),
        };
        SessionRecord {
            owner: 1000,
            start: StartRequest {
                cause: StartCause::User { uid: 1000 },
                options: None,
                credentials: None,
            },
            wanted: true,
            run: Some(run),
        }
    }
}
