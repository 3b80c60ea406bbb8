//! IPv4 addresses on a network that has IPv6 alone and translates (NAT64): they are reached under IPv6
//! addresses that follow from them (RFC 6052) and a prefix of the network, which DNS tells (RFC 7050).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// It has these two IPv4 addresses, and where there is a translator their translations too.
pub(super) const WELL_KNOWN_NAME: &str = "ipv4only.arpa.";
const WELL_KNOWN_ADDRESSES: [Ipv4Addr; 2] =
    [Ipv4Addr::new(192, 0, 0, 170), Ipv4Addr::new(192, 0, 0, 171)];

/// What the network's translated addresses begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prefix {
    octets: [u8; 16],
    places: [usize; 4],
}

/// Where an IPv4 address stands behind prefixes of 96, 64, 56, 48, 40 and 32 bits; octet 8 is zero.
const PLACES: [[usize; 4]; 6] =
    [[12, 13, 14, 15], [9, 10, 11, 12], [7, 9, 10, 11], [6, 7, 9, 10], [5, 6, 7, 9], [4, 5, 6, 7]];

impl Prefix {
    /// That of a translation of the well-known name's address.
    pub(super) fn of(translated: Ipv6Addr) -> Option<Self> {
        let octets = translated.octets();
        let is_well_known = |places: &[usize; 4]| {
            WELL_KNOWN_ADDRESSES.contains(&Ipv4Addr::from(places.map(|place| octets[place])))
        };
        let places = PLACES.into_iter().find(is_well_known)?;
        let mut prefix = octets;
        prefix[places[0]..].fill(0);
        Some(Self { octets: prefix, places })
    }

    /// Where an address is reached through the translator.
    pub(super) fn translate(self, address: IpAddr) -> IpAddr {
        let IpAddr::V4(address) = address else { return address };
        let mut octets = self.octets;
        for (place, octet) in self.places.into_iter().zip(address.octets()) {
            octets[place] = octet;
        }
        IpAddr::V6(octets.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: X-8
    #[test]
    fn each_length_of_prefix_translates_as_rfc_6052_shows() {
        let of = |well_known: &str| Prefix::of(well_known.parse().unwrap());
        let address = "192.0.2.33".parse().unwrap();
        for (well_known, translated) in [
            ("2001:db8:c000:aa::", "2001:db8:c000:221::"),
            ("2001:db8:1c0:0:aa::", "2001:db8:1c0:2:21::"),
            ("2001:db8:122:c000:0:aa00::", "2001:db8:122:c000:2:2100::"),
            ("2001:db8:122:3c0:0:aa::", "2001:db8:122:3c0:0:221::"),
            ("2001:db8:122:344:c0:0:aa00::", "2001:db8:122:344:c0:2:2100::"),
            ("2001:db8:122:344::192.0.0.171", "2001:db8:122:344::192.0.2.33"),
            ("64:ff9b::192.0.0.170", "64:ff9b::192.0.2.33"),
        ] {
            let found = of(well_known).unwrap().translate(address);
            assert_eq!(found, translated.parse::<IpAddr>().unwrap(), "{well_known}");
        }
        let ipv6 = "2001:db8::1".parse().unwrap();
        assert_eq!(of("64:ff9b::192.0.0.170").unwrap().translate(ipv6), ipv6);
        assert_eq!(of("2001:db8::1"), None);
    }
}
