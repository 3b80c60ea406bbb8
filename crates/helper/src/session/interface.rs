//! The interface of a session, in its slot of the routing policy.

use std::{io, os::fd::OwnedFd};

use adit_api::Counters;
use adit_model::{
    NetworkSettingsError, PacketTunnelNetworkSettings, SessionTraffic, VpnConfiguration,
};
use adit_network::{
    Slot, Tunnel,
    tun::{self, Layer, TunDevice, TunError, TunOptions},
};
use adit_provider::{Kind, VirtualInterface, protocol::TunDevice as WireTun};

use crate::{
    counters, kept_descriptors,
    provider::duplicate,
    surroundings::{SlotGuard, Surroundings},
    trigger::ParkedTunnel,
};

/// Held so that it outlives the provider process. It goes with the last descriptor.
pub(super) struct Interface {
    slot: SlotGuard,
    kind: Kind,
    /// None before the first settings of an Ethernet tunnel (ETH-5).
    device: Option<TunDevice>,
    /// What leads into an Ethernet tunnel waits here until that has an interface.
    waiting: Option<TunDevice>,
    /// Whether it is the one that the session began with.
    pub(super) is_first: bool,
}

/// What the provider of an Ethernet tunnel gets when its settings are in force.
#[derive(Debug)]
pub(crate) struct TapDevice {
    pub(super) interface: VirtualInterface,
    pub(super) tap: WireTun,
    pub(super) queues: Vec<OwnedFd>,
}

impl Interface {
    /// That of a session that begins. An Ethernet tunnel's is made when its settings are known.
    pub(super) fn open(slot: SlotGuard, kind: Kind, vnet_header: bool) -> Result<Self, TunError> {
        let options = options(kind, vnet_header);
        let device = match kind {
            Kind::PacketTunnel => Some(tun::open(&options)?),
            Kind::EthernetTunnel => None,
        };
        Ok(Self { slot, kind, device, waiting: None, is_first: true })
    }

    /// That of a session for which this one was waiting.
    pub(super) fn inherited(slot: SlotGuard, kind: Kind, tun: TunDevice) -> Self {
        let (device, waiting) = match kind {
            Kind::PacketTunnel => (Some(tun), None),
            Kind::EthernetTunnel => (None, Some(tun)),
        };
        Self { slot, kind, device, waiting, is_first: true }
    }

    /// That of a session which an earlier helper began.
    pub(super) fn adopted(slot: SlotGuard, device: TunDevice, is_first: bool) -> Self {
        let kind = match device.layer {
            Layer::Ip => Kind::PacketTunnel,
            Layer::Ethernet => Kind::EthernetTunnel,
        };
        Self { slot, kind, device: Some(device), waiting: None, is_first }
    }

    /// What passes through it.
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Makes it, if it was waiting for these settings. Nothing is made for settings that are of another
    /// kind of tunnel (TUN-13) or not valid.
    pub(super) fn be_there_for(
        &mut self,
        settings: &PacketTunnelNetworkSettings,
        configuration: &VpnConfiguration,
    ) -> Result<(), NetworkSettingsError> {
        let of_another_kind = match (self.kind, settings.ethernet_address) {
            (Kind::PacketTunnel, None) | (Kind::EthernetTunnel, Some(_)) => None,
            (Kind::PacketTunnel, Some(_)) => {
                Some("a hardware address is for Ethernet tunnels, and this is a packet tunnel")
            }
            (Kind::EthernetTunnel, None) => Some("an Ethernet tunnel needs a hardware address"),
        };
        if let Some(reason) = of_another_kind {
            return Err(NetworkSettingsError::Invalid(reason.into()));
        }
        if self.device.is_some() {
            return Ok(());
        }
        settings.validate().map_err(|error| NetworkSettingsError::Invalid(error.to_string()))?;
        let opened = tun::open(&options(self.kind, false));
        let failed = |error: TunError| {
            NetworkSettingsError::Failed(format!("the tunnel's interface cannot be made: {error}"))
        };
        self.device = Some(opened.map_err(failed)?);
        self.keep_for(configuration);
        Ok(())
    }

    /// Nothing leads any more into what was there before it.
    pub(super) fn is_in_use(&mut self) {
        if self.device.is_some() {
            self.waiting = None;
        }
    }

