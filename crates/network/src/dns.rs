//! Which names the tunnel's servers answer, and telling the system so.

mod back_end;
mod error;
mod lookup;
mod network_manager;
mod resolv_conf;
mod resolvconf_program;
mod resolved;
mod server_list;
mod system;
mod underlying;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
};

use adit_model::{DnsProtocol, DnsSettings};

use crate::Slot;

pub use error::DnsError;
pub(crate) use lookup::Lookup;
pub(crate) use network_manager::GlobalDns;
pub(crate) use resolvconf_program::ResolvconfProgram;
pub(crate) use server_list::ServerList;
pub(crate) use system::Dns;
pub(crate) use underlying::UnderlyingDns;

/// Name resolution of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DnsPlan {
    /// Those that programs are told of, in order of preference.
    pub(crate) servers: Vec<IpAddr>,
    /// What stands in the place of the tunnel's servers, where programs cannot ask those themselves.
    pub(crate) stub: Option<StubPlan>,
    /// Domains, without repetition. Their order is that of the search list.
    pub(crate) domains: Vec<Domain>,
    /// Whether these servers answer all names that no other domain claims.
    pub(crate) default_route: bool,
}

/// A DNS server of ours on this computer, which asks others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StubPlan {
    /// Where programs ask.
    pub(crate) address: Ipv4Addr,
    /// Whom it asks, in order of preference. None: who has the name of the protocol (D-24).
    pub(crate) servers: Vec<IpAddr>,
    /// How.
    pub(crate) protocol: DnsProtocol,
    /// Whether the network's own servers may answer when these fail (DNS-14).
    pub(crate) failover: bool,
    /// Whether servers in the clear are asked through the tunnel's interface, whatever the routes say;
    /// those that are encrypted always are.
    pub(crate) inside: bool,
}

/// A domain of the tunnel's servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Domain {
    /// In lower case and without a final dot; `.` is all names.
    pub(crate) name: String,
    /// Whether it only decides which servers answer, or also completes single-label names.
    pub(crate) routing_only: bool,
}

const ROOT: &str = ".";

/// The servers that programs are to ask while these settings are in force. Each slot has a stub of its
/// own.
#[must_use]
pub fn asked_servers(settings: &DnsSettings, slot: Slot) -> Vec<IpAddr> {
    stub(settings, slot).map_or_else(|| settings.servers.clone(), |stub| vec![stub.address.into()])
}

/// Plans name resolution. Spec DNS-2 to DNS-13, D-12, D-13.
///
/// Unlike Apple we honour `search_domains` with a split tunnel too (DNS-4): whoever writes them
/// down expects them to work.
pub(crate) fn plan(settings: &DnsSettings, is_default_route: bool, slot: Slot) -> DnsPlan {
    // The tunnel is the default route: its servers answer everything, and match domains have no
    // meaning (DNS-9, D-12).
    let matched = if is_default_route {
        vec![routing(ROOT)]
    } else {
        settings.match_domains.iter().flatten().map(|name| matched(name, settings)).collect()
    };
    let default_route = matched.iter().any(|domain| domain.name == ROOT);
    let domains = merge(matched.into_iter().chain(searched(settings)));
    let servers = asked_servers(settings, slot);
    DnsPlan { servers, stub: stub(settings, slot), domains, default_route }
}

/// No program speaks to encrypted servers by itself, and most versions of systemd-resolved believe
/// whoever answers. No resolver of a system asks others only when the tunnel's fail.
fn stub(settings: &DnsSettings, slot: Slot) -> Option<StubPlan> {
    let DnsSettings { servers, protocol, allow_failover: failover, .. } = settings;
    let failover = *failover && !(servers.is_empty() && protocol.is_cleartext());
    (failover || !protocol.is_cleartext()).then(|| StubPlan {
        address: stub_address(slot),
        servers: servers.clone(),
        protocol: protocol.clone(),
        failover,
        inside: false,
    })
}

/// What the apps of a per-app tunnel ask, whomever they mean to ask: the tunnel's servers, and nobody
/// else when those fail. None if the tunnel names none.
pub(crate) fn stub_of_apps(settings: &DnsSettings, slot: Slot) -> Option<StubPlan> {
    let DnsSettings { servers, protocol, .. } = settings;
    let has_any = !(servers.is_empty() && protocol.is_cleartext());
    has_any.then(|| StubPlan {
        address: stub_address(slot),
        servers: servers.clone(),
        protocol: protocol.clone(),
        failover: false,
        inside: true,
    })
}

fn stub_address(slot: Slot) -> Ipv4Addr {
    Ipv4Addr::new(127, 173, 64, slot.number() + 1)
}

