//! A table of nftables, as far as Adit needs one. As text it is what `nft list table` shows.

use std::{collections::BTreeSet, fmt, net::Ipv4Addr};

use adit_model::{Family, TransportProtocol};
use ipnet::IpNet;

use super::ranges::Range;
use crate::{BYPASS_MARK, BYPASS_MASK};

/// A table with all that is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) family: TableFamily,
    pub(crate) sets: Vec<Set>,
    pub(crate) chains: Vec<Chain>,
}

/// The name of every table of ours.
pub(crate) const TABLE_NAME: &str = "adit";

/// Which packets a table sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TableFamily {
    /// IPv4 and IPv6.
    Inet,
    /// Everything that leaves by an interface.
    Netdev,
}

/// A set of addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Set {
    pub(crate) name: String,
    pub(crate) family: Family,
    /// In order, without overlap.
    pub(crate) ranges: Vec<Range>,
}

/// A chain; without a hook it is one that others jump to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) name: &'static str,
    pub(crate) hook: Option<Hook>,
    pub(crate) rules: Vec<Rule>,
}

/// Where a chain sees packets, and what becomes of those that no rule decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hook {
    pub(crate) point: HookPoint,
    pub(crate) policy: ChainPolicy,
}

/// A place on a packet's way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HookPoint {
    /// Before anything is known of a packet that comes in.
    RawPrerouting,
    Input,
    Forward,
    Output,
    /// Where what this machine sends can be sent elsewhere.
    OutputNat,
    /// Before it leaves by one of these interfaces, in the order of their names.
    Egress(BTreeSet<String>),
}

/// What becomes of packets that no rule decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChainPolicy {
    Accept,
    Drop,
}

/// What is done to packets that match all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) matches: Vec<Match>,
    pub(crate) statements: Vec<Statement>,
}

/// Something that is true of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Match {
    /// It came in by this interface.
    Input(String),
    /// It did not come in by this interface.
    InputOtherThan(String),
    /// It leaves by this interface.
    Output(String),
    /// It does not leave by this interface.
    OutputOtherThan(String),
    /// It bears the bypass mark.
    Marked,
    /// Its connection does.
    ConnectionMarked,
    /// It belongs to a connection that was answered, or reports an error of one.
    Known,
    /// It is of this family.
    Family(Family),
    /// It is TCP.
    Tcp,
    /// It is TCP and opens a connection.
    TcpOpening,
    Source(Addresses),
    Destination(Addresses),
    SourcePort(Transport, u16),
    DestinationPort(Transport, u16),
    Icmpv6(Icmpv6),
    /// Its source is not an address of this machine.
    SourceIsForeign,
    /// A process of the control group with this number sends it, or one of a group below that.
    Cgroup {
        level: u32,
        number: u64,
    },
}

/// One or many addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Addresses {
    /// Those of a network, or a single one.
    Network(IpNet),
    /// Those of the set with this name.
    Set(String, Family),
}

/// A protocol with ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Udp,
}

impl From<TransportProtocol> for Transport {
    fn from(protocol: TransportProtocol) -> Self {
        match protocol {
            TransportProtocol::Tcp => Self::Tcp,
            TransportProtocol::Udp => Self::Udp,
        }
    }
}

/// What IPv6 has in place of ARP and IGMP (RFC 4861, RFC 2710, RFC 3810).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Icmpv6 {
    ListenerQuery,
    ListenerReport,
    ListenerDone,
    RouterSolicitation,
    RouterAdvertisement,
    NeighbourSolicitation,
    NeighbourAdvertisement,
    Redirect,
    ListenerReport2,
}

/// Something that is done to a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Statement {
    /// The connection gets the packet's mark.
    MarkConnection,
    Accept,
    Drop,
    /// TCP: the program is told that the connection was refused.
    Reset,
    /// The program is told that this is not permitted.
    Prohibit,
    /// The rules of another chain, and then the next rule.
    Jump(&'static str),
    /// It goes to this address, and the answers seem to come from where it was to go.
    Redirect(Ipv4Addr),
}

impl Set {
    /// How others refer to it.
    pub(crate) fn addresses(&self) -> Addresses {
        Addresses::Set(self.name.clone(), self.family)
    }
}

impl HookPoint {
    /// What a chain there may do.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::RawPrerouting | Self::Input | Self::Forward | Self::Output | Self::Egress(_) => {
                "filter"
            }
            Self::OutputNat => "nat",
        }
    }
}

impl Addresses {
    pub(crate) fn family(&self) -> Family {
        match self {
            Self::Network(network) => Family::of(network),
            Self::Set(_, family) => *family,
        }
    }
}

impl Icmpv6 {
    /// The number in the packet.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::ListenerQuery => 130,
            Self::ListenerReport => 131,
            Self::ListenerDone => 132,
            Self::RouterSolicitation => 133,
            Self::RouterAdvertisement => 134,
            Self::NeighbourSolicitation => 135,
            Self::NeighbourAdvertisement => 136,
            Self::Redirect => 137,
            Self::ListenerReport2 => 143,
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "table {} {TABLE_NAME} {{", self.family)?;
        let sets = self.sets.iter().map(Set::to_string);
        let blocks: Vec<String> = sets.chain(self.chains.iter().map(Chain::to_string)).collect();
        write!(f, "{}", blocks.join("\n"))?;
        writeln!(f, "}}")
    }
}

