//! Cryptokey routing: which peer a destination leads to, and which sources a peer may use.
//! (WireGuard: Next Generation Kernel Network Tunnel, section 3.)

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;

/// Networks, each leading to one peer; the longest match wins.
#[derive(Debug, Default)]
pub(crate) struct AllowedIps {
    ipv4: PrefixMap<Ipv4Net, usize>,
    ipv6: PrefixMap<Ipv6Net, usize>,
}

impl AllowedIps {
    /// Leads a network to a peer, away from the one it led to before.
    pub(crate) fn insert(&mut self, net: IpNet, peer: usize) {
        match net.trunc() {
            IpNet::V4(net) => self.ipv4.insert(net, peer),
            IpNet::V6(net) => self.ipv6.insert(net, peer),
        };
    }

    /// The peer that an address belongs to.
    pub(crate) fn peer(&self, address: IpAddr) -> Option<usize> {
        match address {
            IpAddr::V4(v4) => self.ipv4.get_lpm(&v4.into()).map(|(_, peer)| *peer),
            IpAddr::V6(v6) => self.ipv6.get_lpm(&v6.into()).map(|(_, peer)| *peer),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_longest_match_wins(
            nets in proptest::collection::vec((net(), 0_usize..4), 0..40),
            addresses in proptest::collection::vec(address(), 1..40),
        ) {
            let mut table = AllowedIps::default();
            for (net, peer) in &nets {
                table.insert(*net, *peer);
            }
            for address in addresses {
                prop_assert_eq!(table.peer(address), naive(&nets, address));
            }
        }
    }

    /// Of equal networks the last one holds.
    fn naive(nets: &[(IpNet, usize)], address: IpAddr) -> Option<usize> {
        let matching = nets.iter().filter(|(net, _)| net.contains(&address));
        matching.max_by_key(|(net, _)| net.prefix_len()).map(|(_, peer)| *peer)
    }

    /// Few distinct bits, so that networks overlap and addresses hit.
    fn address() -> impl Strategy<Value = IpAddr> {
        let sparse = || prop::bits::u32::masked(0xc000_0103);
        prop_oneof![
            sparse().prop_map(|bits| IpAddr::V4(Ipv4Addr::from(bits))),
            (sparse(), sparse()).prop_map(|(high, low)| {
                IpAddr::V6(Ipv6Addr::from(u128::from(high) << 96 | u128::from(low)))
            }),
        ]
    }

    fn net() -> impl Strategy<Value = IpNet> {
        (address(), 0_u8..=128).prop_map(|(address, length)| match address {
            IpAddr::V4(v4) => Ipv4Net::new_assert(v4, length % 33).into(),
            IpAddr::V6(v6) => Ipv6Net::new_assert(v6, length).into(),
        })
    }
}
