//! A configuration with its secrets as one JSON value, to be imported again elsewhere.

use adit_model::{Secrets, VpnConfiguration};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Note, NoteCode, mobileconfig::KEPT};

/// The form of archive that this program writes.
const VERSION: u32 = 1;

/// All that Adit knows of one configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Archive {
    /// Which form this is; no other JSON has it.
    adit: u32,
    /// With the id and the generation that it had where it was written.
    pub configuration: VpnConfiguration,
    /// Its secrets.
    pub secrets: Secrets,
    /// What else stands beside these.
    #[serde(flatten, skip_serializing)]
    unknown: Map<String, Value>,
}

/// Why an archive cannot be read. No variant repeats what is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// Another JSON.
    #[error("This JSON was not written by: adit export --format adit")]
    NotAnArchive,
    /// A later form of archive.
    #[error("This was exported by a later version of Adit; update this one.")]
    Later,
    /// Not what an archive looks like.
    #[error("Line {line}: this is not what adit export has written; export it again.")]
    Damaged {
        /// Where.
        line: usize,
    },
}

impl Archive {
    /// For writing.
    #[must_use]
    pub fn new(configuration: VpnConfiguration, secrets: Secrets) -> Self {
        Self { adit: VERSION, configuration, secrets, unknown: Map::new() }
    }

    /// What in it counts for nothing: keys of a later version, or with a slip of the pen.
    #[must_use]
    pub fn notes(&self) -> Vec<Note> {
        let VpnConfiguration { protocol, unknown, .. } = &self.configuration;
        let kept =
            unknown.keys().filter(|key| *key != KEPT).map(|key| format!("configuration.{key}"));
        let kept =
            kept.chain(protocol.unknown.keys().map(|key| format!("configuration.protocol.{key}")));
        let kept = kept.map(|key| {
            let text = format!("{key} is not known and counts for nothing; it is kept.");
            Note::warning(NoteCode::ArchiveKept, text).about(&key)
        });
        let left_out = self.unknown.keys().map(|key| {
            Note::warning(NoteCode::ArchiveLeftOut, format!("{key} is not known and was left out."))
                .about(key)
        });
        kept.chain(left_out).collect()
    }

    /// Whether `bytes` are to be read as an archive: no other importable file begins so.
    #[must_use]
    pub fn is_meant_by(bytes: &[u8]) -> bool {
        bytes.trim_ascii_start().first() == Some(&b'{')
    }

    /// Reads what was exported.
    pub fn read(bytes: &[u8]) -> Result<Self, ArchiveError> {
        #[derive(Deserialize)]
        struct Form {
            adit: Option<u32>,
        }
        let damaged = |error: serde_json::Error| ArchiveError::Damaged { line: error.line() };
        let form: Form = serde_json::from_slice(bytes).map_err(damaged)?;
        match form.adit {
            None => Err(ArchiveError::NotAnArchive),
            Some(VERSION) => serde_json::from_slice(bytes).map_err(damaged),
            Some(_) => Err(ArchiveError::Later),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_archive_is_said_without_its_content() {
        assert_eq!(Archive::read(b"{}"), Err(ArchiveError::NotAnArchive));
        assert_eq!(Archive::read(br#"{"adit":2}"#), Err(ArchiveError::Later));
        let damaged = Archive::read(b"{\"adit\":1,\n\"configuration\":\"hunter2\"}");
        assert_eq!(damaged, Err(ArchiveError::Damaged { line: 2 }));
        let slips = br#"{"adit": 1, "secret": {}, "secrets": {}, "configuration": {"colour": "red", "name": "home",
            "id": "5f0c6a32-9d3c-4a9e-8d0b-3c1f9b7d2a11", "profileKeys": {},
            "protocol": {"providerId": "org.example.vpn", "serverAddress": "a.example", "enforceRoute": true}}}"#;
        let archive = Archive::read(slips).unwrap();
        let notes: Vec<String> = archive.notes().into_iter().map(|note| note.text).collect();
        let said = [
            "configuration.colour is not known and counts for nothing; it is kept.",
            "configuration.protocol.enforceRoute is not known and counts for nothing; it is kept.",
            "secret is not known and was left out.",
        ];
        assert_eq!(notes, said);
        assert!(
            Archive::new(archive.configuration.clone(), archive.secrets.clone()).notes().len() == 2
        );
        assert!(Archive::is_meant_by(b"\n {\"adit\":1}"));
        assert!(!Archive::is_meant_by(b"[Interface]"));
    }
}
