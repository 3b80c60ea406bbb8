//! The network as it is without us.

use std::collections::BTreeSet;

use adit_model::NetworkPath;
use ipnet::IpNet;

/// What a plan depends on. Nothing of ours is in it: neither the tunnels nor their routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkState {
    /// The physical way out.
    pub path: NetworkPath,
    /// The names of all interfaces by which packets leave the computer: its devices, and whatever has
    /// a default route. The ports of a bridge are behind it.
    pub ways_out: BTreeSet<String>,
    /// The names of the bridges on which virtual machines or containers are beside a device, and so in
    /// the network outside as this computer is. Nobody here routes what they send.
    pub shared_bridges: BTreeSet<String>,
    /// The system's own routing table, both families, sorted.
    pub main_routes: Vec<MainRoute>,
    /// Whether the physical interface drops what comes back another way than it would be sent.
    pub strict_rp_filter: bool,
    /// Whether the kernel has IPv6.
    pub ipv6: bool,
}

/// A route of the main table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MainRoute {
    /// Where it leads, without host bits.
    pub destination: IpNet,
    /// The interface it leads out of; absent for one that refuses.
    pub interface: Option<String>,
    /// Whether it leads to neighbours, without a gateway.
    pub connected: bool,
    /// Whether it leads to containers or virtual machines of this computer, and no farther.
    pub inner: bool,
}
