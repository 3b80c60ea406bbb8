//! Which addresses a longest-prefix table gives one verdict, as ranges without overlap: the form
//! in which the kernel's sets have them.

use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use adit_model::Family;
use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};
use serde::{Deserialize, Serialize};

use crate::destinations::{Verdict, Verdicts, cover};

/// Addresses of one family from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Range {
    /// The lowest.
    pub(crate) first: IpAddr,
    /// The highest.
    pub(crate) last: IpAddr,
}

impl Range {
    /// The addresses of a network.
    pub(crate) fn of(network: IpNet) -> Self {
        Self { first: network.network(), last: network.broadcast() }
    }

    pub(crate) fn family(&self) -> Family {
        if self.first.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 }
    }

    /// The address after the last one; absent if that is the highest of all.
    pub(crate) fn end(&self) -> Option<IpAddr> {
        next(self.last)
    }

    /// The network with exactly these addresses, if there is one.
    fn network(&self) -> Option<IpNet> {
        let mut networks: Box<dyn Iterator<Item = IpNet>> = match (self.first, self.last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                Box::new(Ipv4Subnets::new(first, last, 0).map(IpNet::V4))
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => {
                Box::new(Ipv6Subnets::new(first, last, 0).map(IpNet::V6))
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
        };
        networks.next().filter(|network| Self::of(*network) == *self)
    }
}

/// The addresses of a family that get a verdict which `matches`, the longest prefix deciding.
pub(crate) fn ranges(
    family: Family,
    verdicts: &Verdicts,
    matches: impl Fn(Verdict) -> bool,
) -> Vec<Range> {
    // Between two of these nothing changes.
    let whole = [family.default_route()];
    let prefixes = whole.iter().chain(verdicts.keys());
    let starts: BTreeSet<IpAddr> = prefixes
        .flat_map(|prefix| [Some(prefix.network()), next(prefix.broadcast())])
        .flatten()
        .collect();
    let mut ranges: Vec<Range> = Vec::new();
    let mut starts = starts.into_iter().peekable();
    while let Some(first) = starts.next() {
        let last = starts.peek().map_or(family.default_route().broadcast(), |next| previous(*next));
        if !cover(verdicts, &IpNet::from(first)).is_some_and(&matches) {
            continue;
        }
        match ranges.last_mut() {
            Some(range) if range.end() == Some(first) => range.last = last,
            Some(_) | None => ranges.push(Range { first, last }),
        }
    }
    ranges
}

fn next(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => u32::from(address).checked_add(1).map(|n| Ipv4Addr::from(n).into()),
        IpAddr::V6(address) => u128::from(address).checked_add(1).map(|n| Ipv6Addr::from(n).into()),
    }
}

/// The address before one that is not the lowest.
fn previous(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from(u32::from(address).saturating_sub(1)).into(),
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address).saturating_sub(1)).into(),
    }
}

/// The form of nft(8): an address, a network or two addresses.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.network() {
            Some(_) if self.first == self.last => self.first.fmt(f),
            Some(network) => network.fmt(f),
            None => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_decides_and_neighbours_are_one_range() {
        let inside = Verdict::Tunnel { via: None };
        assert_eq!(
            texts(&[
                ("10.0.0.0/8", inside),
                ("10.1.0.0/16", Verdict::Outside),
                ("10.1.2.0/24", inside),
                ("11.0.0.0/8", Verdict::Refused),
                ("12.0.0.0/8", inside),
                ("13.0.0.0/8", inside),
            ]),
            ["10.0.0.0/16", "10.1.2.0/24", "10.2.0.0-10.255.255.255", "12.0.0.0/7",]
        );
        assert_eq!(texts(&[("0.0.0.0/0", inside)]), ["0.0.0.0/0"]);
        assert_eq!(
            texts(&[("0.0.0.0/0", inside), ("255.255.255.255/32", Verdict::Outside)]),
            ["0.0.0.0-255.255.255.254"]
        );
        assert_eq!(texts(&[("0.0.0.0/0", Verdict::Refused), ("9.9.9.9/32", inside)]), ["9.9.9.9"]);
        assert!(texts(&[]).is_empty());
    }

    fn texts(verdicts: &[(&str, Verdict)]) -> Vec<String> {
        let verdicts =
            verdicts.iter().map(|(prefix, verdict)| (prefix.parse().unwrap(), *verdict)).collect();
        ranges(Family::Ipv4, &verdicts, Verdict::is_tunnel).iter().map(Range::to_string).collect()
    }
}
