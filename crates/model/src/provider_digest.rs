//! Which program a configuration demands as its provider.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The digest of a provider's program, SHA-256 of its file. Written `sha256:` and 64 hexadecimal digits.
/// It stands for Apple's designated requirement (MDM-11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProviderDigest([u8; 32]);

/// It is written otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be sha256: and the 64 hexadecimal digits that sha256sum(1) prints")]
pub struct InvalidProviderDigest;

const KIND: &str = "sha256:";

impl ProviderDigest {
    /// Of a file's digest.
    #[must_use]
    pub fn new(sha256: [u8; 32]) -> Self {
        Self(sha256)
    }

    /// Whether a text is meant to be one.
    #[must_use]
    pub fn is_meant_by(text: &str) -> bool {
        text.trim_start().starts_with(KIND)
    }
}

impl FromStr for ProviderDigest {
    type Err = InvalidProviderDigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = text.trim().strip_prefix(KIND).ok_or(InvalidProviderDigest)?.trim_start();
        if hex.len() != 64 || !hex.is_ascii() {
            return Err(InvalidProviderDigest);
        }
        let mut digest = [0; 32];
        for (byte, digits) in digest.iter_mut().zip(hex.as_bytes().chunks(2)) {
            let value = |digit: u8| char::from(digit).to_digit(16);
            let number = value(digits[0]).zip(value(digits[1])).map(|(high, low)| high << 4 | low);
            let number = number.and_then(|number| u8::try_from(number).ok());
            *byte = number.ok_or(InvalidProviderDigest)?;
        }
        Ok(Self(digest))
    }
}

impl fmt::Display for ProviderDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(KIND)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl TryFrom<String> for ProviderDigest {
    type Error = InvalidProviderDigest;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ProviderDigest> for String {
    fn from(digest: ProviderDigest) -> Self {
        digest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_sha256sum_writes_it() {
        let text = format!("sha256:{}", "0f".repeat(32));
        let digest: ProviderDigest = text.parse().unwrap();
        assert_eq!(digest, ProviderDigest::new([15; 32]));
        assert_eq!(digest.to_string(), text);
        assert_eq!(text.to_uppercase().replace("SHA256", "sha256").parse(), Ok(digest));
        for wrong in ["", "sha256:", "sha256:0f", &text[7..], &format!("{text}0"), "anchor apple"] {
            assert_eq!(wrong.parse::<ProviderDigest>(), Err(InvalidProviderDigest), "{wrong}");
        }
        assert!(format!("sha256:{}", "zz".repeat(32)).parse::<ProviderDigest>().is_err());
    }
}
