//! What becomes of each destination of one family, as longest-prefix tables.

use std::{
    collections::BTreeMap,
    iter,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use adit_model::{
    Family, IpSettings, PacketTunnelNetworkSettings, Prefix, default_route_parts,
    owns_default_route,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::{
    local_networks::{inner_networks, local_networks},
    plan::Strength,
    state::NetworkState,
};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

pub(crate) type Verdicts = BTreeMap<IpNet, Verdict>;

/// Neighbour discovery is part of the link (RTE-8). A tunnel that took this over would cut the
/// machine off from its router.
pub(crate) const IPV6_LINK_LOCAL: Ipv6Net =
    Ipv6Net::new_assert(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10);

/// What is for all on the link, or for many of them (PROTO-11).
pub(crate) const EVERYBODY: [IpNet; 3] = [
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 4)),
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::BROADCAST, 32)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8)),
];

impl Destinations {
    /// What becomes of each destination, all rules and tables together.
    pub(crate) fn verdicts(
        &self,
        family: Family,
        strength: Strength,
        state: &NetworkState,
    ) -> Verdicts {
        let mut verdicts = self.default.clone();
        if !self.default.is_empty() {
            let system = stronger(family, strength, state).into_iter();
            let undecided = system.filter(|prefix| cover(&self.specific, prefix).is_none());
            verdicts.extend(undecided.map(|prefix| (prefix, Verdict::Outside)));
        }
        verdicts.extend(&self.specific);
        verdicts
    }
}

/// Which destinations of a family go where.
pub(crate) fn destinations(
    family: Family,
    settings: &PacketTunnelNetworkSettings,
    strength: Strength,
    state: &NetworkState,
) -> Destinations {
    let mut wanted = wanted(family, settings);
    let default = wanted.remove(&family.default_route());
    let excluded = excluded(family, settings, strength);
    let stronger = stronger(family, strength, state);

    let mut specific = wanted.clone();
    for prefix in excluded.iter().filter(|prefix| cover(&wanted, prefix).is_some()) {
        specific.entry(*prefix).or_insert(Verdict::Outside);
    }
    // A refusal stands against a route of the system too: it is a promise that nothing leaves.
    let beaten = |prefix: &&IpNet| cover(&wanted, prefix).is_some_and(Verdict::is_tunnel);
    specific.extend(stronger.iter().filter(beaten).map(|prefix| (*prefix, Verdict::Outside)));

    let default = default.map_or_else(Verdicts::new, |verdict| {
        let local = if strength.enforces() { stronger } else { Vec::new() };
        let taken_out = excluded.into_iter().chain(local).map(|prefix| (prefix, Verdict::Outside));
        taken_out.chain([(family.default_route(), verdict)]).collect()
    });
    Destinations { specific, default }
}

/// What is asked of the tunnel: included and connected networks, and what is blocked. What would need
/// an address that is not assigned yet is refused.
pub(crate) fn wanted(family: Family, settings: &PacketTunnelNetworkSettings) -> Verdicts {
    let is_pending = match family {
        Family::Ipv4 => settings.ipv4.as_ref().is_some_and(IpSettings::is_pending),
        Family::Ipv6 => settings.ipv6.as_ref().is_some_and(IpSettings::is_pending),
    };
    let mut verdicts = asked(family, settings);
    for verdict in verdicts.values_mut().filter(|_| is_pending) {
        *verdict = Verdict::Refused;
    }
    verdicts
}

fn asked(family: Family, settings: &PacketTunnelNetworkSettings) -> Verdicts {
    let is_ethernet = settings.ethernet_address.is_some();
    let mut verdicts = match family {
        Family::Ipv4 => settings.ipv4.as_ref().map(|ip| included(ip, is_ethernet)),
        Family::Ipv6 => settings.ipv6.as_ref().map(|ip| included(ip, is_ethernet)),
    }
    .unwrap_or_default();
    let blocked = settings.blocked_routes.iter().filter(|prefix| Family::of(prefix) == family);
    verdicts.extend(blocked.map(|prefix| (prefix.trunc(), Verdict::Refused)));
    join_parts(family, &mut verdicts);
    verdicts
}

/// Whether the tunnel takes the default route of a family, in whatever way it is written.
pub(crate) fn captures(family: Family, settings: &PacketTunnelNetworkSettings) -> bool {
    let asked = asked(family, settings);
    let inside = asked.iter().filter(|(_, verdict)| verdict.is_tunnel());
    owns_default_route(&inside.map(|(prefix, _)| *prefix).collect::<Vec<_>>())
}

