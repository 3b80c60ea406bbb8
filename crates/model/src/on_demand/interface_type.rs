//! The type of interface that a rule asks for (`NEOnDemandRuleInterfaceType`).

use serde::{Deserialize, Serialize};

use crate::InterfaceKind;

/// What the primary interface has to be. Spec OD-7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum InterfaceType {
    /// Wired.
    Ethernet,
    /// Wireless LAN.
    WiFi,
    /// Mobile network.
    Cellular,
}

impl InterfaceType {
    /// Whether an interface is of this type.
    #[must_use]
    pub fn is(self, kind: InterfaceKind) -> bool {
        match self {
            Self::Ethernet => kind == InterfaceKind::Ethernet,
            Self::WiFi => kind == InterfaceKind::WiFi,
            Self::Cellular => kind == InterfaceKind::Cellular,
        }
    }
}
