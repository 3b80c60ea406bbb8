//! Putting back what others have changed: first looking, so that nothing is done when nothing is
//! missing and our own changes are no fights.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
    time::{Duration, Instant},
};

use adit_model::HealthItem;

use super::reconcile::{Reconciler, Session};
use crate::{
    Slot, Tunnel,
    error::NetworkError,
    healing::{Part, Suspicion, Verdict},
    netlink::{FoundAddress, FoundRoute, FoundRule, Link},
    plan::Plan,
    route::Target,
    rule::Rule,
    sysctl::Lifetime,
};

/// How things are after a repair.
#[derive(Debug, Default)]
pub(crate) struct Repaired {
    /// What to tell about each session.
    pub(crate) health: BTreeMap<Slot, Vec<HealthItem>>,
    /// The indexes of interfaces that are gone although their sessions are not, and to be made anew.
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
/// A service that ended may be on its way back. Before that, nobody else is told in its place: it
/// would take over what it finds written elsewhere.
const RESTART: Duration = Duration::from_secs(3);

impl Reconciler {
    /// Puts back what of the sessions' plans is missing, unless somebody fights for it.
    pub(super) async fn repair(
        &mut self,
        suspicion: &Suspicion,
        now: Instant,
    ) -> Result<Repaired, NetworkError> {
        let seen = self.see().await?;
        let mut repaired = Repaired::default();
        self.repair_firewall(suspicion, now, &mut repaired);
        self.forget_replaced_interfaces();
        for session in self.sessions.clone().values() {
            let Session { tunnel, .. } = session;
            let mut missing = self.missing(session, &seen).await?;
            let has_interface = seen.links.contains_key(&tunnel.index);
            if !has_interface {
                self.lost_interface(tunnel, suspicion, now, &mut repaired);
            }
            for part in damaged(&missing) {
                match self.fights.damaged(Some(tunnel.slot), part, suspicion.opponent(part), now) {
                    Verdict::Restore => {}
                    Verdict::Wait(until) => {
                        leave_out(&mut missing, part);
                        repaired.look_again(until);
                    }
                }
            }
            if missing != Plan::empty() {
                tracing::warn!("{}: put back what somebody else changed", tunnel.interface);
                tracing::debug!("put back for {}:\n{missing}", tunnel.interface);
                let added = self.add(tunnel, &missing).await;
                repaired.tried(added, now);
            }
            if has_interface && suspicion.concerns(Part::NameResolution) {
                self.repair_names(session, suspicion, now, &mut repaired).await;
            }
        }
        // Who starts may bring back what a tunnel that is gone had told it.
        if self.sessions.is_empty() && suspicion.concerns(Part::NameResolution) {
            let forgotten = self.dns.repair(iter::empty(), &mut self.journal).await;
            repaired.tried(forgotten, now);
        }
        for slot in self.sessions.keys() {
            repaired.health.insert(*slot, self.fights.health(*slot, now));
        }
        if let Some(over) = self.fights.over_at() {
            repaired.look_again(over);
        }
        Ok(repaired)
    }

    /// Notes an interface that somebody deleted, unless somebody fights for it. Only who has the
    /// tunnel's descriptors can make another one.
    fn lost_interface(
        &mut self,
        tunnel: &Tunnel,
        suspicion: &Suspicion,
        now: Instant,
        repaired: &mut Repaired,
    ) {
        if !self.lost_interfaces.contains(&tunnel.index) {
            let opponent = suspicion.opponent(Part::Device);
            match self.fights.damaged(Some(tunnel.slot), Part::Device, opponent, now) {
                Verdict::Restore => {
                    tracing::warn!("{}: somebody else deleted the interface", tunnel.interface);
                    self.lost_interfaces.insert(tunnel.index);
                }
                Verdict::Wait(until) => return repaired.look_again(until),
            }
        }
        repaired.lost.insert(tunnel.index);
    }

    fn forget_replaced_interfaces(&mut self) {
        let in_use = |index| self.sessions.values().any(|session| session.tunnel.index == index);
        self.lost_interfaces.retain(|index| in_use(*index));
    }