    /// Takes the place of one that somebody deleted, under its name if that is free.
    pub(super) fn replace(&mut self) -> Result<(), TunError> {
        let Some(lost) = &self.device else { return Ok(()) };
        let options =
            TunOptions { name: lost.name.clone(), ..options(self.kind, lost.offloads.vnet_header) };
        let made = match tun::open(&options) {
            Err(TunError::NameTaken(_)) => {
                tun::open(&TunOptions { name: tun::NAME_TEMPLATE.into(), ..options })
            }
            opened => opened,
        };
        self.device = Some(made?);
        self.is_first = false;
        Ok(())
    }

    /// Lets systemd have it, should this process and the provider die.
    pub(super) fn keep_for(&self, configuration: &VpnConfiguration) {
        if let Some(device) = &self.device {
            kept_descriptors::keep(configuration.id, &device.queues);
        }
    }

    /// The one that waited before the session began.
    pub(super) fn parked(self, surroundings: &Surroundings) -> Option<ParkedTunnel> {
        let tun = self.waiting.or(self.device)?;
        Some(ParkedTunnel::of_session(self.slot, tun, surroundings.network.clone()))
    }

    pub(super) fn name(&self) -> Option<&str> {
        Some(&self.device.as_ref()?.name)
    }

    pub(super) fn slot(&self) -> Slot {
        self.slot.slot()
    }

    /// Whether it is the one with this index.
    pub(super) fn is(&self, index: u32) -> bool {
        self.device.as_ref().is_some_and(|device| device.index == index)
    }

    /// Whether somebody has deleted it.
    pub(super) fn is_lost(&self) -> bool {
        self.device.as_ref().is_some_and(|device| !device.has_interface())
    }

    /// What went through it.
    pub(super) fn counters(&self) -> Option<Counters> {
        counters::read(self.name()?)
    }

    /// All that went through the session, unless there were interfaces before whose counters are gone.
    pub(super) fn traffic(&self) -> Option<SessionTraffic> {
        if self.device.is_none() {
            return Some(SessionTraffic::default());
        }
        let Counters { rx_bytes, tx_bytes, .. } = self.counters().filter(|_| self.is_first)?;
        Some(SessionTraffic { rx_bytes, tx_bytes })
    }

    /// As the network knows it.
    pub(super) fn tunnel(&self) -> Option<Tunnel> {
        let TunDevice { name, index, .. } = self.device.as_ref()?;
        Some(Tunnel { slot: self.slot(), interface: name.clone(), index: *index })
    }

    /// As the record knows it.
    pub(super) fn virtual_interface(&self) -> Option<VirtualInterface> {
        self.device.as_ref().map(virtual_interface)
    }

    /// What a provider that carries packets begins with.
    pub(super) fn tun(&self) -> Option<&TunDevice> {
        match self.kind {
            Kind::PacketTunnel => self.device.as_ref(),
            Kind::EthernetTunnel => None,
        }
    }

    /// What one that carries frames gets with its settings.
    pub(super) fn tap(&self) -> io::Result<Option<TapDevice>> {
        let device = match self.kind {
            Kind::PacketTunnel => None,
            Kind::EthernetTunnel => self.device.as_ref(),
        };
        let hand_over = |device: &TunDevice| -> io::Result<TapDevice> {
            Ok(TapDevice {
                interface: virtual_interface(device),
                tap: wire_device(device),
                queues: duplicate(&device.queues)?,
            })
        };
        device.map(hand_over).transpose()
    }
}

/// Frames have no offloads: those of the kernel are for packets.
pub(super) fn options(kind: Kind, vnet_header: bool) -> TunOptions {
    match kind {
        Kind::PacketTunnel => TunOptions { vnet_header, ..TunOptions::default() },
        Kind::EthernetTunnel => {
            TunOptions { layer: Layer::Ethernet, vnet_header: false, ..TunOptions::default() }
        }
    }
}

/// As a provider knows it.
pub(super) fn virtual_interface(device: &TunDevice) -> VirtualInterface {
    VirtualInterface { name: device.name.clone(), index: device.index }
}

/// Its queues, as the indices of the descriptors that go with the message.
pub(super) fn wire_device(device: &TunDevice) -> WireTun {
    WireTun {
        queues: (0..device.queues.len()).collect(),
        vnet_header: device.offloads.vnet_header,
        tso: device.offloads.tso,
        uso: device.offloads.uso,
    }
}
