//! Putting back what others have changed: first looking, so that nothing is done when nothing is
//! missing and our own changes are no fights.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use adit_model::{HealthItem, Severity};

use super::reconcile::{Reconciler, Session};
use crate::{
    Slot,
    error::NetworkError,
    healing::{Opponent, Part, Verdict},
    health,
    netlink::{FoundAddress, FoundRoute, FoundRule, Link},
    plan::Plan,
    route::Target,
    rule::Rule,
};

/// How things are after a repair.
#[derive(Debug, Default)]
pub(crate) struct Repaired {
    /// What to tell about each session.
    pub(crate) health: BTreeMap<Slot, Vec<HealthItem>>,
    /// The indexes of interfaces that are gone although their sessions are not.
    pub(crate) lost: BTreeSet<u32>,
    /// When to look again if nothing happens.
    pub(crate) again: Option<Instant>,
}

/// What the kernel has, for all sessions at once.
struct Seen {
    links: BTreeMap<u32, Link>,
    rules: BTreeSet<Rule>,
    routes: Vec<FoundRoute>,
}

/// After which what could not be put back is tried again.
const RETRY: Duration = Duration::from_secs(1);

impl Reconciler {
    /// Puts back what of the sessions' plans is missing, unless somebody fights for it.
    pub(super) async fn repair(
        &mut self,
        opponent: impl Fn(Part) -> Opponent,
        now: Instant,
    ) -> Result<Repaired, NetworkError> {
        let seen = self.see().await?;
        let mut repaired = Repaired::default();
        for session in self.sessions.clone().values() {
            let Session { tunnel, .. } = session;
            let mut missing = self.missing(session, &seen).await?;
            if !seen.links.contains_key(&tunnel.index) {
                repaired.lost.insert(tunnel.index);
            }
            for part in damaged(&missing) {
                match self.fights.damaged(tunnel.slot, part, opponent(part), now) {
                    Verdict::Restore => tracing::warn!(
                        "{}: {part:?} was changed by somebody else and is put back",
                        tunnel.interface
                    ),
                    Verdict::Wait(until) => {
                        leave_out(&mut missing, part);
                        repaired.again = earlier(repaired.again, Some(until));
                    }
                }
            }
            if missing != Plan::empty() {
                tracing::debug!("put back for {}:\n{missing}", tunnel.interface);
                if let Err(error) = self.add(tunnel, &missing).await {
                    tracing::warn!(%error, "not everything could be put back; it is tried again");
                    repaired.again = earlier(repaired.again, Some(now + RETRY));
                }
            }
        }
        for (slot, session) in &self.sessions {
            let mut items = self.fights.health(*slot, now);
            if repaired.lost.contains(&session.tunnel.index) {
                items.push(interface_deleted());
            }
            repaired.health.insert(*slot, items);
        }
        repaired.again = earlier(repaired.again, self.fights.over_at());
        Ok(repaired)
    }

    async fn see(&self) -> Result<Seen, NetworkError> {
        let links = self.netlink.links().await?.into_iter().map(|link| (link.index, link));
        Ok(Seen {
            links: links.collect(),
            rules: self.netlink.rules().await?.iter().filter_map(FoundRule::rule).collect(),
            routes: self.netlink.routes().await?,
        })
    }

    /// The part of a session's plan that the kernel does not have.
    async fn missing(&self, session: &Session, seen: &Seen) -> Result<Plan, NetworkError> {
        let Session { tunnel, plan } = session;
        let mut missing = Plan {
            rules: plan.rules.difference(&seen.rules).cloned().collect(),
            sysctls: plan.sysctls.iter().filter(|sysctl| sysctl.is_changed()).cloned().collect(),
            ..Plan::empty()
        };
        let present: BTreeSet<_> =
            seen.routes.iter().filter_map(|found| found.route(tunnel)).collect();
        let routes = plan.routes.difference(&present).cloned();
        let Some(link) = seen.links.get(&tunnel.index) else {
            // What refuses can be there without the interface, and all the more has to.
            missing.routes =
                routes.filter(|route| !matches!(route.target, Target::Tunnel { .. })).collect();
            return Ok(missing);
        };
        missing.routes = routes.collect();
        let found = self.netlink.addresses(tunnel).await?;
        let present: BTreeSet<_> = found.iter().filter_map(FoundAddress::net).collect();
        missing.addresses =
            plan.addresses.iter().filter(|net| !present.contains(net)).copied().collect();
        missing.mtu = plan.mtu.filter(|mtu| !link.up || link.mtu != *mtu);
        Ok(missing)
    }
}

/// What was damaged for `missing` to be missing. With the interface down the kernel itself removes
/// addresses and routes.
fn damaged(missing: &Plan) -> Vec<Part> {
    let down = missing.mtu.is_some();
    let parts = [
        (Part::Interface, down),
        (Part::Addresses, !down && !missing.addresses.is_empty()),
        (Part::Routes, !down && !missing.routes.is_empty()),
        (Part::Rules, !missing.rules.is_empty()),
        (Part::KernelSettings, !missing.sysctls.is_empty()),
    ];
    parts.into_iter().filter_map(|(part, is_damaged)| is_damaged.then_some(part)).collect()
}

fn leave_out(missing: &mut Plan, part: Part) {
    match part {
        Part::Interface => {
            missing.mtu = None;
            missing.addresses.clear();
            // What refuses needs no interface.
            missing.routes.retain(|route| !matches!(route.target, Target::Tunnel { .. }));
        }
        Part::Addresses => missing.addresses.clear(),
        Part::Routes => missing.routes.clear(),
        Part::Rules => missing.rules.clear(),
        Part::KernelSettings => missing.sysctls.clear(),
    }
}

fn interface_deleted() -> HealthItem {
    health::item(
        "interface.deleted",
        Severity::Problem,
        "Another program deleted the tunnel’s interface",
        "Nothing goes through the tunnel any more, and what belongs into it is refused.",
        "Disconnect and connect again.",
    )
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    [one, other].into_iter().flatten().min()
}
