//! The interface of a session, in its slot of the routing policy.

use adit_api::Counters;
use adit_model::{SessionTraffic, VpnConfiguration};
use adit_network::{
    Slot, Tunnel,
    tun::{self, TunDevice, TunError, TunOptions},
};
use adit_provider::{VirtualInterface, protocol::TunDevice as WireTun};

use crate::{
    counters, kept_descriptors,
    surroundings::{SlotGuard, Surroundings},
    trigger::ParkedTunnel,
};

/// Held so that it outlives the provider process. It goes with the last descriptor.
pub(super) struct Interface {
    pub(super) slot: SlotGuard,
    pub(super) tun: TunDevice,
    /// Whether it is the one that the session began with.
    pub(super) is_first: bool,
}

impl Interface {
    /// That of a session that begins.
    pub(super) fn new(slot: SlotGuard, tun: TunDevice) -> Self {
        Self { slot, tun, is_first: true }
    }

    /// Takes the place of one that somebody deleted, under its name if that is free.
    pub(super) fn replace(&mut self) -> Result<(), TunError> {
        let options = TunOptions {
            name: self.tun.name.clone(),
            vnet_header: self.tun.offloads.vnet_header,
            ..TunOptions::default()
        };
        self.tun = match tun::open(&options) {
            Err(TunError::NameTaken(_)) => {
                tun::open(&TunOptions { name: tun::NAME_TEMPLATE.into(), ..options })
            }
            opened => opened,
        }?;
        self.is_first = false;
        Ok(())
    }

    /// Lets systemd have it, should this process and the provider die.
    pub(super) fn keep_for(&self, configuration: &VpnConfiguration) {
        kept_descriptors::keep(configuration.id, &self.tun.queues);
    }

    pub(super) fn parked(self, surroundings: &Surroundings) -> ParkedTunnel {
        ParkedTunnel::of_session(self.slot, self.tun, surroundings.network.clone())
    }

    pub(super) fn name(&self) -> &str {
        &self.tun.name
    }

    pub(super) fn slot(&self) -> Slot {
        self.slot.slot()
    }

    /// Whether somebody has deleted it.
    pub(super) fn is_lost(&self) -> bool {
        !self.tun.has_interface()
    }

    /// What went through it.
    pub(super) fn counters(&self) -> Option<Counters> {
        counters::read(&self.tun.name)
    }

    /// All that went through the session, unless there were interfaces before whose counters are gone.
    pub(super) fn traffic(&self) -> Option<SessionTraffic> {
        let Counters { rx_bytes, tx_bytes, .. } = self.counters().filter(|_| self.is_first)?;
        Some(SessionTraffic { rx_bytes, tx_bytes })
    }

    /// As the network knows it.
    pub(super) fn tunnel(&self) -> Tunnel {
        Tunnel { slot: self.slot(), interface: self.tun.name.clone(), index: self.tun.index }
    }

    /// As the provider and the record know it.
    pub(super) fn virtual_interface(&self) -> VirtualInterface {
        VirtualInterface { name: self.tun.name.clone(), index: self.tun.index }
    }

    /// Its queues, as the indices of the descriptors that go with the message.
    pub(super) fn wire_tun(&self) -> WireTun {
        WireTun {
            queues: (0..self.tun.queues.len()).collect(),
            vnet_header: self.tun.offloads.vnet_header,
            tso: self.tun.offloads.tso,
            uso: self.tun.offloads.uso,
        }
    }
}
