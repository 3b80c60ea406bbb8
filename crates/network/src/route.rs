//! A route of ours, ip-route(8).

use std::{fmt, net::IpAddr};

use ipnet::IpNet;

use adit_model::Family;

use crate::ip_option;

/// `RT_TABLE_MAIN`, the system's own table.
pub(crate) const TABLE_MAIN: u32 = 254;

/// One route of ours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Route {
    /// The table it is in.
    pub(crate) table: u32,
    /// Where it leads, without host bits.
    pub(crate) destination: IpNet,
    /// Its rank among the routes to the same destination.
    pub(crate) metric: Metric,
    /// What becomes of the packets.
    pub(crate) target: Target,
}

/// The rank of a route among those to the same destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Metric {
    /// 1024, which IPv6 takes by itself for a route without one.
    Normal,
    /// The worst there is: it applies when all others are gone.
    Last,
}

/// What becomes of the packets of a route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// Into the tunnel.
    Tunnel {
        /// The tunnel's interface.
        interface: String,
        /// Its index.
        index: u32,
        /// The next hop, which need not be on a network of the interface.
        via: Option<IpAddr>,
    },
    /// As if this table did not have the destination; the next rule is tried.
    Throw,
    /// Refused with an ICMP error.
    Unreachable,
}

impl Route {
    /// The family it belongs to.
    #[must_use]
    pub(crate) fn family(&self) -> Family {
        Family::of(&self.destination)
    }

    /// Whether the kernel takes both for the same entry of a table, so that one replaces the other.
    #[must_use]
    pub(crate) fn same_entry(&self, other: &Self) -> bool {
        (self.table, self.destination, self.metric)
            == (other.table, other.destination, other.metric)
    }
}

impl Metric {
    /// The kernel's number.
    #[must_use]
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Normal => 1024,
            Self::Last => u32::MAX,
        }
    }
}

/// The line of `ip route show`, with the family and the table in front.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "route {} table {} ", ip_option(self.family()), self.table)?;
        match &self.target {
            Target::Tunnel { .. } => {}
            Target::Throw => f.write_str("throw ")?,
            Target::Unreachable => f.write_str("unreachable ")?,
        }
        write!(f, "{}", Destination(self.destination))?;
        if let Target::Tunnel { interface, via, .. } = &self.target {
            if let Some(via) = via {
                write!(f, " via {via}")?;
            }
            write!(f, " dev {interface}")?;
            if via.is_some() {
                f.write_str(" onlink")?;
            }
        }
        match self.metric {
            Metric::Normal => Ok(()),
            Metric::Last => write!(f, " metric {}", self.metric.number()),
        }
    }
}

/// A destination in the words of ip-route(8).
pub(crate) struct Destination(pub(crate) IpNet);

/// A table in the words of ip-route(8).
pub(crate) struct TableName(pub(crate) u32);

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            net if net.prefix_len() == 0 => f.write_str("default"),
            net if net.prefix_len() == net.max_prefix_len() => net.addr().fmt(f),
            net => net.fmt(f),
        }
    }
}

/// The kernel's own tables have names (`linux/rtnetlink.h`).
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            253 => f.write_str("default"),
            TABLE_MAIN => f.write_str("main"),
            255 => f.write_str("local"),
            number => number.fmt(f),
        }
    }
}
