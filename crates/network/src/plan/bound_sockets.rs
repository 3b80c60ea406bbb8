//! Sockets that are bound to a physical interface, `SO_BINDTODEVICE` in socket(7).

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use super::{PRIORITY_BOUND_REFUSED, PRIORITY_BOUND_SOCKETS, Strength};
use adit_model::Family;

use crate::{
    destinations::{Destinations, Verdict},
    route::TABLE_MAIN,
    rule::{Action, Rule, Selector},
    state::NetworkState,
};

/// Such a socket goes out of its interface (RTE-4), unless routes are enforced (RTE-13). But what
/// is blocked goes nowhere, whatever a program does.
pub(super) fn rules(
    family: Family,
    destinations: &Destinations,
    strength: Strength,
    state: &NetworkState,
) -> Vec<Rule> {
    let Destinations { specific, default } = destinations;
    let blocks = specific.values().chain(default.values()).any(|v| *v == Verdict::Refused);
    if !strength.enforces() && !blocks {
        return ways_out(family, state).into_iter().map(|name| free(family, name)).collect();
    }
    match family {
        // Its routes that refuse apply to sockets of every interface.
        Family::Ipv4 => Vec::new(),
        Family::Ipv6 => refusals(destinations, strength, state),
    }
}

/// Without this rule the socket would meet the `unreachable` twins.
fn free(family: Family, interface: String) -> Rule {
    Rule {
        priority: PRIORITY_BOUND_SOCKETS,
        family,
        selector: Selector::OutputInterface { interface, to: family.default_route() },
        action: Action::Lookup(TABLE_MAIN),
    }
}

/// The same as the tables, as rules: an IPv6 route that refuses leads to `lo` for the kernel, so a
/// socket that is bound elsewhere passes it by and would be answered by `main`.
fn refusals(destinations: &Destinations, strength: Strength, state: &NetworkState) -> Vec<Rule> {
    let verdicts = destinations.verdicts(Family::Ipv6, strength, state);
    let lengths: BTreeSet<Reverse<u8>> =
        verdicts.keys().map(|prefix| Reverse(prefix.prefix_len())).collect();
    // The longest prefix first.
    let ranks = (PRIORITY_BOUND_REFUSED..PRIORITY_BOUND_SOCKETS).zip(&lengths);
    let ranks: BTreeMap<u8, u32> = ranks.map(|(rank, Reverse(length))| (*length, rank)).collect();
    let mut rules = Vec::new();
    for interface in interfaces(Family::Ipv6, state) {
        for (prefix, verdict) in &verdicts {
            let action = match verdict {
                Verdict::Tunnel { .. } | Verdict::Refused => Action::Unreachable,
                Verdict::Outside => Action::Lookup(TABLE_MAIN),
            };
            let rank = ranks.get(&prefix.prefix_len()).copied();
            // With more lengths than ranks, nothing goes outside that should not.
            let priority = match action {
                Action::Unreachable => rank.unwrap_or(PRIORITY_BOUND_SOCKETS),
                Action::Lookup(_) | Action::LookupExceptDefault(_) => {
                    let Some(rank) = rank else { continue };
                    rank
                }
            };
            let interface = interface.clone();
            let selector = Selector::OutputInterface { interface, to: *prefix };
            rules.push(Rule { priority, family: Family::Ipv6, selector, action });
        }
    }
    rules
}

/// The interfaces with a default route.
fn ways_out(family: Family, state: &NetworkState) -> BTreeSet<String> {
    let default = family.default_route();
    let routes = state.main_routes.iter().filter(|route| route.destination == default);
    routes.filter_map(|route| route.interface.clone()).collect()
}

/// The interfaces with any route.
fn interfaces(family: Family, state: &NetworkState) -> BTreeSet<String> {
    let routes = state.main_routes.iter();
    let routes = routes.filter(|route| Family::of(&route.destination) == family);
    routes.filter_map(|route| route.interface.clone()).collect()
}
