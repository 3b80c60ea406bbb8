//! Telling the system which servers answer which names, in whatever way this system has.

mod health;
mod one_list;
#[cfg(test)]
mod tests;

use std::{fs, path::Path};

use adit_model::{HealthItem, Resolver};

use super::{
    DnsError, DnsPlan, ServerList, UnderlyingDns,
    back_end::{BackEnd, Facts, Keeper, detect, facts_of_files},
    lookup::{Evidence, Lookup, lookups},
    network_manager::NetworkManager,
    resolv_conf::ResolvConf,
    resolvconf_program::SEARCH_PATH,
    resolved::Resolved,
};
use crate::{
    Slot, Tunnel,
    error::NetworkError,
    journal::{Journal, OneListChange, Wish},
    network::Bus,
};

/// The system's name resolution.
///
/// With systemd-resolved each interface has its own servers, which vanish with the interface. All
/// other systems have one list for all names, which the last session that wants all names has.
#[derive(Debug)]
pub(crate) struct Dns {
    bus: Bus,
    resolv_conf: ResolvConf,
}

/// Name resolution of a session that others had changed, and that is as planned again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RepairedDns {
    /// Whose.
    pub(crate) slot: Slot,
    /// Who had to be told again.
    pub(crate) resolver: Resolver,
}

impl Dns {
    pub(crate) fn new(bus: Bus, resolv_conf: &Path) -> Self {
        Self { bus, resolv_conf: ResolvConf::new(resolv_conf) }
    }

    /// Makes a session's name resolution as planned, and forgets cached answers.
    ///
    /// A system that does not let itself be changed is no reason to have no tunnel: then a health
    /// item says so, and [`repair`](Self::repair) tries again.
    pub(crate) async fn set(
        &self,
        tunnel: &Tunnel,
        plan: Option<&DnsPlan>,
        journal: &mut Journal,
    ) -> Result<Vec<HealthItem>, NetworkError> {
        let Some(plan) = plan else {
            self.clear(tunnel.slot, journal).await?;
            return Ok(Vec::new());
        };
        let facts = self.facts().await;
        let back_end = detect(&facts);
        match self.tell(&back_end, tunnel, plan, journal).await {
            Ok(mut health) => {
                let is_split = back_end == BackEnd::Resolved && !facts.leads_to_resolved();
                health.extend((is_split && plan.default_route).then(health::asked_elsewhere));
                Ok(health)
            }
            Err(NetworkError::Dns(error)) => {
                tracing::warn!("the tunnel's DNS servers are not used: {error}");
                Ok(vec![health::not_applied(&error)])
            }
            Err(error) => Err(error),
        }
    }

    /// Takes a session's name resolution back, and forgets cached answers.
    pub(crate) async fn clear(
        &self,
        slot: Slot,
        journal: &mut Journal,
    ) -> Result<(), NetworkError> {
        self.forget_list(slot, journal).await?;
        // Whether or not it is in charge: it may have cached what the tunnel's servers said.
        let resolved = Resolved::connect(&self.bus).await;
        if let Some(resolved) = &resolved {
            if let Some(link) = journal.entries().resolved_links.get(&slot.number()) {
                resolved.forget(*link).await?;
            }
            resolved.flush_caches().await?;
        }
        journal.update(|entries| {
            entries.resolved_links.remove(&slot.number());
        })
    }

    /// Whether nobody has made the system forget what it was told for a session.
    pub(crate) async fn is_as_planned(
        &self,
        tunnel: &Tunnel,
        plan: &DnsPlan,
        journal: &Journal,
    ) -> bool {
        self.is_in_force(&self.back_end().await, tunnel, plan, journal).await
    }

    /// Whether a service that was told of servers is not running.
    pub(crate) async fn is_service_away(&self, journal: &Journal) -> bool {
        let entries = journal.entries();
        if !entries.resolved_links.is_empty() {
            return Resolved::connect(&self.bus).await.is_none();
        }
        matches!(entries.one_list, Some(OneListChange::NetworkManager(_)))
            && NetworkManager::connect(&self.bus).await.is_none()
    }