fn matched(name: &str, settings: &DnsSettings) -> Domain {
    let domain = routing(name);
    // DNS-10: neither the root nor reverse zones complete a name.
    let is_reverse = [".in-addr.arpa", ".ip6.arpa"]
        .iter()
        .any(|zone| domain.name.ends_with(zone) || domain.name == zone[1..]);
    let routing_only = settings.match_domains_no_search || is_reverse || domain.name == ROOT;
    Domain { routing_only, ..domain }
}

fn searched(settings: &DnsSettings) -> impl Iterator<Item = Domain> + '_ {
    let substitute =
        if settings.search_domains.is_empty() { settings.domain_name.as_ref() } else { None };
    let names = settings.search_domains.iter().chain(substitute);
    names.map(|name| Domain { routing_only: false, ..routing(name) })
}

fn routing(name: &str) -> Domain {
    let name = name.trim_end_matches('.').to_lowercase();
    Domain { name: if name.is_empty() { ROOT.into() } else { name }, routing_only: true }
}

/// A domain that comes twice keeps its first place; it completes names if either does.
fn merge(domains: impl Iterator<Item = Domain>) -> Vec<Domain> {
    let mut merged: Vec<Domain> = Vec::new();
    for domain in domains {
        match merged.iter_mut().find(|known| known.name == domain.name) {
            Some(known) => known.routing_only &= domain.routing_only,
            None => merged.push(domain),
        }
    }
    merged
}

impl DnsPlan {
    /// Whom anybody may ask for names at the ports of DNS, if nobody else is to be asked. None if that
    /// cannot be told: where a server is that is found by its name, is known when it is asked.
    pub(crate) fn servers_at_dns_ports(&self) -> Option<Vec<IpAddr>> {
        let Some(stub) = &self.stub else { return Some(self.servers.clone()) };
        match stub.protocol {
            DnsProtocol::Cleartext => Some(stub.servers.clone()),
            DnsProtocol::Tls { .. } => (!stub.servers.is_empty()).then(|| stub.servers.clone()),
            DnsProtocol::Https { .. } => Some(Vec::new()),
        }
    }

    /// The domains that complete single-label names, in order.
    pub(crate) fn search(&self) -> impl Iterator<Item = &str> {
        self.domains.iter().filter(|domain| !domain.routing_only).map(|domain| domain.name.as_str())
    }
}

impl fmt::Display for DnsPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |words: Vec<String>| words.join(" ");
        writeln!(f, "dns servers {}", join(self.servers.iter().map(IpAddr::to_string).collect()))?;
        self.stub.iter().try_for_each(|stub| writeln!(f, "{stub}"))?;
        if !self.domains.is_empty() {
            writeln!(
                f,
                "dns domains {}",
                join(self.domains.iter().map(Domain::to_string).collect())
            )?;
        }
        writeln!(f, "dns default-route {}", if self.default_route { "yes" } else { "no" })
    }
}

impl StubPlan {
    /// What people know the servers by.
    pub(crate) fn asked(&self) -> String {
        match &self.protocol {
            DnsProtocol::Cleartext => {
                let servers: Vec<String> = self.servers.iter().map(IpAddr::to_string).collect();
                servers.join(", ")
            }
            DnsProtocol::Tls { server_name } => server_name.clone(),
            DnsProtocol::Https { server_url } => server_url.clone(),
        }
    }
}

impl fmt::Display for StubPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, servers, protocol, failover, inside: _ } = self;
        write!(f, "dns stub {address} asks")?;
        servers.iter().try_for_each(|server| write!(f, " {server}"))?;
        match protocol {
            DnsProtocol::Cleartext => {}
            DnsProtocol::Tls { server_name } => write!(f, " over TLS as {server_name}")?,
            DnsProtocol::Https { server_url } => write!(f, " over HTTPS at {server_url}")?,
        }
        f.write_str(if *failover { ", else the network's" } else { "" })
    }
}

