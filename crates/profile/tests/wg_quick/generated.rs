//! Generated profiles and the many ways to write one down.

use std::{
    collections::BTreeSet,
    fmt::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::Range,
};

use adit_model::{
    DnsProtocol, RouteTable, Secret, Secrets,
    wireguard::{
        Endpoint, Key, PRIVATE_KEY, Scripts, WireGuardConfiguration, WireGuardPeer, preshared_key,
    },
};
use ipnet::IpNet;
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{Index, select},
};

/// A valid configuration in the form that an import gives it, with its secrets.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub(crate) wireguard: WireGuardConfiguration,
    pub(crate) secrets: Secrets,
}

/// Whether endpoints may be names. wg resolves them, so its oracle needs addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hosts {
    Any,
    Addresses,
}

/// Decisions of a writer, used one after the other and then again from the first.
#[derive(Debug, Clone)]
pub(crate) struct Whims {
    choices: Vec<u8>,
    next: usize,
}

/// One change of a byte: where, from where, and what.
pub(crate) type Change = (Index, Index, u8);

pub(crate) fn changes(byte: impl Strategy<Value = u8>) -> impl Strategy<Value = Vec<Change>> {
    vec((any::<Index>(), any::<Index>(), byte), 1..4)
}

pub(crate) fn profile(hosts: Hosts) -> impl Strategy<Value = Profile> {
    (interface(), any::<[u8; 32]>(), vec(peer(hosts), 1..4)).prop_map(
        |(interface, private, peers)| {
            let mut secrets = Secrets::from([(PRIVATE_KEY.into(), secret(clamped(private)))]);
            let mut wireguard = interface;
            let mut taken = BTreeSet::new();
            for (mut peer, preshared) in peers {
                if wireguard.peers.iter().any(|other| other.public_key == peer.public_key) {
                    continue;
                }
                peer.allowed_ips.retain(|network| taken.insert(*network));
                secrets.extend(preshared.map(|key| (preshared_key(&peer.public_key), secret(key))));
                wireguard.peers.push(peer);
            }
            Profile { wireguard, secrets }
        },
    )
}

pub(crate) fn whims() -> impl Strategy<Value = Whims> {
    vec(any::<u8>(), 1..200).prop_map(|choices| Whims { choices, next: 0 })
}

fn interface() -> impl Strategy<Value = WireGuardConfiguration> {
    let table = prop_oneof![
        Just(RouteTable::Auto),
        Just(RouteTable::Off),
        Just(RouteTable::Table(254)),
        (256_u32..).prop_map(RouteTable::Table),
    ];
    let dns = (vec(address(), 0..3), vec("[a-z]{1,8}(\\.[a-z]{2,5}){0,2}", 0..3));
    let network = (vec(host_network(), 1..4), dns, option::of(1280_u16..), table);
    let outer = (option::of(1_u16..), option::of(1_u32..), any::<bool>());
    (network, outer, vec(command(), 0..3), vec(command(), 0..2)).prop_map(
        |(network, (listen_port, fwmark, save_config), up, down)| {
            let (addresses, (dns_servers, search_domains), mtu, table) = network;
            let scripts = Scripts { post_up: up, pre_down: down, ..Scripts::default() };
            WireGuardConfiguration {
                addresses,
                dns_servers,
                search_domains,
                match_domains: None,
                dns_protocol: DnsProtocol::Cleartext,
                mtu,
                listen_port,
                fwmark,
                table,
                save_config,
                block_ipv6: false,
                scripts,
                peers: Vec::new(),
            }
        },
    )
}

fn peer(hosts: Hosts) -> impl Strategy<Value = (WireGuardPeer, Option<[u8; 32]>)> {
    let host = match hosts {
        Hosts::Any => prop_oneof![
            address().prop_map(|address| address.to_string()),
            "[a-z]{1,8}(\\.[a-z]{2,5}){1,2}",
        ]
        .boxed(),
        Hosts::Addresses => address().prop_map(|address| address.to_string()).boxed(),
    };
    let endpoint = (host, 1_u16..).prop_map(|(host, port)| Endpoint { host, port });
    let networks =
        vec(prop_oneof![host_network(), select(vec!["0.0.0.0/0", "::/0"]).prop_map(parsed)], 0..5);
    let keys = (nonzero_key(), option::of(nonzero_key()));
    (keys, option::of(endpoint), networks, option::of(1_u16..)).prop_map(
        |((public, preshared), endpoint, networks, persistent_keepalive)| {
            let allowed_ips = networks.iter().map(IpNet::trunc).collect();
            let public_key = Key::new(public);
            let peer = WireGuardPeer { public_key, endpoint, allowed_ips, persistent_keepalive };
            (peer, preshared)
        },
    )
}

