//! How the kernel finds the way of a packet: policy rules in their order, each asks a table, and in a
//! table the longest prefix decides (ip-rule(8), ip-route(8)).
//!
//! The packet is the first that an ordinary program sends: without a mark, from a socket that is bound
//! to nothing.

use std::{fmt, net::IpAddr};

use ipnet::IpNet;

use adit_model::{RouteExplanation, RouteOutcome};

use crate::{
    firewall::Decision,
    route::{Destination, TableName},
};

/// A policy rule of anybody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PolicyRule {
    pub(crate) priority: u32,
    /// Where the packets go that it is for.
    pub(crate) to: IpNet,
    /// What else is asked of them.
    pub(crate) conditions: Vec<Condition>,
    /// It is for all other packets.
    pub(crate) negated: bool,
    pub(crate) action: PolicyAction,
}

/// Something that a rule asks of a packet, beside its destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    /// As ip-rule(8) has it.
    pub(crate) text: String,
    /// Whether the packet of an ordinary program has it.
    pub(crate) holds: bool,
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PolicyAction {
    /// Ask this table; a route to a prefix that is no longer than `suppressed` is no answer.
    LookUp {
        table: u32,
        suppressed: Option<u32>,
    },
    Refuse(Refusal),
    /// Nothing that decides.
    Nothing,
}

/// A route in any table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableRoute {
    pub(crate) table: u32,
    pub(crate) destination: IpNet,
    pub(crate) metric: u32,
    pub(crate) kind: RouteKind,
    pub(crate) via: Option<IpAddr>,
    pub(crate) interface: Option<String>,
}

/// What becomes of the packets of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RouteKind {
    /// They leave by the interface.
    Leave,
    /// They are for this machine.
    Local,
    /// As if the table did not have the route.
    Throw,
    Refuse(Refusal),
}

/// How packets are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Unreachable,
    Prohibit,
    BlackHole,
}

/// What decided: a rule, and the route in the table that it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found<'a> {
    pub(crate) rule: &'a PolicyRule,
    /// Absent if the rule refuses.
    pub(crate) route: Option<&'a TableRoute>,
}

/// What decides over a packet to `destination`; nothing, if no route leads there. `rules` are those of
/// its family, in the order of the kernel.
pub(crate) fn look_up<'a>(
    rules: &'a [PolicyRule],
    routes: &'a [TableRoute],
    destination: IpAddr,
) -> Option<Found<'a>> {
    rules.iter().filter(|rule| rule.is_for(destination)).find_map(|rule| match rule.action {
        PolicyAction::LookUp { table, suppressed } => {
            let route = best(routes, table, destination)?;
            route.answers(suppressed).then_some(Found { rule, route: Some(route) })
        }
        PolicyAction::Refuse(_) => Some(Found { rule, route: None }),
        PolicyAction::Nothing => None,
    })
}

/// What becomes of a packet that the kernel sends by `interface`, or not at all, with what was found
/// out about why. A finding that does not lead there too is left out: somebody's rule depends on more
/// than is looked at here.
pub(crate) fn explain(
    found: Option<Found>,
    interface: Option<&str>,
    decision: Option<Decision>,
) -> RouteExplanation {
    let found = found.filter(|found| found.interface() == interface);
    let is_refused = decision.as_ref().is_some_and(|decision| !decision.passes);
    let is_local = found.and_then(|it| it.route).is_some_and(|it| it.kind == RouteKind::Local);
    let outcome = match interface {
        None => RouteOutcome::RefusedByRoutes,
        Some(_) if is_refused => RouteOutcome::RefusedByFirewall,
        Some(_) if is_local => RouteOutcome::ThisComputer,
        Some(_) => RouteOutcome::Leaves,
    };
    RouteExplanation {
        outcome,
        interface: interface.map(str::to_owned),
        rule: found.map(|found| found.rule.to_string()),
        route: found.and_then(|found| found.route).map(ToString::to_string),
        firewall: decision.map(|decision| decision.rule),
    }
}