/// The form of resolved.conf(5): `~` marks a domain that does not complete names.
impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.routing_only { "~" } else { "" }, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Option<&[&str]> = None;

    // spec: DNS-4, DNS-5, DNS-6, DNS-10, DNS-11, DNS-12, DNS-C1, D-12
    #[test]
    fn domains_follow_from_match_search_and_the_default_route() {
        // Full tunnel: all names, whatever the match domains say.
        assert_eq!(full(NONE, false, &[], None), "~. yes");
        assert_eq!(full(Some(&[""]), false, &[], None), "~. yes");
        assert_eq!(full(Some(&["corp.example"]), false, &[], None), "~. yes");
        assert_eq!(full(Some(&["corp.example"]), true, &[], None), "~. yes");
        assert_eq!(
            full(NONE, false, &["a.example", "b.example"], None),
            "~. a.example b.example yes"
        );
        assert_eq!(full(NONE, false, &[], Some("corp.example")), "~. corp.example yes");
        assert_eq!(full(NONE, false, &["a.example"], Some("corp.example")), "~. a.example yes");

        // Split tunnel without match domains: nobody asks these servers by themselves.
        assert_eq!(split(NONE, false, &[], None), "no");
        assert_eq!(split(Some(&[]), false, &[], None), "no");
        assert_eq!(split(NONE, false, &["a.example"], None), "a.example no");
        assert_eq!(split(NONE, false, &[], Some("corp.example")), "corp.example no");

        // Split tunnel with the empty match domain: all names.
        assert_eq!(split(Some(&[""]), false, &[], None), "~. yes");
        assert_eq!(split(Some(&[""]), true, &[], None), "~. yes");
        assert_eq!(split(Some(&["", "corp.example"]), false, &[], None), "~. corp.example yes");

        // Split tunnel with match domains: these names, and search unless told otherwise.
        assert_eq!(
            split(Some(&["b.example", "a.example"]), false, &[], None),
            "b.example a.example no"
        );
        assert_eq!(split(Some(&["b.example"]), true, &[], None), "~b.example no");
        assert_eq!(
            split(Some(&["b.example"]), true, &["a.example"], None),
            "~b.example a.example no"
        );

        // Reverse zones never complete a name.
        assert_eq!(
            split(Some(&["10.in-addr.arpa", "d.f.ip6.arpa"]), false, &[], None),
            "~10.in-addr.arpa ~d.f.ip6.arpa no"
        );

        // One entry for each domain, however it is written.
        assert_eq!(
            split(Some(&["B.example.", "a.example"]), false, &["a.example", "b.example"], None),
            "b.example a.example no"
        );
        assert_eq!(split(Some(&["a.example"]), true, &["A.example"], None), "a.example no");
    }

    // spec: DNS-1
    #[test]
    fn servers_keep_their_order() {
        let servers: Vec<IpAddr> =
            ["fd00::53", "10.0.0.1", "10.0.0.2"].map(|s| s.parse().unwrap()).into();
        let settings = DnsSettings { servers: servers.clone(), ..DnsSettings::default() };
        assert_eq!(plan(&settings, false, slot()).servers, servers);
    }

    // spec: DNS-2, DNS-14, DNS-15, DNS-17
    #[test]
    fn only_plain_servers_are_told_to_programs() {
        let settings = |protocol| DnsSettings {
            servers: vec![[10, 0, 0, 1].into()],
            protocol,
            ..DnsSettings::default()
        };
        let text = |protocol| {
            let text = plan(&settings(protocol), true, slot()).to_string();
            text.lines().take_while(|line| !line.contains("domains")).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(text(DnsProtocol::Cleartext), "dns servers 10.0.0.1");
        assert_eq!(
            text(DnsProtocol::Tls { server_name: "dns.example".into() }),
            "dns servers 127.173.64.1\n\
             dns stub 127.173.64.1 asks 10.0.0.1 over TLS as dns.example"
        );
        let failing = DnsSettings { allow_failover: true, ..settings(DnsProtocol::Cleartext) };
        assert!(plan(&failing, true, slot()).to_string().starts_with(
            "dns servers 127.173.64.1\n\
             dns stub 127.173.64.1 asks 10.0.0.1, else the network's\n"
        ));
        assert_eq!(
            text(DnsProtocol::Https { server_url: "https://dns.example/".into() }),
            "dns servers 127.173.64.1\n\
             dns stub 127.173.64.1 asks 10.0.0.1 over HTTPS at https://dns.example/"
        );
    }

    fn slot() -> Slot {
        Slot::new(0).unwrap()
    }

    fn full(
        matched: Option<&[&str]>,
        no_search: bool,
        search: &[&str],
        name: Option<&str>,
    ) -> String {
        text(true, matched, no_search, search, name)
    }

    fn split(
        matched: Option<&[&str]>,
        no_search: bool,
        search: &[&str],
        name: Option<&str>,
    ) -> String {
        text(false, matched, no_search, search, name)
    }

    /// The domains, then whether the servers answer all other names.
    fn text(
        is_default_route: bool,
        matched: Option<&[&str]>,
        no_search: bool,
        search: &[&str],
        name: Option<&str>,
    ) -> String {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let settings = DnsSettings {
            search_domains: owned(search),
            domain_name: name.map(Into::into),
            match_domains: matched.map(owned),
            match_domains_no_search: no_search,
            ..DnsSettings::default()
        };
        let plan = plan(&settings, is_default_route, slot());
        let mut words: Vec<String> = plan.domains.iter().map(Domain::to_string).collect();
        words.push(if plan.default_route { "yes" } else { "no" }.into());
        words.join(" ")
    }
}
