//! What routers on an Ethernet announce: networks to take an address from, and themselves.
//!
//! RFC 4861, section 6.3 and RFC 4862, section 5.5. Nothing here reads a clock or sends.

use std::{collections::BTreeMap, net::Ipv6Addr, time::Duration};

use adit_model::MacAddress;
use ipnet::Ipv6Net;
use smoltcp::wire::{
    EthernetFrame, EthernetProtocol, Icmpv6Message, Icmpv6Packet, IpProtocol, Ipv6Packet,
    NdiscOption, NdiscOptionType, NdiscPrefixInfoFlags,
};

use super::Time;

/// The routers that were heard, and what they announce until when.
#[derive(Debug)]
pub(super) struct Routers {
    ethernet: MacAddress,
    networks: BTreeMap<Ipv6Net, Time>,
    lifetimes: BTreeMap<Ipv6Addr, Time>,
    heard: bool,
    solicit_at: Time,
    pause: Duration,
}

/// One announcement.
#[derive(Debug, PartialEq, Eq)]
struct Advertisement {
    router: Ipv6Addr,
    /// How long it takes packets for anywhere.
    lifetime: Duration,
    networks: Vec<(Ipv6Net, Duration)>,
}

/// Who announces more has nothing to gain from it.
const MOST_NETWORKS: usize = 8;
const MOST_ROUTERS: usize = 4;
/// Of the first solicitations, RFC 4861 section 10; later ones are rarer and rarer (RFC 7559).
const FIRST_PAUSE: Duration = Duration::from_secs(4);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// Of addresses that are taken from networks.
const PREFIX_LENGTH: u8 = 64;
const HOP_LIMIT: u8 = 255;

impl Routers {
    pub(super) fn new(ethernet: MacAddress, now: Time) -> Self {
        Self {
            ethernet,
            networks: BTreeMap::new(),
            lifetimes: BTreeMap::new(),
            heard: false,
            solicit_at: now,
            pause: FIRST_PAUSE,
        }
    }

    /// Whether there was any announcement yet.
    pub(super) fn have_been_heard(&self) -> bool {
        self.heard
    }

    /// The addresses of the interface, one of each network.
    pub(super) fn addresses(&self, now: Time) -> Vec<Ipv6Net> {
        let own = u128::from(self.ethernet.link_local()) & u128::from(u64::MAX);
        let valid = self.networks.iter().filter(|(_, until)| **until > now);
        let address = |net: &Ipv6Net| Ipv6Addr::from(u128::from(net.network()) | own);
        valid.filter_map(|(net, _)| Ipv6Net::new(address(net), PREFIX_LENGTH).ok()).collect()
    }

    /// The router, if there is one.
    pub(super) fn router(&self, now: Time) -> Option<Ipv6Addr> {
        self.lifetimes.iter().find(|(_, until)| **until > now).map(|(router, _)| *router)
    }

    /// Asks routers to announce themselves, until one has. Returns when there is something to do again.
    pub(super) fn act(&mut self, now: Time, outgoing: &mut Vec<Vec<u8>>) -> Time {
        self.networks.retain(|_, until| *until > now);
        self.lifetimes.retain(|_, until| *until > now);
        let ends = self.networks.values().chain(self.lifetimes.values()).min().copied();
        if self.router(now).is_some() {
            (self.solicit_at, self.pause) = (now, FIRST_PAUSE);
            return ends.unwrap_or(now + LONGEST_PAUSE);
        }
        if self.solicit_at <= now {
            outgoing.push(solicitation(self.ethernet));
            self.solicit_at = now + self.pause;
            self.pause = (2 * self.pause).min(LONGEST_PAUSE);
        }
        ends.map_or(self.solicit_at, |ends| ends.min(self.solicit_at))
    }

