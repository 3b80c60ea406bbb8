//! What the kernel has of the network, for whoever is to find out what is wrong with it.

use serde::{Deserialize, Serialize};

/// The network at one moment, in the words of ip(8) and nft(8). What is too much is cut off, and says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct NetworkDescription {
    /// Interfaces and their addresses.
    pub addresses: Vec<String>,
    /// Everybody's policy rules.
    pub rules: Vec<String>,
    /// Everybody's routes, in all tables.
    pub routes: Vec<String>,
    /// Adit's tables of the firewall, with a remark above each that the kernel does not have.
    pub firewall: String,
}
