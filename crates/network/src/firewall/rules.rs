//! A policy as tables of nftables.
//!
//! A packet that leaves is asked, in this order, until one decides:
//!
//! 1. Does it stay on the machine? Accept.
//! 2. Does it bear the bypass mark? Accept. Only `CAP_NET_ADMIN` can set it (socket(7)), so that no
//!    other program can talk to a tunnel's server beside the tunnel. It comes before 4, since a
//!    server may listen at the port of DNS.
//! 3. Does it keep the link alive: DHCP, neighbour discovery, multicast listeners (RTE-8)? Accept.
//! 4. Is it for a destination that a session wants in its own tunnel, or nowhere? Refuse.
//! 5. Is it DNS? Only to the tunnel's own servers, through the tunnel or on a local network that is
//!    left alone. It comes before 6 and 7, so that no other server there is asked.
//! 6. Does it leave by a tunnel? Accept.
//! 7. Is it for a local network that is left alone? Accept.
//! 8. Refuse: a new connection at once, so that programs do not hang; one from before stalls, as it
//!    does on Apple's systems (RTE-6).
//!
//! Without anybody who wants everything in a tunnel, whatever gets as far as 6 is accepted, and 5 is
//! asked only if a session enforces its routes and answers all names: else a network could name a
//! server of its own, which systemd-resolved would ask through the tunnel.
//!
//! What comes in is the mirror of that, and answers to marked packets are known by the mark of their
//! connection: a server cannot be impersonated by whoever knows its address. Forwarded packets, of
//! containers and virtual machines, pass only 4, 5 and 6: through a tunnel, or not at all.
//!
//! Before all of that come the groups of apps that have a per-app tunnel, known by their control group
//! whatever their sockets are bound to or marked with: what they send leaves by their tunnel, stays on
//! the machine, or is refused, wherever anybody else's goes (RTE-16, RTE-20). Their questions for names
//! go to a server of ours that asks the tunnel's, whomever they ask; what asks others, on this machine
//! too, is refused, since a resolver here would ask outside on their behalf (RULE-8).
//!
//! Whatever the policy, nobody beside a tunnel reaches its address (CVE-2019-14899). That rule is in
//! a chain of its own, before all others, and names the tunnel's interface: its place among other
//! rules does not matter.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

use adit_model::Family;
use ipnet::IpNet;

use super::{
    policy::{Outside, Policy, Reach, Through},
    ranges::Range,
    table::{
        Addresses, Chain, ChainPolicy, Hook, HookPoint, Icmpv6, Match, Rule, Set, Statement, Table,
        TableFamily, Transport,
    },
};
use crate::{
    app_group::Members,
    destinations::{EVERYBODY, IPV6_LINK_LOCAL},
};

/// What a policy is in the kernel. Absent is what has no rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tables {
    /// What the IP stack sends, forwards and receives.
    pub(super) inet: Option<Table>,
    /// What programs with packet sockets (`CAP_NET_RAW`, packet(7)) send: only here it is seen.
    pub(super) netdev: Option<Table>,
}

const LEAVING: &str = "leaving";
const DNS: &str = "dns";
const REFUSE: &str = "refuse";

/// The ports at which names are asked for: in the clear (RFC 1035), and over TLS and QUIC (RFC 7858,
/// RFC 9250). Over HTTPS it looks like everything else.
const DNS_PORTS: [u16; 2] = [53, 853];

pub(super) fn tables(policy: &Policy) -> Tables {
    let closed = policy.closed();
    Tables { inet: inet(policy, closed.as_ref()), netdev: netdev(policy, closed.as_ref()) }
}

