//! systemd-resolved, org.freedesktop.resolve1(5).

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use tokio::time::sleep;
use zbus::{Connection, OwnedObjectPath, proxy::CacheProperties};

use super::{DnsError, DnsPlan, UnderlyingDns, lookup::Scope};
use crate::{bus, network::Bus};

/// A connection to a running systemd-resolved.
#[derive(Debug)]
pub(super) struct Resolved {
    connection: Connection,
    manager: ManagerProxy<'static>,
}

const SERVICE: &str = "org.freedesktop.resolve1";
/// A new interface becomes known to it a moment later than to us.
const LINK_RETRIES: u32 = 20;
const LINK_RETRY_INTERVAL: Duration = Duration::from_millis(50);
/// Whatever it has to be for others: who has to be asked over TLS, our stub asks.
const DNS_OVER_TLS: &str = "no";

#[zbus::proxy(
    interface = "org.freedesktop.resolve1.Manager",
    default_service = "org.freedesktop.resolve1",
    default_path = "/org/freedesktop/resolve1"
)]
trait Manager {
    #[zbus(name = "SetLinkDNSEx")]
    fn set_link_dns_ex(&self, link: i32, servers: &[ServerEx]) -> zbus::Result<()>;
    #[zbus(name = "SetLinkDomains")]
    fn set_link_domains(&self, link: i32, domains: &[(&str, bool)]) -> zbus::Result<()>;
    fn set_link_default_route(&self, link: i32, enable: bool) -> zbus::Result<()>;
    #[zbus(name = "SetLinkLLMNR")]
    fn set_link_llmnr(&self, link: i32, mode: &str) -> zbus::Result<()>;
    #[zbus(name = "SetLinkMulticastDNS")]
    fn set_link_multicast_dns(&self, link: i32, mode: &str) -> zbus::Result<()>;
    #[zbus(name = "SetLinkDNSOverTLS")]
    fn set_link_dns_over_tls(&self, link: i32, mode: &str) -> zbus::Result<()>;
    fn revert_link(&self, link: i32) -> zbus::Result<()>;
    fn flush_caches(&self) -> zbus::Result<()>;
    fn get_link(&self, link: i32) -> zbus::Result<OwnedObjectPath>;
    #[zbus(property, name = "DNS")]
    fn dns(&self) -> zbus::Result<Vec<(i32, i32, Vec<u8>)>>;
    #[zbus(property, name = "FallbackDNS")]
    fn fallback_dns(&self) -> zbus::Result<Vec<(i32, i32, Vec<u8>)>>;
    #[zbus(property, name = "CurrentDNSServer")]
    fn current_dns_server(&self) -> zbus::Result<(i32, i32, Vec<u8>)>;
    #[zbus(property)]
    fn domains(&self) -> zbus::Result<Vec<(i32, String, bool)>>;
}

#[zbus::proxy(
    interface = "org.freedesktop.resolve1.Link",
    default_service = "org.freedesktop.resolve1"
)]
trait Link {
    #[zbus(property, name = "DNSEx")]
    fn dns_ex(&self) -> zbus::Result<Vec<ServerEx>>;
    #[zbus(property)]
    fn domains(&self) -> zbus::Result<Vec<(String, bool)>>;
    #[zbus(property)]
    fn default_route(&self) -> zbus::Result<bool>;
    #[zbus(property, name = "CurrentDNSServer")]
    fn current_dns_server(&self) -> zbus::Result<(i32, Vec<u8>)>;
    #[zbus(property, name = "DNSOverTLS")]
    fn dns_over_tls(&self) -> zbus::Result<String>;
}

/// Family, address, port (0 for the usual one) and the name in the certificate.
type ServerEx = (i32, Vec<u8>, u16, String);

impl Resolved {
    /// Connects if it is running.
    pub(super) async fn connect(bus: &Bus) -> Option<Self> {
        let connection = bus::connect(bus, SERVICE).await?;
        let manager = ManagerProxy::new(&connection).await.ok()?;
        Some(Self { connection, manager })
    }

    /// Forgets what it knows about an interface: it remembers by index, across its own restarts.
    pub(super) async fn revert(&self, link: u32) -> Result<(), DnsError> {
        let mut outcome = self.manager.revert_link(index(link)).await;
        for _ in 0..LINK_RETRIES {
            if !outcome.as_ref().is_err_and(is_unknown_link) {
                break;
            }
            sleep(LINK_RETRY_INTERVAL).await;
            outcome = self.manager.revert_link(index(link)).await;
        }
        refused("RevertLink", outcome)
    }

    /// Forgets an interface that may be gone, and its settings with it.
    pub(super) async fn forget(&self, link: u32) -> Result<(), DnsError> {
        match self.manager.revert_link(index(link)).await {
            Err(error) if is_unknown_link(&error) => Ok(()),
            outcome => refused("RevertLink", outcome),
        }
    }

    /// Sets everything of an interface, whatever was set before.
    pub(super) async fn set(&self, link: u32, plan: &DnsPlan) -> Result<(), DnsError> {
        let (link, manager) = (index(link), &self.manager);
        let servers = servers_ex(plan);
        let domains: Vec<(&str, bool)> =
            plan.domains.iter().map(|d| (d.name.as_str(), d.routing_only)).collect();
        let dns_over_tls = manager.set_link_dns_over_tls(link, DNS_OVER_TLS).await;
        refused("SetLinkDNSOverTLS", dns_over_tls)?;
        refused("SetLinkDNSEx", manager.set_link_dns_ex(link, &servers).await)?;
        refused("SetLinkDomains", manager.set_link_domains(link, &domains).await)?;
        let default_route = manager.set_link_default_route(link, plan.default_route).await;
        refused("SetLinkDefaultRoute", default_route)?;
        // Names of the local network stay there (DNS-24).
        refused("SetLinkLLMNR", manager.set_link_llmnr(link, "no").await)?;
        refused("SetLinkMulticastDNS", manager.set_link_multicast_dns(link, "no").await)
    }