/// An address that a host may have.
fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 3]>().prop_map(|[a, b, c]| IpAddr::V4(Ipv4Addr::new(10, a, b, c))),
        any::<[u16; 7]>().prop_map(|[a, b, c, d, e, f, g]| {
            IpAddr::V6(Ipv6Addr::new(0xfd00, a, b, c, d, e, f, g))
        }),
        any::<u16>().prop_map(|last| IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last))),
    ]
}

fn host_network() -> impl Strategy<Value = IpNet> {
    (address(), any::<u8>()).prop_map(|(address, length)| {
        let longest = IpNet::from(address).max_prefix_len();
        IpNet::new(address, length % longest + 1).unwrap()
    })
}

fn command() -> impl Strategy<Value = String> {
    "[a-z]([a-z %=;|&'\"$()\\[\\],/-]{0,24}[a-z])?"
}

fn nonzero_key() -> impl Strategy<Value = [u8; 32]> {
    any::<[u8; 32]>().prop_filter("zeros are no key", |key| *key != [0; 32])
}

/// RFC 7748 section 5: the form in which implementations give private keys back.
fn clamped(mut key: [u8; 32]) -> [u8; 32] {
    key[0] &= 0b1111_1000;
    key[31] = key[31] & 0b0111_1111 | 0b0100_0000;
    key
}

fn secret(key: [u8; 32]) -> Secret {
    Secret::new(Key::new(key).to_string())
}

fn parsed(text: &str) -> IpNet {
    text.parse().unwrap()
}

/// Writes the profile down in one of the ways that wg-quick understands alike.
pub(crate) fn odd_text(profile: &Profile, whims: &mut Whims) -> String {
    let mut lines = Writer { text: String::new(), whims };
    let later = lines.interface(profile);
    for peer in &profile.wireguard.peers {
        lines.peer(peer, &profile.secrets);
    }
    if !later.is_empty() {
        lines.header("[Interface]");
        for (key, value) in later {
            lines.setting(key, &value);
        }
    }
    lines.text
}

/// `text` with a byte replaced, a byte or a line doubled elsewhere, or a byte taken out.
pub(crate) fn broken(text: &str, changes: &[Change]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (from, to, byte) in changes {
        let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
        match byte % 4 {
            0 => bytes[from] = *byte,
            1 => bytes.insert(from, bytes[to]),
            2 => _ = bytes.remove(from),
            _ => {
                let (from, to) = (line_at(&bytes, from), line_at(&bytes, to));
                let line = bytes[from].to_vec();
                bytes.splice(to.start..to.start, line);
            }
        }
    }
    bytes
}

/// The line that contains the byte at `index`, with its end.
fn line_at(bytes: &[u8], index: usize) -> Range<usize> {
    let is_end = |byte: &u8| *byte == b'\n';
    let start = bytes[..index].iter().rposition(is_end).map_or(0, |end| end + 1);
    let end = bytes[index..].iter().position(is_end).map_or(bytes.len(), |end| index + end + 1);
    start..end
}

struct Writer<'a> {
    text: String,
    whims: &'a mut Whims,
}