fn inet(policy: &Policy, closed: Option<&Outside>) -> Option<Table> {
    let mut sets = Vec::new();
    let mut chains: Vec<Chain> = spoofed(policy).into_iter().collect();
    if policy.holds_back() {
        let local = closed.map(local_sets).unwrap_or_default();
        let (mut leaving, own) = destinations(policy, Statement::Jump(REFUSE));
        leaving.extend(tunnels_only(policy, closed.is_some()));
        chains.extend(closed.map(|outside| input(policy, outside, &local)));
        chains.extend(names_of_apps(policy));
        chains.push(forward(policy, closed.is_some()));
        chains.push(output(policy, closed, &local));
        chains.push(Chain { name: LEAVING, hook: None, rules: leaving });
        chains.extend(asks_for_dns(policy, closed.is_some()).then(|| dns(policy, closed)));
        chains.push(refuse());
        sets = own.into_iter().chain(local).collect();
    }
    (!chains.is_empty()).then_some(Table { family: TableFamily::Inet, sets, chains })
}

/// Who is beside a tunnel gets no answer from its address, and so learns nothing of what is in it
/// (CVE-2019-14899).
fn spoofed(policy: &Policy) -> Option<Chain> {
    // Two tunnels may have the same address.
    let mut owners: BTreeMap<IpAddr, Vec<&Through>> = BTreeMap::new();
    for through in policy.tunnels() {
        through.addresses.iter().for_each(|it| owners.entry(*it).or_default().push(through));
    }
    let rules: Vec<Rule> = owners
        .into_iter()
        .map(|(address, owners)| {
            // What our server answers an app seems to come from the one that the app has asked.
            let has_names = owners.iter().any(|it| it.apps.is_some_and(|way| way.names.is_some()));
            let own = has_names.then(|| "lo".to_owned());
            let ways = owners.iter().map(|it| it.interface.clone()).chain(own);
            let beside = ways.map(Match::InputOtherThan);
            let to_it = Match::Destination(Addresses::Network(address.into()));
            rule(beside.chain([to_it, Match::SourceIsForeign]), Statement::Drop)
        })
        .collect();
    let hook = Hook { point: HookPoint::RawPrerouting, policy: ChainPolicy::Accept };
    (!rules.is_empty()).then_some(Chain { name: "spoofed", hook: Some(hook), rules })
}

fn input(policy: &Policy, outside: &Outside, local: &[Set]) -> Chain {
    let mut rules = vec![rule([Match::Input("lo".into())], Statement::Accept)];
    let by_tunnel = |through: &Through| Match::Input(through.interface.clone());
    rules.extend(policy.tunnels().map(|through| rule([by_tunnel(through)], Statement::Accept)));
    rules.push(rule([Match::ConnectionMarked, Match::Known], Statement::Accept));
    rules.extend(link_in());
    rules.extend(outside.interface.iter().flat_map(|interface| {
        local.iter().map(|set| {
            let source = Match::Source(set.addresses());
            rule([Match::Input(interface.clone()), source], Statement::Accept)
        })
    }));
    base("input", HookPoint::Input, ChainPolicy::Drop, rules)
}

fn forward(policy: &Policy, is_closed: bool) -> Chain {
    if !is_closed {
        let rules = vec![rule([], Statement::Jump(LEAVING))];
        return base("forward", HookPoint::Forward, ChainPolicy::Accept, rules);
    }
    let answers = |through: &Through| [Match::Input(through.interface.clone()), Match::Known];
    let mut rules: Vec<Rule> =
        policy.tunnels().map(|through| rule(answers(through), Statement::Accept)).collect();
    rules.extend([rule([], Statement::Jump(LEAVING)), rule([], Statement::Jump(REFUSE))]);
    base("forward", HookPoint::Forward, ChainPolicy::Drop, rules)
}

fn output(policy: &Policy, closed: Option<&Outside>, local: &[Set]) -> Chain {
    let marked = Rule {
        matches: vec![Match::Marked],
        statements: vec![Statement::MarkConnection, Statement::Accept],
    };
    let mut rules = apps(policy);
    rules.extend([rule([Match::Output("lo".into())], Statement::Accept), marked]);
    rules.extend(link_out());
    rules.push(rule([], Statement::Jump(LEAVING)));
    let Some(outside) = closed else {
        return base("output", HookPoint::Output, ChainPolicy::Accept, rules);
    };
    rules.extend(outside.interface.iter().flat_map(|interface| {
        local.iter().map(|set| {
            let destination = Match::Destination(set.addresses());
            rule([Match::Output(interface.clone()), destination], Statement::Accept)
        })
    }));
    rules.push(rule([], Statement::Jump(REFUSE)));
    base("output", HookPoint::Output, ChainPolicy::Drop, rules)
}

