//! Names of wireless networks.

use std::{convert::Infallible, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The name of a wireless network: any bytes, compared exactly. Spec OD-8, IEEE 802.11 section
/// 9.4.2.2.
///
/// As text it is itself where it is plain UTF-8. A control character or a byte that is not UTF-8 is
/// `\xNN`, and a backslash that would begin such an escape is `\\`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Ssid(Vec<u8>);

impl Ssid {
    /// A name as it is in the air.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The name as it is in the air.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Every text is some name; see [`Ssid`].
impl FromStr for Ssid {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let [first, after @ ..] = rest {
            (bytes, rest) = match escaped(rest) {
                Some((byte, after)) => (pushed(bytes, byte), after),
                None => (pushed(bytes, *first), after),
            };
        }
        Ok(Self(bytes))
    }
}

fn pushed(mut bytes: Vec<u8>, byte: u8) -> Vec<u8> {
    bytes.push(byte);
    bytes
}

/// The byte of an escape at the beginning of `text`, and what comes after it.
fn escaped(text: &[u8]) -> Option<(u8, &[u8])> {
    match text {
        [b'\\', b'\\', after @ ..] => Some((b'\\', after)),
        [b'\\', b'x', high, low, after @ ..] => {
            let digit = |digit: &u8| char::from(*digit).to_digit(16);
            let byte = u8::try_from(digit(high)? * 16 + digit(low)?).ok()?;
            Some((byte, after))
        }
        _ => None,
    }
}

impl fmt::Display for Ssid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '\\' => f.write_str(r"\\")?,
                    control if control.is_control() => {
                        let mut buffer = [0; 4];
                        for byte in control.encode_utf8(&mut buffer).bytes() {
                            write!(f, r"\x{byte:02x}")?;
                        }
                    }
                    plain => write!(f, "{plain}")?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, r"\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Ssid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ssid({self})")
    }
}

impl From<String> for Ssid {
    fn from(text: String) -> Self {
        let Ok(ssid) = text.parse();
        ssid
    }
}

impl From<Ssid> for String {
    fn from(ssid: Ssid) -> Self {
        ssid.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_plain_text_is_escaped() {
        let shown = |bytes: &[u8]| Ssid::from_bytes(bytes).to_string();
        assert_eq!(shown("Café".as_bytes()), "Café");
        assert_eq!(shown(b"Caf\xe9"), r"Caf\xe9");
        assert_eq!(shown(b"a\nb\\c"), r"a\x0ab\\c");
        assert_eq!(Ssid::from(r"a\b".to_owned()), Ssid::from_bytes(*br"a\b"));
    }

    proptest! {
        #[test]
        fn every_name_comes_back_from_its_text(bytes: Vec<u8>) {
            let ssid = Ssid::from_bytes(bytes);
            prop_assert_eq!(Ssid::from(ssid.to_string()), ssid);
        }
    }
}
