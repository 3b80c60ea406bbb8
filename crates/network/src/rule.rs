//! A policy routing rule, ip-rule(8).

use std::fmt;

use ipnet::IpNet;

use adit_model::Family;

use crate::{AppGroup, BYPASS_MARK, BYPASS_MASK, ip_option, route::TableName};

/// One rule of ours. Rules are ordered as the kernel evaluates them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rule {
    /// Lower is evaluated earlier. Always explicit: the order must not depend on that of the calls.
    pub(crate) priority: u32,
    /// The rule list it is in.
    pub(crate) family: Family,
    /// The packets it applies to.
    pub(crate) selector: Selector,
    /// What becomes of them.
    pub(crate) action: Action,
}

/// The packets a rule applies to.
///
/// There is no negation: `not` in a rule inverts all its selectors at once, and a marked packet
/// would slip through such a rule as soon as it has a second selector.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Selector {
    /// All packets.
    All,
    /// Those with [`BYPASS_MARK`].
    Bypass,
    /// Those that an app of this group sends.
    Apps(AppGroup),
    /// Those of sockets that are bound to this interface.
    OutputInterface {
        /// Its name.
        interface: String,
        /// Where they go; the default route is everywhere.
        to: IpNet,
    },
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    /// Ask this table; without an answer the next rule is tried.
    Lookup(u32),
    /// Ask this table, but take a default route as no answer.
    LookupExceptDefault(u32),
    /// Refuse.
    Unreachable,
}

/// The line of `ip rule show`, with the family in front.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { priority, family, selector, action } = self;
        write!(f, "rule {} {priority}: from all{selector}{action}", ip_option(*family))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => Ok(()),
            Self::Bypass => write!(f, " fwmark {BYPASS_MARK:#x}/{BYPASS_MASK:#x}"),
            Self::Apps(group) => write!(f, " fwmark {:#x}/{BYPASS_MASK:#x}", group.mark()),
            Self::OutputInterface { interface, to } if to.prefix_len() == 0 => {
                write!(f, " oif {interface}")
            }
            Self::OutputInterface { interface, to } => write!(f, " to {to} oif {interface}"),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lookup(table) => write!(f, " lookup {}", TableName(*table)),
            Self::LookupExceptDefault(table) => {
                write!(f, " lookup {} suppress_prefixlength 0", TableName(*table))
            }
            Self::Unreachable => f.write_str(" unreachable"),
        }
    }
}
