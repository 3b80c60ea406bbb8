//! Name resolution of the network below the tunnels.

use std::net::IpAddr;

use super::resolv_conf;

/// What the physical network says about names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct UnderlyingDns {
    /// In order of preference.
    pub(crate) servers: Vec<IpAddr>,
    /// What completes single-label names, in order.
    pub(crate) search: Vec<String>,
}

impl UnderlyingDns {
    /// What a resolv.conf(5) says.
    pub(super) fn of(content: &str) -> Self {
        let servers = resolv_conf::servers(content).collect();
        Self { servers, search: resolv_conf::search(content) }
    }

    /// What both say, without repetition.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.servers.extend(other.servers);
        for domain in other.search {
            if !self.search.contains(&domain) {
                self.search.push(domain);
            }
        }
        self
    }
}
