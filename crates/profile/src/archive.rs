//! A configuration with its secrets as one JSON value, to be imported again elsewhere.

use adit_model::{Secrets, VpnConfiguration};
use serde::{Deserialize, Serialize};

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
        Self { adit: VERSION, configuration, secrets }
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
        assert!(Archive::is_meant_by(b"\n {\"adit\":1}"));
        assert!(!Archive::is_meant_by(b"[Interface]"));
    }
}
