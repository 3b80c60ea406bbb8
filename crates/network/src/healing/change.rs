//! What others do, as far as it is told.

use std::collections::{BTreeMap, BTreeSet};

use super::{Opponent, Part, opponent};

/// Something that may have damaged what is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// What it was done to, if that is known.
    pub(crate) part: Option<Part>,
    /// Who did it.
    pub(crate) by: Culprit,
}

/// Who did something, as whoever tells of it knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Culprit {
    /// Nobody says so.
    Unknown,
    /// Whoever has this port of rtnetlink(7).
    Port(u32),
    /// The program of this name.
    Program(String),
}

/// What is known of the changes of one burst.
#[derive(Debug, Default)]
pub(crate) struct Suspicion {
    parts: BTreeSet<Part>,
    culprits: BTreeMap<Part, String>,
    /// Ports that were looked up.
    asked: BTreeSet<u32>,
}

impl Suspicion {
    /// Without a sign, everything may have been changed.
    pub(crate) fn of_everything() -> Self {
        Self { parts: Part::ALL.into(), ..Self::default() }
    }

    /// Takes a change into account. Who did it is asked at once, as many a culprit ends within
    /// milliseconds.
    pub(crate) fn note(&mut self, change: Change) {
        let Some(part) = change.part else {
            self.parts.extend(Part::ALL);
            return;
        };
        self.parts.insert(part);
        let name = match change.by {
            Culprit::Port(number) if self.asked.insert(number) => opponent::of_port(number),
            Culprit::Unknown | Culprit::Port(_) => None,
            Culprit::Program(name) => Some(name),
        };
        if let Some(name) = name {
            self.culprits.insert(part, name);
        }
    }

    /// Whether a part may have been changed.
    pub(crate) fn concerns(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }

    /// Who changed a part.
    pub(crate) fn opponent(&self, part: Part) -> Opponent {
        match self.culprits.get(&part) {
            Some(name) => Opponent::Known(name.clone()),
            None => opponent::usual(part).map_or(Opponent::Unknown, Opponent::Likely),
        }
    }
}