    /// Takes what a frame announces.
    pub(super) fn hear(&mut self, frame: &[u8], now: Time) {
        let Some(Advertisement { router, lifetime, networks }) = Advertisement::read(frame) else {
            return;
        };
        self.heard = true;
        let is_new = |known: bool, count: usize, most: usize| !known && count >= most;
        if !is_new(self.lifetimes.contains_key(&router), self.lifetimes.len(), MOST_ROUTERS) {
            self.lifetimes.insert(router, now + lifetime);
        }
        for (network, valid) in networks {
            let known = self.networks.contains_key(&network);
            if !is_new(known, self.networks.len(), MOST_NETWORKS) {
                self.networks.insert(network, now + valid);
            }
        }
    }
}

impl Advertisement {
    /// Of a frame that is one, and was not sent on by any router.
    fn read(frame: &[u8]) -> Option<Self> {
        let frame = EthernetFrame::new_checked(frame).ok()?;
        if frame.ethertype() != EthernetProtocol::Ipv6 {
            return None;
        }
        let packet = Ipv6Packet::new_checked(frame.payload()).ok()?;
        let (router, to) = (packet.src_addr(), packet.dst_addr());
        let is_of_the_link = packet.hop_limit() == HOP_LIMIT && router.is_unicast_link_local();
        if !is_of_the_link || packet.next_header() != IpProtocol::Icmpv6 {
            return None;
        }
        let message = Icmpv6Packet::new_checked(packet.payload()).ok()?;
        let is_announcement = message.msg_type() == Icmpv6Message::RouterAdvert;
        if !is_announcement || !message.verify_checksum(&router, &to) {
            return None;
        }
        let lifetime = message.router_lifetime().into();
        Some(Self { router, lifetime, networks: networks(message.payload()) })
    }
}

/// Those that addresses may be taken from.
fn networks(mut options: &[u8]) -> Vec<(Ipv6Net, Duration)> {
    let mut networks = Vec::new();
    while let Ok(option) = NdiscOption::new_checked(options) {
        let length = usize::from(option.data_len()) * 8;
        if option.option_type() == NdiscOptionType::PrefixInformation
            && option.prefix_flags().contains(NdiscPrefixInfoFlags::ADDRCONF)
            && option.preferred_lifetime() <= option.valid_lifetime()
            && option.prefix_len() == PREFIX_LENGTH
            && let Ok(network) = Ipv6Net::new(option.prefix(), PREFIX_LENGTH)
            && is_global(network.addr())
        {
            networks.push((network.trunc(), option.valid_lifetime().into()));
        }
        match options.get(length..).filter(|_| length > 0) {
            Some(rest) => options = rest,
            None => break,
        }
    }
    networks
}

fn is_global(address: Ipv6Addr) -> bool {
    // The first of these has the unspecified address and the loopback one.
    !(address.segments()[..4] == [0; 4]
        || address.is_multicast()
        || address.is_unicast_link_local())
}

