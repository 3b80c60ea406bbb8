//! The keys that must stay secret. None of them prints itself, and all are wiped on drop.

use std::{fmt, str::FromStr};

use adit_model::wireguard::{InvalidKey, Key};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// The interface's Curve25519 private key. The text form is base64.
#[derive(Clone)]
pub struct PrivateKey(StaticSecret);

/// A symmetric key that both ends of a peer mix into their handshakes. The text form is base64.
#[derive(Clone, PartialEq, Eq)]
pub struct PresharedKey(Zeroizing<[u8; 32]>);

impl PrivateKey {
    /// A key from its bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(StaticSecret::from(bytes))
    }

    /// The public key that belongs to it.
    #[must_use]
    pub fn public_key(&self) -> Key {
        Key::new(PublicKey::from(&self.0).to_bytes())
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl PresharedKey {
    /// A key from its bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn bytes(&self) -> [u8; 32] {
        *self.0
    }
}

impl FromStr for PrivateKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        decode(text).map(|bytes| Self::new(*bytes))
    }
}

impl FromStr for PresharedKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        decode(text).map(Self)
    }
}

impl PartialEq for PrivateKey {
    fn eq(&self, other: &Self) -> bool {
        self.public_key() == other.public_key()
    }
}

impl Eq for PrivateKey {}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

impl fmt::Debug for PresharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresharedKey(…)")
    }
}

fn decode(text: &str) -> Result<Zeroizing<[u8; 32]>, InvalidKey> {
    let bytes = Zeroizing::new(BASE64_STANDARD.decode(text).map_err(|_| InvalidKey::NotBase64)?);
    let key = bytes.as_slice().try_into().map_err(|_| InvalidKey::WrongLength(bytes.len()))?;
    Ok(Zeroizing::new(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pair of Alice in RFC 7748 section 6.1.
    #[test]
    fn the_public_key_is_derived_and_the_private_one_not_shown() {
        let private: PrivateKey = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=".parse().unwrap();
        let public = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";
        assert_eq!(private.public_key().to_string(), public);
        assert_eq!(format!("{private:?}"), "PrivateKey(…)");
        assert_eq!("AAAA".parse::<PresharedKey>().unwrap_err(), InvalidKey::WrongLength(3));
    }
}
