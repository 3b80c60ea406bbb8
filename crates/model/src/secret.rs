//! Text that must not be seen: no `Display`, redacted `Debug`, wiped from memory on drop. And where it is kept.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::wireguard::{Key, PRESHARED_KEY, PRIVATE_KEY};

/// A password, key or token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(transparent)]
pub struct Secret(String);

/// The secrets of one configuration by name. Names are chosen by the provider.
pub type Secrets = BTreeMap<String, Secret>;

/// The name of a provider's password among its secrets.
pub const PASSWORD: &str = "password";

/// Where a secret is that the helper does not keep. Spec PROTO-5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum SecretPlace {
    /// In the keyring of its owner, who is asked for it when it is not there.
    Keyring,
    /// Nowhere: its owner is asked for it at every start.
    Nowhere,
}

/// The secrets of one configuration that the helper does not keep, by name.
pub type SecretPlaces = BTreeMap<String, SecretPlace>;

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

/// What people call the secret of this name, as a part of a sentence: `private key`.
#[must_use]
pub fn secret_words(name: &str) -> String {
    if let Some(peer) = name.strip_prefix(PRESHARED_KEY) {
        return format!("preshared key for {peer}");
    }
    match name {
        PRIVATE_KEY => "private key".into(),
        PASSWORD => "password".into(),
        other => format!("“{other}”"),
    }
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

    #[test]
    fn secrets_have_names_for_people() {
        let peer = format!("{PRESHARED_KEY}AAAA");
        for (name, words) in [
            ("privateKey", "private key"),
            ("password", "password"),
            (&peer, "preshared key for AAAA"),
            ("pin", "“pin”"),
        ] {
            assert_eq!(secret_words(name), words);
        }
    }
}