/// What the apps of each group may send.
fn apps(policy: &Policy) -> Vec<Rule> {
    let mut rules = Vec::new();
    for (members, way) in policy.apps() {
        let theirs = |matches: Vec<Match>, statement| {
            rule([of(members)].into_iter().chain(matches), statement)
        };
        if let Some((through, way)) = way {
            let by_tunnel = Match::Output(through.interface.clone());
            rules.push(theirs(vec![by_tunnel], Statement::Accept));
            let to_it = |address: Ipv4Addr| {
                Match::Destination(Addresses::Network(IpAddr::from(address).into()))
            };
            rules.extend(way.names.iter().flat_map(|names| {
                plain_dns_ports().map(|port| theirs(vec![to_it(*names), port], Statement::Accept))
            }));
        }
        rules.extend(dns_ports().map(|port| theirs(vec![port], Statement::Jump(REFUSE))));
        rules.push(theirs(vec![Match::Output("lo".into())], Statement::Accept));
        rules.push(theirs(Vec::new(), Statement::Jump(REFUSE)));
    }
    rules
}

/// Who answers the apps of each group, whomever they ask in the clear over IPv4. What they ask over IPv6
/// goes through the tunnel to whom it is for, as everything else does.
fn names_of_apps(policy: &Policy) -> Option<Chain> {
    let rules: Vec<Rule> = policy
        .apps()
        .filter_map(|(members, way)| Some((members, way?.1.names?)))
        .flat_map(|(members, names)| {
            plain_dns_ports().map(move |port| {
                let matches = [of(members), Match::Family(Family::Ipv4), port];
                rule(matches, Statement::Redirect(names))
            })
        })
        .collect();
    let hook = Hook { point: HookPoint::OutputNat, policy: ChainPolicy::Accept };
    (!rules.is_empty()).then_some(Chain { name: "names", hook: Some(hook), rules })
}

fn of(members: &Members) -> Match {
    Match::Cgroup { level: members.level, number: members.cgroup }
}

/// What each session wants in its own tunnel or nowhere, with the sets that this takes. `refusal`: what
/// is done to a packet that goes past its tunnel.
fn destinations(policy: &Policy, refusal: Statement) -> (Vec<Rule>, Vec<Set>) {
    let (mut rules, mut sets) = (Vec::new(), Vec::new());
    for (slot, guard) in &policy.sessions {
        let Reach::Destinations { inside, refused } = &guard.reach else { continue };
        // Another tunnel is not outside: what it takes, it was granted beside this one (MGR-12).
        let past: Vec<Match> = match guard.through {
            Some(_) => {
                policy.tunnels().map(|t| Match::OutputOtherThan(t.interface.clone())).collect()
            }
            None => Vec::new(),
        };
        for set in sets_of(&format!("refused{slot}"), refused) {
            rules.push(rule([Match::Destination(set.addresses())], refusal));
            sets.push(set);
        }
        for set in sets_of(&format!("inside{slot}"), inside) {
            let to_it = Match::Destination(set.addresses());
            rules.push(rule(past.iter().cloned().chain([to_it]), refusal));
            sets.push(set);
        }
    }
    (rules, sets)
}

/// DNS before all else that a tunnel carries.
fn tunnels_only(policy: &Policy, is_closed: bool) -> Vec<Rule> {
    let mut rules = Vec::new();
    if asks_for_dns(policy, is_closed) {
        rules.extend(dns_ports().map(|port| rule([port], Statement::Jump(DNS))));
    }
    if is_closed {
        let by_tunnel = |through: &Through| Match::Output(through.interface.clone());
        rules.extend(policy.tunnels().map(|through| rule([by_tunnel(through)], Statement::Accept)));
    }
    rules
}

