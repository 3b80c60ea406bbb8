//! What our tables do with a packet that a program of this machine sends: the first of a connection,
//! without a mark.

use std::net::IpAddr;

use super::table::{
    Addresses, Chain, ChainPolicy, HookPoint, Match, Rule, Statement, Table, Transport,
};

/// The packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) destination: IpAddr,
    /// Protocol and port; absent for what has no ports, such as a ping.
    pub(crate) to: Option<(Transport, u16)>,
    /// The interface by which the routes let it leave.
    pub(crate) output: String,
}

/// What becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) passes: bool,
    /// The rule that decided, or the policy of the chain that no rule decided in, as nft(8) shows it
    /// and with the chain's name before it.
    pub(crate) rule: String,
}

/// What these tables do, in the order in which the kernel asks them: nothing, if they do not see it.
pub(super) fn decide<'a>(
    tables: impl Iterator<Item = &'a Table>,
    packet: &Outgoing,
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
    packet: &'a Outgoing,
) -> impl Iterator<Item = (&'a Chain, ChainPolicy)> {
    table.chains.iter().filter_map(|chain| {
        let hook = chain.hook.as_ref()?;
        let is_on_its_way = match &hook.point {
            HookPoint::Output => true,
            HookPoint::Egress(interface) => *interface == packet.output,
            HookPoint::RawPrerouting | HookPoint::Input | HookPoint::Forward => false,
        };
        is_on_its_way.then_some((chain, hook.policy))
    })
}

/// What the rules of a chain decide, if any does.
fn walk(table: &Table, chain: &Chain, packet: &Outgoing) -> Option<Decision> {
    let matches = |rule: &&Rule| rule.matches.iter().all(|it| is_true(it, table, packet));
    for rule in chain.rules.iter().filter(matches) {
        let decided = |passes| Some(Decision { passes, rule: format!("{}: {rule}", chain.name) });
        for statement in &rule.statements {
            match statement {
                Statement::MarkConnection => {}
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

fn is_true(condition: &Match, table: &Table, packet: &Outgoing) -> bool {
    let goes_to = |transport: &Transport, port: &u16| packet.to == Some((*transport, *port));
    match condition {
        Match::Output(interface) => packet.output == *interface,
        Match::OutputOtherThan(interface) => packet.output != *interface,
        Match::Family(family) => {
            packet.destination.is_ipv4() == (*family == adit_model::Family::Ipv4)
        }
        Match::Tcp => matches!(packet.to, Some((Transport::Tcp, _))),
        Match::Destination(addresses) => contains(addresses, table, packet.destination),
        Match::DestinationPort(transport, port) => goes_to(transport, port),
        // What comes in, what is known already, and what only root sends.
        Match::Input(_)
        | Match::InputOtherThan(_)
        | Match::Marked
        | Match::ConnectionMarked
        | Match::Known
        | Match::Source(_)
        | Match::SourcePort(..)
        | Match::Icmpv6(_)
        | Match::SourceIsForeign => false,
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
