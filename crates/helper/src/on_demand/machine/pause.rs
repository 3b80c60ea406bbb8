//! A person holds the rules off.

use adit_model::on_demand::{Gateway, NetworkState, PauseEnd, PrimaryNetwork};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Until when the rules do not count. Spec OD-22.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pause {
    #[serde(flatten)]
    pub(super) end: PauseEnd,
    /// Where it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    network: Option<PrimaryNetwork>,
    /// In which boot it began: `/proc/sys/kernel/random/boot_id`.
    boot: String,
}

impl Pause {
    pub(crate) fn new(end: PauseEnd, network: &NetworkState, boot: &str) -> Self {
        Self { end, network: network.primary.clone(), boot: boot.into() }
    }

    /// The moment that ends it, if one does.
    pub(super) fn at(&self) -> Option<Timestamp> {
        match self.end {
            PauseEnd::Time { at } => Some(at),
            PauseEnd::NextNetwork | PauseEnd::NextBoot | PauseEnd::ByHand => None,
        }
    }

    /// Whether it goes on in a boot.
    pub(crate) fn lasts_in(&self, boot: &str) -> bool {
        match self.end {
            PauseEnd::NextBoot => self.boot == boot,
            PauseEnd::Time { .. } | PauseEnd::NextNetwork | PauseEnd::ByHand => true,
        }
    }

    /// Whether a network ends it. To be offline is not to be in another one.
    pub(super) fn ends_in(&self, network: &NetworkState) -> bool {
        match self.end {
            PauseEnd::NextNetwork => network
                .primary
                .as_ref()
                .is_some_and(|found| !self.network.as_ref().is_some_and(|it| is_same(it, found))),
            PauseEnd::Time { .. } | PauseEnd::NextBoot | PauseEnd::ByHand => false,
        }
    }
}

/// Whether two states are of one network: its servers and what is thought of it may change.
fn is_same(one: &PrimaryNetwork, other: &PrimaryNetwork) -> bool {
    let addresses = |network: &PrimaryNetwork| -> Vec<_> {
        network.gateways.iter().map(|gateway| gateway.address).collect()
    };
    // A hardware address may not be known yet.
    let contradict = |(one, other): (&Gateway, &Gateway)| {
        one.mac.zip(other.mac).is_some_and(|(one, other)| one != other)
    };
    one.interface == other.interface
        && one.ssid == other.ssid
        && addresses(one) == addresses(other)
        && !one.gateways.iter().zip(&other.gateways).any(contradict)
}
