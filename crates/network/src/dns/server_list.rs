//! One list of servers for all names, as resolv.conf(5) has it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::DnsPlan;

/// The servers that answer all names, and what completes single-label names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct ServerList {
    /// In order of preference; one with a link-local address as `address%interface`, RFC 4007.
    pub(crate) servers: Vec<String>,
    /// In order.
    pub(crate) search: Vec<String>,
}

impl ServerList {
    /// What a plan asks of a system with one list: nothing, if its servers answer only some names.
    pub(super) fn of(plan: &DnsPlan, interface: &str) -> Option<Self> {
        plan.default_route.then(|| Self {
            servers: plan.servers.iter().map(|server| scoped(*server, interface)).collect(),
            search: plan.search().map(str::to_owned).collect(),
        })
    }

    /// The lines of resolv.conf(5).
    pub(super) fn lines(&self) -> Vec<String> {
        let servers = self.servers.iter().map(|server| format!("nameserver {server}"));
        let search = (!self.search.is_empty()).then(|| format!("search {}", self.search.join(" ")));
        servers.chain(search).collect()
    }

    /// Whether whoever reads this resolv.conf(5) asks our servers and nobody else, or a server of
    /// this computer: it has been told of ours by whoever wrote the file.
    pub(super) fn answers_all_of(&self, resolv_conf: &str) -> bool {
        let named = named(resolv_conf);
        named == self.servers || is_local(&named)
    }

    /// Whether our servers come first. The C library reads three, and some programs write no more.
    pub(super) fn comes_first_in(&self, resolv_conf: &str) -> bool {
        let named = named(resolv_conf);
        let read = self.servers.iter().take(3);
        read.clone().eq(named.iter().take(read.len())) || is_local(&named)
    }
}

/// Without the interface nobody knows on which link it is.
fn scoped(server: IpAddr, interface: &str) -> String {
    match server {
        IpAddr::V6(address) if address.is_unicast_link_local() => format!("{address}%{interface}"),
        IpAddr::V4(_) | IpAddr::V6(_) => server.to_string(),
    }
}

fn named(resolv_conf: &str) -> Vec<&str> {
    let names = resolv_conf.lines().filter_map(|line| line.strip_prefix("nameserver"));
    names.map(str::trim).collect()
}

fn is_local(servers: &[&str]) -> bool {
    let first = servers.first().and_then(|server| server.parse::<IpAddr>().ok());
    first.is_some_and(|server| server.is_loopback())
}