    /// Whether an interface has what the plan says.
    pub(super) async fn has(&self, link: u32, plan: &DnsPlan) -> bool {
        let found = self.link(link).await;
        let Ok(LinkSettings { servers, domains, default_route, mode }) = found else {
            return false;
        };
        let wanted_domains = plan.domains.iter().map(|d| (d.name.clone(), d.routing_only));
        servers == servers_ex(plan)
            && domains.into_iter().eq(wanted_domains)
            && default_route == plan.default_route
            && mode == DNS_OVER_TLS
    }

    /// All that decides whom it asks.
    pub(super) async fn scopes(&self) -> Result<Vec<Scope>, DnsError> {
        let scopes = self.read_scopes().await;
        scopes.map_err(|source| DnsError::Resolved { call: "DNS", source })
    }

    async fn read_scopes(&self) -> zbus::Result<Vec<Scope>> {
        let mut servers = self.manager.dns().await?;
        if servers.is_empty() {
            servers = self.manager.fallback_dns().await?;
        }
        let domains = self.manager.domains().await?;
        let links: BTreeSet<i32> = servers.iter().map(|(link, ..)| *link).collect();
        let mut scopes = Vec::new();
        for owner in links {
            let link = u32::try_from(owner).ok().filter(|link| *link > 0);
            let (default_route, current) = match link {
                Some(link) => {
                    let link = self.link_proxy(link).await?;
                    (link.default_route().await?, link.current_dns_server().await?.1)
                }
                // The servers of no link answer whatever no link claims.
                None => (true, self.manager.current_dns_server().await?.2),
            };
            let own = servers.iter().filter(|(link, ..)| *link == owner);
            let mut servers: Vec<IpAddr> = own.filter_map(|(.., it)| address(it)).collect();
            let current = address(&current);
            servers.sort_by_key(|server| Some(*server) != current);
            let own = domains.iter().filter(|(link, ..)| *link == owner);
            let domains = own.map(|(_, name, only_routes)| (name.clone(), *only_routes)).collect();
            scopes.push(Scope { link, servers, domains, default_route });
        }
        Ok(scopes)
    }

    async fn link_proxy(&self, link: u32) -> zbus::Result<LinkProxy<'_>> {
        let path = self.manager.get_link(index(link)).await?;
        let builder = LinkProxy::builder(&self.connection).path(path);
        builder.cache_properties(CacheProperties::No).build().await
    }

    async fn link(&self, link: u32) -> zbus::Result<LinkSettings> {
        let link = self.link_proxy(link).await?;
        Ok(LinkSettings {
            servers: link.dns_ex().await?,
            domains: link.domains().await?,
            default_route: link.default_route().await?,
            mode: link.dns_over_tls().await?,
        })
    }

    /// DNS-22.
    pub(super) async fn flush_caches(&self) -> Result<(), DnsError> {
        refused("FlushCaches", self.manager.flush_caches().await)
    }

    /// What it has for one interface, and for none in particular.
    pub(super) async fn underlying(&self, link: Option<u32>) -> Result<UnderlyingDns, DnsError> {
        let failed = |call| move |source| DnsError::Resolved { call, source };
        let mut servers = self.manager.dns().await.map_err(failed("DNS"))?;
        let mut domains = self.manager.domains().await.map_err(failed("Domains"))?;
        let counts = |owner: i32| owner == 0 || Some(owner) == link.map(index);
        servers.retain(|(owner, ..)| counts(*owner));
        servers.sort_by_key(|(owner, ..)| *owner == 0);
        domains.retain(|(owner, _, only_routes)| counts(*owner) && !only_routes);
        domains.sort_by_key(|(owner, ..)| *owner == 0);
        Ok(UnderlyingDns {
            servers: servers.iter().filter_map(|(.., octets)| address(octets)).collect(),
            search: domains.into_iter().map(|(_, domain, _)| domain).collect(),
        })
    }
}

/// What it has for an interface.
struct LinkSettings {
    servers: Vec<ServerEx>,
    domains: Vec<(String, bool)>,
    default_route: bool,
    mode: String,
}

/// At the usual port and without a name.
fn servers_ex(plan: &DnsPlan) -> Vec<ServerEx> {
    let server = |server: &IpAddr| (family(server), octets(server), 0, String::new());
    plan.servers.iter().map(server).collect()
}

fn refused(call: &'static str, outcome: zbus::Result<()>) -> Result<(), DnsError> {
    outcome.map_err(|source| DnsError::Resolved { call, source })
}

fn is_unknown_link(error: &zbus::Error) -> bool {
    let zbus::Error::MethodError(name, ..) = error else { return false };
    name.as_str() == "org.freedesktop.resolve1.NoSuchLink"
}

/// Indexes are positive `int`s in the kernel.
fn index(link: u32) -> i32 {
    i32::try_from(link).unwrap_or(0)
}

fn family(address: &IpAddr) -> i32 {
    match address {
        IpAddr::V4(_) => libc::AF_INET,
        IpAddr::V6(_) => libc::AF_INET6,
    }
}

fn octets(address: &IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().into(),
        IpAddr::V6(v6) => v6.octets().into(),
    }
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}