impl Writer<'_> {
    /// Returns the settings that it leaves for a second section.
    fn interface(&mut self, profile: &Profile) -> Vec<(&'static str, String)> {
        let Profile { wireguard, secrets } = profile;
        self.header("[Interface]");
        let mut later = Vec::new();
        let mut single = |writer: &mut Self, key, value: String| {
            if writer.whims.seldom() {
                later.push((key, value));
            } else {
                writer.setting(key, &value);
            }
        };
        single(self, "PrivateKey", secrets[PRIVATE_KEY].expose().into());
        if let Some(port) = wireguard.listen_port {
            single(self, "ListenPort", port.to_string());
        }
        let mark = match wireguard.fwmark {
            Some(mark) if self.whims.often() => mark.to_string(),
            Some(mark) => format!("{mark:#X}").replace('X', "x"),
            None => "off".into(),
        };
        single(self, "FwMark", mark);
        if let Some(mtu) = wireguard.mtu {
            if self.whims.seldom() {
                self.setting("MTU", "1300");
            }
            single(self, "MTU", mtu.to_string());
        }
        match wireguard.table {
            RouteTable::Auto => single(self, "Table", "auto".into()),
            RouteTable::Off => single(self, "Table", "off".into()),
            RouteTable::Table(number) => single(self, "Table", number.to_string()),
        }
        single(self, "SaveConfig", wireguard.save_config.to_string());
        let addresses = self.networks(&wireguard.addresses);
        self.list("Address", &addresses, &[",", " ", ", ", " , "]);
        let servers = wireguard.dns_servers.iter().map(ToString::to_string);
        let dns: Vec<_> = servers.chain(wireguard.search_domains.iter().cloned()).collect();
        self.list("DNS", &dns, &[",", " ", ", ", ",,"]);
        for (key, command) in wireguard.scripts.iter() {
            self.setting(key, command);
        }
        later
    }

    fn peer(&mut self, peer: &WireGuardPeer, secrets: &Secrets) {
        self.header("[Peer]");
        self.setting("PublicKey", &peer.public_key.to_string());
        if let Some(secret) = secrets.get(&preshared_key(&peer.public_key)) {
            self.setting("PresharedKey", secret.expose());
        }
        let networks = self.networks(&peer.allowed_ips);
        self.list("AllowedIPs", &networks, &[",", ", ", " ,\t"]);
        if let Some(endpoint) = &peer.endpoint {
            self.setting("Endpoint", &endpoint.to_string());
        }
        match peer.persistent_keepalive {
            Some(seconds) => self.setting("PersistentKeepalive", &seconds.to_string()),
            None => self.setting("PersistentKeepalive", "Off"),
        }
    }

    fn header(&mut self, name: &str) {
        let name = self.whims.cased(name);
        self.line(&name);
    }

    fn list(&mut self, key: &str, items: &[String], separators: &[&str]) {
        let mut rest = items;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(self.whims.below(rest.len()) + 1);
            let separator = separators[self.whims.below(separators.len())];
            self.setting(key, &now.join(separator));
            rest = later;
        }
    }

    fn setting(&mut self, key: &str, value: &str) {
        const SPACES: [&str; 4] = ["", " ", "\t", "  "];
        let key = self.whims.cased(key);
        let [a, b] = [0, 1].map(|_| SPACES[self.whims.below(SPACES.len())]);
        self.line(&format!("{key}{a}={b}{value}"));
    }

    fn line(&mut self, content: &str) {
        const AROUND: [(&str, &str); 5] =
            [("", ""), ("", ""), ("  ", "\t"), ("", " # [Peer]"), ("# a = b\n\n", "\r")];
        let (before, after) = AROUND[self.whims.below(AROUND.len())];
        writeln!(self.text, "{before}{content}{after}").unwrap();
    }

    fn networks(&mut self, networks: &[IpNet]) -> Vec<String> {
        let mut written = |network: &IpNet| {
            let host = network.prefix_len() == network.max_prefix_len();
            let bare = host && self.whims.often();
            if bare { network.addr().to_string() } else { network.to_string() }
        };
        networks.iter().map(&mut written).collect()
    }
}

impl Whims {
    /// A number less than `end`.
    fn below(&mut self, end: usize) -> usize {
        let choice = self.choices[self.next % self.choices.len()];
        self.next += 1;
        usize::from(choice) % end
    }

    fn often(&mut self) -> bool {
        self.below(2) == 0
    }

    fn seldom(&mut self) -> bool {
        self.below(5) == 4
    }

    fn cased(&mut self, word: &str) -> String {
        match self.below(4) {
            0 => word.to_lowercase(),
            1 => word.to_uppercase(),
            _ => word.into(),
        }
    }
}
