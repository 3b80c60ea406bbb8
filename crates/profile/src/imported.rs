//! What an import yields.

use std::{collections::BTreeMap, fmt};

use adit_model::{Secrets, Severity, VpnConfiguration};
use serde::{Deserialize, Serialize};

use crate::NoteCode;

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

/// Something about a profile that a person should know. `text` says all of it in English; `code` and
/// `arguments` are for those who say it in another language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct Note {
    /// `Notice`: good to know; `Warning`: works, but not as the profile asks.
    pub severity: Severity,
    /// Which of all sentences it is.
    pub code: NoteCode,
    /// Line in the imported file, from 1; absent when it is about the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The key of the format that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What differs from one such sentence to the other.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, String>,
    /// A sentence or two.
    pub text: String,
}

impl Note {
    /// Something that is good to know.
    pub(crate) fn notice(code: NoteCode, text: impl Into<String>) -> Self {
        Self {
            severity: Severity::Notice,
            code,
            line: None,
            key: None,
            arguments: BTreeMap::new(),
            text: text.into(),
        }
    }

    /// Something that works, but not as the profile asks.
    pub(crate) fn warning(code: NoteCode, text: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::notice(code, text) }
    }

    /// Names the key of the format.
    pub(crate) fn about(mut self, key: &str) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Names the line.
    pub(crate) fn at(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }

    /// Adds an argument of the sentence.
    pub(crate) fn with(mut self, name: &str, value: &impl ToString) -> Self {
        self.arguments.insert(name.into(), value.to_string());
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