/// The route that decides in a table.
fn best(routes: &[TableRoute], table: u32, destination: IpAddr) -> Option<&TableRoute> {
    routes
        .iter()
        .filter(|route| route.table == table && route.destination.contains(&destination))
        .min_by_key(|route| (u8::MAX - route.destination.prefix_len(), route.metric))
}

impl PolicyRule {
    fn is_for(&self, destination: IpAddr) -> bool {
        let has_all = self.conditions.iter().all(|condition| condition.holds);
        (self.to.contains(&destination) && has_all) != self.negated
    }
}

impl TableRoute {
    /// Whether the next rule is left unasked. Only a way can be suppressed, a refusal cannot.
    fn answers(&self, suppressed: Option<u32>) -> bool {
        match self.kind {
            RouteKind::Leave | RouteKind::Local => {
                suppressed.is_none_or(|length| u32::from(self.destination.prefix_len()) > length)
            }
            RouteKind::Throw => false,
            RouteKind::Refuse(_) => true,
        }
    }
}

impl Found<'_> {
    /// Where it leads; absent if the packet is refused.
    fn interface(&self) -> Option<&str> {
        let route = self.route?;
        match route.kind {
            RouteKind::Leave => route.interface.as_deref(),
            // The kernel says so whichever interface has the address.
            RouteKind::Local => Some("lo"),
            RouteKind::Throw | RouteKind::Refuse(_) => None,
        }
    }
}

/// The line of `ip rule show`.
impl fmt::Display for PolicyRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}from all", self.priority, if self.negated { "not " } else { "" })?;
        if self.to.prefix_len() > 0 {
            write!(f, " to {}", Destination(self.to))?;
        }
        self.conditions.iter().try_for_each(|condition| write!(f, " {}", condition.text))?;
        match self.action {
            PolicyAction::LookUp { table, suppressed } => {
                write!(f, " lookup {}", TableName(table))?;
                suppressed.iter().try_for_each(|it| write!(f, " suppress_prefixlength {it}"))
            }
            PolicyAction::Refuse(refusal) => write!(f, " {refusal}"),
            PolicyAction::Nothing => f.write_str(" nop"),
        }
    }
}

