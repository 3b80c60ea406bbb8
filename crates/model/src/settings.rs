//! The network settings of a tunnel (`NEPacketTunnelNetworkSettings`).

mod ethernet;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv6Addr},
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{
    DnsProtocol, DnsSettings, Family, Ipv4Settings, Ipv6Settings, MacAddress, Prefix,
    ProxySettings, dns_post_url, ip::IpSettings,
};

/// Everything a provider asks of the network for its tunnel, as one whole: applying it replaces
/// what was there before (TUN-9). Spec SET-1 to SET-12.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct PacketTunnelNetworkSettings {
    /// The server's address, for display. The loop guard does not depend on it (SET-2, PRV-11).
    pub tunnel_remote_address: IpAddr,
    /// The hardware address of the interface. Settings with one are those of an Ethernet tunnel
    /// (`NEEthernetTunnelNetworkSettings`), and others never are (TUN-13, ETH-2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "specta", specta(type = Option<String>))]
    pub ethernet_address: Option<MacAddress>,
    /// IPv4; absent means that IPv4 goes outside the tunnel (SET-6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "specta", specta(type = Option<crate::ip::json::IpSettings>))]
    pub ipv4: Option<Ipv4Settings>,
    /// IPv6; absent means that IPv6 goes outside the tunnel (SET-7).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "specta", specta(type = Option<crate::ip::json::IpSettings>))]
    pub ipv6: Option<Ipv6Settings>,
    /// Name resolution; absent leaves the system's alone (SET-3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<DnsSettings>,
    /// Web proxy; absent leaves the system's alone (SET-4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<ProxySettings>,
    /// The interface's MTU in bytes (SET-9).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
    /// Bytes the tunnel adds to a packet: the MTU follows the physical link's less this (SET-8).
    /// Ignored beside `mtu`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tunnel_overhead_bytes: Option<u16>,
    /// Destinations that are refused at once: they go neither inside nor outside. This is how a
    /// tunnel without IPv6 keeps IPv6 from going around it (SET-7).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "specta", specta(type = Vec<String>))]
    pub blocked_routes: Vec<IpNet>,
    /// Where the included routes are written.
    #[serde(default, skip_serializing_if = "RouteTable::is_auto")]
    pub route_table: RouteTable,
}

/// Where a tunnel's routes are written. Other than `auto` is for people who do their own policy
/// routing, as with `Table` of wg-quick(8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum RouteTable {
    /// Tables and rules of ours.
    #[default]
    Auto,
    /// No routes at all.
    Off,
    /// This routing table, with no rules.
    Table(u32),
}

/// What is wrong with network settings (`networkSettingsInvalid`, TUN-14).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSettings {
    /// More than a system can hold without being slowed down for everybody.
    #[error("there are more than {most} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// Neither family is configured.
    #[error("there is no address; give at least one for IPv4 or IPv6")]
    NoAddress,
    /// SET-12: the kernel would have no source address for such packets.
    #[error("{route} is routed into the tunnel, but the tunnel has no {} address", family.name())]
    RouteWithoutAddress {
        /// The route.
        route: IpNet,
        /// Its family.
        family: Family,
    },
    /// The same destination is included and excluded.
    #[error("{0} is both included and excluded")]
    Contradiction(IpNet),
    /// A link with IPv6 needs 1280 bytes, RFC 8200 section 5; IPv4 needs 576.
    #[error("an MTU of {mtu} is too small; it must be at least {least}")]
    MtuTooSmall {
        /// What was asked.
        mtu: u16,
        /// The least possible.
        least: u16,
    },
    /// An address that no interface may have.
    #[error("{0} cannot be an address of the tunnel")]
    UnusableAddress(IpAddr),
    /// A server that cannot be asked.
    #[error("{0} cannot be a DNS server")]
    UnusableDnsServer(IpAddr),
    /// Not a domain name.
    #[error("“{0}” is not a domain name")]
    BadDomain(String),
    /// What stands on a DNS server's certificate.
    #[error("“{0}” cannot be the name of a DNS server: it has to be such as dns.example")]
    BadDnsServerName(String),
    /// Where a DNS server is asked over HTTPS.
    #[error(
        "“{0}” is not where a DNS server is asked over HTTPS: it has to be such as \
         https://dns.example/dns-query"
    )]
    BadDnsServerUrl(String),
    /// ETH-3: an address of many, or of nobody.
    #[error(
        "{0} cannot be the hardware address of an interface; it has to be that of one device, such \
         as 02:00:00:12:34:56"
    )]
    UnusableEthernetAddress(MacAddress),
    /// ETH-3: an Ethernet tunnel has both or none.
    #[error("an Ethernet tunnel needs an MTU")]
    NoMtu,
    /// A frame of the kernel's has at most 65535 bytes with its header.
    #[error("an MTU of {mtu} is too large for an Ethernet tunnel; it must be at most {most}")]
    MtuTooLarge {
        /// What was asked.
        mtu: u16,
        /// The most possible.
        most: u16,
    },
    /// V4-5, V6-3: behind a packet tunnel's interface there is nobody to ask.
    #[error("only an Ethernet tunnel can have its addresses assigned by the network; give some")]
    AutomaticWithoutEthernet,
    /// A next hop that nobody can be.
    #[error("{0} cannot be a router")]
    UnusableRouter(IpAddr),
    /// The kernel's own tables.
    #[error("routing table {0} belongs to the system")]
    ReservedTable(u32),
    /// The proxy cannot be used.
    #[error("{0}")]
    Proxy(String),
}

