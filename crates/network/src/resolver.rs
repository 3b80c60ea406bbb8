//! Resolving names outside the tunnel.
//!
//! A provider's server has to be found before there is a tunnel, and found again while the tunnel is
//! broken, so these lookups go straight to the physical network's servers. Spec NW-22.

mod nat64;
mod outside_sockets;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, net::IpAddr, num::NonZeroU32, path::PathBuf, time::Duration};

use futures_util::future::select;
use hickory_resolver::{
    Hosts, Resolver,
    config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts},
    lookup::Lookup,
    net::NetError,
    proto::{
        op::Query,
        rr::{Name, RecordType},
    },
};
use thiserror::Error;
use tokio::time::timeout;

use self::outside_sockets::OutsideSockets;

/// How long a lookup takes at most.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one server may take for one query. Two attempts fit into the lookup.
const QUERY_TIMEOUT: Duration = Duration::from_secs(2);
/// How long one family's addresses wait for the other's. Some servers never answer for AAAA.
const OTHER_FAMILY_GRACE: Duration = Duration::from_millis(300);

/// Resolves names through given servers, with packets that go past the tunnel. Remembers nothing, so
/// that no answer outlives the network it came from.
#[derive(Debug, Clone)]
pub struct OutsideResolver {
    hosts_file: PathBuf,
    link: Option<NonZeroU32>,
    only_ipv6: bool,
}

/// Why a name has no addresses.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ResolveError {
    /// Not a domain name.
    #[error("{0:?} is no host name: check how it is spelled")]
    InvalidName(String),
    /// A name that DNS servers do not know (RFC 6762).
    #[error("{0} is a name of the local network only: use the server's IP address")]
    MulticastName(String),
    /// The servers say that there is no such name.
    #[error("{0} does not exist: check how it is spelled")]
    NotFound(String),
    /// The servers know the name, but no address.
    #[error("{0} exists, but has no IP address")]
    NoAddress(String),
    /// There is nobody to ask.
    #[error("{0} cannot be looked up: this network has no DNS server")]
    NoServers(String),
    /// No server gave a usable answer.
    #[error("{host} could not be looked up: the network's DNS servers do not answer ({reason})")]
    NoAnswer {
        /// The name.
        host: String,
        /// What the last server did.
        reason: String,
    },
}

impl Default for OutsideResolver {
    fn default() -> Self {
        Self { hosts_file: PathBuf::from("/etc/hosts"), link: None, only_ipv6: false }
    }
}

impl OutsideResolver {
    /// Reads another file than `/etc/hosts`.
    #[must_use]
    pub fn hosts_file(self, path: impl Into<PathBuf>) -> Self {
        Self { hosts_file: path.into(), ..self }
    }

    /// The interface behind which servers with a link-local address are.
    #[must_use]
    pub fn link(self, index: Option<NonZeroU32>) -> Self {
        Self { link: index, ..self }
    }

    /// Whether the network has IPv6 alone. Then IPv4 addresses are those by which its translator
    /// reaches them, if it has one (NAT64).
    #[must_use]
    pub fn only_ipv6(self, only_ipv6: bool) -> Self {
        Self { only_ipv6, ..self }
    }

    /// The addresses of `host`: an IP address, a name in the hosts file, or a name that one of
    /// `servers` knows. At least one address; IPv6 and IPv4 take turns, as in RFC 8305. A name is
    /// complete as it is: search domains are never put behind it. Takes 5 seconds at most.
    pub async fn resolve(
        &self,
        host: &str,
        servers: &[IpAddr],
    ) -> Result<Vec<IpAddr>, ResolveError> {
        let addresses = match host.parse() {
            Ok(address) => vec![address],
            Err(_) => self.look_up_name(host, servers).await?,
        };
        Ok(self.translated(addresses, servers).await)
    }

    async fn look_up_name(
        &self,
        host: &str,
        servers: &[IpAddr],
    ) -> Result<Vec<IpAddr>, ResolveError> {
        let name = complete_name(host)?;
        let known = self.look_up_hosts_file(&name).await;
        if !known.is_empty() {
            return Ok(in_turns(known));
        }
        if is_multicast(&name) {
            return Err(ResolveError::MulticastName(host.to_owned()));
        }
        if servers.is_empty() {
            return Err(ResolveError::NoServers(host.to_owned()));
        }
        let no_answer = |reason| ResolveError::NoAnswer { host: host.to_owned(), reason };
        let resolver = self.dns_resolver(servers).map_err(|error| no_answer(error.to_string()))?;
        match timeout(LOOKUP_TIMEOUT, look_up_both_families(&resolver, name)).await {
            Ok(Ok(addresses)) if addresses.is_empty() => {
                Err(ResolveError::NoAddress(host.to_owned()))
            }
            Ok(Ok(addresses)) => Ok(in_turns(addresses)),
            Ok(Err(error)) if error.is_nx_domain() => Err(ResolveError::NotFound(host.to_owned())),
            Ok(Err(error)) => Err(no_answer(error.to_string())),
            Err(_) => Err(no_answer("timed out".to_owned())),
        }
    }

