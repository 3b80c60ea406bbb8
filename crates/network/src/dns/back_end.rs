//! Telling the system which servers answer which names, in whatever way this system has.

#[cfg(test)]
mod tests;

use std::{fs, io, net::IpAddr, path::Path};

use adit_model::{DnsProtocol, HealthItem, Severity};

use super::{
    DnsPlan,
    resolv_conf::{ResolvConf, Restored},
    resolved::Resolved,
};
use crate::{
    Slot, Tunnel,
    error::NetworkError,
    health,
    journal::{Journal, Layer, ResolvConfChange},
    network::Bus,
};

/// The system's name resolution.
///
/// Of the back ends, systemd-resolved comes first: there each interface has its own servers, which
/// vanish with the interface. The file is the last resort. Between the two there is room for
/// NetworkManager and resolvconf.
#[derive(Debug)]
pub(crate) struct Dns {
    bus: Bus,
    resolv_conf: ResolvConf,
}

/// Name resolution could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    /// There is no way to do it here.
    #[error("{0}")]
    Unsupported(String),
    /// `/etc/resolv.conf`.
    #[error("{path} cannot be changed: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A crash took away both copies of the original.
    #[error(
        "{0} is from a VPN that is gone, and what it was before is lost; \
         reconnect to your network to have it written again"
    )]
    OriginalLost(String),
    /// systemd-resolved.
    #[error("systemd-resolved refused {call}: {source}")]
    Resolved {
        /// Its method.
        call: &'static str,
        /// Why.
        source: zbus::Error,
    },
}

impl Dns {
    pub(crate) fn new(bus: Bus, resolv_conf: &Path) -> Self {
        Self { bus, resolv_conf: ResolvConf::new(resolv_conf) }
    }

