//! systemd-resolved, org.freedesktop.resolve1(5).

#[cfg(test)]
mod tests;

use std::{net::IpAddr, time::Duration};

use adit_model::DnsProtocol;
use tokio::time::{sleep, timeout};
use zbus::{Connection, connection, fdo::DBusProxy};

use super::{DnsError, DnsPlan};
use crate::network::Bus;

/// A connection to a running systemd-resolved.
#[derive(Debug)]
pub(super) struct Resolved {
    manager: ManagerProxy<'static>,
}

const SERVICE: &str = "org.freedesktop.resolve1";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// A new interface becomes known to it a moment later than to us.
const LINK_RETRIES: u32 = 20;
const LINK_RETRY_INTERVAL: Duration = Duration::from_millis(50);
const DNS_OVER_TLS_PORT: u16 = 853;

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
    #[zbus(property, name = "DNS")]
    fn dns(&self) -> zbus::Result<Vec<(i32, i32, Vec<u8>)>>;
}

/// Family, address, port (0 for the usual one) and the name in the certificate.
type ServerEx = (i32, Vec<u8>, u16, String);

impl Resolved {
    /// Connects if it is running. Nothing is started by asking, and nothing waits for long: there may
    /// be no bus.
    pub(super) async fn connect(bus: &Bus) -> Option<Self> {
        let builder = match bus {
            Bus::System => connection::Builder::system(),
            Bus::Address(address) => connection::Builder::address(address.as_str()),
            Bus::None => return None,
        };
        let connect = async {
            let connection = builder.method_timeout(CALL_TIMEOUT).build().await?;
            is_running(&connection).await.map(|running| running.then_some(connection))
        };
        let connection = timeout(CONNECT_TIMEOUT, connect).await.ok()?.ok()??;
        let manager = ManagerProxy::new(&connection).await.ok()?;
        Some(Self { manager })
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
        let (mode, port, name) = match &plan.protocol {
            DnsProtocol::Cleartext => ("no", 0, String::new()),
            // Never "opportunistic": that does not validate (DNS-15).
            DnsProtocol::Tls { server_name } => ("yes", DNS_OVER_TLS_PORT, server_name.clone()),
            DnsProtocol::Https { .. } => {
                return Err(DnsError::Unsupported(
                    "DNS over HTTPS is not possible on this system; use DNS over TLS or plain DNS"
                        .into(),
                ));
            }
        };
        let servers: Vec<ServerEx> = plan
            .servers
            .iter()
            .map(|server| (family(server), octets(server), port, name.clone()))
            .collect();
        let domains: Vec<(&str, bool)> =
            plan.domains.iter().map(|d| (d.name.as_str(), d.routing_only)).collect();
        // Before the servers: none of them may be asked in clear text first.
        refused("SetLinkDNSOverTLS", manager.set_link_dns_over_tls(link, mode).await)?;
        refused("SetLinkDNSEx", manager.set_link_dns_ex(link, &servers).await)?;
        refused("SetLinkDomains", manager.set_link_domains(link, &domains).await)?;
        let default_route = manager.set_link_default_route(link, plan.default_route).await;
        refused("SetLinkDefaultRoute", default_route)?;
        // Names of the local network stay there (DNS-24).
        refused("SetLinkLLMNR", manager.set_link_llmnr(link, "no").await)?;
        refused("SetLinkMulticastDNS", manager.set_link_multicast_dns(link, "no").await)
    }

    /// DNS-22.
    pub(super) async fn flush_caches(&self) -> Result<(), DnsError> {
        refused("FlushCaches", self.manager.flush_caches().await)
    }

    /// The servers of one interface and those of none in particular.
    pub(super) async fn servers(&self, link: Option<u32>) -> Result<Vec<IpAddr>, DnsError> {
        let servers = self.manager.dns().await;
        let servers = servers.map_err(|source| DnsError::Resolved { call: "DNS", source })?;
        let counts = |owner: &i32| *owner == 0 || Some(*owner) == link.map(index);
        let mut servers: Vec<_> = servers.iter().filter(|(owner, ..)| counts(owner)).collect();
        servers.sort_by_key(|(owner, ..)| *owner == 0);
        Ok(servers.into_iter().filter_map(|(_, _, octets)| address(octets)).collect())
    }
}

async fn is_running(connection: &Connection) -> zbus::Result<bool> {
    Ok(DBusProxy::new(connection).await?.name_has_owner(SERVICE.try_into()?).await?)
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
