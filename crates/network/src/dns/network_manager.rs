//! NetworkManager where it writes `/etc/resolv.conf` itself.
//!
//! Told by `GlobalDnsConfiguration`, which stands above the settings of all connections. It does not
//! touch the tunnel's interface: a `Device.Reapply` would make it NetworkManager's, which then removes
//! addresses and routes that it does not know.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use serde::{Deserialize, Serialize};
use zbus::{ObjectPath, OwnedObjectPath, OwnedVariant, Variant, proxy::CacheProperties};

use super::{DnsError, ServerList, UnderlyingDns};
use crate::{bus, network::Bus};

/// A connection to a running NetworkManager.
#[derive(Debug)]
pub(super) struct NetworkManager {
    connection: zbus::Connection,
    manager: ManagerProxy<'static>,
}

/// How it treats name resolution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Management {
    /// `default`, `dnsmasq`, `systemd-resolved`, `none`, ...
    pub(super) mode: String,
    /// Who writes `/etc/resolv.conf`: `symlink` and `file` are itself.
    pub(super) rc_manager: String,
}

/// Servers that stand above those of the connections. It outlives NetworkManager and the boot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct GlobalDns {
    searches: Vec<String>,
    options: Vec<String>,
    /// The servers by domain; `*` is all names.
    domains: BTreeMap<String, Vec<String>>,
}

/// A domain that nobody can have (RFC 6761), which proves that a configuration is ours.
const MARK: &str = "adit.invalid";
const ALL_NAMES: &str = "*";
const SERVICE: &str = "org.freedesktop.NetworkManager";

#[zbus::proxy(
    interface = "org.freedesktop.NetworkManager",
    default_service = "org.freedesktop.NetworkManager",
    default_path = "/org/freedesktop/NetworkManager"
)]
trait Manager {
    #[zbus(property)]
    fn global_dns_configuration(&self) -> zbus::Result<HashMap<String, OwnedVariant>>;
    #[zbus(property)]
    fn set_global_dns_configuration(&self, value: HashMap<&str, Variant<'_>>) -> zbus::Result<()>;
    #[zbus(property)]
    fn primary_connection(&self) -> zbus::Result<OwnedObjectPath>;
}

#[zbus::proxy(
    interface = "org.freedesktop.NetworkManager.DnsManager",
    default_service = "org.freedesktop.NetworkManager",
    default_path = "/org/freedesktop/NetworkManager/DnsManager"
)]
trait DnsManager {
    #[zbus(property)]
    fn mode(&self) -> zbus::Result<String>;
    #[zbus(property)]
    fn rc_manager(&self) -> zbus::Result<String>;
}

#[zbus::proxy(
    interface = "org.freedesktop.NetworkManager.Connection.Active",
    default_service = "org.freedesktop.NetworkManager"
)]
trait ActiveConnection {
    #[zbus(property)]
    fn ip4_config(&self) -> zbus::Result<OwnedObjectPath>;
    #[zbus(property)]
    fn ip6_config(&self) -> zbus::Result<OwnedObjectPath>;
}

#[zbus::proxy(
    interface = "org.freedesktop.NetworkManager.IP4Config",
    default_service = "org.freedesktop.NetworkManager"
)]
trait Ip4Config {
    #[zbus(property)]
    fn nameserver_data(&self) -> zbus::Result<Vec<HashMap<String, OwnedVariant>>>;
    #[zbus(property)]
    fn searches(&self) -> zbus::Result<Vec<String>>;
    #[zbus(property)]
    fn domains(&self) -> zbus::Result<Vec<String>>;
}

#[zbus::proxy(
    interface = "org.freedesktop.NetworkManager.IP6Config",
    default_service = "org.freedesktop.NetworkManager"
)]
trait Ip6Config {
    #[zbus(property)]
    fn nameservers(&self) -> zbus::Result<Vec<Vec<u8>>>;
    #[zbus(property)]
    fn searches(&self) -> zbus::Result<Vec<String>>;
    #[zbus(property)]
    fn domains(&self) -> zbus::Result<Vec<String>>;
}

impl NetworkManager {
    /// Connects if it is running.
    pub(super) async fn connect(bus: &Bus) -> Option<Self> {
        let connection = bus::connect(bus, SERVICE).await?;
        let manager = ManagerProxy::builder(&connection).cache_properties(CacheProperties::No);
        let manager = manager.build().await.ok()?;
        Some(Self { connection, manager })
    }

    pub(super) async fn management(&self) -> Option<Management> {
        let dns = DnsManagerProxy::new(&self.connection).await.ok()?;
        let (mode, rc_manager) = (dns.mode().await.ok()?, dns.rc_manager().await.ok()?);
        Some(Management { mode, rc_manager })
    }

