//! The lab itself: six machines, cabled, with their servers running.

use std::net::IpAddr;
use std::time::Duration;

use crate::address;
use crate::capture::Capture;
use crate::dns::DnsServer;
use crate::leak_watch::LeakWatch;
use crate::machine::Machine;
use crate::packet::{Packet, Packets};
use crate::probe::ProbeSet;
use crate::requirements;
use crate::topology::{self, Ports, Uplink};
use crate::whoami::Whoami;
use crate::wireguard::WireGuardServer;
use crate::world::World;

/// A small internet. All of it is gone when dropped, and when the test ends in whatever way.
#[derive(Debug)]
pub struct Lab {
    // The first field is dropped first: it ends every process of the lab at once.
    world: World,
    _whoami: [Whoami; 4],
    /// The public DNS server, on `internet`; every machine is set to use it.
    pub dns: DnsServer,
    /// The computer under test.
    pub client: Machine,
    /// Between all others; the place to watch the client from.
    pub router: Machine,
    /// Another host of the client's home network.
    pub lan: Machine,
    /// Every public address that no other machine has: web servers (`site.test`) and DNS.
    pub internet: Machine,
    /// For a VPN server.
    pub server: Machine,
    /// For another VPN server.
    pub server2: Machine,
}

impl Lab {
    /// Builds the lab. `None` when this computer cannot have one: the reason is printed, and in CI it is a panic.
    ///
    /// Not as root, the test binary is executed again as root of a user namespace, so call this first in a test.
    #[must_use]
    #[track_caller]
    pub fn new() -> Option<Self> {
        requirements::met().then(Self::build)
    }

    /// Captures on the router's port towards the client: everything that leaves the client by `eth0`.
    #[must_use]
    #[track_caller]
    pub fn sniff_client(&self) -> Capture {
        Capture::start(&self.router, "client0")
    }

    /// Captures on the home network's other host: what reaches it there.
    #[must_use]
    #[track_caller]
    pub fn sniff_lan(&self) -> Capture {
        Capture::start(&self.lan, "eth0")
    }

    /// Panics unless every probe of the client comes out, also those that are bound to its uplink: what shows that the
    /// captures of a test prove something.
    #[track_caller]
    pub fn assert_open(&self) {
        let (probes, sent) = self.probed();
        for probes in probes {
            probes.assert_all_seen(&sent);
        }
    }

    /// Panics when anything of the client comes out but what goes to the VPN server and keeps the link alive.
    #[track_caller]
    pub fn assert_closed_but_for(&self, vpn: &WireGuardServer) {
        let (probes, sent) = self.probed();
        for probes in probes {
            probes.assert_none_seen(&sent);
        }
        sent.assert_only_to(vpn.endpoint());
    }

    /// Panics when anything of the client comes out but what keeps the link alive.
    #[track_caller]
    pub fn assert_closed(&self) {
        let (probes, sent) = self.probed();
        for probes in probes {
            probes.assert_none_seen(&sent);
        }
        sent.assert_only("what keeps the link alive", Packet::is_housekeeping);
    }

    /// Sends a set of probes from the client every so often and watches what leaves it, until
    /// [`assert_no_leak`](LeakWatch::assert_no_leak).
    #[must_use]
    #[track_caller]
    pub fn watch_for_leaks(&self, every: Duration) -> LeakWatch {
        LeakWatch::start(self, every)
    }

    /// Gives the client a second uplink, `wifi0`, less preferred than `eth0`.
    #[track_caller]
    pub fn add_uplink(&self) -> Uplink {
        topology::add_uplink(&self.router, &self.client)
    }

    /// Starts a container on the client, which sends on what comes from it under its own addresses.
    #[must_use]
    #[track_caller]
    pub fn add_container(&self) -> Machine {
        let container = Machine::boot(&self.world, "container", address::CONTAINER);
        topology::add_container(&self.client, &container);
        container
    }

    /// Pulls the client's cable: `eth0` loses its carrier and keeps its addresses.
    #[track_caller]
    pub fn unplug(&self) {
        topology::ip(&self.router, "link set client0 down");
    }

    /// Puts the cable back.
    #[track_caller]
    pub fn plug(&self) {
        topology::ip(&self.router, "link set client0 up");
    }

    /// Probes of the client, by its routes and by its uplink, and what it sent meanwhile.
    #[track_caller]
    fn probed(&self) -> ([ProbeSet; 2], Packets) {
        let sniffer = self.sniff_client();
        let probes = [ProbeSet::send(&self.client), ProbeSet::send_by(&self.client, "eth0")];
        (probes, sniffer.stop().incoming())
    }

    #[track_caller]
    fn build() -> Self {
        let world = World::create();
        let boot = |name, host| Machine::boot(&world, name, host);
        let client = boot("client", address::CLIENT);
        let router = boot("router", address::ROUTER);
        let lan = boot("lan", address::LAN);
        let internet = boot("internet", address::SITE);
        let server = boot("server", address::SERVER);
        let server2 = boot("server2", address::SERVER2);
        let ports = Ports {
            home: [("client0", &client), ("lan0", &lan)],
            far: [("internet0", &internet), ("server0", &server), ("server1", &server2)],
        };
        topology::connect(&router, &ports);
        be_the_internet(&internet);
        Self {
            dns: DnsServer::start(&internet, &address::DNS.both(), None, &public_names()),
            _whoami: [&lan, &internet, &server, &server2].map(Whoami::start),
            world,
            client,
            router,
            lan,
            internet,
            server,
            server2,
        }
    }
}

/// Takes packets for any address as its own, and has the addresses of the servers that choose what they listen on.
#[track_caller]
fn be_the_internet(internet: &Machine) {
    let [dns4, dns6] = address::DNS.both();
    internet.sh(&format!(
        "ip address add {dns4}/24 dev eth0
         ip address add {dns6}/64 dev eth0 nodad
         for version in -4 -6; do
             ip $version rule add pref 1 iif eth0 lookup 1
             ip $version route add local default dev lo table 1
         done"
    ));
}

fn public_names() -> Vec<(&'static str, Vec<IpAddr>)> {
    let named = |name, host: address::Host| (name, host.both().to_vec());
    vec![
        named("site.test", address::SITE),
        named("www.site.test", address::SITE),
        named("other.test", address::OTHER_SITE),
        named("vpn.test", address::SERVER),
        named("vpn2.test", address::SERVER2),
    ]
}
