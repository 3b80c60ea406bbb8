//! Telling the system which servers answer which names, in whatever way this system has.

#[cfg(test)]
mod tests;

use std::{fs, io, net::IpAddr, path::Path, time::Duration};

use adit_model::{DnsProtocol, HealthItem, Resolver, Severity};
use tokio::time::{Instant, sleep};

use super::{
    DnsError, DnsPlan, GlobalDns, ServerList,
    back_end::{BackEnd, Facts, Keeper, detect, facts_of_files},
    lookup::{Evidence, Lookup, lookups},
    network_manager::NetworkManager,
    resolv_conf::{ResolvConf, Restored},
    resolvconf_program::SEARCH_PATH,
    resolved::Resolved,
};
use crate::{
    Slot, Tunnel,
    error::NetworkError,
    health,
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
pub struct RepairedDns {
    /// Whose.
    pub slot: Slot,
    /// Who had to be told again.
    pub resolver: Resolver,
}

/// How long NetworkManager may take to write a file.
const WRITE_TIMEOUT: Duration = Duration::from_secs(3);
const WRITE_INTERVAL: Duration = Duration::from_millis(20);

impl Dns {
    pub(crate) fn new(bus: Bus, resolv_conf: &Path) -> Self {
        Self { bus, resolv_conf: ResolvConf::new(resolv_conf) }
    }

    /// Makes a session's name resolution as planned, and forgets cached answers.
    ///
    /// A system that does not let itself be changed is no reason to have no tunnel: then a health
    /// item says so, and [`repair`](Self::repair) tries again. What can never work is an error.
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
                health.extend((is_split && plan.default_route).then(asked_elsewhere));
                Ok(health)
            }
            Err(NetworkError::Dns(error)) if !matches!(error, DnsError::Unsupported(_)) => {
                tracing::warn!("the tunnel's DNS servers are not used: {error}");
                Ok(vec![not_applied(&error)])
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

    /// The servers of the network below the tunnels, whose interface is `link` (DNS-23).
    pub(crate) async fn underlying(&self, link: Option<u32>, journal: &Journal) -> Vec<IpAddr> {
        // Its own files have the tunnels' servers too, so what it says is final.
        if self.back_end().await == BackEnd::Resolved
            && let Some(resolved) = Resolved::connect(&self.bus).await
            && let Ok(servers) = resolved.servers(link).await
        {
            return servers;
        }
        match &journal.entries().one_list {
            Some(OneListChange::NetworkManager(_)) => {
                match NetworkManager::connect(&self.bus).await {
                    Some(manager) => manager.servers().await,
                    None => Vec::new(),
                }
            }
            Some(OneListChange::Resolvconf(program)) => program.servers().await.unwrap_or_default(),
            Some(OneListChange::File(original)) => {
                self.resolv_conf.underlying_servers(Some(original))
            }
            None => self.resolv_conf.underlying_servers(None),
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
            BackEnd::Resolved => self.set_link(tunnel, plan, journal).await,
            BackEnd::OneList(keeper) => self.set_list(keeper, tunnel, plan, journal).await,
        }
    }

    async fn set_link(
        &self,
        tunnel: &Tunnel,
        plan: &DnsPlan,
        journal: &mut Journal,
    ) -> Result<Vec<HealthItem>, NetworkError> {
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
        resolved.flush_caches().await?;
        Ok(unverified(plan).into_iter().collect())
    }

    async fn set_list(
        &self,
        keeper: &Keeper,
        tunnel: &Tunnel,
        plan: &DnsPlan,
        journal: &mut Journal,
    ) -> Result<Vec<HealthItem>, NetworkError> {
        if plan.protocol != DnsProtocol::Cleartext {
            return Err(DnsError::Unsupported(
                "encrypted DNS needs systemd-resolved, which this system does not use; \
                 start it or use plain DNS"
                    .into(),
            )
            .into());
        }
        let slot = tunnel.slot.number();
        let Some(list) = ServerList::of(plan, &tunnel.interface) else {
            self.forget_list(tunnel.slot, journal).await?;
            let is_lost = !plan.domains.is_empty();
            return Ok(is_lost.then(|| split_unavailable(plan)).into_iter().collect());
        };
        journal.update(|entries| {
            let wishes = &mut entries.server_lists;
            match wishes.iter_mut().find(|wish| wish.slot == slot) {
                Some(wish) => wish.list = list,
                None => wishes.push(Wish { slot, list }),
            }
        })?;
        self.write_last(keeper, journal).await?;
        Ok((!keeper.is_exclusive()).then(second_in_line).into_iter().collect())
    }

    /// Drops what a session wants of the one list. The last of the others has it then; without any,
    /// it is given back.
    async fn forget_list(&self, slot: Slot, journal: &mut Journal) -> Result<(), NetworkError> {
        let slot = slot.number();
        if !journal.entries().server_lists.iter().any(|wish| wish.slot == slot) {
            return Ok(());
        }
        // A journal that cannot be written does not keep the list from being given back.
        let written =
            journal.update(|entries| entries.server_lists.retain(|wish| wish.slot != slot));
        let others = journal.entries().server_lists.iter().any(|wish| wish.slot != slot);
        let done = match self.back_end().await {
            BackEnd::OneList(keeper) if others => self.write_last(&keeper, journal).await,
            BackEnd::OneList(_) | BackEnd::Resolved => self.give_back(journal).await.map(drop),
        };
        written.and(done)
    }

    /// Writes the list that the last session wants.
    async fn write_last(&self, keeper: &Keeper, journal: &mut Journal) -> Result<(), NetworkError> {
        let Some(list) = journal.entries().server_lists.last().map(|wish| wish.list.clone()) else {
            return Ok(());
        };
        let elsewhere = journal.entries().one_list.as_ref().is_some_and(|it| !keeper.is_in(it));
        if elsewhere {
            self.give_back(journal).await?;
        }
        match keeper {
            Keeper::NetworkManager => self.write_network_manager(&list, journal).await,
            Keeper::Resolvconf(program) => {
                let change = OneListChange::Resolvconf(program.clone());
                journal.update(|entries| entries.one_list = Some(change))?;
                program.add(&list).await?;
                if !program.has_made(&self.resolv_conf.read(), &list) {
                    program.update().await?;
                }
                Ok(())
            }
            Keeper::File => self.write_file(&list, journal),
        }
    }

    async fn write_network_manager(
        &self,
        list: &ServerList,
        journal: &mut Journal,
    ) -> Result<(), NetworkError> {
        let manager = NetworkManager::connect(&self.bus).await;
        let manager = manager.ok_or(DnsError::Ended("NetworkManager"))?;
        let present = manager.global_dns().await?;
        if !present.is_ours() {
            let change = OneListChange::NetworkManager(present);
            journal.update(|entries| entries.one_list = Some(change))?;
        }
        manager.set_global_dns(&GlobalDns::of(list)).await?;
        // It answers before it has written the file.
        let end = Instant::now() + WRITE_TIMEOUT;
        while !list.answers_all_of(&self.resolv_conf.read()) {
            if Instant::now() > end {
                return Err(DnsError::NotWritten("NetworkManager").into());
            }
            sleep(WRITE_INTERVAL).await;
        }
        Ok(())
    }

    fn write_file(&self, list: &ServerList, journal: &mut Journal) -> Result<(), NetworkError> {
        let failed = |source| self.file_error(source);
        let is_ours = self.resolv_conf.is_ours();
        let original = match &journal.entries().one_list {
            Some(OneListChange::File(original)) if is_ours => original.clone(),
            // Nobody else's, or what somebody else has written over ours.
            _ => self.resolv_conf.original().map_err(failed)?,
        };
        journal.update(|entries| entries.one_list = Some(OneListChange::File(original)))?;
        if !is_ours {
            self.resolv_conf.back_up();
        }
        Ok(self.resolv_conf.write(list).map_err(failed)?)
    }

    /// Gives the one list back, wherever ours was written: the journal says where, a header or a
    /// mark says so without it. Returns whether there was something to give back.
    async fn give_back(&self, journal: &mut Journal) -> Result<bool, NetworkError> {
        let failed = |source| self.file_error(source);
        let mut given_back = false;
        match &journal.entries().one_list {
            Some(OneListChange::File(original)) => {
                let restored = self.resolv_conf.restore(original).map_err(failed)?;
                given_back = restored == Restored::AsBefore;
            }
            Some(OneListChange::Resolvconf(program)) => {
                program.delete().await?;
                given_back = true;
            }
            Some(OneListChange::NetworkManager(_)) | None => {}
        }
        if self.resolv_conf.is_ours() {
            if !self.resolv_conf.restore_backup().map_err(failed)? {
                let path = self.resolv_conf.path().display().to_string();
                return Err(DnsError::OriginalLost(path).into());
            }
            given_back = true;
        }
        // What it was told outlives itself and the boot.
        if let Some(manager) = NetworkManager::connect(&self.bus).await {
            if manager.global_dns().await?.is_ours() {
                let before = match &journal.entries().one_list {
                    Some(OneListChange::NetworkManager(before)) => before.clone(),
                    _ => GlobalDns::default(),
                };
                manager.set_global_dns(&before).await?;
                given_back = true;
            }
        } else if matches!(&journal.entries().one_list, Some(OneListChange::NetworkManager(_))) {
            // It is told when it is back.
            return Ok(given_back);
        }
        journal.update(|entries| entries.one_list = None)?;
        Ok(given_back)
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

    async fn has(&self, keeper: &Keeper, list: &ServerList) -> bool {
        match keeper {
            Keeper::NetworkManager => {
                let Some(manager) = NetworkManager::connect(&self.bus).await else { return false };
                manager.global_dns().await.is_ok_and(|global| global == GlobalDns::of(list))
                    && list.answers_all_of(&self.resolv_conf.read())
            }
            Keeper::Resolvconf(program) => program.has_made(&self.resolv_conf.read(), list),
            Keeper::File => self.resolv_conf.has(list),
        }
    }

    fn file_error(&self, source: io::Error) -> DnsError {
        DnsError::of_file(self.resolv_conf.path(), source)
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

impl Keeper {
    /// Whether the network's servers are never asked while a tunnel's are there.
    fn is_exclusive(&self) -> bool {
        match self {
            Self::NetworkManager | Self::File => true,
            Self::Resolvconf(program) => program.is_exclusive(),
        }
    }

    fn is_in(&self, change: &OneListChange) -> bool {
        match (self, change) {
            (Self::NetworkManager, OneListChange::NetworkManager(_))
            | (Self::File, OneListChange::File(_)) => true,
            (Self::Resolvconf(program), OneListChange::Resolvconf(told)) => program == told,
            (Self::NetworkManager | Self::Resolvconf(_) | Self::File, _) => false,
        }
    }
}

fn not_applied(error: &DnsError) -> HealthItem {
    health::item(
        "dns.not-applied",
        Severity::Problem,
        "The VPN's DNS servers are not used",
        format!("Names are looked up as without the VPN: {error}."),
        "Once that is mended, Adit uses them; at the latest when you connect again.",
    )
}

/// systemd-resolved answers the C library, but `/etc/resolv.conf` names other servers.
fn asked_elsewhere() -> HealthItem {
    health::item(
        "dns.asked-elsewhere",
        Severity::Warning,
        "Some programs do not ask the VPN's DNS servers",
        "Those that read /etc/resolv.conf themselves ask the servers in it, which are neither the \
         VPN's nor systemd-resolved.",
        "Make /etc/resolv.conf a link to /run/systemd/resolve/stub-resolv.conf, or let the VPN's \
         routes be enforced.",
    )
}

fn second_in_line() -> HealthItem {
    health::item(
        "dns.second-in-line",
        Severity::Notice,
        "The network's DNS servers are second in line",
        "This system's resolvconf keeps them behind the VPN's. A name that the VPN's servers do not \
         answer in time is looked up outside the VPN.",
        "Install openresolv or systemd-resolved in its place, or let the VPN's routes be enforced.",
    )
}

fn split_unavailable(plan: &DnsPlan) -> HealthItem {
    let domains: Vec<&str> = plan.domains.iter().map(|domain| domain.name.as_str()).collect();
    health::item(
        "dns.split-unavailable",
        Severity::Warning,
        "The VPN's names are not resolved by the VPN",
        format!(
            "This system has a single list of DNS servers, so {} cannot be sent to the VPN's.",
            domains.join(", ")
        ),
        "Use systemd-resolved, or let the VPN answer all names.",
    )
}

/// Until systemd pull request 41818 of April 2026, only the global setting verified certificates.
fn unverified(plan: &DnsPlan) -> Option<HealthItem> {
    (plan.protocol != DnsProtocol::Cleartext).then(|| {
        health::item(
            "dns.tls-unverified",
            Severity::Warning,
            "The DNS server may not be who it says",
            "DNS is encrypted, but most versions of systemd-resolved do not check the server's \
             certificate.",
            "Do not rely on it against an attacker on the way; inside the tunnel it does no harm.",
        )
    })
}
