//! When destinations amount to the default route. Spec RTE-2, DNS-9.

use std::collections::BTreeSet;

use ipnet::IpNet;

use crate::Family;

/// Whether these destinations amount to the default route of a family, also when it is written in
/// parts.
#[must_use]
pub fn owns_default_route(routes: &[IpNet]) -> bool {
    !default_route_parts(routes).is_empty()
}

/// Those of `routes`, without host bits, that are nothing but a default route: the one of a family
/// itself, and the widest of its other destinations if together they leave nothing out. `0.0.0.0/1`
/// with `128.0.0.0/1` is a way to write a default route that beats another one.
#[must_use]
pub fn default_route_parts(routes: &[IpNet]) -> BTreeSet<IpNet> {
    Family::ALL.into_iter().flat_map(|family| parts_of_family(family, routes)).collect()
}

fn parts_of_family(family: Family, routes: &[IpNet]) -> Vec<IpNet> {
    let whole = family.default_route();
    let mut others: BTreeSet<IpNet> =
        routes.iter().map(IpNet::trunc).filter(|net| Family::of(net) == family).collect();
    let mut parts: Vec<IpNet> = others.take(&whole).into_iter().collect();
    let widest = widest(others);
    if IpNet::aggregate(&widest) == [whole] {
        parts.extend(widest);
    }
    parts
}

/// Those that lie in no other. A network is ordered before all that lie in it.
fn widest(networks: BTreeSet<IpNet>) -> Vec<IpNet> {
    let mut widest: Vec<IpNet> = Vec::new();
    for network in networks {
        if !widest.last().is_some_and(|wider| wider.contains(&network)) {
            widest.push(network);
        }
    }
    widest
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: RTE-2, DNS-9
    #[test]
    fn all_parts_of_a_default_route_are_the_default_route() {
        for (routes, parts) in [
            ("", ""),
            ("0.0.0.0/0 10.0.0.0/8", "0.0.0.0/0"),
            ("0.0.0.0/1 128.0.0.0/1 10.0.0.0/8 fd00::/8", "0.0.0.0/1 128.0.0.0/1"),
            ("0.0.0.0/0 0.0.0.0/1 128.0.0.0/1", "0.0.0.0/0 0.0.0.0/1 128.0.0.0/1"),
            (
                "192.0.0.0/2 64.0.0.0/2 0.0.0.0/2 128.1.2.3/2",
                "0.0.0.0/2 64.0.0.0/2 128.0.0.0/2 192.0.0.0/2",
            ),
            ("::/1 8000::/2 c000::/2 c000::/3 e000::/3", "::/1 8000::/2 c000::/2"),
            ("0.0.0.0/2 64.0.0.0/2 128.0.0.0/2 192.0.0.0/3", ""),
            ("0.0.0.0/1 8000::/1", ""),
        ] {
            let expected: BTreeSet<IpNet> = networks(parts).into_iter().collect();
            assert_eq!(default_route_parts(&networks(routes)), expected, "{routes}");
            assert_eq!(owns_default_route(&networks(routes)), !parts.is_empty(), "{routes}");
        }
    }

    fn networks(text: &str) -> Vec<IpNet> {
        text.split_whitespace().map(|net| net.parse().unwrap()).collect()
    }
}
