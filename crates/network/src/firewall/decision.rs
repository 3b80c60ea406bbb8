//! What our tables do with a packet.

use std::net::IpAddr;

use super::table::{
    Addresses, Chain, ChainPolicy, HookPoint, Match, Rule, Statement, Table, Transport,
};

/// A packet, as far as the rules that are asked about tell packets apart. What keeps the link alive
/// and what local networks send is not among that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) way: Way,
    pub(crate) destination: IpAddr,
    /// Protocol and port; absent for what has no ports, such as a ping.
    pub(crate) to: Option<(Transport, u16)>,
    /// Whether it bears the bypass mark; of what comes in: whether its connection does.
    pub(crate) marked: bool,
    /// Whether it belongs to a connection that was answered before.
    pub(crate) known: bool,
}

/// The interfaces that a packet takes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(test), expect(dead_code, reason = "people ask about what they send"))]
pub(crate) enum Way {
    /// A program of this machine sends it by this one.
    Out(String),
    /// It comes in by this one.
    In(String),
    /// It comes in by the first and is sent on by the second.
    Through(String, String),
}

/// What becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) passes: bool,
    /// The rule that decided, or the policy of the chain that no rule decided in, as nft(8) shows it
    /// and with the chain's name before it.
    pub(crate) rule: String,
}

impl Packet {
    /// The first of a connection, without a mark.
    pub(crate) fn new(way: Way, destination: IpAddr, to: Option<(Transport, u16)>) -> Self {
        Self { way, destination, to, marked: false, known: false }
    }
}

impl Way {
    fn meets(&self, point: &HookPoint) -> bool {
        let leaves_by = |output: &String| match point {
            HookPoint::Egress(interfaces) => interfaces.contains(output),
            HookPoint::RawPrerouting
            | HookPoint::Input
            | HookPoint::Forward
            | HookPoint::Output
            // What is sent elsewhere there comes by again.
            | HookPoint::OutputNat => false,
        };
        match self {
            Self::Out(output) => *point == HookPoint::Output || leaves_by(output),
            Self::In(_) => matches!(point, HookPoint::RawPrerouting | HookPoint::Input),
            Self::Through(_, output) => {
                matches!(point, HookPoint::RawPrerouting | HookPoint::Forward) || leaves_by(output)
            }
        }
    }

    fn input(&self) -> Option<&String> {
        match self {
            Self::Out(_) => None,
            Self::In(input) | Self::Through(input, _) => Some(input),
        }
    }

    fn output(&self) -> Option<&String> {
        match self {
            Self::In(_) => None,
            Self::Out(output) | Self::Through(_, output) => Some(output),
        }
    }
}

/// What these tables do, in the order in which the kernel asks them: nothing, if they do not see it.
pub(super) fn decide<'a>(
    tables: impl Iterator<Item = &'a Table>,
    packet: &Packet,
) -> Option<Decision> {
    let mut last = None;
    for table in tables {
        for (chain, policy) in base_chains(table, packet) {
            let decision = walk(table, chain, packet).unwrap_or_else(|| Decision {
                passes: policy == ChainPolicy::Accept,
                rule: format!(
                    "{}: {}",
                    chain.name,
                    chain.hook.iter().map(ToString::to_string).collect::<String>()
                ),
            });
            if !decision.passes {
                return Some(decision);
            }
            last = Some(decision);
        }
    }
    last
}

fn base_chains<'a>(
    table: &'a Table,
    packet: &'a Packet,
) -> impl Iterator<Item = (&'a Chain, ChainPolicy)> {
    table.chains.iter().filter_map(|chain| {
        let hook = chain.hook.as_ref()?;
        packet.way.meets(&hook.point).then_some((chain, hook.policy))
    })
}

/// What the rules of a chain decide, if any does.
fn walk(table: &Table, chain: &Chain, packet: &Packet) -> Option<Decision> {
    let matches = |rule: &&Rule| rule.matches.iter().all(|it| is_true(it, table, packet));
    for rule in chain.rules.iter().filter(matches) {
        let decided = |passes| Some(Decision { passes, rule: format!("{}: {rule}", chain.name) });
        for statement in &rule.statements {
            match statement {
                Statement::MarkConnection | Statement::Redirect(_) => {}
                Statement::Accept => return decided(true),
                Statement::Drop | Statement::Reset | Statement::Prohibit => return decided(false),
                Statement::Jump(name) => {
                    let target = table.chains.iter().find(|chain| chain.name == *name)?;
                    let decision = walk(table, target, packet);
                    if decision.is_some() {
                        return decision;
                    }
                }
            }
        }
    }
    None
}

fn is_true(condition: &Match, table: &Table, packet: &Packet) -> bool {
    let goes_to = |transport: &Transport, port: &u16| packet.to == Some((*transport, *port));
    let (input, output) = (packet.way.input(), packet.way.output());
    match condition {
        Match::Input(interface) => input == Some(interface),
        Match::InputOtherThan(interface) => input != Some(interface),
        Match::Output(interface) => output == Some(interface),
        Match::OutputOtherThan(interface) => output != Some(interface),
        Match::Marked | Match::ConnectionMarked => packet.marked,
        Match::Known => packet.known,
        Match::Family(family) => {
            packet.destination.is_ipv4() == (*family == adit_model::Family::Ipv4)
        }
        Match::Tcp => matches!(packet.to, Some((Transport::Tcp, _))),
        Match::TcpOpening => matches!(packet.to, Some((Transport::Tcp, _))) && !packet.known,
        Match::Destination(addresses) => contains(addresses, table, packet.destination),
        Match::DestinationPort(transport, port) => goes_to(transport, port),
        // Only this machine has its addresses.
        Match::SourceIsForeign => input.is_some_and(|interface| interface != "lo"),
        // Who asks means a program that is in no group.
        Match::Cgroup { .. } | Match::Source(_) | Match::SourcePort(..) | Match::Icmpv6(_) => false,
    }
}

fn contains(addresses: &Addresses, table: &Table, address: IpAddr) -> bool {
    match addresses {
        Addresses::Network(network) => network.contains(&address),
        Addresses::Set(name, _) => {
            let sets = table.sets.iter().filter(|set| set.name == *name);
            sets.flat_map(|set| &set.ranges)
                .any(|range| (range.first..=range.last).contains(&address))
        }
    }
}
