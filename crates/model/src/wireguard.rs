//! The provider configuration of the WireGuard provider, shared by importer, provider and app.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{
    DnsSettings, InvalidConfiguration, IpSettings, PacketTunnelNetworkSettings, Route, RouteTable,
};

/// The provider id of the WireGuard provider.
pub const PROVIDER_ID: &str = "org.adit.wireguard";

/// Name of the interface's private key among the secrets.
pub const PRIVATE_KEY: &str = "privateKey";

/// Bytes that WireGuard adds to a packet: IPv6 header 40, UDP header 8, data message 32. Spec
/// SET-10.
pub const OVERHEAD: u16 = 80;

/// What wg-quick(8) and wg(8) say of an interface, except its keys.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireGuardConfiguration {
    /// Addresses of the interface.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpNet>,
    /// DNS servers inside the tunnel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns_servers: Vec<IpAddr>,
    /// Search domains: the names among the `DNS` values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub search_domains: Vec<String>,
    /// MTU of the interface in bytes; absent: that of the path less the overhead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
    /// Fixed local UDP port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen_port: Option<u16>,
    /// Mark of the outer packets under wg-quick. Kept for export; the helper sets its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fwmark: Option<u32>,
    /// Where routes are written.
    #[serde(default)]
    pub table: RouteTable,
    /// wg-quick's wish to write the file back. Kept for export.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub save_config: bool,
    /// Commands of wg-quick. Shown to people and kept for export, never run.
    #[serde(default, skip_serializing_if = "Scripts::is_empty")]
    pub scripts: Scripts,
    /// The other ends.
    #[serde(default)]
    pub peers: Vec<WireGuardPeer>,
}

/// One other end of the tunnel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireGuardPeer {
    /// Its public key.
    pub public_key: Key,
    /// Where it is reached; absent for a peer that comes to us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    /// What it may send and what is sent to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_ips: Vec<IpNet>,
    /// Seconds between keepalives; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent_keepalive: Option<u16>,
}

/// A Curve25519 public key. The text form is base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; 32]);

/// A host and a UDP port; the host may be a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Name or address, without brackets.
    pub host: String,
    /// UDP port.
    pub port: u16,
}

/// The commands of a wg-quick file, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scripts {
    /// `PreUp`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pre_up: Vec<String>,
    /// `PostUp`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post_up: Vec<String>,
    /// `PreDown`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pre_down: Vec<String>,
    /// `PostDown`
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post_down: Vec<String>,
}

/// A text that is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// Not base64.
    #[error("a key is 44 characters of base64, ending in “=”")]
    NotBase64,
    /// Another length.
    #[error("a key is 32 bytes long, this one has {0}")]
    WrongLength(usize),
}

/// A text that is not an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an endpoint is a host and a port, such as vpn.example.net:51820 or [2001:db8::1]:51820")]
pub struct InvalidEndpoint;

/// Name of a peer's preshared key among the secrets.
#[must_use]
pub fn preshared_key(peer: &Key) -> String {
    format!("presharedKey:{peer}")
}

impl WireGuardConfiguration {
    /// Reads it from a provider configuration, naming the field that is wrong.
    pub fn from_map(map: &Map<String, Value>) -> Result<Self, InvalidConfiguration> {
        serde_json::from_value(Value::Object(map.clone())).map_err(|error| {
            InvalidConfiguration::new("protocol.providerConfiguration", error.to_string())
        })
    }

    /// The form that a configuration stores.
    #[must_use]
    pub fn to_map(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            // Serialising plain data to a value has no way to fail.
            Ok(_) | Err(_) => Map::new(),
        }
    }

    /// Checks what no single field shows.
    pub fn validate(&self) -> Result<(), InvalidConfiguration> {
        let invalid = |field: String, reason: String| Err(InvalidConfiguration::new(field, reason));
        if self.addresses.is_empty() {
            return invalid("addresses".into(), "give the tunnel at least one address".into());
        }
        if self.peers.is_empty() {
            return invalid("peers".into(), "there is no peer; a tunnel needs another end".into());
        }
        let mut keys = BTreeSet::new();
        let mut owners = BTreeMap::new();
        for (index, peer) in self.peers.iter().enumerate() {
            if !keys.insert(peer.public_key) {
                let reason = "is the same as that of an earlier peer".into();
                return invalid(format!("peers[{index}].publicKey"), reason);
            }
            for net in &peer.allowed_ips {
                let owner = *owners.entry(net.trunc()).or_insert(index);
                if owner != index {
                    let reason = format!(
                        "{net} belongs to peer {} already; each network can lead to one peer only",
                        owner + 1
                    );
                    return invalid(format!("peers[{index}].allowedIps"), reason);
                }
            }
        }
        Ok(())
    }

    /// What the tunnel asks of the network, with `remote` as the server's address. wg-quick sends
    /// all names to the tunnel's servers, so the match domain is `""`; the peers' allowed IPs are
    /// the included routes. Those of a family without address are blocked: somebody who wrote
    /// `::/0` does not want IPv6 to go outside.
    #[must_use]
    pub fn network_settings(&self, remote: IpAddr) -> PacketTunnelNetworkSettings {
        let mut settings = PacketTunnelNetworkSettings::new(remote);
        let allowed: Vec<IpNet> = self.routes().collect();
        settings.ipv4 = family(&self.addresses, &allowed, |net| match net {
            IpNet::V4(v4) => Some(v4),
            IpNet::V6(_) => None,
        });
        settings.ipv6 = family(&self.addresses, &allowed, |net| match net {
            IpNet::V6(v6) => Some(v6),
            IpNet::V4(_) => None,
        });
        settings.blocked_routes =
            allowed.into_iter().filter(|net| !self.has_family_of(net)).collect();
        if !self.dns_servers.is_empty() {
            settings.dns = Some(DnsSettings {
                servers: self.dns_servers.clone(),
                search_domains: self.search_domains.clone(),
                match_domains: Some(vec![String::new()]),
                ..DnsSettings::default()
            });
        }
        settings.mtu = self.mtu;
        settings.tunnel_overhead_bytes = Some(OVERHEAD);
        settings.route_table = self.table;
        settings
    }

    /// Whether the tunnel has an address of the same family.
    #[must_use]
    pub fn has_family_of(&self, net: &IpNet) -> bool {
        self.addresses.iter().any(|address| address.addr().is_ipv4() == net.addr().is_ipv4())
    }

    /// The destinations of all peers, without host bits.
    pub fn routes(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.peers.iter().flat_map(|peer| &peer.allowed_ips).map(IpNet::trunc)
    }
}

