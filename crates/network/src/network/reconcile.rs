//! The order of changes: what is wanted is added before what is not is deleted.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use adit_model::HealthItem;

use super::{
    Recovered,
    wanted::{Wanted, slot_of},
};
use crate::{
    Slot, Tunnel,
    dns::Dns,
    error::NetworkError,
    firewall::{Firewall, Guard, Lockdown, Policy},
    healing::Fights,
    journal::Journal,
    local_networks::outside,
    netlink::{FoundAddress, FoundRoute, FoundRule, Link, Netlink},
    plan::Plan,
    route::Route,
    rule::Rule,
    state::NetworkState,
    sysctl,
    tun::NAME_PREFIX,
};

/// The system with the sessions that are applied to it.
#[derive(Debug)]
pub(super) struct Reconciler {
    pub(super) netlink: Netlink,
    pub(super) journal: Journal,
    pub(super) dns: Dns,
    pub(super) firewall: Firewall,
    pub(super) sessions: BTreeMap<Slot, Session>,
    pub(super) fights: Fights,
    /// The indexes of interfaces that others deleted and that are to be made anew: each counts once.
    pub(super) lost_interfaces: BTreeSet<u32>,
    /// Since when the service is not there that was told of DNS servers.
    pub(super) service_away_since: Option<Instant>,
}

/// An applied plan.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) tunnel: Tunnel,
    pub(super) plan: Plan,
}

impl Reconciler {
    pub(super) async fn state(&self) -> Result<NetworkState, NetworkError> {
        let is_ours = |link: &Link| {
            link.name.starts_with(NAME_PREFIX)
                || self.sessions.values().any(|session| session.tunnel.index == link.index)
        };
        let surroundings = self.netlink.surroundings(is_ours).await?;
        let interface = surroundings.path.interface.as_ref();
        Ok(NetworkState {
            strict_rp_filter: interface
                .is_some_and(|link| sysctl::is_strict(&link.name, &self.journal)),
            path: surroundings.path,
            ways_out: surroundings.ways_out,
            shared_bridges: surroundings.shared_bridges,
            main_routes: surroundings.main_routes,
            ipv6: surroundings.ipv6,
        })
    }

    /// Applies a plan, or goes back to what was there before.
    pub(super) async fn apply(
        &mut self,
        session: Session,
    ) -> Result<Vec<HealthItem>, NetworkError> {
        // Whatever becomes of the rest, the one before is gone, and this one may go too.
        if let Some(known) = self.sessions.get_mut(&session.tunnel.slot) {
            known.tunnel = session.tunnel.clone();
        }
        let before = self.before(&session.tunnel).await?;
        let outcome = self.establish(session).await;
        if outcome.is_err()
            && let Err(error) = self.roll_back(before).await
        {
            tracing::error!("the last network settings could not be restored: {error}");
        }
        outcome
    }

    /// Sets or lifts the machine's lockdown.
    pub(super) async fn lock_down(
        &mut self,
        lockdown: Option<Lockdown>,
    ) -> Result<Vec<HealthItem>, NetworkError> {
        let outside = match lockdown {
            Some(lockdown) => Some(outside(lockdown.allow_local_networks, &self.state().await?)),
            None => None,
        };
        self.set_policy(|policy| policy.lockdown = outside).await
    }

    /// Takes everything of a session back, as far as that is possible.
    pub(super) async fn take_back(&mut self, slot: Slot) -> Result<(), NetworkError> {
        self.fights.forget(slot);
        let nowhere = Tunnel { slot, interface: String::new(), index: 0 };
        let tunnel = self.sessions.remove(&slot).map_or(nowhere, |session| session.tunnel);
        self.remove_all(&tunnel).await
    }

    pub(super) async fn recover(
        &mut self,
        keep: &BTreeSet<Slot>,
    ) -> Result<Recovered, NetworkError> {
        let (rules, routes) = (self.netlink.rules().await?, self.netlink.routes().await?);
        let before = self.journal.entries().clone();
        let mut outcome = Ok(());
        let mut dns = false;
        for slot in self.slots_in_use(&rules, &routes).difference(keep) {
            outcome = outcome.and(self.take_back(*slot).await);
            dns |= before.has_dns(*slot);
        }
        if keep.is_empty() {
            outcome = outcome.and(self.sweep().await);
            let restored = self.dns.recover(&mut self.journal).await;
            dns |= *restored.as_ref().unwrap_or(&false);
            outcome = outcome.and(restored.map(drop));
        }
        outcome?;
        let left = &self.journal.entries().sysctls;
        Ok(Recovered {
            rules: rules.len() - self.netlink.rules().await?.len().min(rules.len()),
            routes: routes.len() - self.netlink.routes().await?.len().min(routes.len()),
            sysctls: before.sysctls.into_keys().filter(|key| !left.contains_key(key)).collect(),
            dns,
            firewall: before.firewall.sessions != self.journal.entries().firewall.sessions,
        })
    }