    /// The same for the firewall, which is one for all sessions and may be there without any.
    fn repair_firewall(&mut self, suspicion: &Suspicion, now: Instant, repaired: &mut Repaired) {
        let policy = &self.journal.entries().firewall;
        if !suspicion.concerns(Part::Firewall) || self.firewall.is_in_force(policy) {
            return;
        }
        let opponent = suspicion.opponent(Part::Firewall);
        if policy.holds_back() {
            // Each time is a burst of the kernel's messages, so that even an opponent that never
            // stops keeps nobody busy.
            self.fights.opened(None, Part::Firewall, opponent, now);
            tracing::warn!("the firewall rules of Adit were changed by somebody else");
            return repaired.tried(self.firewall.establish(policy), now);
        }
        match self.fights.damaged(None, Part::Firewall, opponent, now) {
            Verdict::Restore => {
                tracing::warn!("the firewall rules of Adit were changed by somebody else");
                repaired.tried(self.firewall.establish(policy), now);
            }
            Verdict::Wait(until) => repaired.look_again(until),
        }
    }

    /// The same for the system's name resolution.
    async fn repair_names(
        &mut self,
        session: &Session,
        suspicion: &Suspicion,
        now: Instant,
        repaired: &mut Repaired,
    ) {
        let Session { tunnel, plan: Plan { dns: Some(dns), .. } } = session else { return };
        if self.dns.is_service_away(&self.journal).await {
            let back_by = *self.service_away_since.get_or_insert(now) + RESTART;
            if now < back_by {
                return repaired.look_again(back_by);
            }
        } else {
            self.service_away_since = None;
        }
        if self.dns.is_as_planned(tunnel, dns, &self.journal).await {
            return;
        }
        let opponent = suspicion.opponent(Part::NameResolution);
        match self.fights.damaged(Some(tunnel.slot), Part::NameResolution, opponent, now) {
            Verdict::Restore => {
                tracing::warn!("{}: name resolution is put back", tunnel.interface);
                let told = self.dns.repair([(tunnel, dns)].into_iter(), &mut self.journal).await;
                repaired.tried(told, now);
            }
            Verdict::Wait(until) => repaired.look_again(until),
        }
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
            // Those of the next interface are not damaged, but not set yet.
            missing.sysctls.retain(|sysctl| sysctl.lifetime == Lifetime::System);
            return Ok(missing);
        };
        missing.routes = routes.collect();
        let found = self.netlink.addresses(tunnel).await?;
        let present: BTreeSet<_> = found.iter().filter_map(FoundAddress::net).collect();
        missing.addresses =
            plan.addresses.iter().filter(|net| !present.contains(net)).copied().collect();
        let has_address = plan.hardware_address.is_none() || link.address == plan.hardware_address;
        missing.mtu = plan.mtu.filter(|mtu| !link.up || link.mtu != *mtu || !has_address);
        missing.hardware_address = plan.hardware_address.filter(|_| !has_address);
        Ok(missing)
    }
}

impl Repaired {
    fn look_again(&mut self, at: Instant) {
        self.again = Some(self.again.map_or(at, |again| again.min(at)));
    }

    fn tried<T>(&mut self, outcome: Result<T, NetworkError>, now: Instant) {
        if let Err(error) = outcome {
            tracing::warn!(%error, "not everything could be put back; it is tried again");
            self.look_again(now + RETRY);
        }
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
            (missing.mtu, missing.hardware_address) = (None, None);
            missing.addresses.clear();
            // What refuses needs no interface.
            missing.routes.retain(|route| !matches!(route.target, Target::Tunnel { .. }));
        }
        Part::Addresses => missing.addresses.clear(),
        Part::Routes => missing.routes.clear(),
        Part::Rules => missing.rules.clear(),
        Part::KernelSettings => missing.sysctls.clear(),
        // No plan of what is missing has them.
        Part::Device | Part::NameResolution | Part::Firewall => {}
    }
}
