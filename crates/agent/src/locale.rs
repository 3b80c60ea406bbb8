//! The language of the user's session.

use std::env;

use adit_sentence::Language;

/// By the variables of locale(7), the first of which is set that counts.
#[must_use]
pub fn session_language() -> Language {
    let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set);
    Language::of_locale(&locale.unwrap_or_default())
}