    /// Brings a plan into force, and then removes what else the session has.
    async fn establish(&mut self, session: Session) -> Result<Vec<HealthItem>, NetworkError> {
        let Session { tunnel, plan } = &session;
        let mut health = plan.health.clone();
        // What is held back is held back before anything leads elsewhere.
        health.extend(self.guard(tunnel.slot, plan.firewall.as_ref()).await?);
        health.extend(self.add(tunnel, plan).await?);
        health.extend(self.dns.set(tunnel, plan.dns.as_ref(), &mut self.journal).await?);
        health.extend(self.names_of_apps(plan));
        let mut in_force = session.clone();
        // What this system refuses is nothing to fight for.
        in_force.plan.sysctls.retain(|sysctl| !sysctl.is_changed());
        self.sessions.insert(tunnel.slot, in_force);
        self.remove_all_but(tunnel, plan).await?;
        Ok(health)
    }

    /// What to go back to. Of a session that was applied by an earlier process of ours only the
    /// kernel knows it.
    async fn before(&self, tunnel: &Tunnel) -> Result<Before, NetworkError> {
        if let Some(session) = self.sessions.get(&tunnel.slot) {
            return Ok(Before::Known(session.clone()));
        }
        let rules = self.netlink.rules().await?.iter().filter_map(FoundRule::rule).collect();
        let routes: BTreeSet<Route> = self
            .netlink
            .routes()
            .await?
            .iter()
            .filter(|found| self.owner(found, tunnel) == Some(tunnel.slot))
            .filter_map(|found| found.route(tunnel))
            .collect();
        let found = self.netlink.addresses(tunnel).await?;
        let addresses = found.iter().filter_map(FoundAddress::net).collect();
        if routes.is_empty() {
            return Ok(Before::Nothing(tunnel.clone()));
        }
        let firewall = self.journal.entries().firewall.sessions.get(&tunnel.slot.number()).cloned();
        let plan = Plan { addresses, rules, routes, firewall, ..Plan::empty() };
        Ok(Before::Seen(tunnel.clone(), plan))
    }

    async fn roll_back(&mut self, before: Before) -> Result<(), NetworkError> {
        match before {
            Before::Known(session) => self.establish(session).await.map(drop),
            Before::Seen(tunnel, plan) => {
                self.sessions.remove(&tunnel.slot);
                self.guard(tunnel.slot, plan.firewall.as_ref()).await?;
                self.add(&tunnel, &plan).await?;
                self.remove_all_but(&tunnel, &plan).await
            }
            Before::Nothing(tunnel) => {
                self.sessions.remove(&tunnel.slot);
                self.remove_all(&tunnel).await
            }
        }
    }

    /// Makes everything of a plan exist. Rules come last and in the order of their evaluation, so
    /// that the loop guard is there before anything leads into the tunnel.
    pub(super) async fn add(
        &mut self,
        tunnel: &Tunnel,
        plan: &Plan,
    ) -> Result<Vec<HealthItem>, NetworkError> {
        let mut health = Vec::new();
        for sysctl in &plan.sysctls {
            health.extend(sysctl.set(&mut self.journal)?);
        }
        if let Some(mtu) = plan.mtu {
            self.netlink.set_link(tunnel, mtu, plan.hardware_address).await?;
        }
        for address in &plan.addresses {
            self.netlink.add_address(tunnel, *address).await?;
        }
        let found = self.netlink.routes().await?;
        let present: BTreeSet<Route> =
            found.iter().filter_map(|found| found.route(tunnel)).collect();
        for route in plan.routes.difference(&present) {
            self.add_route(route, &found, tunnel).await?;
        }
        let found = self.netlink.rules().await?;
        let present: BTreeSet<Rule> = found.iter().filter_map(FoundRule::rule).collect();
        for rule in plan.rules.difference(&present) {
            self.netlink.add_rule(rule).await?;
        }
        Ok(health)
    }

    async fn add_route(
        &self,
        route: &Route,
        found: &[FoundRoute],
        tunnel: &Tunnel,
    ) -> Result<(), NetworkError> {
        if Slot::of_table(route.table).is_some() {
            return self.netlink.replace_route(route).await;
        }
        // In a table with routes of others the kernel might replace one of those.
        let ours = found
            .iter()
            .find(|found| found.route(tunnel).is_some_and(|present| present.same_entry(route)));
        if let Some(ours) = ours {
            self.netlink.delete_route(ours.clone()).await?;
        }
        self.netlink.add_route(route).await
    }

    async fn remove_all(&mut self, tunnel: &Tunnel) -> Result<(), NetworkError> {
        let dns = self.dns.clear(tunnel.slot, &mut self.journal).await;
        let rest = self.remove_all_but(tunnel, &Plan::empty()).await;
        let firewall = self.guard(tunnel.slot, None).await.map(drop);
        dns.and(rest).and(firewall)
    }

