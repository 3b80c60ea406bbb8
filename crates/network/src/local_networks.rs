//! Which networks count as local when a tunnel is told to leave those alone.

use ipnet::IpNet;

use crate::{firewall::Outside, state::NetworkState};

/// What stays open of the physical link when everything else has to go through a tunnel.
pub(crate) fn outside(allow_local_networks: bool, state: &NetworkState) -> Outside {
    let interface = state.path.interface.as_ref().map(|interface| interface.name.clone());
    let networks = if allow_local_networks { local_networks(state) } else { Vec::new() };
    Outside { interface, networks: networks.into_iter().collect() }
}

/// The networks that the physical link is directly connected to, as far as they are of the ranges
/// that only a local network can have: private (RFC 1918), unique local (RFC 4193) or link-local.
/// Spec PROTO-11, RTE-14.
///
/// A network that says it has a public prefix is not believed: it could name any server's
/// (`TunnelCrack` `LocalNet`, CVE-2023-36672). Neither is one that hands out a route to more than
/// that without a gateway (`TunnelVision`, CVE-2024-3661).
pub(crate) fn local_networks(state: &NetworkState) -> Vec<IpNet> {
    let Some(physical) = &state.path.interface else { return Vec::new() };
    state
        .main_routes
        .iter()
        .filter(|route| route.connected && route.interface.as_ref() == Some(&physical.name))
        .map(|route| route.destination)
        .filter(is_local)
        .collect()
}

/// The networks of containers and virtual machines of this computer, as far as they are of the same
/// ranges.
pub(crate) fn inner_networks(state: &NetworkState) -> Vec<IpNet> {
    let inner = state.main_routes.iter().filter(|route| route.connected && route.inner);
    inner.map(|route| route.destination).filter(is_local).collect()
}

/// Whether all of the prefix is of such a range.
fn is_local(prefix: &IpNet) -> bool {
    match prefix {
        IpNet::V4(net) => {
            let (first, last) = (net.network(), net.broadcast());
            let link_local = first.is_link_local() && last.is_link_local();
            // No private range ends where another begins.
            link_local || first.is_private() && last.is_private()
        }
        IpNet::V6(net) => {
            let (first, last) = (net.network(), net.broadcast());
            let link_local = first.is_unicast_link_local() && last.is_unicast_link_local();
            link_local || first.is_unique_local() && last.is_unique_local()
        }
    }
}