/// The line of `ip route show table all`.
impl fmt::Display for TableRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            RouteKind::Leave => {}
            RouteKind::Local => f.write_str("local ")?,
            RouteKind::Throw => f.write_str("throw ")?,
            RouteKind::Refuse(refusal) => write!(f, "{refusal} ")?,
        }
        write!(f, "{}", Destination(self.destination))?;
        self.via.iter().try_for_each(|gateway| write!(f, " via {gateway}"))?;
        self.interface.iter().try_for_each(|interface| write!(f, " dev {interface}"))?;
        write!(f, " table {}", TableName(self.table))?;
        if self.metric > 0 {
            write!(f, " metric {}", self.metric)?;
        }
        Ok(())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "unreachable",
            Self::Prohibit => "prohibit",
            Self::BlackHole => "blackhole",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_asked_in_order_and_the_longest_prefix_answers() {
        let rules = [
            rule(0, None, look(255)),
            rule(5000, Some(false), look(254)),
            rule(5100, None, look(44288)),
            rule(5200, None, PolicyAction::LookUp { table: 254, suppressed: Some(0) }),
            rule(5300, Some(true), look(44544)),
            rule(32766, None, look(254)),
        ];
        let routes = [
            route(255, "10.20.0.2/32", 0, RouteKind::Local, "eth0"),
            route(254, "0.0.0.0/0", 100, RouteKind::Leave, "eth0"),
            route(254, "0.0.0.0/0", 600, RouteKind::Leave, "wifi0"),
            route(254, "10.20.0.0/24", 0, RouteKind::Leave, "eth0"),
            route(44288, "10.0.0.0/8", 1024, RouteKind::Leave, "adit0"),
            route(44288, "10.0.0.0/8", u32::MAX, UNREACHABLE, ""),
            route(44288, "10.20.0.0/24", 1024, RouteKind::Throw, ""),
            route(44544, "203.0.113.0/24", 1024, UNREACHABLE, ""),
            route(44544, "0.0.0.0/0", 1024, RouteKind::Throw, ""),
        ];
        for (to, expected) in [
            ("10.20.0.2", "0: from all lookup local|local 10.20.0.2 dev eth0 table local"),
            (
                "10.1.1.1",
                "5100: from all lookup 44288|10.0.0.0/8 dev adit0 table 44288 metric 1024",
            ),
            (
                "10.20.0.3",
                "5200: from all lookup main suppress_prefixlength 0|10.20.0.0/24 dev eth0 table main",
            ),
            (
                "203.0.113.1",
                "5300: from all fwmark 0x1 lookup 44544|\
                 unreachable 203.0.113.0/24 table 44544 metric 1024",
            ),
            ("9.9.9.9", "32766: from all lookup main|default dev eth0 table main metric 100"),
        ] {
            let found = look_up(&rules, &routes, to.parse().unwrap()).unwrap();
            assert_eq!(format!("{}|{}", found.rule, found.route.unwrap()), expected, "{to}");
        }
        assert_eq!(look_up(&rules[..3], &routes, [9; 4].into()), None);
    }

    /// As wg-quick(8) makes them.
    #[test]
    fn a_negated_rule_is_for_what_does_not_fit_it() {
        let mut negated = rule(32764, Some(false), look(51820));
        negated.negated = true;
        let refused = rule(32765, None, PolicyAction::Refuse(Refusal::Prohibit));
        let rules = [negated, refused];
        let routes = [route(51820, "0.0.0.0/1", 0, RouteKind::Leave, "wg0")];
        let found = look_up(&rules, &routes, [9; 4].into()).unwrap();
        assert_eq!(found.rule.to_string(), "32764: not from all fwmark 0x1 lookup 51820");
        let found = look_up(&rules, &routes, [200; 4].into()).unwrap();
        assert_eq!((found.rule, found.route), (&rules[1], None));
    }

    #[test]
    fn the_kernel_has_the_last_word() {
        let rules = [rule(32766, None, look(254))];
        let routes = [route(254, "0.0.0.0/0", 0, RouteKind::Leave, "eth0")];
        let found = look_up(&rules, &routes, [9; 4].into());
        let decision = |passes| Some(Decision { passes, rule: "refuse: drop".into() });
        for (interface, decision, outcome, is_explained) in [
            (Some("eth0"), None, RouteOutcome::Leaves, true),
            (Some("eth0"), decision(true), RouteOutcome::Leaves, true),
            (Some("eth0"), decision(false), RouteOutcome::RefusedByFirewall, true),
            (Some("tun7"), None, RouteOutcome::Leaves, false),
            (None, None, RouteOutcome::RefusedByRoutes, false),
        ] {
            let explanation = explain(found, interface, decision);
            assert_eq!(explanation.outcome, outcome);
            assert_eq!(explanation.route.is_some(), is_explained, "{explanation:?}");
        }
    }

    const UNREACHABLE: RouteKind = RouteKind::Refuse(Refusal::Unreachable);

    fn rule(priority: u32, marked: Option<bool>, action: PolicyAction) -> PolicyRule {
        let condition = |holds| Condition { text: "fwmark 0x1".into(), holds };
        let conditions = marked.map(condition).into_iter().collect();
        let to = "0.0.0.0/0".parse().unwrap();
        PolicyRule { priority, to, conditions, negated: false, action }
    }

    fn look(table: u32) -> PolicyAction {
        PolicyAction::LookUp { table, suppressed: None }
    }

    fn route(table: u32, to: &str, metric: u32, kind: RouteKind, interface: &str) -> TableRoute {
        let destination = to.parse().unwrap();
        let interface = (!interface.is_empty()).then(|| interface.to_owned());
        TableRoute { table, destination, metric, kind, via: None, interface }
    }
}