    /// Makes a session's name resolution as planned, and forgets cached answers.
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
        match self.resolved().await {
            Some(resolved) => {
                self.set_link(&resolved, tunnel, plan, journal).await?;
                self.set_layer(tunnel.slot, None, journal)?;
                resolved.flush_caches().await?;
                Ok(unverified(plan).into_iter().collect())
            }
            None => self.set_file(tunnel.slot, plan, journal),
        }
    }

    /// Takes a session's name resolution back, and forgets cached answers.
    pub(crate) async fn clear(
        &self,
        slot: Slot,
        journal: &mut Journal,
    ) -> Result<(), NetworkError> {
        self.set_layer(slot, None, journal)?;
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

    /// Gives `/etc/resolv.conf` back when a crash left it without a session or a journal. Returns
    /// whether there was something to give back.
    pub(crate) fn recover_file(&self, journal: &mut Journal) -> Result<bool, NetworkError> {
        let restored = match &journal.entries().resolv_conf {
            Some(change) => {
                let restored = self.resolv_conf.restore(&change.original);
                restored.map_err(|source| self.file_error(source))? == Restored::AsBefore
            }
            None if self.resolv_conf.is_ours() => {
                let restored = self.resolv_conf.restore_backup();
                if !restored.map_err(|source| self.file_error(source))? {
                    let path = self.resolv_conf.path().display().to_string();
                    return Err(DnsError::OriginalLost(path).into());
                }
                true
            }
            None => false,
        };
        journal.update(|entries| entries.resolv_conf = None)?;
        Ok(restored)
    }

    /// The servers of the network below the tunnels, whose interface is `link` (DNS-23).
    pub(crate) async fn underlying(&self, link: Option<u32>, journal: &Journal) -> Vec<IpAddr> {
        // Its own files have the tunnels' servers too, so what it says is final.
        if let Some(resolved) = self.resolved().await
            && let Ok(servers) = resolved.servers(link).await
        {
            return servers;
        }
        let original = journal.entries().resolv_conf.as_ref().map(|change| &change.original);
        self.resolv_conf.underlying_servers(original)
    }

    /// systemd-resolved, if the programs of this system ask it.
    async fn resolved(&self) -> Option<Resolved> {
        if !asks_resolved(self.resolv_conf.path()) {
            return None;
        }
        Resolved::connect(&self.bus).await
    }

    async fn set_link(
        &self,
        resolved: &Resolved,
        tunnel: &Tunnel,
        plan: &DnsPlan,
        journal: &mut Journal,
    ) -> Result<(), NetworkError> {
        let slot = tunnel.slot.number();
        // Only at first: on a link that is in use it would leave a moment without any servers.
        if journal.entries().resolved_links.get(&slot) != Some(&tunnel.index) {
            journal.update(|entries| {
                entries.resolved_links.insert(slot, tunnel.index);
            })?;
            resolved.revert(tunnel.index).await?;
        }
        Ok(resolved.set(tunnel.index, plan).await?)
    }

    fn set_file(
        &self,
        slot: Slot,
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
        let content = plan.default_route.then(|| self.resolv_conf.content(plan));
        self.set_layer(slot, content, journal)?;
        let is_lost = !plan.default_route && !plan.domains.is_empty();
        Ok(is_lost.then(|| split_unavailable(plan)).into_iter().collect())
    }

    /// Sets what a session wants `/etc/resolv.conf` to be, and writes what the last session wants.
    fn set_layer(
        &self,
        slot: Slot,
        content: Option<String>,
        journal: &mut Journal,
    ) -> Result<(), NetworkError> {
        let failed = |source| self.file_error(source);
        let slot = slot.number();
        let change = journal.entries().resolv_conf.clone();
        let mut layers = change.as_ref().map(|change| change.layers.clone()).unwrap_or_default();
        match (layers.iter().position(|layer| layer.slot == slot), content) {
            (None, None) => return Ok(()),
            (None, Some(content)) => layers.push(Layer { slot, content }),
            (Some(place), Some(content)) => layers[place].content = content,
            (Some(place), None) => drop(layers.remove(place)),
        }
        let Some(top) = layers.last().map(|layer| layer.content.clone()) else {
            let original = change.map(|change| change.original);
            if let Some(original) = original {
                self.resolv_conf.restore(&original).map_err(failed)?;
            }
            return journal.update(|entries| entries.resolv_conf = None);
        };
        let is_ours = self.resolv_conf.is_ours();
        let original = match change {
            Some(change) if is_ours => change.original,
            // Nobody else's, or what somebody else has written over ours.
            _ => self.resolv_conf.original().map_err(failed)?,
        };
        journal
            .update(|entries| entries.resolv_conf = Some(ResolvConfChange { original, layers }))?;
        if !is_ours {
            self.resolv_conf.back_up();
        }
        self.resolv_conf.write(&top).map_err(failed).map_err(NetworkError::from)
    }

    fn file_error(&self, source: io::Error) -> DnsError {
        DnsError::File { path: self.resolv_conf.path().display().to_string(), source }
    }
}

/// Whether programs ask systemd-resolved: the file is one of its own or names its stub, or the C
/// library asks it directly, nsswitch.conf(5).
fn asks_resolved(resolv_conf: &Path) -> bool {
    const FILES: [&str; 3] = [
        "systemd/resolve/stub-resolv.conf",
        "systemd/resolve/resolv.conf",
        "lib/systemd/resolv.conf",
    ];
    let leads_to = |file: &&str| fs::read_link(resolv_conf).is_ok_and(|link| link.ends_with(file));
    let content = fs::read_to_string(resolv_conf).unwrap_or_default();
    let names_stub = content.lines().any(|line| {
        let mut words = line.split_whitespace();
        words.next() == Some("nameserver") && words.next() == Some("127.0.0.53")
    });
    let switch = fs::read_to_string(resolv_conf.with_file_name("nsswitch.conf"));
    let is_asked_directly = switch.unwrap_or_default().lines().any(|line| {
        line.strip_prefix("hosts:")
            .is_some_and(|sources| sources.split_whitespace().any(|source| source == "resolve"))
    });
    FILES.iter().any(leads_to) || names_stub || is_asked_directly
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
