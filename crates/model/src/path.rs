//! The physical network below the tunnel (`NWPath`).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Which physical way packets leave the machine at this moment. The tunnel's own interface never
/// shows up here. Spec PRV-6, NW-3 to NW-6.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkPath {
    /// Whether an attempt to connect can be made.
    pub status: PathStatus,
    /// The interface of the best default route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<PathInterface>,
    /// Its gateways, at most one a family.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gateways: Vec<IpAddr>,
    /// The interface's own addresses, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
}

/// The primary physical interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PathInterface {
    /// The kernel's name.
    pub name: String,
    /// The kernel's index.
    pub index: u32,
    /// What it is.
    pub kind: InterfaceKind,
    /// Its MTU in bytes.
    pub mtu: u32,
}

/// What kind of link an interface is. Spec OD-7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum InterfaceKind {
    /// Wired.
    Ethernet,
    /// Wireless LAN.
    WiFi,
    /// Mobile network.
    Cellular,
    /// Anything else.
    Other,
}

/// Whether the network is usable (`NWPathStatus`). Spec NW-4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PathStatus {
    /// There is a default route, and its link has a carrier; an attempt can be made, with no guarantee.
    Satisfied,
    /// There is none, or the cable is pulled.
    Unsatisfied,
}

impl NetworkPath {
    /// No network at all.
    pub const NONE: Self = Self {
        status: PathStatus::Unsatisfied,
        interface: None,
        gateways: Vec::new(),
        addresses: Vec::new(),
    };
}