/// Providers are not trusted, and everything here costs time and memory of the whole machine.
pub(crate) const MOST_ROUTES: usize = 10_000;
const MOST_ADDRESSES: usize = 64;
const MOST_DOMAINS: usize = 256;
const MOST_SERVERS: usize = 16;

/// MTU of a link when the physical one is unknown.
const DEFAULT_MTU: u32 = 1500;
const LEAST_IPV4_MTU: u16 = 576;
const LEAST_IPV6_MTU: u16 = 1280;
const RT_TABLE_UNSPEC: u32 = 0;
const RT_TABLE_DEFAULT: u32 = 253;
const RT_TABLE_LOCAL: u32 = 255;

impl PacketTunnelNetworkSettings {
    /// Settings that configure nothing yet.
    #[must_use]
    pub fn new(tunnel_remote_address: IpAddr) -> Self {
        Self {
            tunnel_remote_address,
            ethernet_address: None,
            ipv4: None,
            ipv6: None,
            dns: None,
            proxy: None,
            mtu: None,
            tunnel_overhead_bytes: None,
            blocked_routes: Vec::new(),
            route_table: RouteTable::Auto,
        }
    }

    /// Settings of an Ethernet tunnel that configure nothing yet. Address and MTU belong to its
    /// interface from its first moment on (ETH-3).
    #[must_use]
    pub fn ethernet(tunnel_remote_address: IpAddr, address: MacAddress, mtu: u16) -> Self {
        Self { ethernet_address: Some(address), mtu: Some(mtu), ..Self::new(tunnel_remote_address) }
    }

    /// Checks the whole before anything is changed on the system.
    pub fn validate(&self) -> Result<(), InvalidSettings> {
        self.validate_counts()?;
        if self.addresses().next().is_none() && !self.is_automatic() {
            return Err(InvalidSettings::NoAddress);
        }
        if let Some(address) = self.addresses().map(|net| net.addr()).find(unusable_own_address) {
            return Err(InvalidSettings::UnusableAddress(address));
        }
        if let Some(ipv4) = &self.ipv4 {
            validate_routes(ipv4, Family::Ipv4)?;
        }
        if let Some(ipv6) = &self.ipv6 {
            validate_routes(ipv6, Family::Ipv6)?;
        }
        ethernet::validate(self)?;
        if let Some(mtu) = self.mtu {
            let least = self.least_mtu();
            if mtu < least {
                return Err(InvalidSettings::MtuTooSmall { mtu, least });
            }
        }
        if let Some(dns) = &self.dns {
            validate_dns(dns)?;
        }
        if let RouteTable::Table(id @ (RT_TABLE_UNSPEC | RT_TABLE_DEFAULT | RT_TABLE_LOCAL)) =
            self.route_table
        {
            return Err(InvalidSettings::ReservedTable(id));
        }
        if let Some(proxy) = &self.proxy {
            proxy.validate().map_err(|error| InvalidSettings::Proxy(error.to_string()))?;
        }
        Ok(())
    }

    /// The MTU of the tunnel's interface over a physical link with MTU `physical`, in bytes.
    /// `mtu` wins over the overhead (SET-9); with IPv6 it never falls below 1280.
    #[must_use]
    pub fn interface_mtu(&self, physical: Option<u32>) -> u32 {
        if let Some(mtu) = self.mtu {
            return mtu.into();
        }
        let overhead = self.tunnel_overhead_bytes.unwrap_or(0);
        physical.unwrap_or(DEFAULT_MTU).saturating_sub(overhead.into()).max(self.least_mtu().into())
    }

