//! Who answers a name on this computer, and why.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};

/// Who has to be told of DNS servers, and decides who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum Resolver {
    /// systemd-resolved, where each interface has servers of its own.
    Resolved,
    /// NetworkManager, which writes `/etc/resolv.conf`.
    NetworkManager,
    /// The program resolvconf(8), which writes `/etc/resolv.conf`.
    Resolvconf,
    /// Whoever writes the file `/etc/resolv.conf`.
    File,
}

/// One name that is looked up, and who answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct NameLookup {
    /// In lower case and without a final dot.
    pub name: String,
    /// Why these answer.
    pub reason: LookupReason,
    /// The domain that decided, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Who is asked: the next one when one does not answer. Without any, nobody is asked outside
    /// this computer.
    pub servers: Vec<LookupServer>,
}

/// Why somebody is asked for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum LookupReason {
    /// `/etc/hosts` has it.
    Hosts,
    /// It is a name that every computer answers by itself, such as `localhost`.
    ThisComputer,
    /// Of all domains that lead to servers, this is the longest that it is in.
    Domain,
    /// No domain claims it, and these servers are for all names.
    DefaultRoute,
    /// There is one list of servers, for all names.
    OneList,
    /// No server knows names without a domain.
    SingleLabel,
    /// Nobody has any servers.
    NoServers,
}

/// A server that is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct LookupServer {
    /// Where it is.
    pub address: IpAddr,
    /// Whom it asks in turn, if it is a stub of ours that stands in for the tunnel's servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks: Option<String>,
    /// The interface that leads there, or to whom it asks; absent if there is no way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// The rule of Adit's firewall that refuses it; absent if none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_by: Option<String>,
}

/// A name that a user knows.
impl fmt::Display for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolved => "systemd-resolved",
            Self::NetworkManager => "NetworkManager",
            Self::Resolvconf => "resolvconf",
            Self::File => "/etc/resolv.conf",
        })
    }
}
