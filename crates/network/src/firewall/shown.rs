//! What the kernel shows of a table, and whether that is what it was told.

use std::collections::{BTreeMap, BTreeSet};

use netlink_packet_netfilter::{
    NetfilterMessageInner,
    nftables::{
        ChainAttribute, DataAttribute, ExpressionAttribute, Expressions, ListAttribute,
        NfTablesMessage, RuleAttribute, SetAttribute, SetElementAttribute, SetElementFlags,
        SetElementList,
    },
};
use rtnetlink::packet_core::{NLA_TYPE_MASK, Nla};

use super::{
    messages::creation,
    table::{TABLE_NAME, Table},
};

/// A table as the kernel shows it.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// By name.
    chains: BTreeMap<String, ShownChain>,
    /// By chain, in order, each with its expressions.
    rules: BTreeMap<String, Vec<Vec<ShownExpression>>>,
    /// By name, where ranges begin and end.
    sets: BTreeMap<String, BTreeSet<Bound>>,
}

#[derive(Debug, Default)]
struct ShownChain {
    policy: Option<u32>,
    hook: Attributes,
}

#[derive(Debug, Default)]
struct ShownExpression {
    name: String,
    attributes: Attributes,
}

/// An address, and whether a range ends before it.
type Bound = (Vec<u8>, bool);

/// Kinds with their values.
type Attributes = Vec<(u16, Vec<u8>)>;

impl Shown {
    /// What it should show of this table.
    pub(super) fn of(table: &Table) -> Self {
        let mut shown = Self::default();
        for message in creation(table) {
            if let NetfilterMessageInner::NfTables(message) = message.inner {
                shown.add(message);
            }
        }
        shown
    }

    pub(super) fn add(&mut self, message: NfTablesMessage) {
        match message {
            NfTablesMessage::NewChain(chain) => self.add_chain(chain.attributes),
            NfTablesMessage::NewRule(rule) => self.add_rule(rule.attributes),
            NfTablesMessage::NewSet(set) => self.add_set(set.attributes),
            NfTablesMessage::NewSetElement(elements) => self.add_elements(elements.attributes),
            // Of what is not asked for, the table itself is made by everybody's first chain.
            _ => {}
        }
    }

    pub(super) fn names_of_sets(&self) -> Vec<String> {
        self.sets.keys().cloned().collect()
    }

    /// Whether all that is wanted is there, in order, and nothing else. Of each thing the kernel may
    /// say more than it was told.
    pub(super) fn is(&self, wanted: &Self) -> bool {
        self.sets == wanted.sets
            && self.chains.keys().eq(wanted.chains.keys())
            && self.chains.values().zip(wanted.chains.values()).all(|(chain, wanted)| {
                chain.policy == wanted.policy && includes(&chain.hook, &wanted.hook)
            })
            && self.rules.keys().eq(wanted.rules.keys())
            && self.rules.values().zip(wanted.rules.values()).all(|(rules, wanted)| {
                rules.len() == wanted.len()
                    && rules.iter().zip(wanted).all(|(rule, wanted)| is_rule(rule, wanted))
            })
    }

    fn add_chain(&mut self, attributes: Vec<ChainAttribute>) {
        let (mut table, mut name) = (String::new(), String::new());
        let mut chain = ShownChain::default();
        for attribute in attributes {
            match attribute {
                ChainAttribute::Table(of) => table = of,
                ChainAttribute::Name(of) => name = of,
                ChainAttribute::Policy(policy) => chain.policy = Some(policy),
                ChainAttribute::Hook(hook) => chain.hook = attributes_of(&hook),
                _ => {}
            }
        }
        // The kernel lists the chains of all tables.
        if table == TABLE_NAME {
            self.chains.insert(name, chain);
        }
    }

    fn add_rule(&mut self, attributes: Vec<RuleAttribute>) {
        let (mut chain, mut rule) = (String::new(), Vec::new());
        for attribute in attributes {
            match attribute {
                RuleAttribute::Chain(name) => chain = name,
                RuleAttribute::Expressions(list) => rule = list.iter().map(expression).collect(),
                _ => {}
            }
        }
        self.rules.entry(chain).or_default().push(rule);
    }

    fn add_set(&mut self, attributes: Vec<SetAttribute>) {
        for attribute in attributes {
            if let SetAttribute::Name(name) = attribute {
                self.sets.entry(name).or_default();
            }
        }
    }

    fn add_elements(&mut self, attributes: Vec<SetElementList>) {
        let (mut set, mut elements) = (String::new(), Vec::new());
        for attribute in attributes {
            match attribute {
                SetElementList::Set(name) => set = name,
                SetElementList::Elements(list) => elements = list,
                _ => {}
            }
        }
        self.sets.entry(set).or_default().extend(elements.iter().map(bound));
    }
}

fn is_rule(rule: &[ShownExpression], wanted: &[ShownExpression]) -> bool {
    rule.len() == wanted.len()
        && rule.iter().zip(wanted).all(|(shown, wanted)| {
            shown.name == wanted.name && includes(&shown.attributes, &wanted.attributes)
        })
}

fn includes(shown: &Attributes, wanted: &Attributes) -> bool {
    wanted.iter().all(|attribute| shown.contains(attribute))
}

fn bound(element: &ListAttribute<SetElementAttribute>) -> Bound {
    let ListAttribute::Element(attributes) = element else { return Bound::default() };
    let mut bound = Bound::default();
    for attribute in attributes {
        match attribute {
            SetElementAttribute::Key(DataAttribute::Value(address)) => bound.0.clone_from(address),
            SetElementAttribute::Flags(flags) => {
                bound.1 = flags.contains(SetElementFlags::IntervalEnd);
            }
            _ => {}
        }
    }
    bound
}

fn expression(element: &ListAttribute<ExpressionAttribute>) -> ShownExpression {
    let mut shown = ShownExpression::default();
    let ListAttribute::Element(parts) = element else { return shown };
    for part in parts {
        match part {
            ExpressionAttribute::Name(name) => shown.name.clone_from(name),
            ExpressionAttribute::Data(Expressions::Bitwise(list)) => {
                shown.attributes = attributes_of(list);
            }
            ExpressionAttribute::Data(Expressions::Cmp(list)) => {
                shown.attributes = attributes_of(list);
            }
            ExpressionAttribute::Data(Expressions::Immediate(list)) => {
                shown.attributes = attributes_of(list);
            }
            ExpressionAttribute::Data(Expressions::Lookup(list)) => {
                shown.attributes = attributes_of(list);
            }
            ExpressionAttribute::Data(Expressions::Meta(list)) => {
                shown.attributes = attributes_of(list);
            }
            ExpressionAttribute::Data(Expressions::Payload(list)) => {
                shown.attributes = attributes_of(list);
            }
            ExpressionAttribute::Data(Expressions::Other { attributes, .. }) => {
                shown.attributes = attributes_of(attributes);
            }
            _ => {}
        }
    }
    shown
}

fn attributes_of<T: Nla>(list: &[T]) -> Attributes {
    let attribute = |attribute: &T| {
        let mut value = vec![0; attribute.value_len()];
        attribute.emit_value(&mut value);
        (attribute.kind() & NLA_TYPE_MASK, value)
    };
    list.iter().map(attribute).collect()
}
