//! Rules as netlink messages.

use ipnet::IpNet;
use rtnetlink::packet_route::{
    AddressFamily,
    route::RouteProtocol,
    rule::{RuleAction, RuleAttribute, RuleFlags, RuleMessage},
};

use adit_model::Family;

use crate::{
    AppGroup, BYPASS_MARK, BYPASS_MASK, RTPROT_ADIT,
    rule::{Action, Rule, Selector},
};

pub(super) fn to_message(rule: &Rule) -> RuleMessage {
    let mut message = RuleMessage::default();
    message.header.family = family(rule.family);
    let attributes = &mut message.attributes;
    attributes.push(RuleAttribute::Protocol(RouteProtocol::Other(RTPROT_ADIT)));
    attributes.push(RuleAttribute::Priority(rule.priority));
    match &rule.selector {
        Selector::All => {}
        Selector::Bypass => {
            attributes.push(RuleAttribute::FwMark(BYPASS_MARK));
            attributes.push(RuleAttribute::FwMask(BYPASS_MASK));
        }
        Selector::Apps(group) => {
            attributes.push(RuleAttribute::FwMark(group.mark()));
            attributes.push(RuleAttribute::FwMask(BYPASS_MASK));
        }
        Selector::OutputInterface { interface, to } => {
            attributes.push(RuleAttribute::Oifname(interface.clone()));
            if to.prefix_len() > 0 {
                attributes.push(RuleAttribute::Destination(to.network()));
                message.header.dst_len = to.prefix_len();
            }
        }
    }
    match rule.action {
        Action::Lookup(table) => attributes.push(RuleAttribute::Table(table)),
        Action::LookupExceptDefault(table) => {
            attributes.push(RuleAttribute::Table(table));
            attributes.push(RuleAttribute::SuppressPrefixLen(0));
        }
        Action::Unreachable => {}
    }
    message.header.action = match rule.action {
        Action::Lookup(_) | Action::LookupExceptDefault(_) => RuleAction::ToTable,
        Action::Unreachable => RuleAction::Unreachable,
    };
    message
}

/// The rule of a message, if it is one that we would make.
pub(super) fn from_message(message: &RuleMessage) -> Option<Rule> {
    let family = match message.header.family {
        AddressFamily::Inet => Family::Ipv4,
        AddressFamily::Inet6 => Family::Ipv6,
        _ => return None,
    };
    let mut rule =
        Rule { priority: 0, family, selector: Selector::All, action: Action::Unreachable };
    let (mut table, mut except_default) = (u32::from(message.header.table), false);
    let mut destination = family.default_route();
    let mut interface = None;
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Priority(priority) => rule.priority = *priority,
            RuleAttribute::Table(number) => table = *number,
            RuleAttribute::SuppressPrefixLen(length) => except_default = *length == 0,
            RuleAttribute::FwMark(BYPASS_MARK) => rule.selector = Selector::Bypass,
            RuleAttribute::FwMark(mark) => {
                rule.selector = AppGroup::of_mark(*mark).map(Selector::Apps)?;
            }
            RuleAttribute::Oifname(name) => interface = Some(name.clone()),
            RuleAttribute::Destination(address) => {
                destination = IpNet::new(*address, message.header.dst_len).ok()?;
            }
            _ => {}
        }
    }
    if let Some(interface) = interface {
        rule.selector = Selector::OutputInterface { interface, to: destination };
    }
    rule.action = match message.header.action {
        RuleAction::ToTable if except_default => Action::LookupExceptDefault(table),
        RuleAction::ToTable => Action::Lookup(table),
        RuleAction::Unreachable => Action::Unreachable,
        _ => return None,
    };
    Some(rule)
}

pub(super) fn is_ours(message: &RuleMessage) -> bool {
    let ours = RouteProtocol::Other(RTPROT_ADIT);
    message.attributes.contains(&RuleAttribute::Protocol(ours))
}

/// The message that deletes what this message shows. Flags are the kernel's remarks.
pub(super) fn deletion(mut message: RuleMessage) -> RuleMessage {
    message.header.flags &= RuleFlags::Invert;
    message
}

fn family(family: Family) -> AddressFamily {
    match family {
        Family::Ipv4 => AddressFamily::Inet,
        Family::Ipv6 => AddressFamily::Inet6,
    }
}