impl fmt::Display for TableFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inet => "inet",
            Self::Netdev => "netdev",
        })
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, in_line) = match self.family {
            Family::Ipv4 => ("ipv4_addr", 2),
            Family::Ipv6 => ("ipv6_addr", 1),
        };
        writeln!(f, "\tset {} {{\n\t\ttype {kind}\n\t\tflags interval", self.name)?;
        let lines = self
            .ranges
            .chunks(in_line)
            .map(|line| line.iter().map(Range::to_string).collect::<Vec<_>>().join(", "));
        let elements = lines.collect::<Vec<_>>().join(",\n\t\t\t     ");
        writeln!(f, "\t\telements = {{ {elements} }}\n\t}}")
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\tchain {} {{", self.name)?;
        self.hook.iter().try_for_each(|hook| writeln!(f, "\t\t{hook}"))?;
        self.rules.iter().try_for_each(|rule| writeln!(f, "\t\t{rule}"))?;
        writeln!(f, "\t}}")
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = match self.policy {
            ChainPolicy::Accept => "accept",
            ChainPolicy::Drop => "drop",
        };
        write!(f, "type {} hook {}; policy {policy};", self.point.kind(), self.point)
    }
}

impl fmt::Display for HookPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RawPrerouting => f.write_str("prerouting priority raw"),
            Self::Input => f.write_str("input priority filter"),
            Self::Forward => f.write_str("forward priority filter"),
            Self::Output => f.write_str("output priority filter"),
            Self::OutputNat => f.write_str("output priority -100"),
            Self::Egress(interfaces) => {
                f.write_str("egress ")?;
                let names: Vec<&str> = interfaces.iter().map(String::as_str).collect();
                match names[..] {
                    [name] => write!(f, "device \"{name}\"")?,
                    _ => write!(f, "devices = {{ {} }}", names.join(", "))?,
                }
                f.write_str(" priority filter")
            }
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let matches = self.matches.iter().map(Match::to_string);
        let words: Vec<String> =
            matches.chain(self.statements.iter().map(Statement::to_string)).collect();
        f.write_str(&words.join(" "))
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(interface) => write!(f, "iifname \"{interface}\""),
            Self::InputOtherThan(interface) => write!(f, "iifname != \"{interface}\""),
            Self::Output(interface) => write!(f, "oifname \"{interface}\""),
            Self::OutputOtherThan(interface) => write!(f, "oifname != \"{interface}\""),
            Self::Marked => write!(f, "meta mark & {BYPASS_MASK:#010x} == {BYPASS_MARK:#010x}"),
            Self::ConnectionMarked => {
                write!(f, "ct mark & {BYPASS_MASK:#010x} == {BYPASS_MARK:#010x}")
            }
            Self::Known => f.write_str("ct state established,related"),
            Self::Family(family) => write!(f, "meta protocol {}", keyword(*family)),
            Self::Tcp => f.write_str("meta l4proto tcp"),
            Self::TcpOpening => f.write_str("tcp flags syn / fin,syn,rst,ack"),
            Self::Source(source) => {
                write!(f, "{} saddr {source}", keyword(source.family()))
            }
            Self::Destination(destination) => {
                write!(f, "{} daddr {destination}", keyword(destination.family()))
            }
            Self::SourcePort(transport, port) => write!(f, "{transport} sport {port}"),
            Self::DestinationPort(transport, port) => write!(f, "{transport} dport {port}"),
            Self::Icmpv6(kind) => write!(f, "icmpv6 type {kind}"),
            Self::SourceIsForeign => f.write_str("fib saddr type != local"),
            Self::Cgroup { level, number } => write!(f, "socket cgroupv2 level {level} {number}"),
        }
    }
}

fn keyword(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ip",
        Family::Ipv6 => "ip6",
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => Range::of(*network).fmt(f),
            Self::Set(name, _) => write!(f, "@{name}"),
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

impl fmt::Display for Icmpv6 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ListenerQuery => "mld-listener-query",
            Self::ListenerReport => "mld-listener-report",
            Self::ListenerDone => "mld-listener-done",
            Self::RouterSolicitation => "nd-router-solicit",
            Self::RouterAdvertisement => "nd-router-advert",
            Self::NeighbourSolicitation => "nd-neighbor-solicit",
            Self::NeighbourAdvertisement => "nd-neighbor-advert",
            Self::Redirect => "nd-redirect",
            Self::ListenerReport2 => "mld2-listener-report",
        })
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MarkConnection => f.write_str("ct mark set meta mark"),
            Self::Accept => f.write_str("accept"),
            Self::Drop => f.write_str("drop"),
            Self::Reset => f.write_str("reject with tcp reset"),
            Self::Prohibit => f.write_str("reject with icmpx admin-prohibited"),
            Self::Jump(chain) => write!(f, "jump {chain}"),
            Self::Redirect(to) => write!(f, "dnat ip to {to}"),
        }
    }
}