/// Whether DNS may not leave outside: nothing may, or all names are a tunnel's that is enforced.
fn asks_for_dns(policy: &Policy, is_closed: bool) -> bool {
    is_closed
        || policy.sessions.values().any(|guard| {
            let is_enforced =
                matches!(&guard.reach, Reach::Destinations { inside, .. } if !inside.is_empty());
            is_enforced && guard.through.as_ref().is_some_and(|t| t.dns_servers.is_some())
        })
}

fn dns(policy: &Policy, closed: Option<&Outside>) -> Chain {
    let mut rules = Vec::new();
    for through in policy.tunnels() {
        let by_tunnel = Match::Output(through.interface.clone());
        match &through.dns_servers {
            Some(servers) => rules.extend(servers.iter().map(|server| {
                let server = Match::Destination(Addresses::Network((*server).into()));
                rule([by_tunnel.clone(), server], Statement::Accept)
            })),
            None => rules.push(rule([by_tunnel], Statement::Accept)),
        }
    }
    let by_link = closed.and_then(|outside| outside.interface.clone()).map(Match::Output);
    rules.extend(local_dns_servers(policy, closed).map(|server| {
        let server = Match::Destination(Addresses::Network(server.into()));
        rule(by_link.clone().into_iter().chain([server]), Statement::Accept)
    }));
    rules.push(rule([], Statement::Jump(REFUSE)));
    Chain { name: DNS, hook: None, rules }
}

/// The servers of tunnels that are asked on the local network. Unless everything is closed, 4 has
/// refused already what should be in a tunnel.
fn local_dns_servers<'a>(
    policy: &'a Policy,
    closed: Option<&'a Outside>,
) -> impl Iterator<Item = IpAddr> + 'a {
    let servers = policy.tunnels().filter_map(|through| through.dns_servers.as_ref()).flatten();
    let is_left_alone = move |server: &IpAddr| {
        closed.is_none_or(|outside| outside.networks.iter().any(|net| net.contains(server)))
    };
    servers.copied().filter(is_left_alone)
}

/// Only who opens a connection is told: those from before stall and are not reset (RTE-6). The kernel
/// may not know them as established, when nobody asked it before.
fn refuse() -> Chain {
    let rules = vec![
        rule([Match::TcpOpening], Statement::Reset),
        rule([Match::Tcp], Statement::Drop),
        rule([], Statement::Prohibit),
    ];
    Chain { name: REFUSE, hook: None, rules }
}

/// The same once more, where packet sockets are seen too. Other protocols than IP pass: they go no
/// farther than the link, and some of them are what a link needs (ARP, 802.1X). Nothing is refused
/// here, as nobody could be told.
fn netdev(policy: &Policy, closed: Option<&Outside>) -> Option<Table> {
    if !policy.holds_destinations_back() || policy.ways_out.is_empty() {
        return None;
    }
    let mut rules = vec![rule([Match::Marked], Statement::Accept)];
    rules.extend(link_out());
    let (destinations, mut sets) = destinations(policy, Statement::Drop);
    rules.extend(destinations);
    let by_link = closed.and_then(|outside| outside.interface.clone()).map(Match::Output);
    let by_link_to = |to: Addresses| by_link.clone().into_iter().chain([Match::Destination(to)]);
    if asks_for_dns(policy, closed.is_some()) {
        for server in local_dns_servers(policy, closed) {
            let to_it = || by_link_to(Addresses::Network(server.into()));
            rules.extend(dns_ports().map(|port| rule(to_it().chain([port]), Statement::Accept)));
        }
        rules.extend(dns_ports().map(|port| rule([port], Statement::Drop)));
    }
    if let Some(outside) = closed {
        let local = local_sets(outside);
        let to_it = |set: &Set| rule(by_link_to(set.addresses()), Statement::Accept);
        rules.extend(local.iter().map(to_it));
        rules.extend(Family::ALL.map(|family| rule([Match::Family(family)], Statement::Drop)));
        sets.extend(local);
    }
    let point = HookPoint::Egress(policy.ways_out.clone());
    let chain = base("egress", point, ChainPolicy::Accept, rules);
    Some(Table { family: TableFamily::Netdev, sets, chains: vec![chain] })
}

