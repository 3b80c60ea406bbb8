//! A table as messages to the kernel (`linux/netfilter/nf_tables.h`).

use std::net::IpAddr;

use netlink_packet_netfilter::{
    NetfilterHeader, NetfilterMessage, NetfilterProtoFamily,
    nftables::{
        ChainAttribute, ChainMessage, DataAttribute, DevHookNumber, Hook as HookAttribute,
        HookNumber, InetHookNumber, ListAttribute, NfTablesMessage, RuleAttribute, RuleMessage,
        SetAttribute, SetElementAttribute, SetElementFlags, SetElementList, SetElementMessage,
        SetFlags, SetMessage, TableAttribute, TableMessage,
    },
};

use adit_model::Family;
use rtnetlink::packet_core::DefaultNla;

use super::{
    expressions::expressions,
    ranges::Range,
    table::{Chain, ChainPolicy, Hook, HookPoint, Rule, Set, TABLE_NAME, Table, TableFamily},
};

/// Elements of one message. With a refusal the kernel sends it back, into a buffer of 8 KiB.
const ELEMENTS_IN_MESSAGE: usize = 100;

/// What makes the table, in this order.
pub(super) fn creation(table: &Table) -> Vec<NetfilterMessage> {
    let family = table.family;
    let mut messages = vec![NfTablesMessage::NewTable(named_table())];
    messages.extend((1..).zip(&table.sets).map(|(id, set)| new_set(id, set)));
    messages.extend(table.sets.iter().flat_map(new_elements));
    // All chains before any rule, since rules name them.
    messages.extend(table.chains.iter().map(new_chain));
    messages.extend(
        table
            .chains
            .iter()
            .flat_map(|chain| chain.rules.iter().map(move |rule| new_rule(family, chain, rule))),
    );
    messages.into_iter().map(|message| to_family(family, message)).collect()
}

/// What removes the table, whether it is there or not.
pub(super) fn removal(family: TableFamily) -> [NetfilterMessage; 2] {
    [NfTablesMessage::NewTable(named_table()), NfTablesMessage::DeleteTable(named_table())]
        .map(|message| to_family(family, message))
}

/// The questions for a table's chains, rules and sets, each answered with a list.
pub(super) fn questions(family: TableFamily) -> [NetfilterMessage; 3] {
    let table = TABLE_NAME.to_owned();
    [
        NfTablesMessage::GetChain(ChainMessage { attributes: Vec::new() }),
        NfTablesMessage::GetRule(RuleMessage {
            attributes: vec![RuleAttribute::Table(table.clone())],
        }),
        NfTablesMessage::GetSet(SetMessage { attributes: vec![SetAttribute::Table(table)] }),
    ]
    .map(|message| to_family(family, message))
}

/// The question for the elements of a set.
pub(super) fn question_for_elements(family: TableFamily, set: &str) -> NetfilterMessage {
    let attributes =
        vec![SetElementList::Table(TABLE_NAME.into()), SetElementList::Set(set.into())];
    to_family(family, NfTablesMessage::GetSetElement(SetElementMessage { attributes }))
}

fn to_family(family: TableFamily, message: NfTablesMessage) -> NetfilterMessage {
    let family = match family {
        TableFamily::Inet => NetfilterProtoFamily::Inet,
        TableFamily::Netdev => NetfilterProtoFamily::NetDev,
    };
    NetfilterMessage::new(NetfilterHeader::new(family, 0, 0), message)
}

fn named_table() -> TableMessage {
    TableMessage { attributes: vec![TableAttribute::Name(TABLE_NAME.into())] }
}

fn new_chain(chain: &Chain) -> NfTablesMessage {
    let mut attributes =
        vec![ChainAttribute::Table(TABLE_NAME.into()), ChainAttribute::Name(chain.name.into())];
    if let Some(Hook { point, policy }) = &chain.hook {
        attributes.push(ChainAttribute::Hook(hook(point)));
        attributes.push(ChainAttribute::Policy(match policy {
            ChainPolicy::Accept => NF_ACCEPT,
            ChainPolicy::Drop => NF_DROP,
        }));
        attributes.push(ChainAttribute::Type(point.kind().into()));
    }
    NfTablesMessage::NewChain(ChainMessage { attributes })
}

pub(super) const NF_DROP: u32 = 0;
pub(super) const NF_ACCEPT: u32 = 1;

