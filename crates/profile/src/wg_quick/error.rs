//! Why a file cannot be imported or a configuration not exported.

use adit_model::InvalidConfiguration;
use ipnet::IpNet;
use serde::Serialize;

/// Why a wg-quick file was refused. No variant repeats a value that may be secret. It says so in English; as data it is
/// for those who say it in another language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(tag = "code", rename_all = "camelCase")]
pub enum ImportError {
    /// More than [`crate::MAX_SIZE`] bytes.
    #[error("The file is larger than 1 MiB, so it is not a WireGuard configuration.")]
    TooLarge,
    /// Not UTF-8, or with NUL bytes.
    #[error("The file is not plain text in UTF-8; save it as such, or choose another file.")]
    NotText,
    /// HTML or XML.
    #[error(
        "This is a web page or another XML file; download or copy the WireGuard configuration itself."
    )]
    Markup,
    /// An OpenVPN profile.
    #[error(
        "This is a configuration for OpenVPN; ask your VPN service for one for WireGuard instead."
    )]
    OpenVpn,
    /// No `[Interface]`.
    #[error("There is no [Interface] section; a WireGuard configuration begins with one.")]
    NoInterface,
    /// No `[Peer]`.
    #[error("There is no [Peer] section; a tunnel needs another end to connect to.")]
    NoPeer,
    /// A control character.
    #[error("Line {line} contains a control character; remove it.")]
    ControlCharacter {
        /// Where.
        line: usize,
    },
    /// Neither a section nor `key = value`.
    #[error(
        "Line {line} is neither a section such as [Peer] nor a setting such as MTU = 1420; comments begin with #."
    )]
    NotASetting {
        /// Where.
        line: usize,
    },
    /// Another section.
    #[error("Line {line}: [{section}] is not a section; only [Interface] and [Peer] are.")]
    UnknownSection {
        /// Where.
        line: usize,
        /// The name.
        section: String,
    },
    /// A setting above all sections.
    #[error("Line {line}: {key} stands above any section; put [Interface] before it.")]
    OutsideSection {
        /// Where.
        line: usize,
        /// The key.
        key: String,
    },
    /// A key that wg-quick does not have.
    #[error("Line {line}: {key} is not a setting of WireGuard{}", hint(*nearest))]
    UnknownKey {
        /// Where.
        line: usize,
        /// The key.
        key: String,
        /// The key that was probably meant.
        nearest: Option<&'static str>,
    },
    /// A key of the other section.
    #[error("Line {line}: {key} belongs under [{section}].")]
    WrongSection {
        /// Where.
        line: usize,
        /// The key.
        key: &'static str,
        /// The section that has it.
        section: &'static str,
    },
    /// A value that means nothing.
    #[error("Line {line}: {key} is wrong: {reason}.")]
    Value {
        /// Where.
        line: usize,
        /// The key.
        key: &'static str,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// A required key is absent.
    #[error("Line {line}: [{section}] has no {key}; add {key} = {example}.")]
    Missing {
        /// Where the section begins.
        line: usize,
        /// Its name.
        section: &'static str,
        /// The key.
        key: &'static str,
        /// A value that would be right.
        example: &'static str,
    },
    /// Two peers with one key.
    #[error("Line {line}: PublicKey is that of the peer on line {first}; each peer has its own.")]
    DuplicatePeer {
        /// The later peer's key.
        line: usize,
        /// The earlier one's.
        first: usize,
    },
    /// Two peers with one network.
    #[error(
        "Line {line}: AllowedIPs gives {network} to a second peer; line {first} has given it away already."
    )]
    DuplicateNetwork {
        /// The later peer's.
        line: usize,
        /// What both want.
        #[cfg_attr(feature = "specta", specta(type = String))]
        network: IpNet,
        /// The earlier peer's.
        first: usize,
    },
    /// The configuration as a whole, such as its name.
    #[error("The configuration cannot be used: {0}.")]
    Configuration(InvalidConfiguration),
}

impl ImportError {
    /// The line that is to blame, from 1; absent when it is the whole.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::TooLarge
            | Self::NotText
            | Self::Markup
            | Self::OpenVpn
            | Self::NoInterface
            | Self::NoPeer
            | Self::Configuration(_) => None,
            Self::ControlCharacter { line }
            | Self::NotASetting { line }
            | Self::UnknownSection { line, .. }
            | Self::OutsideSection { line, .. }
            | Self::UnknownKey { line, .. }
            | Self::WrongSection { line, .. }
            | Self::Value { line, .. }
            | Self::Missing { line, .. }
            | Self::DuplicatePeer { line, .. }
            | Self::DuplicateNetwork { line, .. } => Some(*line),
        }
    }
}

/// Why a configuration cannot be written as a wg-quick file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// The private key is elsewhere.
    #[error("The private key is not at hand; unlock the configuration's secrets first.")]
    NoPrivateKey,
    /// A secret that is no key.
    #[error("{key} is stored as something that is not a WireGuard key; set it again.")]
    BadKey {
        /// The key of the file.
        key: &'static str,
    },
    /// What the format has no words for, and what would be missed.
    #[error(
        "DNS: a WireGuard file cannot say that {what}. Export it as a profile (mobileconfig) or for \
         Adit, or change that first."
    )]
    Dns {
        /// In the middle of a sentence.
        what: &'static str,
    },
    /// Whoever installs the profile would send everything through the tunnel.
    #[error(
        "A profile for Apple's devices would send everything through this per-app tunnel. Export it for \
         Adit."
    )]
    PerApp,
    /// A value that the format cannot carry.
    #[error("{key} has a value that a WireGuard file cannot express; change it first.")]
    Inexpressible {
        /// The key of the file.
        key: &'static str,
    },
}

fn hint(nearest: Option<&'static str>) -> String {
    nearest.map_or_else(|| ".".into(), |key| format!("; did you mean {key}?"))
}
