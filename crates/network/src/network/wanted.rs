//! What of ours in the kernel is still wanted by somebody.

use crate::{
    Slot, Tunnel,
    plan::Plan,
    route::Route,
    rule::{Action, Rule},
};

/// One session's plan among those of all.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) tunnel: &'a Tunnel,
    pub(super) plan: &'a Plan,
    /// The plans of the other sessions.
    pub(super) others: Vec<&'a Plan>,
    /// Whether there are sessions of an earlier process, whose plans are not known. They may want
    /// whatever is shared.
    pub(super) has_strangers: bool,
}

impl Wanted<'_> {
    /// Whether a rule can go: it is this session's own or shared, and nobody wants it.
    pub(super) fn is_stale_rule(&self, rule: &Rule) -> bool {
        self.is_stale(slot_of(rule), |plan| plan.rules.contains(rule))
    }

    /// Whether a route of `owner` can go. Without an owner it is shared; one that we would not make
    /// is in nobody's plan.
    pub(super) fn is_stale_route(&self, owner: Option<Slot>, route: Option<&Route>) -> bool {
        self.is_stale(owner, |plan| route.is_some_and(|route| plan.routes.contains(route)))
    }

    /// Whether a kernel setting can have its old value again.
    pub(super) fn is_stale_sysctl(&self, key: &str) -> bool {
        self.is_stale(None, |plan| plan.sysctls.iter().any(|sysctl| sysctl.key == key))
    }

    fn is_stale(&self, owner: Option<Slot>, wants: impl Fn(&Plan) -> bool) -> bool {
        if wants(self.plan) {
            return false;
        }
        match owner {
            Some(slot) => slot == self.tunnel.slot,
            None => !self.has_strangers && !self.others.iter().any(|plan| wants(plan)),
        }
    }
}

/// Whose rule it is. All but the lookups in tables of ours are shared.
pub(super) fn slot_of(rule: &Rule) -> Option<Slot> {
    match rule.action {
        Action::Lookup(table) => Slot::of_table(table),
        Action::LookupExceptDefault(_) | Action::Unreachable => None,
    }
}
