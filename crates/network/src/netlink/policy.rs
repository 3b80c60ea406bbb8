//! Everybody's rules and routes, as far as they decide over packets that this machine sends.

use std::collections::BTreeMap;

use adit_model::Family;
use ipnet::IpNet;
use rtnetlink::{
    IpVersion,
    packet_route::{
        route::{RouteFlags, RouteMessage, RouteType},
        rule::{RuleAction, RuleAttribute, RuleFlags, RuleMessage},
    },
};

use super::{Netlink, dump, route};
use crate::{
    error::NetworkError,
    lookup::{Condition, PolicyAction, PolicyRule, Refusal, RouteKind, TableRoute},
};

impl Netlink {
    /// All rules of a family, in the order in which the kernel asks them.
    pub(crate) async fn policy_rules(
        &self,
        family: Family,
    ) -> Result<Vec<PolicyRule>, NetworkError> {
        let version = match family {
            Family::Ipv4 => IpVersion::V4,
            Family::Ipv6 => IpVersion::V6,
        };
        let messages = dump("rules", self.handle.rule().get(version).execute()).await?;
        Ok(messages.iter().map(|message| policy_rule(family, message)).collect())
    }

    /// All routes in all tables.
    pub(crate) async fn table_routes(&self) -> Result<Vec<TableRoute>, NetworkError> {
        let links = self.links().await?;
        let names = links.into_iter().map(|link| (link.index, link.name)).collect();
        let messages = self.all_routes().await?;
        Ok(messages.iter().filter_map(|message| table_route(message, &names)).collect())
    }
}

fn policy_rule(family: Family, message: &RuleMessage) -> PolicyRule {
    let mut rule = PolicyRule {
        priority: 0,
        to: family.default_route(),
        conditions: Vec::new(),
        negated: message.header.flags.contains(RuleFlags::Invert),
        action: PolicyAction::Nothing,
    };
    let (mut table, mut suppressed) = (u32::from(message.header.table), None);
    let (mut mark, mut bits) = (None, u32::MAX);
    let mut condition = |text: String, holds| rule.conditions.push(Condition { text, holds });
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Priority(priority) => rule.priority = *priority,
            RuleAttribute::Table(number) => table = *number,
            // -1 is none (`FRA_SUPPRESS_PREFIXLEN`).
            RuleAttribute::SuppressPrefixLen(u32::MAX) => {}
            RuleAttribute::SuppressPrefixLen(length) => suppressed = Some(*length),
            RuleAttribute::FwMark(number) => mark = Some(*number),
            RuleAttribute::FwMask(number) => bits = *number,
            RuleAttribute::Destination(address) => {
                let to = IpNet::new(*address, message.header.dst_len);
                rule.to = to.unwrap_or(rule.to);
            }
            RuleAttribute::Source(address) => {
                condition(format!("from {address}/{}", message.header.src_len), false);
            }
            // What this machine sends comes from there, to the kernel's mind.
            RuleAttribute::Iifname(name) => condition(format!("iif {name}"), name == "lo"),
            RuleAttribute::Oifname(name) => condition(format!("oif {name}"), false),
            RuleAttribute::UidRange(range) => {
                condition(format!("uidrange {}-{}", range.start, range.end), false);
            }
            RuleAttribute::IpProtocol(protocol) => {
                condition(format!("ipproto {protocol:?}"), false);
            }
            RuleAttribute::SourcePortRange(range) => {
                condition(format!("sport {}-{}", range.start, range.end), false);
            }
            RuleAttribute::DestinationPortRange(range) => {
                condition(format!("dport {}-{}", range.start, range.end), false);
            }
            RuleAttribute::TunId(id) if *id != 0 => condition(format!("tun_id {id}"), false),
            RuleAttribute::L3MDev(true) => condition("l3mdev".into(), false),
            _ => {}
        }
    }
    if let Some(mark) = mark {
        condition(format!("fwmark {mark:#x}/{bits:#x}"), mark & bits == 0);
    }
    rule.action = match message.header.action {
        RuleAction::ToTable => PolicyAction::LookUp { table, suppressed },
        RuleAction::Unreachable => PolicyAction::Refuse(Refusal::Unreachable),
        RuleAction::Prohibit => PolicyAction::Refuse(Refusal::Prohibit),
        RuleAction::Blackhole => PolicyAction::Refuse(Refusal::BlackHole),
        _ => PolicyAction::Nothing,
    };
    rule
}

/// Copies that the kernel caches are no routes, and dead ones are not asked.
fn table_route(message: &RouteMessage, names: &BTreeMap<u32, String>) -> Option<TableRoute> {
    if message.header.flags.intersects(RouteFlags::Cloned | RouteFlags::Dead) {
        return None;
    }
    let kind = match message.header.kind {
        RouteType::Unicast | RouteType::Broadcast | RouteType::Multicast => RouteKind::Leave,
        RouteType::Local | RouteType::Anycast => RouteKind::Local,
        RouteType::Throw => RouteKind::Throw,
        RouteType::Unreachable => RouteKind::Refuse(Refusal::Unreachable),
        RouteType::Prohibit => RouteKind::Refuse(Refusal::Prohibit),
        RouteType::BlackHole => RouteKind::Refuse(Refusal::BlackHole),
        _ => return None,
    };
    // IPv6 routes that lead nowhere are shown on `lo`.
    let leads = matches!(kind, RouteKind::Leave | RouteKind::Local);
    let output = route::output(message).filter(|_| leads);
    Some(TableRoute {
        table: route::table(message),
        destination: route::destination(message)?,
        metric: route::metric(message),
        kind,
        via: route::gateway(message),
        interface: output.and_then(|index| names.get(&index).cloned()),
    })
}
