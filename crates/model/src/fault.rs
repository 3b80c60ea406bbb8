//! What can be wrong with a field of a configuration.

use ipnet::IpNet;
use serde::Serialize;

/// As a part of a sentence after the field in English; each has a code, and what differs from one to the other, for those who say
/// it in another language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(tag = "code", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Fault {
    /// There is nothing.
    #[error("must not be empty")]
    Empty,
    /// Shown to people as the server (PROTO-3).
    #[error("must not be empty; it is what people see as the server")]
    NoServer,
    /// A text for people has an end.
    #[error("must not be longer than {most} characters")]
    TooLong {
        /// As many as may be.
        most: usize,
    },
    /// It has control characters.
    #[error("must be one line of plain text")]
    NotOneLine,
    /// More than anybody needs.
    #[error("are more than {most}")]
    TooMany {
        /// As many as may be.
        most: usize,
    },
    /// The whole of it.
    #[error("is larger than {most_kib} KiB")]
    TooLarge {
        /// As much as may be.
        most_kib: usize,
    },
    /// The whole of it, in memory.
    #[error("has more than {most} values")]
    TooManyValues {
        /// As many as may be.
        most: usize,
    },
    /// The id of a provider.
    #[error("must be a name such as org.example.vpn: letters, digits, dots and hyphens")]
    NotAProvider,
    /// The system has no owner who could be asked.
    #[error("are for configurations of one user; a system's keeps its secrets with it")]
    SecretsOfSystem,
    /// Of a per-app tunnel.
    #[error("is for tunnels that take destinations; the apps of this one have no other way anyway")]
    OfDestinations,
    /// Of a per-app tunnel.
    #[error("is for tunnels that take destinations; connect a per-app tunnel by hand")]
    PerAppByHand,
    /// The name of a secret.
    #[error("have names of one line and 1 to {most} bytes")]
    NotASecretName {
        /// As many bytes as may be.
        most: usize,
    },
    /// A span.
    #[error("must be from 1 to {most} seconds")]
    NotASpan {
        /// The longest.
        most: u32,
    },
    /// A key of rules.
    #[error("is no key of {}{}", rule.map_or_else(|| "on demand".to_owned(), |number| format!("rule {number}")), meant.as_ref().map(|key| format!("; perhaps “{key}” is meant")).unwrap_or_default())]
    UnknownKey {
        /// Which rule, from 1; absent if it is of none.
        #[serde(skip_serializing_if = "Option::is_none")]
        rule: Option<usize>,
        /// What may be meant.
        #[serde(skip_serializing_if = "Option::is_none")]
        meant: Option<String>,
    },
    /// A time of day that is over when it begins.
    #[error("begins and ends at the same time")]
    NoTime,
    /// A domain, or a pattern of them.
    #[error("“{text}” is no domain; one is example.com, or *.example.com for what is below it")]
    NotADomain {
        /// What it is.
        text: String,
    },
    /// An address on the web.
    #[error("“{text}” is no URL that begins with http:// or https://")]
    NotAUrl {
        /// What it is.
        text: String,
    },
    /// A tunnel of `WireGuard`.
    #[error("give the tunnel at least one address")]
    NoAddress,
    /// A tunnel of `WireGuard`.
    #[error("there is no peer; a tunnel needs another end")]
    NoPeer,
    /// A peer of `WireGuard`.
    #[error("is the same as that of an earlier peer")]
    SamePeer,
    /// A peer of `WireGuard`.
    #[error("{network} belongs to peer {peer} already; each network can lead to one peer only")]
    NetworkTaken {
        /// Which network.
        #[cfg_attr(feature = "specta", specta(type = String))]
        network: IpNet,
        /// Whose it is, from 1.
        peer: usize,
    },
    /// What whoever looked at it says.
    #[error("{text}")]
    Other {
        /// What it says.
        text: String,
    },
}

impl From<&str> for Fault {
    fn from(text: &str) -> Self {
        Self::Other { text: text.into() }
    }
}

impl From<String> for Fault {
    fn from(text: String) -> Self {
        Self::Other { text }
    }
}
