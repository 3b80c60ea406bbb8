//! The network as rules see it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Ssid;
use crate::{InterfaceKind, MacAddress};

/// What the rules are compared with. No tunnel of ours ever shows up here. Spec OD-14.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct NetworkState {
    /// Counts changes of what is below it, so that a result from before a change is recognised.
    pub generation: u64,
    /// The network that the system uses first; absent when it is offline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<PrimaryNetwork>,
}

/// The network of the primary physical interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct PrimaryNetwork {
    /// The kernel's name of the interface.
    pub interface: String,
    /// What it is.
    pub kind: InterfaceKind,
    /// The wireless network's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "specta", specta(type = Option<String>))]
    pub ssid: Option<Ssid>,
    /// The access point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "specta", specta(type = Option<String>))]
    pub bssid: Option<MacAddress>,
    /// Its DNS servers, in order of preference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "specta", specta(type = Vec<String>))]
    pub dns_servers: Vec<IpAddr>,
    /// Its search domains, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub search_domains: Vec<String>,
    /// At most one a family.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gateways: Vec<Gateway>,
    /// Whether traffic costs money; absent when nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metered: Option<bool>,
    /// The name that `NetworkManager` has the connection under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<String>,
    /// Whether somebody thinks that a person has to sign in before the internet is reached.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub captive_portal: bool,
}

/// The next router.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct Gateway {
    /// Its address.
    #[cfg_attr(feature = "specta", specta(type = String))]
    pub address: IpAddr,
    /// Its hardware address, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "specta", specta(type = Option<String>))]
    pub mac: Option<MacAddress>,
}

impl PrimaryNetwork {
    /// An interface of which nothing else is known.
    pub fn new(interface: impl Into<String>, kind: InterfaceKind) -> Self {
        Self {
            interface: interface.into(),
            kind,
            ssid: None,
            bssid: None,
            dns_servers: Vec::new(),
            search_domains: Vec::new(),
            gateways: Vec::new(),
            metered: None,
            connection_id: None,
            captive_portal: false,
        }
    }
}
