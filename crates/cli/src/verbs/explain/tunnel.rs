//! What a person calls an interface.

use adit_api::Entry;

/// The interface, and whose tunnel it is.
pub(super) fn named(interface: &str, entries: &[Entry]) -> String {
    match entries.iter().find(|entry| entry.session.interface.as_deref() == Some(interface)) {
        Some(entry) => format!("{interface}, the tunnel of {}", entry.configuration.name),
        None => interface.to_owned(),
    }
}
