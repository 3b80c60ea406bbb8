//! Hardware addresses: of access points (BSSID), of gateways and of Ethernet tunnels.

use std::{fmt, net::Ipv6Addr, str::FromStr};

use serde::{Deserialize, Serialize};

/// Six octets, written `00:11:22:aa:bb:cc` (IEEE 802 MAC address).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// Whether an interface can have it: a group's is nobody's own, and all zero is none (IEEE 802).
    #[must_use]
    pub fn is_unicast(self) -> bool {
        self.0[0] & 1 == 0 && self.0 != [0; 6]
    }

    /// The link-local address that follows from it, by its modified EUI-64 (RFC 4291 appendix A).
    #[must_use]
    pub fn link_local(self) -> Ipv6Addr {
        let mut octets = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 0];
        octets[8..11].copy_from_slice(&self.0[..3]);
        octets[13..].copy_from_slice(&self.0[3..]);
        octets[8] ^= 2;
        octets.into()
    }
}

/// A text that is no hardware address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is no hardware address; one looks like 00:11:22:aa:bb:cc")]
pub struct InvalidMacAddress(String);

impl FromStr for MacAddress {
    type Err = InvalidMacAddress;

    /// Of either case, with colons or hyphens.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidMacAddress(text.into());
        let mut octets = [0; 6];
        let mut parts = text.split([':', '-']);
        for octet in &mut octets {
            let part = parts.next().filter(|part| part.len() == 2).ok_or_else(invalid)?;
            // `from_str_radix` would take a sign.
            if !part.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(invalid());
            }
            *octet = u8::from_str_radix(part, 16).map_err(|_| invalid())?;
        }
        parts.next().map_or(Ok(Self(octets)), |_| Err(invalid()))
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.map(|octet| format!("{octet:02x}")).join(":"))
    }
}

impl TryFrom<String> for MacAddress {
    type Error = InvalidMacAddress;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<MacAddress> for String {
    fn from(address: MacAddress) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_has_one_that_is_nobody_elses() {
        let is_unicast = |text: &str| text.parse::<MacAddress>().unwrap().is_unicast();
        assert!(is_unicast("02:00:00:00:00:01") && is_unicast("00:11:22:aa:bb:cc"));
        for text in ["01:00:5e:00:00:fb", "33:33:00:00:00:01", "ff:ff:ff:ff:ff:ff"] {
            assert!(!is_unicast(text), "{text}");
        }
        assert!(!is_unicast("00:00:00:00:00:00"));
        let address: MacAddress = "02:11:22:aa:bb:cc".parse().unwrap();
        assert_eq!(address.link_local(), "fe80::11:22ff:feaa:bbcc".parse::<Ipv6Addr>().unwrap());
    }

    #[test]
    fn both_ways_of_writing_are_read_and_nothing_else() {
        let address = MacAddress([0, 0x11, 0x22, 0xaa, 0xbb, 0xcc]);
        for text in ["00:11:22:aa:bb:cc", "00-11-22-AA-BB-CC"] {
            assert_eq!(text.parse(), Ok(address));
        }
        assert_eq!(address.to_string(), "00:11:22:aa:bb:cc");
        for text in
            ["", "00:11:22:aa:bb", "00:11:22:aa:bb:cc:dd", "0:11:22:aa:bb:cc", "+1:11:22:aa:bb:cc"]
        {
            assert!(text.parse::<MacAddress>().is_err(), "{text}");
        }
    }
}
