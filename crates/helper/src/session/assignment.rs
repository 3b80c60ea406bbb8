//! What the network behind an Ethernet tunnel assigns, while its settings are in force.

use std::io;

use adit_model::{MacAddress, PacketTunnelNetworkSettings};
use adit_network::{Addressing, Assigned, Tunnel};

/// What is assigned so far, with who asks for it.
#[derive(Debug, Default)]
pub(super) struct Assignment {
    wish: Wish,
    assigned: Assigned,
    addressing: Option<Addressing>,
}

/// What is asked, and on which interface. As long as it is the same, what was assigned stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Wish {
    index: u32,
    address: Option<MacAddress>,
    mtu: Option<u16>,
    ipv4: bool,
    ipv6: bool,
}

impl Assignment {
    /// Another one, if these settings ask for something else than this one does.
    pub(super) fn other_for(
        &self,
        tunnel: &Tunnel,
        settings: &PacketTunnelNetworkSettings,
    ) -> io::Result<Option<Self>> {
        let wish = Wish {
            index: tunnel.index,
            address: settings.ethernet_address,
            mtu: settings.mtu,
            ipv4: settings.ipv4.as_ref().is_some_and(|ip| ip.automatic),
            ipv6: settings.ipv6.as_ref().is_some_and(|ip| ip.automatic),
        };
        if wish == self.wish {
            return Ok(None);
        }
        let addressing = Addressing::of(tunnel, settings)?;
        Ok(Some(Self { wish, assigned: Assigned::known(settings), addressing }))
    }

    /// The settings with what is assigned.
    pub(super) fn complete(
        &self,
        asked: &PacketTunnelNetworkSettings,
    ) -> PacketTunnelNetworkSettings {
        self.assigned.complete(asked)
    }

    /// Waits until something else is assigned.
    pub(super) async fn changed(&mut self) {
        match &mut self.addressing {
            Some(addressing) => self.assigned = addressing.changed().await,
            None => std::future::pending().await,
        }
    }
}