fn included<P: Prefix<Address: Into<IpAddr>>>(
    settings: &IpSettings<P>,
    is_ethernet: bool,
) -> Verdicts {
    let next_hop: Option<IpAddr> = settings.router.filter(|_| is_ethernet).map(Into::into);
    let own: Vec<IpNet> = settings.addresses.iter().map(|address| (*address).into()).collect();
    // The interface's own networks are routes like others (V4-3).
    let connected = own
        .iter()
        .filter(|net| net.prefix_len() < net.max_prefix_len())
        .map(|net| (net.trunc(), Verdict::Tunnel { via: None }));
    let routes = settings.included_routes.iter().map(|route| {
        let destination: IpNet = route.destination().into();
        let is_neighbour = own.iter().any(|net| net.contains(&destination));
        let next_hop = next_hop.filter(|_| !is_neighbour);
        let gateway = route.gateway().map(Into::into).or(next_hop);
        // Apple's clients give the interface's own address as the gateway (V4-3), which means the
        // interface itself and which the kernel refuses.
        let via = gateway.filter(|gateway| own.iter().all(|net| net.addr() != *gateway));
        (destination, Verdict::Tunnel { via })
    });
    connected.chain(routes).collect()
}

/// Puts the default route in place of its parts. Taken as they are, they would not behave as one
/// towards the system's table.
fn join_parts(family: Family, verdicts: &mut Verdicts) {
    let mut alike: BTreeMap<Verdict, Vec<IpNet>> = BTreeMap::new();
    for (prefix, verdict) in &*verdicts {
        alike.entry(*verdict).or_default().push(*prefix);
    }
    for (verdict, prefixes) in alike {
        let parts = default_route_parts(&prefixes);
        // Longer parts with another verdict have decided everything already.
        if parts.is_empty() || parts.iter().any(|part| verdicts.get(part) != Some(&verdict)) {
            continue;
        }
        // The parts leave nothing to a shorter prefix, whatever its verdict.
        for prefix in parts.iter().flat_map(|part| iter::successors(Some(*part), IpNet::supernet)) {
            verdicts.remove(&prefix);
        }
        verdicts.insert(family.default_route(), verdict);
    }
}

/// What goes past the tunnel. An excluded default route says nothing: outside is where all goes
/// that is not included. Gateways of excluded routes are ignored, the system knows better (V4R-3).
/// When all networks are included, no provider may take one out again (RTE-15).
fn excluded(
    family: Family,
    settings: &PacketTunnelNetworkSettings,
    strength: Strength,
) -> Vec<IpNet> {
    fn of<P: Prefix>(settings: &IpSettings<P>) -> Vec<IpNet> {
        settings.excluded_routes.iter().map(|route| route.destination().into()).collect()
    }
    let mut excluded = match family {
        Family::Ipv4 => settings.ipv4.as_ref().map(of),
        Family::Ipv6 => settings.ipv6.as_ref().map(of),
    }
    .unwrap_or_default();
    excluded.retain(|prefix| prefix.prefix_len() > 0 && !strength.include_all_networks);
    match family {
        Family::Ipv4 => {}
        Family::Ipv6 => excluded.push(IPV6_LINK_LOCAL.into()),
    }
    excluded
}

/// The system's networks that beat an equal or shorter route of the tunnel: all of its table
/// (RTE-23), or where its routes have no say only the local networks, if they are left alone (RTE-14),
/// and those within this computer: what comes back to a container must not go into the tunnel again.
pub(crate) fn stronger(family: Family, strength: Strength, state: &NetworkState) -> Vec<IpNet> {
    let all: Vec<IpNet> = if strength.enforces() {
        let left_alone = strength.exclude_local_networks.then(|| local_networks(state));
        inner_networks(state).into_iter().chain(left_alone.into_iter().flatten()).collect()
    } else {
        state.main_routes.iter().map(|route| route.destination).collect()
    };
    let of_family = |prefix: &IpNet| Family::of(prefix) == family && prefix.prefix_len() > 0;
    all.into_iter().filter(of_family).collect()
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

#[cfg(test)]
mod tests {
    use ipnet::Ipv4Net;
    use proptest::{collection::btree_map, prelude::*};

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        // spec: RTE-2, V4-8
        #[test]
        fn joining_parts_changes_the_verdict_of_no_destination(
            verdicts in btree_map(wide(), verdict(), 0..12)
        ) {
            let mut joined = verdicts.clone();
            join_parts(Family::Ipv4, &mut joined);
            for destination in Family::Ipv4.default_route().subnets(4).unwrap() {
                let decided = [&verdicts, &joined].map(|verdicts| cover(verdicts, &destination));
                prop_assert_eq!(decided[0], decided[1], "{}", destination);
            }
        }
    }

    /// One that is often a part of the default route.
    fn wide() -> impl Strategy<Value = IpNet> {
        (0..=3_u8, any::<u8>()).prop_map(|(length, first)| {
            Ipv4Net::new_assert([first, 0, 0, 0].into(), length).trunc().into()
        })
    }

    fn verdict() -> impl Strategy<Value = Verdict> {
        prop_oneof![
            3 => Just(Verdict::Tunnel { via: None }),
            1 => Just(Verdict::Tunnel { via: Some([10, 0, 0, 9].into()) }),
            2 => Just(Verdict::Refused),
        ]
    }
}
