//! Which configuration a word on the command line means.

use adit_api::Entry;

use adit_sentence::{Language, enumeration};

/// Names that differ in more characters are not what was meant.
const MAX_DISTANCE: usize = 2;
/// More suggestions than this do not help.
const MAX_SUGGESTIONS: usize = 4;

/// Why a word means no configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SelectError {
    /// There is none at all.
    #[error(
        "There is no configuration “{wanted}”, and no other. Import one with: adit import FILE"
    )]
    NoneExist { wanted: String },
    /// None has such a name.
    #[error("There is no configuration “{wanted}”.{}", suggestion(close))]
    Unknown { wanted: String, close: Vec<String> },
    /// Several have.
    #[error("“{wanted}” could be {}. Write more of it, or the id.", alternatives(matches))]
    Ambiguous { wanted: String, matches: Vec<String> },
}

/// The entry with the name or id `wanted`, or else the only one whose name or id begins so.
pub(crate) fn select<'a>(entries: &'a [Entry], wanted: &str) -> Result<&'a Entry, SelectError> {
    let name = |entry: &Entry| entry.configuration.name.clone();
    let id = |entry: &Entry| entry.configuration.id.to_string();
    let folded = wanted.to_lowercase();
    let rules: [&dyn Fn(&Entry) -> bool; 3] = [
        &|entry| name(entry) == wanted || id(entry) == folded,
        &|entry| name(entry).to_lowercase() == folded,
        &|entry| name(entry).to_lowercase().starts_with(&folded) || id(entry).starts_with(&folded),
    ];
    if entries.is_empty() {
        return Err(SelectError::NoneExist { wanted: wanted.into() });
    }
    // The empty word is the beginning of every name and means none.
    for rule in rules.into_iter().filter(|_| !wanted.is_empty()) {
        let found: Vec<&Entry> = entries.iter().filter(|entry| rule(entry)).collect();
        match found.as_slice() {
            [] => {}
            [entry] => return Ok(entry),
            several => {
                let matches = several.iter().map(|entry| described(entry, several)).collect();
                return Err(SelectError::Ambiguous { wanted: wanted.into(), matches });
            }
        }
    }
    Err(SelectError::Unknown { wanted: wanted.into(), close: close(entries, &folded) })
}

/// The name, with the id where the name alone would not tell them apart.
fn described(entry: &Entry, others: &[&Entry]) -> String {
    let name = &entry.configuration.name;
    let twin = others.iter().filter(|other| other.configuration.name == *name).count() > 1;
    if twin {
        format!("“{name}” ({})", entry.configuration.id)
    } else {
        format!("“{name}”")
    }
}

/// Names that may have been meant, the closest first; all of them when they are few.
fn close(entries: &[Entry], folded: &str) -> Vec<String> {
    let mut names: Vec<(usize, &str)> = entries
        .iter()
        .map(|entry| entry.configuration.name.as_str())
        .map(|name| (distance(&name.to_lowercase(), folded), name))
        .collect();
    names.sort_unstable();
    if names.len() > MAX_SUGGESTIONS {
        names.retain(|(distance, _)| *distance <= MAX_DISTANCE);
        names.truncate(MAX_SUGGESTIONS);
    }
    names.into_iter().map(|(_, name)| format!("“{name}”")).collect()
}

fn distance(name: &str, wanted: &str) -> usize {
    if name.contains(wanted) { 0 } else { strsim::osa_distance(name, wanted) }
}

fn suggestion(close: &[String]) -> String {
    match close {
        [] => " See what there is with: adit list".into(),
        close => format!(" There is {}.", enumeration(close, Language::English)),
    }
}

fn alternatives(matches: &[String]) -> String {
    match matches {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        matches => matches.concat(),
    }
}

#[cfg(test)]
mod tests {
    use adit_model::{ConfigurationId, SessionStatus, TunnelProviderProtocol, VpnConfiguration};

    use super::*;

    #[test]
    fn a_word_means_a_name_or_an_id_or_the_beginning_of_one() {
        let entries = entries(&["work", "Work-lab", "home", "homestead"]);
        let id = entries[1].configuration.id.to_string();
        for (wanted, name) in [
            ("work", "work"),
            ("work-", "Work-lab"),
            ("WORK-LAB", "Work-lab"),
            ("home", "home"),
            ("homes", "homestead"),
            (&id, "Work-lab"),
            (&id[..5], "Work-lab"),
        ] {
            assert_eq!(select(&entries, wanted).unwrap().configuration.name, name, "{wanted}");
        }
    }

    #[test]
    fn a_word_that_means_none_or_several_is_answered_with_names() {
        let few = entries(&["work", "home"]);
        let many = entries(&["berlin", "bern", "brest", "bremen", "zurich", "oslo"]);
        let said = |entries: &[Entry], wanted| select(entries, wanted).unwrap_err().to_string();
        assert_eq!(
            said(&few, "wrok"),
            "There is no configuration “wrok”. There is “work” and “home”."
        );
        assert_eq!(said(&many, "olso"), "There is no configuration “olso”. There is “oslo”.");
        assert!(said(&many, "tokyo").ends_with("adit list"));
        assert!(said(&[], "work").ends_with("adit import FILE"));
        let expected = "“ber” could be “berlin” or “bern”. Write more of it, or the id.";
        assert_eq!(said(&many, "ber"), expected);
        assert!(matches!(select(&few, ""), Err(SelectError::Unknown { .. })));
    }

    #[test]
    fn the_same_name_of_two_owners_is_told_apart_by_id() {
        let entries = entries(&["work", "work"]);
        let error = select(&entries, "work").unwrap_err().to_string();
        for entry in &entries {
            assert!(error.contains(&entry.configuration.id.to_string()), "{error}");
        }
    }

    fn entries(names: &[&str]) -> Vec<Entry> {
        names.iter().zip(1..).map(|(name, number)| entry(name, number)).collect()
    }

    fn entry(name: &str, number: u8) -> Entry {
        let id = ConfigurationId::from_random([number * 16 + number; 16]);
        let protocol = TunnelProviderProtocol::new("org.example.vpn", "vpn.example");
        Entry {
            configuration: VpnConfiguration::new(id, name, protocol),
            session: SessionStatus::new(id),
        }
    }
}