    pub(super) async fn global_dns(&self) -> Result<GlobalDns, DnsError> {
        let value = self.manager.global_dns_configuration().await;
        value.map(|value| GlobalDns::read(&value)).map_err(DnsError::NetworkManager)
    }

    pub(super) async fn set_global_dns(&self, global: &GlobalDns) -> Result<(), DnsError> {
        let set = self.manager.set_global_dns_configuration(global.value()).await;
        set.map_err(DnsError::NetworkManager)
    }

    /// What the connection says that has the default route.
    pub(super) async fn underlying(&self) -> UnderlyingDns {
        let Ok(primary) = self.manager.primary_connection().await else {
            return UnderlyingDns::default();
        };
        let ipv4 = self.underlying_ipv4(&primary).await.unwrap_or_default();
        ipv4.and(self.underlying_ipv6(&primary).await.unwrap_or_default())
    }

    async fn underlying_ipv4(&self, active: &ObjectPath<'_>) -> zbus::Result<UnderlyingDns> {
        let path = self.active(active).await?.ip4_config().await?;
        let config = Ip4ConfigProxy::builder(&self.connection).path(path).build().await?;
        let address = |entry: &HashMap<String, OwnedVariant>| {
            let address: &str = entry.get("address")?.downcast_ref().ok()?;
            address.parse().ok()
        };
        let servers = config.nameserver_data().await?.iter().filter_map(address).collect();
        let search = search(config.searches().await?, config.domains().await?);
        Ok(UnderlyingDns { servers, search })
    }

    async fn underlying_ipv6(&self, active: &ObjectPath<'_>) -> zbus::Result<UnderlyingDns> {
        let path = self.active(active).await?.ip6_config().await?;
        let config = Ip6ConfigProxy::builder(&self.connection).path(path).build().await?;
        let address = |octets: Vec<u8>| Some(IpAddr::from(<[u8; 16]>::try_from(octets).ok()?));
        let servers = config.nameservers().await?.into_iter().filter_map(address).collect();
        let search = search(config.searches().await?, config.domains().await?);
        Ok(UnderlyingDns { servers, search })
    }

    async fn active(&self, path: &ObjectPath<'_>) -> zbus::Result<ActiveConnectionProxy<'_>> {
        let builder = ActiveConnectionProxy::builder(&self.connection).path(path.to_owned());
        builder.build().await
    }
}

/// Which domains it would complete names with: those that somebody chose, else the network's own.
fn search(chosen: Vec<String>, of_network: Vec<String>) -> Vec<String> {
    if chosen.is_empty() { of_network } else { chosen }
}

impl Management {
    pub(super) fn writes_resolv_conf(&self) -> bool {
        let itself = ["symlink", "file", "auto"].contains(&self.rc_manager.as_str());
        itself && !["none", "systemd-resolved"].contains(&self.mode.as_str())
    }
}

impl GlobalDns {
    /// A configuration of ours.
    pub(super) fn of(list: &ServerList) -> Self {
        let domains = [ALL_NAMES, MARK].map(|name| (name.to_owned(), list.servers.clone()));
        Self { searches: list.search.clone(), options: Vec::new(), domains: domains.into() }
    }

    pub(super) fn is_ours(&self) -> bool {
        self.domains.contains_key(MARK)
    }

    fn read(value: &HashMap<String, OwnedVariant>) -> Self {
        type Settings = HashMap<String, OwnedVariant>;
        let strings = |value: Option<&OwnedVariant>| {
            let value = value.and_then(|value| value.try_clone().ok());
            value.and_then(|value| Vec::<String>::try_from(value).ok()).unwrap_or_default()
        };
        let domains = value.get("domains").and_then(|domains| domains.try_clone().ok());
        let domains =
            domains.and_then(|domains| HashMap::<String, OwnedVariant>::try_from(domains).ok());
        let servers = |settings: OwnedVariant| {
            let settings = Settings::try_from(settings).unwrap_or_default();
            strings(settings.get("servers"))
        };
        Self {
            searches: strings(value.get("searches")),
            options: strings(value.get("options")),
            domains: domains
                .into_iter()
                .flatten()
                .map(|(name, settings)| (name, servers(settings)))
                .collect(),
        }
    }

    /// As the D-Bus property has it; the empty one clears it.
    fn value(&self) -> HashMap<&str, Variant<'_>> {
        if self.domains.is_empty() {
            return HashMap::new();
        }
        let settings =
            |servers| Variant::from(HashMap::from([("servers", Variant::from(servers))]));
        let domains = self.domains.iter().map(|(name, servers)| (name.as_str(), settings(servers)));
        let domains: HashMap<&str, Variant<'_>> = domains.collect();
        HashMap::from([
            ("searches", Variant::from(&self.searches)),
            ("options", Variant::from(&self.options)),
            ("domains", Variant::from(domains)),
        ])
    }
}