fn solicitation(ethernet: MacAddress) -> Vec<u8> {
    const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
    const HEADERS: usize = 14 + 40;
    const LENGTH: u8 = 16;
    let MacAddress(own) = ethernet;
    let from = ethernet.link_local();
    let mut frame = vec![0x33, 0x33, 0, 0, 0, 2];
    frame.extend(own);
    frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, LENGTH, IpProtocol::Icmpv6.into(), HOP_LIMIT]);
    frame.extend(from.octets());
    frame.extend(ALL_ROUTERS.octets());
    // With one option: the sender's hardware address.
    frame.extend([133, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
    frame.extend(own);
    Icmpv6Packet::new_unchecked(&mut frame[HEADERS..]).fill_checksum(&from, &ALL_ROUTERS);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETHERNET: MacAddress = MacAddress([2, 0, 0, 0x12, 0x34, 0x56]);
    const SECOND: Duration = Duration::from_secs(1);

    // spec: V6-3, ETH-7
    #[test]
    fn an_address_is_taken_from_each_network_for_as_long_as_it_is_announced() {
        let start = 1000 * SECOND;
        let mut routers = Routers::new(ETHERNET, start);
        let mut sent = Vec::new();
        assert_eq!(routers.act(start, &mut sent), start + FIRST_PAUSE);
        assert_eq!(sent.len(), 1);
        assert_eq!((routers.addresses(start), routers.router(start)), (vec![], None));

        routers.hear(&advertisement(1800, &[("2001:db8:1::", 600), ("fd00:5::", 60)]), start);
        let found = routers.addresses(start).iter().map(Ipv6Net::to_string).collect::<Vec<_>>();
        assert_eq!(found, ["2001:db8:1::ff:fe12:3456/64", "fd00:5::ff:fe12:3456/64"]);
        assert_eq!(routers.router(start), Some("fe80::99".parse().unwrap()));
        assert_eq!(routers.act(start, &mut sent), start + 60 * SECOND, "when the first one ends");
        assert_eq!(sent.len(), 1, "nobody is asked who has answered");

        let later = start + 61 * SECOND;
        assert_eq!(routers.addresses(later).len(), 1);
        routers.hear(&advertisement(0, &[("2001:db8:1::", 0)]), later);
        assert_eq!((routers.addresses(later), routers.router(later)), (vec![], None));
        routers.act(later, &mut sent);
        assert_eq!(sent.len(), 2, "asks again");
    }

    #[test]
    fn what_no_router_of_the_link_says_is_not_believed() {
        let heard = |frame: &[u8]| {
            let mut routers = Routers::new(ETHERNET, SECOND);
            routers.hear(frame, SECOND);
            routers.have_been_heard()
        };
        let sound = advertisement(1800, &[("2001:db8:1::", 600)]);
        assert!(heard(&sound));
        for length in 0..sound.len() {
            assert!(!heard(&sound[..length]), "{length} bytes");
        }
        // The type, the next header, the hop limit, the sender's scope, the kind, the checksum.
        for place in [13, 20, 21, 22, 54, 56] {
            let mut broken = sound.clone();
            broken[place] ^= 0x41;
            assert!(!heard(&broken), "byte {place}");
        }
        for unusable in ["ff02::", "fe80::", "::"] {
            let mut routers = Routers::new(ETHERNET, SECOND);
            routers.hear(&advertisement(1800, &[(unusable, 600)]), SECOND);
            assert!(routers.addresses(SECOND).is_empty(), "{unusable}");
        }
        let mut routers = Routers::new(ETHERNET, SECOND);
        for number in 0..100 {
            let network = format!("2001:db8:{number:x}::");
            routers.hear(&advertisement(1800, &[(&network, 600)]), SECOND);
        }
        assert_eq!(routers.addresses(SECOND).len(), MOST_NETWORKS);
    }

    /// From `fe80::99` to all.
    fn advertisement(lifetime: u16, networks: &[(&str, u32)]) -> Vec<u8> {
        let (from, to): (Ipv6Addr, Ipv6Addr) =
            ("fe80::99".parse().unwrap(), "ff02::1".parse().unwrap());
        let mut message = vec![134, 0, 0, 0, 64, 0];
        message.extend(lifetime.to_be_bytes());
        message.extend([0; 8]);
        for (network, valid) in networks {
            message.extend([3, 4, 64, 0xc0]);
            message.extend([valid.to_be_bytes(), valid.to_be_bytes(), [0; 4]].concat());
            message.extend(network.parse::<Ipv6Addr>().unwrap().octets());
        }
        Icmpv6Packet::new_unchecked(&mut message[..]).fill_checksum(&from, &to);
        let length = u8::try_from(message.len()).unwrap();
        let mut frame = vec![0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0x99, 0x86, 0xdd];
        frame.extend([0x60, 0, 0, 0, 0, length, 58, 255]);
        frame.extend([from.octets(), to.octets()].concat());
        frame.extend(message);
        frame
    }
}