    /// The addresses of both families.
    pub fn addresses(&self) -> impl Iterator<Item = IpNet> + '_ {
        let ipv4 = self.ipv4.iter().flat_map(|ip| ip.addresses.iter().copied().map(IpNet::from));
        let ipv6 = self.ipv6.iter().flat_map(|ip| ip.addresses.iter().copied().map(IpNet::from));
        ipv4.chain(ipv6)
    }

    /// Whether the network assigns addresses of either family.
    #[must_use]
    pub fn is_automatic(&self) -> bool {
        self.ipv4.as_ref().is_some_and(|ip| ip.automatic)
            || self.ipv6.as_ref().is_some_and(|ip| ip.automatic)
    }

    /// The included destinations of both families.
    pub fn included(&self) -> impl Iterator<Item = IpNet> + '_ {
        let ipv4 = self.ipv4.iter().flat_map(|ip| &ip.included_routes);
        let ipv6 = self.ipv6.iter().flat_map(|ip| &ip.included_routes);
        ipv4.map(|route| route.destination().into())
            .chain(ipv6.map(|route| route.destination().into()))
    }

    /// Whether the tunnel is the default route of at least one family.
    #[must_use]
    pub fn includes_default(&self) -> bool {
        self.ipv4.as_ref().is_some_and(IpSettings::includes_default)
            || self.ipv6.as_ref().is_some_and(IpSettings::includes_default)
    }

    fn validate_counts(&self) -> Result<(), InvalidSettings> {
        let excluded = self.ipv4.as_ref().map_or(0, |ip| ip.excluded_routes.len())
            + self.ipv6.as_ref().map_or(0, |ip| ip.excluded_routes.len());
        let routes = self.included().count() + excluded + self.blocked_routes.len();
        let counts = [
            ("routes", routes, MOST_ROUTES),
            ("addresses", self.addresses().count(), MOST_ADDRESSES),
        ];
        match counts.into_iter().find(|(_, count, most)| count > most) {
            Some((what, _, most)) => Err(InvalidSettings::TooMany { what, most }),
            None => Ok(()),
        }
    }

    fn least_mtu(&self) -> u16 {
        if self.ipv6.is_some() { LEAST_IPV6_MTU } else { LEAST_IPV4_MTU }
    }
}

impl RouteTable {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
    fn is_auto(&self) -> bool {
        *self == Self::Auto
    }
}

fn validate_routes<P: Prefix>(
    settings: &IpSettings<P>,
    family: Family,
) -> Result<(), InvalidSettings> {
    if settings.addresses.is_empty()
        && !settings.automatic
        && let Some(route) = settings.included_routes.first()
    {
        let route = route.destination().into();
        return Err(InvalidSettings::RouteWithoutAddress { route, family });
    }
    let included: BTreeSet<P> =
        settings.included_routes.iter().map(crate::Route::destination).collect();
    let excluded = settings.excluded_routes.iter().map(crate::Route::destination);
    match excluded.into_iter().find(|destination| included.contains(destination)) {
        Some(destination) => Err(InvalidSettings::Contradiction(destination.into())),
        None => Ok(()),
    }
}

pub(crate) fn validate_dns(dns: &DnsSettings) -> Result<(), InvalidSettings> {
    let domains = dns.search_domains.len() + dns.match_domains.as_ref().map_or(0, Vec::len);
    let counts =
        [("domains", domains, MOST_DOMAINS), ("DNS servers", dns.servers.len(), MOST_SERVERS)];
    if let Some((what, _, most)) = counts.into_iter().find(|(_, count, most)| count > most) {
        return Err(InvalidSettings::TooMany { what, most });
    }
    if let Some(server) = dns.servers.iter().find(|server| unusable_address(server)) {
        return Err(InvalidSettings::UnusableDnsServer(*server));
    }
    match &dns.protocol {
        DnsProtocol::Cleartext => {}
        DnsProtocol::Tls { server_name } => {
            if !is_domain(server_name) && server_name.parse::<IpAddr>().is_err() {
                return Err(InvalidSettings::BadDnsServerName(server_name.clone()));
            }
        }
        DnsProtocol::Https { server_url } => {
            if dns_post_url(server_url).is_none() {
                return Err(InvalidSettings::BadDnsServerUrl(server_url.clone()));
            }
        }
    }
    let named = dns.search_domains.iter().chain(&dns.domain_name);
    let matched = dns.match_domains.iter().flatten().filter(|domain| !domain.is_empty());
    match named.chain(matched).find(|domain| !is_domain(domain)) {
        Some(domain) => Err(InvalidSettings::BadDomain(domain.clone())),
        None => Ok(()),
    }
}

fn unusable_address(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_unspecified() || v4.is_broadcast() || v4.is_multicast(),
        IpAddr::V6(v6) => *v6 == Ipv6Addr::UNSPECIFIED || v6.is_multicast(),
    }
}

/// The `local` table comes before every rule, so such an address would take the machine's own
/// traffic away.
fn unusable_own_address(address: &IpAddr) -> bool {
    address.is_loopback() || unusable_address(address)
}

/// RFC 1035 section 2.3.4 sizes, with the characters that are seen in the field.
pub(crate) fn is_domain(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    };
    (1..=253).contains(&name.len()) && name.split('.').all(label)
}
