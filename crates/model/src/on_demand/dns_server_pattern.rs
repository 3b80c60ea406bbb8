//! The condition on the DNS servers of a network.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Serialize};

/// Which DNS servers the network has to have. Spec OD-10.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DnsServerMatch {
    /// How many of them have to be in the list.
    #[serde(default)]
    pub mode: DnsServerMode,
    /// The list.
    #[cfg_attr(feature = "specta", specta(type = Vec<String>))]
    pub servers: Vec<DnsServerPattern>,
}

/// How many of the network's DNS servers have to be in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum DnsServerMode {
    /// At least one, as in Apple's profiles.
    #[default]
    Any,
    /// Each, and at least one, as in Apple's API.
    All,
}

/// An address, or a text with one `*` for any characters, as `17.*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DnsServerPattern {
    /// This one.
    Address(IpAddr),
    /// All whose text begins and ends so.
    Wildcard {
        /// What comes before the `*`.
        prefix: String,
        /// What comes after it.
        suffix: String,
    },
}

/// A text that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is no address of a DNS server, and no address with one * in it such as 17.*")]
pub struct InvalidPattern(String);

impl DnsServerMatch {
    /// Whether a network with these servers has what is asked for.
    #[must_use]
    pub fn fits(&self, servers: &[IpAddr]) -> bool {
        let listed = |server: &IpAddr| self.servers.iter().any(|pattern| pattern.fits(*server));
        match self.mode {
            DnsServerMode::Any => servers.iter().any(listed),
            DnsServerMode::All => !servers.is_empty() && servers.iter().all(listed),
        }
    }
}

impl DnsServerPattern {
    /// Whether a server is meant.
    #[must_use]
    pub fn fits(&self, server: IpAddr) -> bool {
        match self {
            Self::Address(address) => *address == server,
            Self::Wildcard { prefix, suffix } => {
                let text = server.to_string();
                let rest = text.strip_prefix(prefix.as_str());
                rest.is_some_and(|rest| rest.ends_with(suffix.as_str()))
            }
        }
    }
}

impl FromStr for DnsServerPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let (prefix, suffix) = text.split_once('*').ok_or_else(|| InvalidPattern(text.into()))?;
        let of_an_address = |c: char| c.is_ascii_hexdigit() || c == '.' || c == ':';
        if !prefix.chars().chain(suffix.chars()).all(of_an_address) {
            return Err(InvalidPattern(text.into()));
        }
        let (prefix, suffix) = (prefix.to_ascii_lowercase(), suffix.to_ascii_lowercase());
        Ok(Self::Wildcard { prefix, suffix })
    }
}

impl fmt::Display for DnsServerPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Wildcard { prefix, suffix } => write!(f, "{prefix}*{suffix}"),
        }
    }
}

impl TryFrom<String> for DnsServerPattern {
    type Error = InvalidPattern;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<DnsServerPattern> for String {
    fn from(pattern: DnsServerPattern) -> Self {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_an_address_or_has_one_star() {
        let fits = |pattern: &str, server: &str| {
            pattern.parse::<DnsServerPattern>().unwrap().fits(server.parse().unwrap())
        };
        assert!(fits("2001:DB8:0::1", "2001:db8::1"));
        assert!(fits("17.*", "17.1.2.3"));
        assert!(!fits("17.*", "170.1.2.3"));
        assert!(fits("*.53", "10.0.0.53"));
        assert!(fits("*", "10.0.0.53"));
        // The star stands for something beside the two ends, which do not overlap.
        assert!(!fits("10.0.0.*0.0.0.1", "10.0.0.1"));
        for text in ["", "dns.example", "1.*.*.1", "10.0.0.300"] {
            assert!(text.parse::<DnsServerPattern>().is_err(), "{text}");
        }
    }
}
