//! Text that must not be seen: no `Display`, redacted `Debug`, wiped from memory on drop.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::wireguard::Key;

/// A password, key or token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(transparent)]
pub struct Secret(String);

/// The secrets of one configuration by name. Names are chosen by the provider.
pub type Secrets = BTreeMap<String, Secret>;

/// What becomes of one secret when a configuration is saved by somebody who does not know the
/// others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum SecretChange {
    /// It is this from now on.
    Set(Secret),
    /// It is the private half of a key pair that the helper has made, named by the public one.
    KeyOf(#[cfg_attr(feature = "specta", specta(type = String))] Key),
    /// It is forgotten.
    Remove {},
}

impl Secret {
    /// Takes ownership of the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_text() {
        let secrets = Secrets::from([("privateKey".into(), Secret::new("hunter2"))]);
        assert!(!format!("{secrets:?}").contains("hunter2"));
    }
}