/// Without these there is no network, and so no tunnel (RTE-8). Ports below 1024 are root's.
fn link_out() -> Vec<Rule> {
    let mut rules = vec![
        rule([from_port(68), to_port(67)], Statement::Accept),
        rule([from_link(), from_port(546), to_port(547)], Statement::Accept),
    ];
    let kinds = [
        Icmpv6::RouterSolicitation,
        Icmpv6::NeighbourSolicitation,
        Icmpv6::NeighbourAdvertisement,
        Icmpv6::ListenerReport,
        Icmpv6::ListenerDone,
        Icmpv6::ListenerReport2,
    ];
    rules.extend(kinds.map(|kind| rule([Match::Icmpv6(kind)], Statement::Accept)));
    rules
}

fn link_in() -> Vec<Rule> {
    let mut rules = vec![
        rule([from_port(67), to_port(68)], Statement::Accept),
        rule([from_link(), from_port(547), to_port(546)], Statement::Accept),
    ];
    let kinds = [
        Icmpv6::RouterAdvertisement,
        Icmpv6::NeighbourSolicitation,
        Icmpv6::NeighbourAdvertisement,
        Icmpv6::Redirect,
        Icmpv6::ListenerQuery,
    ];
    rules.extend(kinds.map(|kind| rule([Match::Icmpv6(kind)], Statement::Accept)));
    rules
}

fn from_port(port: u16) -> Match {
    Match::SourcePort(Transport::Udp, port)
}

fn to_port(port: u16) -> Match {
    Match::DestinationPort(Transport::Udp, port)
}

fn from_link() -> Match {
    Match::Source(Addresses::Network(IpNet::V6(IPV6_LINK_LOCAL)))
}

fn dns_ports() -> impl Iterator<Item = Match> {
    DNS_PORTS.into_iter().flat_map(at_port)
}

fn plain_dns_ports() -> impl Iterator<Item = Match> {
    at_port(DNS_PORTS[0]).into_iter()
}

fn at_port(port: u16) -> [Match; 2] {
    [Transport::Udp, Transport::Tcp].map(|transport| Match::DestinationPort(transport, port))
}

/// The local networks with what reaches all on the link. Without any, not even that (PROTO-11).
fn local_sets(outside: &Outside) -> Vec<Set> {
    if outside.networks.is_empty() {
        return Vec::new();
    }
    let networks = IpNet::aggregate(&outside.networks.iter().copied().chain(EVERYBODY).collect());
    sets_of("local", &networks.into_iter().map(Range::of).collect::<Vec<_>>())
}

/// A set for each family that has any of these.
fn sets_of(name: &str, ranges: &[Range]) -> Vec<Set> {
    let set = |family: Family| {
        let mut ranges: Vec<Range> =
            ranges.iter().filter(|range| range.family() == family).copied().collect();
        ranges.sort();
        let suffix = match family {
            Family::Ipv4 => "v4",
            Family::Ipv6 => "v6",
        };
        Set { name: format!("{name}{suffix}"), family, ranges }
    };
    Family::ALL.into_iter().map(set).filter(|set| !set.ranges.is_empty()).collect()
}

fn rule(matches: impl IntoIterator<Item = Match>, statement: Statement) -> Rule {
    Rule { matches: matches.into_iter().collect(), statements: vec![statement] }
}

fn base(name: &'static str, point: HookPoint, policy: ChainPolicy, rules: Vec<Rule>) -> Chain {
    Chain { name, hook: Some(Hook { point, policy }), rules }
}
