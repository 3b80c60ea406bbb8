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
    /// Whether traffic costs money, as whoever manages the link says; absent when nobody does. It may
    /// come a moment later than the rest. Spec NW-5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expensive: Option<bool>,
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
        expensive: None,
    };

    /// Whether it is a network without IPv4.
    #[must_use]
    pub fn has_only_ipv6(&self) -> bool {
        !self.addresses.is_empty() && self.addresses.iter().all(IpAddr::is_ipv6)
    }

    /// Whether packets leave by another network than on `before`, so that what was bound to that is of
    /// no use any more. Without a network, that is not known yet; and addresses may come and go as long
    /// as one stays.
    #[must_use]
    pub fn is_other_network_than(&self, before: &Self) -> bool {
        let index = |path: &Self| path.interface.as_ref().map(|interface| interface.index);
        match (self.status, before.status) {
            (PathStatus::Satisfied, PathStatus::Satisfied) => {
                let stays = |address: &IpAddr| before.addresses.contains(address);
                index(self) != index(before) || !self.addresses.iter().any(stays)
            }
            (PathStatus::Satisfied | PathStatus::Unsatisfied, PathStatus::Unsatisfied)
            | (PathStatus::Unsatisfied, PathStatus::Satisfied) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: STOP-4
    #[test]
    fn another_network_is_another_interface_or_none_of_the_addresses() {
        let path = |index, addresses: &[u8]| NetworkPath {
            status: PathStatus::Satisfied,
            interface: Some(PathInterface {
                name: format!("eth{index}"),
                index,
                kind: InterfaceKind::Ethernet,
                mtu: 1500,
            }),
            gateways: Vec::new(),
            addresses: addresses.iter().map(|last| IpAddr::from([192, 0, 2, *last])).collect(),
            expensive: None,
        };
        let before = path(1, &[1, 2]);
        for (now, is_other) in [
            (path(1, &[1, 2]), false),
            (path(1, &[2, 3]), false),
            (path(1, &[3]), true),
            (path(2, &[1, 2]), true),
            (NetworkPath::NONE, false),
        ] {
            assert_eq!(now.is_other_network_than(&before), is_other, "{now:?}");
        }
        assert!(!before.is_other_network_than(&NetworkPath::NONE));
    }
}