fn hook(point: &HookPoint) -> Vec<HookAttribute> {
    const PRIORITY_RAW: i32 = -300;
    const PRIORITY_FILTER: i32 = 0;
    const PRIORITY_DESTINATION_NAT: i32 = -100;
    let number = match point {
        HookPoint::RawPrerouting => HookNumber::Inet(InetHookNumber::PreRouting),
        HookPoint::Input => HookNumber::Inet(InetHookNumber::LocalIn),
        HookPoint::Forward => HookNumber::Inet(InetHookNumber::Forward),
        HookPoint::Output | HookPoint::OutputNat => HookNumber::Inet(InetHookNumber::LocalOut),
        HookPoint::Egress(_) => HookNumber::Dev(DevHookNumber::Egress),
    };
    let priority = match point {
        HookPoint::RawPrerouting => PRIORITY_RAW,
        HookPoint::OutputNat => PRIORITY_DESTINATION_NAT,
        HookPoint::Input | HookPoint::Forward | HookPoint::Output | HookPoint::Egress(_) => {
            PRIORITY_FILTER
        }
    };
    let devices = match point {
        HookPoint::Egress(interfaces) => {
            Some(HookAttribute::NetDevices(interfaces.iter().map(|name| device(name)).collect()))
        }
        HookPoint::RawPrerouting
        | HookPoint::Input
        | HookPoint::Forward
        | HookPoint::Output
        | HookPoint::OutputNat => None,
    };
    let priority = HookAttribute::Priority(priority.cast_unsigned());
    [HookAttribute::Number(number), priority].into_iter().chain(devices).collect()
}

fn device(name: &str) -> DefaultNla {
    /// `NFTA_DEVICE_NAME`
    const NAME: u16 = 1;
    DefaultNla::new(NAME, [name.as_bytes(), &[0]].concat())
}

fn new_rule(table: TableFamily, chain: &Chain, rule: &Rule) -> NfTablesMessage {
    let attributes = vec![
        RuleAttribute::Table(TABLE_NAME.into()),
        RuleAttribute::Chain(chain.name.into()),
        RuleAttribute::Expressions(expressions(table, rule)),
    ];
    NfTablesMessage::NewRule(RuleMessage { attributes })
}

fn new_set(id: u32, set: &Set) -> NfTablesMessage {
    /// Types of nft(8): the kernel keeps them for whoever lists the set.
    const IPV4_ADDR: u32 = 7;
    const IPV6_ADDR: u32 = 8;
    let (kind, length) = match set.family {
        Family::Ipv4 => (IPV4_ADDR, 4),
        Family::Ipv6 => (IPV6_ADDR, 16),
    };
    let attributes = vec![
        SetAttribute::Table(TABLE_NAME.into()),
        SetAttribute::Name(set.name.clone()),
        SetAttribute::Flags(SetFlags::Interval),
        SetAttribute::KeyType(kind),
        SetAttribute::KeyLen(length),
        SetAttribute::Id(id),
    ];
    NfTablesMessage::NewSet(SetMessage { attributes })
}

fn new_elements(set: &Set) -> Vec<NfTablesMessage> {
    let elements: Vec<_> = set.ranges.iter().flat_map(elements).collect();
    let message = |elements: &[ListAttribute<SetElementAttribute>]| {
        let attributes = vec![
            SetElementList::Table(TABLE_NAME.into()),
            SetElementList::Set(set.name.clone()),
            SetElementList::Elements(elements.to_vec()),
        ];
        NfTablesMessage::NewSetElement(SetElementMessage { attributes })
    };
    elements.chunks(ELEMENTS_IN_MESSAGE).map(message).collect()
}

/// The start of a range, and the end, which is no part of it. What ends with the highest address
/// has no end.
pub(super) fn elements(range: &Range) -> Vec<ListAttribute<SetElementAttribute>> {
    let key = |address| SetElementAttribute::Key(DataAttribute::Value(octets(address)));
    let start = ListAttribute::Element(vec![key(range.first)]);
    let end = range.end().map(|end| {
        let flags = SetElementAttribute::Flags(SetElementFlags::IntervalEnd);
        ListAttribute::Element(vec![key(end), flags])
    });
    [start].into_iter().chain(end).collect()
}

pub(super) fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}
