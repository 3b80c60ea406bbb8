//! Addresses and routes of the virtual interface (`NEIPv4Settings`, `NEIPv6Settings`).

#[cfg(feature = "specta")]
pub(crate) mod json;

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

use crate::default_route::owns_default_route;

/// Addresses and routes of one family. Spec V4-1 to V4-8, V6-1 to V6-6.
///
/// A family without settings is not configured: it has no address and no route, and its traffic
/// goes outside the tunnel (SET-6, SET-7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", bound = "P: Prefix")]
pub struct IpSettings<P: Prefix> {
    /// The interface's addresses, each with the prefix length of the network that it is on. With
    /// `automatic` those that were assigned last.
    #[serde(default)]
    pub addresses: Vec<P>,
    /// The network behind an Ethernet tunnel assigns the addresses and, unless there is one here, the
    /// router: by DHCP or by router advertisements (V4-5, V6-3, ETH-7). Until it has, what is included
    /// is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub automatic: bool,
    /// What is routed into the tunnel, besides the networks of `addresses`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub included_routes: Vec<Route<P>>,
    /// What is taken out of it again. The longer prefix wins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded_routes: Vec<Route<P>>,
    /// The next hop of what is included and on no network of the interface, unless the route names
    /// another. It counts for Ethernet tunnels only: behind a packet tunnel's interface there is
    /// nobody to choose from (V4-4, ETH-6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router: Option<P::Address>,
}

/// IPv4 settings.
pub type Ipv4Settings = IpSettings<Ipv4Net>;
/// IPv6 settings.
pub type Ipv6Settings = IpSettings<Ipv6Net>;

/// One destination. Host bits are zero: they are cleared when a route is made or read (V4R-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", bound = "P: Prefix")]
pub struct Route<P: Prefix> {
    destination: P,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<P::Address>,
}

/// An IPv4 route.
pub type Ipv4Route = Route<Ipv4Net>;
/// An IPv6 route.
pub type Ipv6Route = Route<Ipv6Net>;

/// A network prefix of either family.
pub trait Prefix:
    Copy + Eq + Ord + fmt::Debug + fmt::Display + Serialize + DeserializeOwned + Into<IpNet>
{
    /// An address of the family.
    type Address: Copy + Eq + fmt::Debug + Serialize + DeserializeOwned;
    /// The default route.
    const DEFAULT: Self;
    /// The same prefix without host bits.
    #[must_use]
    fn network(self) -> Self;
    /// The prefix length in bits.
    fn length(self) -> u8;
}

impl<P: Prefix> IpSettings<P> {
    /// Settings with addresses and no routes.
    pub fn new(addresses: impl IntoIterator<Item = P>) -> Self {
        Self {
            addresses: addresses.into_iter().collect(),
            automatic: false,
            included_routes: Vec::new(),
            excluded_routes: Vec::new(),
            router: None,
        }
    }

    /// Settings whose addresses the network assigns.
    #[must_use]
    pub fn automatic() -> Self {
        Self { automatic: true, ..Self::new([]) }
    }

    /// Whether no address is assigned yet.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.automatic && self.addresses.is_empty()
    }

    /// Whether the included routes amount to the default route.
    #[must_use]
    pub fn includes_default(&self) -> bool {
        let routes = self.included_routes.iter().map(|route| route.destination.into());
        owns_default_route(&routes.collect::<Vec<IpNet>>())
    }
}

impl<P: Prefix> Route<P> {
    /// A route to `destination`, directly into the tunnel.
    pub fn to(destination: P) -> Self {
        Self { destination: destination.network(), gateway: None }
    }

    /// The same route by way of a next hop. Spec V4R-3.
    #[must_use]
    pub fn via(mut self, gateway: P::Address) -> Self {
        self.gateway = Some(gateway);
        self
    }

    /// Where it leads, without host bits.
    #[must_use]
    pub fn destination(&self) -> P {
        self.destination
    }

    /// The next hop, if it is not the interface itself.
    #[must_use]
    pub fn gateway(&self) -> Option<P::Address> {
        self.gateway
    }
}

impl<'de, P: Prefix> Deserialize<'de> for Route<P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(bound = "P: Prefix")]
        struct Wire<P: Prefix> {
            destination: P,
            gateway: Option<P::Address>,
        }
        let Wire::<P> { destination, gateway } = Wire::deserialize(deserializer)?;
        Ok(Self { destination: destination.network(), gateway })
    }
}

impl Prefix for Ipv4Net {
    type Address = Ipv4Addr;
    const DEFAULT: Self = Self::new_assert(Ipv4Addr::UNSPECIFIED, 0);

    fn network(self) -> Self {
        self.trunc()
    }

    fn length(self) -> u8 {
        self.prefix_len()
    }
}

impl Prefix for Ipv6Net {
    type Address = Ipv6Addr;
    const DEFAULT: Self = Self::new_assert(Ipv6Addr::UNSPECIFIED, 0);

    fn network(self) -> Self {
        self.trunc()
    }

    fn length(self) -> u8 {
        self.prefix_len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: V4R-1, V4R-2, V6-6
    #[test]
    fn routes_lose_their_host_bits_when_read() {
        let route: Ipv4Route =
            serde_json::from_str(r#"{"destination":"10.1.2.3/8","gateway":"10.0.0.1"}"#).unwrap();
        assert_eq!(route.destination(), "10.0.0.0/8".parse().unwrap());
        assert_eq!(route.gateway(), Some(Ipv4Addr::new(10, 0, 0, 1)));

        let route: Ipv6Route = serde_json::from_str(r#"{"destination":"2001:db8::1/32"}"#).unwrap();
        assert_eq!(route, Route::to("2001:db8::/32".parse().unwrap()));
    }

    // spec: V4R-4
    #[test]
    fn a_default_route_is_recognised() {
        let mut settings = Ipv4Settings::new(["10.0.0.2/32".parse().unwrap()]);
        assert!(!settings.includes_default());
        settings.included_routes.push(Route::to(Ipv4Net::DEFAULT));
        assert!(settings.includes_default());
    }
}
