//! What becomes of each destination of one family, as longest-prefix tables.

use std::{collections::BTreeMap, net::IpAddr};

use adit_model::{Family, IpSettings, PacketTunnelNetworkSettings, Prefix, default_route_parts};
use ipnet::{IpNet, Ipv6Net};

use crate::{plan::Strength, state::NetworkState};

/// What the tunnel's settings say about the destinations of one family. In each map the longest
/// prefix wins (V4-8).
#[derive(Debug, Default)]
pub(crate) struct Destinations {
    /// Everything but the default route.
    pub(crate) specific: BTreeMap<IpNet, Verdict>,
    /// The default route and what is taken out of it; empty if there is none.
    pub(crate) default: BTreeMap<IpNet, Verdict>,
}

/// What becomes of a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Into the tunnel.
    Tunnel {
        /// By way of this next hop.
        via: Option<IpAddr>,
    },
    /// Refused.
    Refused,
    /// Past the tunnel.
    Outside,
}

type Verdicts = BTreeMap<IpNet, Verdict>;

/// Neighbour discovery is part of the link (RTE-8). A tunnel that took this over would cut the
/// machine off from its router.
const IPV6_LINK_LOCAL: Ipv6Net =
    Ipv6Net::new_assert(std::net::Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10);

/// Which destinations of a family go where.
pub(crate) fn destinations(
    family: Family,
    settings: &PacketTunnelNetworkSettings,
    strength: Strength,
    state: &NetworkState,
) -> Destinations {
    let mut wanted = wanted(family, settings);
    let default = wanted.remove(&family.default_route());
    let excluded = excluded(family, settings);
    let stronger = stronger(family, strength, state);

    let mut specific = wanted.clone();
    for prefix in excluded.iter().filter(|prefix| cover(&wanted, prefix).is_some()) {
        specific.entry(*prefix).or_insert(Verdict::Outside);
    }
    // A refusal stands against a route of the system too: it is a promise that nothing leaves.
    let beaten = |prefix: &&IpNet| cover(&wanted, prefix).is_some_and(Verdict::is_tunnel);
    specific.extend(stronger.iter().filter(beaten).map(|prefix| (*prefix, Verdict::Outside)));

    let default = default.map_or_else(Verdicts::new, |verdict| {
        let local = if strength.enforce_routes { stronger } else { Vec::new() };
        let taken_out = excluded.into_iter().chain(local).map(|prefix| (prefix, Verdict::Outside));
        taken_out.chain([(family.default_route(), verdict)]).collect()
    });
    Destinations { specific, default }
}

/// What is asked of the tunnel: included and connected networks, and what is blocked.
pub(crate) fn wanted(family: Family, settings: &PacketTunnelNetworkSettings) -> Verdicts {
    let mut verdicts = match family {
        Family::Ipv4 => settings.ipv4.as_ref().map(included),
        Family::Ipv6 => settings.ipv6.as_ref().map(included),
    }
    .unwrap_or_default();
    let blocked = settings.blocked_routes.iter().filter(|prefix| Family::of(prefix) == family);
    verdicts.extend(blocked.map(|prefix| (prefix.trunc(), Verdict::Refused)));
    join_parts(family, &mut verdicts);
    verdicts
}

fn included<P: Prefix<Address: Into<IpAddr>>>(settings: &IpSettings<P>) -> Verdicts {
    let own: Vec<IpNet> = settings.addresses.iter().map(|address| (*address).into()).collect();
    // The interface's own networks are routes like others (V4-3).
    let connected = own
        .iter()
        .filter(|net| net.prefix_len() < net.max_prefix_len())
        .map(|net| (net.trunc(), Verdict::Tunnel { via: None }));
    let routes = settings.included_routes.iter().map(|route| {
        // Apple's clients give the interface's own address as the gateway (V4-3), which means the
        // interface itself and which the kernel refuses.
        let gateway = route.gateway().map(Into::into);
        let via = gateway.filter(|gateway| own.iter().all(|net| net.addr() != *gateway));
        (route.destination().into(), Verdict::Tunnel { via })
    });
    connected.chain(routes).collect()
}

/// A default route that is written in parts. Taken as it is, it would not behave as one towards the
/// system's table.
fn join_parts(family: Family, verdicts: &mut Verdicts) {
    for kind in [Verdict::Tunnel { via: None }, Verdict::Refused] {
        let of_kind = verdicts.iter().filter(|(_, verdict)| **verdict == kind);
        let networks: Vec<IpNet> = of_kind.map(|(network, _)| *network).collect();
        let parts = default_route_parts(&networks);
        if !parts.is_empty() {
            verdicts.retain(|network, _| !parts.contains(network));
            verdicts.entry(family.default_route()).or_insert(kind);
        }
    }
}

/// What goes past the tunnel. An excluded default route says nothing: outside is where all goes
/// that is not included. Gateways of excluded routes are ignored, the system knows better (V4R-3).
fn excluded(family: Family, settings: &PacketTunnelNetworkSettings) -> Vec<IpNet> {
    fn of<P: Prefix>(settings: &IpSettings<P>) -> Vec<IpNet> {
        settings.excluded_routes.iter().map(|route| route.destination().into()).collect()
    }
    let mut excluded = match family {
        Family::Ipv4 => settings.ipv4.as_ref().map(of),
        Family::Ipv6 => settings.ipv6.as_ref().map(of),
    }
    .unwrap_or_default();
    excluded.retain(|prefix| prefix.prefix_len() > 0);
    match family {
        Family::Ipv4 => {}
        Family::Ipv6 => excluded.push(IPV6_LINK_LOCAL.into()),
    }
    excluded
}

/// The system's networks that beat an equal or shorter route of the tunnel: all of its table
/// (RTE-23), or only the directly connected ones in the enforcing strength (RTE-14), or none.
pub(crate) fn stronger(family: Family, strength: Strength, state: &NetworkState) -> Vec<IpNet> {
    let physical = state.path.interface.as_ref().map(|interface| interface.name.as_str());
    state
        .main_routes
        .iter()
        .filter(|route| Family::of(&route.destination) == family)
        .filter(|route| route.destination.prefix_len() > 0)
        .filter(|route| match strength {
            Strength { enforce_routes: false, .. } => true,
            Strength { enforce_routes: true, exclude_local_networks: false } => false,
            Strength { enforce_routes: true, exclude_local_networks: true } => {
                route.connected && route.interface.as_deref() == physical
            }
        })
        .map(|route| route.destination)
        .collect()
}

/// The longest prefix that covers `prefix`, or equals it.
pub(crate) fn cover(verdicts: &Verdicts, prefix: &IpNet) -> Option<Verdict> {
    let mut candidate = Some(*prefix);
    while let Some(net) = candidate {
        if let Some(verdict) = verdicts.get(&net) {
            return Some(*verdict);
        }
        candidate = net.supernet();
    }
    None
}