    /// Of the addresses, those of IPv4 as this network reaches them.
    async fn translated(&self, addresses: Vec<IpAddr>, servers: &[IpAddr]) -> Vec<IpAddr> {
        if !self.only_ipv6 || !addresses.iter().any(IpAddr::is_ipv4) {
            return addresses;
        }
        match self.translator(servers).await {
            Some(prefix) => addresses.into_iter().map(|it| prefix.translate(it)).collect(),
            None => addresses,
        }
    }

    /// The prefix of the network's translator, if it has one.
    async fn translator(&self, servers: &[IpAddr]) -> Option<nat64::Prefix> {
        let resolver = self.dns_resolver(servers).ok()?;
        let name = Name::from_utf8(nat64::WELL_KNOWN_NAME).ok()?;
        let looking = look_up(&resolver, name, RecordType::AAAA);
        let found = timeout(LOOKUP_TIMEOUT, looking).await.ok()?.ok()?;
        found.into_iter().find_map(|address| match address {
            IpAddr::V6(address) => nat64::Prefix::of(address),
            IpAddr::V4(_) => None,
        })
    }

    /// A hosts file that cannot be read knows nothing.
    async fn look_up_hosts_file(&self, name: &Name) -> Vec<IpAddr> {
        let mut hosts = Hosts::default();
        let Ok(text) = tokio::fs::read(&self.hosts_file).await else { return Vec::new() };
        let Ok(()) = hosts.read_hosts_conf(text.as_slice()) else { return Vec::new() };
        [RecordType::AAAA, RecordType::A]
            .into_iter()
            .filter_map(|kind| hosts.lookup_static_host(&Query::query(name.clone(), kind)))
            .flat_map(|lookup| addresses_of(&lookup))
            .collect()
    }

    /// Asks all servers at once, so that a dead one costs no time.
    fn dns_resolver(&self, servers: &[IpAddr]) -> Result<Resolver<OutsideSockets>, NetError> {
        let count = servers.len();
        let servers = servers.iter().copied().map(NameServerConfig::udp_and_tcp).collect();
        let config = ResolverConfig::from_parts(None, Vec::new(), servers);
        let sockets = OutsideSockets::new(self.link);
        let mut options = ResolverOpts::default();
        options.timeout = QUERY_TIMEOUT;
        options.attempts = 1;
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        options.try_tcp_on_error = true;
        options.num_concurrent_reqs = count;
        Resolver::builder_with_config(config, sockets).with_options(options).build()
    }
}

/// `host` as a complete name, in ASCII.
pub(crate) fn complete_name(host: &str) -> Result<Name, ResolveError> {
    let invalid = || ResolveError::InvalidName(host.to_owned());
    let mut name = Name::from_utf8(host).map_err(|_| invalid())?;
    let is_host_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    if name.num_labels() == 0 || !name.iter().flatten().all(is_host_byte) {
        return Err(invalid());
    }
    name.set_fqdn(true);
    Ok(name)
}

fn is_multicast(name: &Name) -> bool {
    name.iter().next_back().is_some_and(|top| top.eq_ignore_ascii_case(b"local"))
}

/// Fails if one family failed and the other has no address.
async fn look_up_both_families(
    resolver: &Resolver<OutsideSockets>,
    name: Name,
) -> Result<Vec<IpAddr>, NetError> {
    let ipv6 = Box::pin(look_up(resolver, name.clone(), RecordType::AAAA));
    let ipv4 = Box::pin(look_up(resolver, name, RecordType::A));
    let (first, other) = select(ipv6, ipv4).await.into_inner();
    let other = match &first {
        Ok(found) if !found.is_empty() => {
            timeout(OTHER_FAMILY_GRACE, other).await.unwrap_or(Ok(Vec::new()))
        }
        Ok(_) | Err(_) => other.await,
    };
    match (first, other) {
        (Ok(first), Ok(other)) => Ok([first, other].concat()),
        (Ok(found), Err(_)) | (Err(_), Ok(found)) if !found.is_empty() => Ok(found),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

/// No record of this kind is no error; a name that does not exist is one.
async fn look_up(
    resolver: &Resolver<OutsideSockets>,
    name: Name,
    kind: RecordType,
) -> Result<Vec<IpAddr>, NetError> {
    match resolver.lookup(name, kind).await {
        Ok(lookup) => Ok(addresses_of(&lookup)),
        Err(error) if error.is_no_records_found() && !error.is_nx_domain() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn addresses_of(lookup: &Lookup) -> Vec<IpAddr> {
    lookup.answers().iter().filter_map(|record| record.data.ip_addr()).collect()
}

/// IPv6 and IPv4 in turns, IPv6 first (RFC 8305 section 4), in the same order however the servers
/// shuffle their answers.
fn in_turns(mut addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    addresses.sort_unstable();
    addresses.dedup();
    let (mut ipv6, mut ipv4): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(IpAddr::is_ipv6);
    let mut turns = Vec::with_capacity(ipv6.len() + ipv4.len());
    while !(ipv6.is_empty() && ipv4.is_empty()) {
        turns.extend(ipv6.pop_front());
        turns.extend(ipv4.pop_front());
    }
    turns
}
