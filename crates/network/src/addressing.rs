//! Addresses that the network behind an Ethernet tunnel assigns: by DHCP (RFC 2131) and by router
//! advertisements (RFC 4862).
//!
//! The kernel and the system's own clients would make routes in the system's table, and tell everybody
//! of DNS servers. Here what is assigned becomes a part of the tunnel's settings, and through its plan
//! what it would be if the provider had given it. Frames are taken from the interface itself: before
//! there is an address, a UDP socket would send with one of another interface.

mod dhcp;
mod frames;
mod routers;

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use adit_model::PacketTunnelNetworkSettings;
use ipnet::{Ipv4Net, Ipv6Net};
use rustix::time::{ClockId, clock_gettime};
use tokio::time::sleep;

use self::{dhcp::Dhcp, frames::Frames, routers::Routers};
use crate::Tunnel;

/// What asks for addresses, and keeps those that there are.
#[derive(Debug)]
pub struct Addressing {
    frames: Frames,
    dhcp: Option<Dhcp>,
    routers: Option<Routers>,
    told: Assigned,
}

/// What is assigned. Nothing of a family that is not asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Assigned {
    ipv4: Option<Ipv4Net>,
    ipv4_router: Option<Ipv4Addr>,
    ipv6: Vec<Ipv6Net>,
    ipv6_router: Option<Ipv6Addr>,
}

/// Since the computer was started, asleep or not: a lease does not wait for who sleeps.
type Time = Duration;

impl Addressing {
    /// Asks for the addresses that these settings leave to the network, if they do. The interface has
    /// to be there. Needs a tokio runtime.
    pub fn of(tunnel: &Tunnel, settings: &PacketTunnelNetworkSettings) -> io::Result<Option<Self>> {
        let Some(address) = settings.ethernet_address else { return Ok(None) };
        let dhcp = settings.ipv4.as_ref().is_some_and(|ip| ip.automatic);
        let routers = settings.ipv6.as_ref().is_some_and(|ip| ip.automatic);
        if !dhcp && !routers {
            return Ok(None);
        }
        let mtu = settings.interface_mtu(None);
        let now = now();
        Ok(Some(Self {
            frames: Frames::of(tunnel, mtu)?,
            dhcp: dhcp.then(|| Dhcp::new(address, mtu, now)),
            routers: routers.then(|| Routers::new(address, now)),
            told: Assigned::known(settings),
        }))
    }

    /// Waits until something else is assigned than what was known.
    pub async fn changed(&mut self) -> Assigned {
        loop {
            let now = now();
            let assigned = self.assigned(now);
            if assigned != self.told {
                self.told.clone_from(&assigned);
                return assigned;
            }
            let due = self.act(now);
            tokio::select! {
                () = sleep(due.saturating_sub(now)) => {}
                frame = self.frames.receive() => self.hear(&frame),
            }
        }
    }

    /// Sends what is to be sent by now. Returns when to look again.
    fn act(&mut self, now: Time) -> Time {
        /// Should a client have nothing to do, or never be done.
        const LONGEST: Duration = Duration::from_secs(60);
        const SHORTEST: Duration = Duration::from_millis(100);
        let mut due = now + LONGEST;
        let mut outgoing = Vec::new();
        if let Some(dhcp) = &mut self.dhcp {
            due = due.min(dhcp.act(now, &mut outgoing));
        }
        if let Some(routers) = &mut self.routers {
            due = due.min(routers.act(now, &mut outgoing));
        }
        for frame in outgoing {
            self.frames.send(&frame);
        }
        due.max(now + SHORTEST)
    }

    fn hear(&mut self, frame: &[u8]) {
        let now = now();
        if let Some(dhcp) = &mut self.dhcp {
            dhcp.hear(frame);
        }
        if let Some(routers) = &mut self.routers {
            routers.hear(frame, now);
        }
    }

    /// What DHCP has not confirmed yet, after this process has taken a tunnel over, stays as it was.
    fn assigned(&self, now: Time) -> Assigned {
        let mut assigned = self.told.clone();
        if let Some(lease) = self.dhcp.as_ref().and_then(Dhcp::lease) {
            (assigned.ipv4, assigned.ipv4_router) = (lease.address, lease.router);
        }
        if let Some(routers) = self.routers.as_ref().filter(|routers| routers.have_been_heard()) {
            (assigned.ipv6, assigned.ipv6_router) = (routers.addresses(now), routers.router(now));
        }
        assigned
    }
}

impl Assigned {
    /// What settings have got before.
    #[must_use]
    pub fn known(settings: &PacketTunnelNetworkSettings) -> Self {
        let ipv4 = settings.ipv4.as_ref().filter(|ip| ip.automatic);
        let ipv6 = settings.ipv6.as_ref().filter(|ip| ip.automatic);
        Self {
            ipv4: ipv4.and_then(|ip| ip.addresses.first().copied()),
            ipv4_router: ipv4.and_then(|ip| ip.router),
            ipv6: ipv6.map(|ip| ip.addresses.clone()).unwrap_or_default(),
            ipv6_router: ipv6.and_then(|ip| ip.router),
        }
    }

    /// The settings with what is assigned. A router that the provider names stays.
    #[must_use]
    pub fn complete(&self, asked: &PacketTunnelNetworkSettings) -> PacketTunnelNetworkSettings {
        let mut settings = asked.clone();
        if let Some(ipv4) = settings.ipv4.as_mut().filter(|ip| ip.automatic) {
            ipv4.addresses = self.ipv4.into_iter().collect();
            ipv4.router = ipv4.router.or(self.ipv4_router);
        }
        if let Some(ipv6) = settings.ipv6.as_mut().filter(|ip| ip.automatic) {
            ipv6.addresses.clone_from(&self.ipv6);
            ipv6.router = ipv6.router.or(self.ipv6_router);
        }
        settings
    }
}

fn now() -> Time {
    let time = clock_gettime(ClockId::Boottime);
    // It counts from the start of the computer.
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}
