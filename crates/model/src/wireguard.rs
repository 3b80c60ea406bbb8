//! The provider configuration of the WireGuard provider.
//!
//! A provider's configuration is its own affair. This one is here because the importer writes it,
//! the provider reads it and the apps show it, and none of the three should depend on another.
//! Nothing else in this crate knows it.

mod endpoint;
mod key;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    DnsProtocol, DnsSettings, Family, Fault, InvalidConfiguration, IpSettings,
    PacketTunnelNetworkSettings, Route, RouteTable,
};

pub use endpoint::{Endpoint, InvalidEndpoint};
pub use key::{InvalidKey, Key};

/// The provider id of the WireGuard provider.
pub const PROVIDER_ID: &str = "org.adit.wireguard";

/// Name of the interface's private key among the secrets.
pub const PRIVATE_KEY: &str = "privateKey";

/// Bytes that WireGuard adds to a packet: IPv6 header 40, UDP header 8, data message 32. Spec
/// SET-10.
pub const OVERHEAD: u16 = 80;

/// What wg-quick(8) and wg(8) say of an interface, except its keys.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct WireGuardConfiguration {
    /// Addresses of the interface.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "specta", specta(type = Vec<String>))]
    pub addresses: Vec<IpNet>,
    /// DNS servers inside the tunnel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns_servers: Vec<IpAddr>,
    /// Search domains: the names among the `DNS` values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub search_domains: Vec<String>,
    /// The names that the DNS servers answer, with those below them; absent: all. wg-quick has no
    /// word for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub match_domains: Option<Vec<String>>,
    /// How the DNS servers are spoken to. wg-quick knows cleartext only.
    #[serde(default, skip_serializing_if = "DnsProtocol::is_cleartext")]
    pub dns_protocol: DnsProtocol,
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
    /// Refuse IPv6 while the tunnel is up, if it takes no IPv6 destination itself. wg-quick would
    /// let it go outside.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub block_ipv6: bool,
    /// The other ends.
    #[serde(default)]
    pub peers: Vec<WireGuardPeer>,
}

/// One other end of the tunnel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct WireGuardPeer {
    /// Its public key.
    #[cfg_attr(feature = "specta", specta(type = String))]
    pub public_key: Key,
    /// Where it is reached; absent for a peer that comes to us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "specta", specta(type = Option<String>))]
    pub endpoint: Option<Endpoint>,
    /// What it may send and what is sent to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "specta", specta(type = Vec<String>))]
    pub allowed_ips: Vec<IpNet>,
    /// Seconds between keepalives; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent_keepalive: Option<u16>,
}

/// The commands of a wg-quick file, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
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

/// How the names of preshared keys begin; a peer's public key follows.
pub const PRESHARED_KEY: &str = "presharedKey:";

/// Name of a peer's preshared key among the secrets.
#[must_use]
pub fn preshared_key(peer: &Key) -> String {
    format!("{PRESHARED_KEY}{peer}")
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
        let invalid = |field: String, fault| Err(InvalidConfiguration::new(field, fault));
        if self.addresses.is_empty() {
            return invalid("addresses".into(), Fault::NoAddress);
        }
        if self.peers.is_empty() {
            return invalid("peers".into(), Fault::NoPeer);
        }
        let mut keys = BTreeSet::new();
        let mut owners = BTreeMap::new();
        for (index, peer) in self.peers.iter().enumerate() {
            if !keys.insert(peer.public_key) {
                return invalid(format!("peers[{index}].publicKey"), Fault::SamePeer);
            }
            for net in &peer.allowed_ips {
                let owner = *owners.entry(net.trunc()).or_insert(index);
                if owner != index {
                    let fault = Fault::NetworkTaken { network: *net, peer: owner + 1 };
                    return invalid(format!("peers[{index}].allowedIps"), fault);
                }
            }
        }
        Ok(())
    }

    /// What the tunnel asks of the network, with `remote` as the server's address. wg-quick sends
    /// all names to the tunnel's servers, so without match domains it is `""`; the peers' allowed IPs are
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
        settings.blocked_routes.extend(self.blocks_ipv6().then(|| Family::Ipv6.default_route()));
        // Encrypted ones are found by their name too (D-24).
        if !(self.dns_servers.is_empty() && self.dns_protocol.is_cleartext()) {
            settings.dns = Some(DnsSettings {
                servers: self.dns_servers.clone(),
                search_domains: self.search_domains.clone(),
                protocol: self.dns_protocol.clone(),
                match_domains: Some(self.match_domains.clone().unwrap_or(vec![String::new()])),
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
        self.addresses.iter().any(|address| Family::of(address) == Family::of(net))
    }

    /// Whether IPv6 is refused although no peer's destinations say so.
    #[must_use]
    pub fn blocks_ipv6(&self) -> bool {
        self.block_ipv6 && !self.routes().any(|net| Family::of(&net) == Family::Ipv6)
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

#[cfg(test)]
mod tests {
    use super::*;

    // spec: SET-6, SET-7, SET-10
    #[test]
    fn settings_follow_the_allowed_ips_and_send_all_names_inside() {
        let mut configuration = example();
        configuration.dns_servers = vec!["10.0.0.1".parse().unwrap()];
        let settings = configuration.network_settings("192.0.2.1".parse().unwrap());
        assert!(settings.includes_default());
        assert_eq!(settings.ipv6, None);
        configuration.block_ipv6 = true;
        let blocked = configuration.network_settings("192.0.2.1".parse().unwrap()).blocked_routes;
        assert_eq!(blocked, ["::/0".parse().unwrap()]);
        configuration.peers[0].allowed_ips.push("::/0".parse().unwrap());
        let blocked = configuration.network_settings("192.0.2.1".parse().unwrap()).blocked_routes;
        assert_eq!(blocked, ["::/0".parse().unwrap()]);
        assert_eq!(settings.interface_mtu(Some(1500)), 1420);
        assert_eq!(settings.dns.unwrap().match_domains, Some(vec![String::new()]));
        configuration.match_domains = Some(vec!["corp.example".into()]);
        configuration.dns_protocol = DnsProtocol::Tls { server_name: "dns.example".into() };
        let dns = configuration.network_settings("192.0.2.1".parse().unwrap()).dns.unwrap();
        assert_eq!(dns.match_domains, configuration.match_domains);
        assert_eq!(dns.protocol, configuration.dns_protocol);
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
