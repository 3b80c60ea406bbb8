//! What is wanted of the firewall: by the machine, and by each session.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Nothing leaves the machine but through a tunnel, with or without sessions (RTE-21, MDM-24).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lockdown {
    /// But to the networks that the physical link is directly connected to (RTE-10).
    pub allow_local_networks: bool,
}

/// What one session asks of the firewall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Guard {
    /// What it keeps from going past its tunnel.
    pub(crate) reach: Reach,
    /// The way through the tunnel; absent while there is none, as before the first settings.
    pub(crate) through: Option<Through>,
}

/// How far a session's guard reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Reach {
    /// Nothing is held back: the routes alone decide.
    Nothing,
    /// These destinations are reached through the tunnel or not at all (RTE-13).
    Destinations(Vec<IpNet>),
    /// Everything is (RTE-5), but for these networks of the physical link (RTE-10).
    Everything {
        /// The networks.
        but: Vec<IpNet>,
    },
}

/// The way through a tunnel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Through {
    /// The name of its interface.
    pub(crate) interface: String,
    /// Its addresses.
    pub(crate) addresses: Vec<IpAddr>,
    /// The only DNS servers that may be asked through it; absent: any.
    pub(crate) dns_servers: Option<Vec<IpAddr>>,
}