    /// Sets what one session asks of the firewall, beside what all others and the machine ask.
    async fn guard(
        &mut self,
        slot: Slot,
        guard: Option<&Guard>,
    ) -> Result<Vec<HealthItem>, NetworkError> {
        self.set_policy(|policy| {
            match guard {
                Some(guard) => policy.sessions.insert(slot.number(), guard.clone()),
                None => policy.sessions.remove(&slot.number()),
            };
        })
        .await
    }

    /// The kernel comes first: the journal, which tells the next process what belongs to whom, may be
    /// on a disk that is full, and that must neither open nor close anything.
    pub(super) async fn set_policy(
        &mut self,
        change: impl FnOnce(&mut Policy),
    ) -> Result<Vec<HealthItem>, NetworkError> {
        let mut policy = self.journal.entries().firewall.clone();
        // Without news it is held back where it was.
        if let Ok(state) = self.state().await {
            policy.ways_out = state.ways_out;
        }
        change(&mut policy);
        let health = self.firewall.establish(&policy)?;
        self.journal.update(|entries| entries.firewall = policy)?;
        Ok(health)
    }

    /// Removes what a session has beyond `plan`. The loop guard is the last rule to go.
    async fn remove_all_but(&mut self, tunnel: &Tunnel, plan: &Plan) -> Result<(), NetworkError> {
        let (rules, routes) = (self.netlink.rules().await?, self.netlink.routes().await?);
        let slots = self.slots_in_use(&rules, &routes);
        let others = self.sessions.iter().filter(|(slot, _)| **slot != tunnel.slot);
        let wanted = Wanted {
            tunnel,
            plan,
            others: others.map(|(_, session)| &session.plan).collect(),
            has_strangers: slots
                .iter()
                .any(|slot| *slot != tunnel.slot && !self.sessions.contains_key(slot)),
        };

        let mut outcome = Ok(());
        let mut stale: Vec<(Rule, FoundRule)> = rules
            .into_iter()
            .filter_map(|found| Some((found.rule()?, found)))
            .filter(|(rule, _)| wanted.is_stale_rule(rule))
            .collect();
        stale.sort_by(|(one, _), (other, _)| other.cmp(one));
        for (_, found) in stale {
            outcome = outcome.and(self.netlink.delete_rule(found).await);
        }
        for found in routes {
            let owner = self.owner(&found, tunnel);
            if wanted.is_stale_route(owner, found.route(tunnel).as_ref()) {
                outcome = outcome.and(self.netlink.delete_route(found).await);
            }
        }
        for found in self.netlink.addresses(tunnel).await? {
            if found.net().is_some_and(|net| !plan.addresses.contains(&net)) {
                outcome = outcome.and(self.netlink.delete_address(found).await);
            }
        }
        let sysctls = self.journal.entries().sysctls.keys();
        let stale: Vec<String> =
            sysctls.filter(|key| wanted.is_stale_sysctl(key)).cloned().collect();
        for key in stale {
            outcome = outcome.and(sysctl::restore(&key, &mut self.journal));
        }
        outcome
    }

    /// Removes all that is ours, whosever it was.
    async fn sweep(&mut self) -> Result<(), NetworkError> {
        let mut outcome = Ok(());
        for found in self.netlink.rules().await?.into_iter().rev() {
            outcome = outcome.and(self.netlink.delete_rule(found).await);
        }
        for found in self.netlink.routes().await? {
            outcome = outcome.and(self.netlink.delete_route(found).await);
        }
        let keys: Vec<String> = self.journal.entries().sysctls.keys().cloned().collect();
        for key in keys {
            outcome = outcome.and(sysctl::restore(&key, &mut self.journal));
        }
        let opened = self.set_policy(|policy| policy.sessions.clear()).await;
        outcome.and(opened.map(drop))
    }

    /// The slots that the kernel or the journal know of.
    fn slots_in_use(&self, rules: &[FoundRule], routes: &[FoundRoute]) -> BTreeSet<Slot> {
        let rules = rules.iter().filter_map(|found| slot_of(&found.rule()?));
        let routes = routes.iter().filter_map(|found| Slot::of_table(found.table()));
        let entries = self.journal.entries();
        let guarded = entries.firewall.sessions.keys().filter_map(|number| Slot::new(*number));
        rules.chain(routes).chain(entries.slots()).chain(guarded).collect()
    }

    /// Whose route it is: known by its table, or by the interface it leads into. One that leads
    /// nowhere, in a table that is not ours, may be anybody's.
    fn owner(&self, found: &FoundRoute, tunnel: &Tunnel) -> Option<Slot> {
        let known = self.sessions.values().map(|session| &session.tunnel).chain([tunnel]);
        let by_interface =
            || known.into_iter().find(|known| found.output() == Some(known.index)).map(|t| t.slot);
        Slot::of_table(found.table()).or_else(by_interface)
    }
}

/// What to go back to when a plan cannot be applied.
enum Before {
    /// A session of this process.
    Known(Session),
    /// What the kernel has of a session of an earlier process.
    Seen(Tunnel, Plan),
    /// Nothing.
    Nothing(Tunnel),
}