    /// Tells the system again what others have made it forget. Returns what it had to be told, or
    /// why that is not possible. Changes nothing where all is as planned.
    pub(crate) async fn repair<'a>(
        &self,
        sessions: impl Iterator<Item = (&'a Tunnel, &'a DnsPlan)>,
        journal: &mut Journal,
    ) -> Result<Vec<RepairedDns>, NetworkError> {
        let mut repaired = Vec::new();
        for (tunnel, plan) in sessions {
            let back_end = self.back_end().await;
            if self.is_in_force(&back_end, tunnel, plan, journal).await {
                continue;
            }
            self.tell(&back_end, tunnel, plan, journal).await?;
            repaired.push(RepairedDns { slot: tunnel.slot, resolver: back_end.resolver() });
        }
        // Whoever has to forget something may have been away when it was to be told.
        if journal.entries().server_lists.is_empty() {
            self.give_back(journal).await?;
        }
        Ok(repaired)
    }

    /// Gives back what a crash left without a session or a journal. Returns whether there was
    /// something to give back.
    pub(crate) async fn recover(&self, journal: &mut Journal) -> Result<bool, NetworkError> {
        journal.update(|entries| entries.server_lists.clear())?;
        self.give_back(journal).await
    }

    /// What the network below the tunnels says, whose interface is `link` (DNS-23).
    pub(crate) async fn underlying(&self, link: Option<u32>, journal: &Journal) -> UnderlyingDns {
        // Its own files have the tunnels' servers too, so what it says is final.
        if self.back_end().await == BackEnd::Resolved
            && let Some(resolved) = Resolved::connect(&self.bus).await
            && let Ok(underlying) = resolved.underlying(link).await
        {
            return underlying;
        }
        match &journal.entries().one_list {
            Some(OneListChange::NetworkManager(_)) => {
                match NetworkManager::connect(&self.bus).await {
                    Some(manager) => manager.underlying().await,
                    None => UnderlyingDns::default(),
                }
            }
            Some(OneListChange::Resolvconf(program)) => {
                program.underlying().await.unwrap_or_default()
            }
            Some(OneListChange::File(original)) => self.resolv_conf.underlying(Some(original)),
            None => self.resolv_conf.underlying(None),
        }
    }

    /// Who answers a name, found out from what the system says at this moment.
    pub(crate) async fn lookups(
        &self,
        name: &str,
    ) -> Result<(Resolver, Vec<Lookup>), NetworkError> {
        let facts = self.facts().await;
        let back_end = detect(&facts);
        let scopes = match (&back_end, Resolved::connect(&self.bus).await) {
            (BackEnd::Resolved, Some(resolved)) => Some(resolved.scopes().await?),
            (BackEnd::Resolved, None) => return Err(DnsError::Ended("systemd-resolved").into()),
            (BackEnd::OneList(_), _) => None,
        };
        let evidence = Evidence {
            hosts: fs::read_to_string(self.resolv_conf.path().with_file_name("hosts"))
                .unwrap_or_default(),
            is_asked_directly: facts.is_resolved_asked_directly(),
            resolv_conf: facts.content.unwrap_or_default(),
            scopes,
        };
        Ok((back_end.resolver(), lookups(name, &evidence)))
    }

    /// Whether the C library asks systemd-resolved past `/etc/resolv.conf`.
    pub(crate) fn is_resolved_asked_directly(&self) -> bool {
        facts_of_files(self.resolv_conf.path(), &[]).is_resolved_asked_directly()
    }

    /// Whether each interface can have the servers of some names only.
    pub(crate) async fn can_split(&self) -> bool {
        self.back_end().await == BackEnd::Resolved
    }

    async fn back_end(&self) -> BackEnd {
        detect(&self.facts().await)
    }

    async fn facts(&self) -> Facts {
        let search_path = SEARCH_PATH.map(Path::new);
        let facts = facts_of_files(self.resolv_conf.path(), &search_path);
        let network_manager = match NetworkManager::connect(&self.bus).await {
            Some(manager) => manager.management().await,
            None => None,
        };
        let resolved = Resolved::connect(&self.bus).await.is_some();
        Facts { resolved, network_manager, ..facts }
    }

    async fn tell(
        &self,
        back_end: &BackEnd,
        tunnel: &Tunnel,
        plan: &DnsPlan,
        journal: &mut Journal,
    ) -> Result<Vec<HealthItem>, NetworkError> {
        match back_end {
            BackEnd::Resolved => {
                self.set_link(tunnel, plan, journal).await?;
                Ok(Vec::new())
            }
            BackEnd::OneList(keeper) => self.set_list(keeper, tunnel, plan, journal).await,
        }
    }

    async fn set_link(
        &self,
        tunnel: &Tunnel,
        plan: &DnsPlan,
        journal: &mut Journal,
    ) -> Result<(), NetworkError> {
        let resolved = Resolved::connect(&self.bus).await;
        let resolved = resolved.ok_or(DnsError::Ended("systemd-resolved"))?;
        let slot = tunnel.slot.number();
        // Only at first: on a link that is in use it would leave a moment without any servers.
        if journal.entries().resolved_links.get(&slot) != Some(&tunnel.index) {
            journal.update(|entries| {
                entries.resolved_links.insert(slot, tunnel.index);
            })?;
            resolved.revert(tunnel.index).await?;
        }
        resolved.set(tunnel.index, plan).await?;
        self.forget_list(tunnel.slot, journal).await?;
        Ok(resolved.flush_caches().await?)
    }

    async fn set_list(
        &self,
        keeper: &Keeper,
        tunnel: &Tunnel,
        plan: &DnsPlan,
        journal: &mut Journal,
    ) -> Result<Vec<HealthItem>, NetworkError> {
        let slot = tunnel.slot.number();
        let Some(list) = ServerList::of(plan, &tunnel.interface) else {
            self.forget_list(tunnel.slot, journal).await?;
            let is_lost = !plan.domains.is_empty();
            return Ok(is_lost.then(|| health::split_unavailable(plan)).into_iter().collect());
        };
        journal.update(|entries| {
            let wishes = &mut entries.server_lists;
            match wishes.iter_mut().find(|wish| wish.slot == slot) {
                Some(wish) => wish.list = list,
                None => wishes.push(Wish { slot, list }),
            }
        })?;
        self.write_last(keeper, journal).await?;
        Ok((!keeper.is_exclusive()).then(health::second_in_line).into_iter().collect())
    }

    async fn is_in_force(
        &self,
        back_end: &BackEnd,
        tunnel: &Tunnel,
        plan: &DnsPlan,
        journal: &Journal,
    ) -> bool {
        let wishes = &journal.entries().server_lists;
        let wish = wishes.iter().find(|wish| wish.slot == tunnel.slot.number());
        match back_end {
            BackEnd::Resolved => match Resolved::connect(&self.bus).await {
                Some(resolved) => wish.is_none() && resolved.has(tunnel.index, plan).await,
                None => false,
            },
            BackEnd::OneList(keeper) => {
                if wish.map(|wish| &wish.list) != ServerList::of(plan, &tunnel.interface).as_ref() {
                    return false;
                }
                let Some(last) = wishes.last() else { return true };
                let written = journal.entries().one_list.as_ref();
                written.is_some_and(|it| keeper.is_in(it)) && self.has(keeper, &last.list).await
            }
        }
    }
}

impl BackEnd {
    fn resolver(&self) -> Resolver {
        match self {
            Self::Resolved => Resolver::Resolved,
            Self::OneList(Keeper::NetworkManager) => Resolver::NetworkManager,
            Self::OneList(Keeper::Resolvconf(_)) => Resolver::Resolvconf,
            Self::OneList(Keeper::File) => Resolver::File,
        }
    }
}