fn family<P: crate::Prefix>(
    addresses: &[IpNet],
    allowed: &[IpNet],
    of: impl Fn(IpNet) -> Option<P>,
) -> Option<IpSettings<P>> {
    let mut settings = IpSettings::new(addresses.iter().copied().filter_map(&of));
    settings.included_routes = allowed.iter().copied().filter_map(&of).map(Route::to).collect();
    (!settings.addresses.is_empty()).then_some(settings)
}

impl Scripts {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }

    /// Each command with the key it stood under.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("PreUp", &self.pre_up),
            ("PostUp", &self.post_up),
            ("PreDown", &self.pre_down),
            ("PostDown", &self.post_down),
        ]
        .into_iter()
        .flat_map(|(key, lines)| lines.iter().map(move |line| (key, line.as_str())))
    }
}

impl Key {
    /// A key from its bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for Key {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| InvalidKey::NotBase64)?;
        let length = bytes.len();
        bytes.try_into().map(Self).map_err(|_| InvalidKey::WrongLength(length))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let (host, port) = text.rsplit_once(':').ok_or(InvalidEndpoint)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or(InvalidEndpoint)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(inner) => {
                let address = inner.split('%').next().unwrap_or(inner);
                address.parse::<Ipv6Addr>().map_err(|_| InvalidEndpoint)?;
                inner
            }
            None => host,
        };
        let bare_ipv6 = host.contains(':') && !text.starts_with('[');
        if host.is_empty() || bare_ipv6 || host.contains(char::is_whitespace) {
            return Err(InvalidEndpoint);
        }
        Ok(Self { host: host.into(), port })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

macro_rules! serde_as_text {
    ($($type:ty),*) => { $(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )* };
}
serde_as_text!(Key, Endpoint);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_read_and_print_alike() {
        for text in
            ["vpn.example.net:51820", "192.0.2.1:1", "[2001:db8::1]:51820", "[fe80::1%eth0]:5"]
        {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "host",
            "host:",
            ":1",
            "host:0",
            "host:65536",
            "2001:db8::1:51820",
            "[host]:1",
            "a b:1",
        ] {
            assert_eq!(text.parse::<Endpoint>(), Err(InvalidEndpoint), "{text}");
        }
    }

    #[test]
    fn a_key_of_another_length_is_named_as_such() {
        assert_eq!("AAAA".parse::<Key>(), Err(InvalidKey::WrongLength(3)));
        assert_eq!("not a key".parse::<Key>(), Err(InvalidKey::NotBase64));
    }

    // spec: DNS-6, SET-10, SET-6
    #[test]
    fn settings_follow_the_allowed_ips_and_send_all_names_inside() {
        let mut configuration = example();
        configuration.dns_servers = vec!["10.0.0.1".parse().unwrap()];
        let settings = configuration.network_settings("192.0.2.1".parse().unwrap());
        assert!(settings.includes_default());
        assert_eq!(settings.ipv6, None);
        configuration.peers[0].allowed_ips.push("::/0".parse().unwrap());
        let blocked = configuration.network_settings("192.0.2.1".parse().unwrap()).blocked_routes;
        assert_eq!(blocked, ["::/0".parse().unwrap()]);
        assert_eq!(settings.interface_mtu(Some(1500)), 1420);
        assert_eq!(settings.dns.unwrap().match_domains, Some(vec![String::new()]));
    }

    #[test]
    fn faults_between_fields_are_named() {
        let fault = |edit: fn(&mut WireGuardConfiguration)| {
            let mut configuration = example();
            edit(&mut configuration);
            configuration.validate().unwrap_err().field
        };
        assert_eq!(example().validate(), Ok(()));
        assert_eq!(fault(|c| c.peers.clear()), "peers");
        assert_eq!(fault(|c| c.addresses.clear()), "addresses");
        assert_eq!(fault(|c| c.peers.push(c.peers[0].clone())), "peers[1].publicKey");
        assert_eq!(
            fault(|c| {
                let public_key = Key::new([2; 32]);
                c.peers.push(WireGuardPeer { public_key, ..c.peers[0].clone() });
            }),
            "peers[1].allowedIps"
        );
    }

    fn example() -> WireGuardConfiguration {
        WireGuardConfiguration {
            addresses: vec!["10.0.0.2/32".parse().unwrap()],
            peers: vec![WireGuardPeer {
                public_key: Key::new([1; 32]),
                endpoint: Some("vpn.example:51820".parse().unwrap()),
                allowed_ips: vec!["0.0.0.0/0".parse().unwrap()],
                persistent_keepalive: None,
            }],
            ..WireGuardConfiguration::default()
        }
    }
}
