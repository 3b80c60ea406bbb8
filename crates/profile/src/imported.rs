//! What an import yields.

use std::fmt;

use adit_model::{Secrets, Severity, VpnConfiguration};
use serde::{Deserialize, Serialize};

/// A configuration that was read and not saved yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The configuration, of generation 0.
    pub configuration: VpnConfiguration,
    /// Its secrets.
    pub secrets: Secrets,
    /// What of the file counts for nothing or for something else. What the configuration will do,
    /// [`lint`](crate::lint) says.
    pub notes: Vec<Note>,
}

/// Something about a profile that a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct Note {
    /// `Notice`: good to know; `Warning`: works, but not as the profile asks.
    pub severity: Severity,
    /// Line in the imported file, from 1; absent when it is about the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The key of the format that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// A sentence or two.
    pub text: String,
}

impl Note {
    pub(crate) fn notice(text: impl Into<String>) -> Self {
        Self { severity: Severity::Notice, line: None, key: None, text: text.into() }
    }

    pub(crate) fn warning(text: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::notice(text) }
    }

    pub(crate) fn about(mut self, key: &str) -> Self {
        self.key = Some(key.into());
        self
    }

    pub(crate) fn at(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "Line {line}: ")?;
        }
        f.write_str(&self.text)
    }
}
