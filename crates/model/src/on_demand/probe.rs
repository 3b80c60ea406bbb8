//! What came of asking a server that a rule names.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// The answer to one GET past the tunnel, without following a redirection. Spec OD-11, OD-20.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ProbeResult {
    /// The server answered.
    Answered {
        /// With this status of HTTP.
        status: u16,
    },
    /// There was no answer.
    Failed {
        /// Why, in the middle of a sentence.
        reason: String,
    },
}

/// What was asked so far about one network; about another it says nothing (OD-14).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProbeResults {
    generation: u64,
    results: BTreeMap<String, ProbeResult>,
}

impl ProbeResult {
    /// Whether it is a plain 200.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        match self {
            Self::Answered { status } => *status == 200,
            Self::Failed { .. } => false,
        }
    }
}

/// In the middle of a sentence.
impl fmt::Display for ProbeResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered { status: status @ 300..400 } => {
                write!(f, "it redirects elsewhere ({status})")
            }
            Self::Answered { status } => write!(f, "it answered {status}"),
            Self::Failed { reason } => f.write_str(reason),
        }
    }
}

impl ProbeResults {
    /// Nothing was asked yet about the network of this generation.
    #[must_use]
    pub fn new(generation: u64) -> Self {
        Self { generation, results: BTreeMap::new() }
    }

    /// Adds what came of asking at this URL while the network was of this generation. It is void if
    /// the network has changed since, and the first answer stays.
    pub fn add(&mut self, generation: u64, url: impl Into<String>, result: ProbeResult) {
        if generation == self.generation {
            self.results.entry(url.into()).or_insert(result);
        }
    }

    pub(super) fn get(&self, generation: u64, url: &str) -> Option<&ProbeResult> {
        if generation != self.generation {
            return None;
        }
        self.results.get(url)
    }
}
