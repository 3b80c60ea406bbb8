//! Which servers are asked for a name, found out from what the system says.
//!
//! The C library completes names, as resolv.conf(5) tells it; systemd-resolved chooses servers, as
//! in "Protocols and Routing" of systemd-resolved.service(8).

use std::net::IpAddr;

use adit_model::LookupReason;

use super::resolv_conf;

/// What decides who answers.
#[derive(Debug, Clone, Default)]
pub(super) struct Evidence {
    /// Content of `/etc/hosts`.
    pub(super) hosts: String,
    /// Content of `/etc/resolv.conf`.
    pub(super) resolv_conf: String,
    /// Whether the C library asks systemd-resolved past `/etc/resolv.conf`, nsswitch.conf(5).
    pub(super) is_asked_directly: bool,
    /// What systemd-resolved has, if it is asked.
    pub(super) scopes: Option<Vec<Scope>>,
}

/// Servers of systemd-resolved that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    /// The index of their interface; absent for those of no interface.
    pub(super) link: Option<u32>,
    /// The one that is asked at present comes first.
    pub(super) servers: Vec<IpAddr>,
    /// Domains with whether they only decide who answers.
    pub(super) domains: Vec<(String, bool)>,
    /// Whether they answer what no domain claims.
    pub(super) default_route: bool,
}

/// A name with who is asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lookup {
    pub(crate) name: String,
    pub(crate) reason: LookupReason,
    pub(crate) domain: Option<String>,
    /// Each with the interface that it is asked through, where that is not for the routes to say.
    pub(crate) servers: Vec<(IpAddr, Option<u32>)>,
}

const ROOT: &str = ".";
/// How many servers the C library reads, `MAXNS` of resolv.h.
const MOST_SERVERS: usize = 3;

/// What is looked up for `name`, in order, until one of the names exists.
pub(super) fn lookups(name: &str, evidence: &Evidence) -> Vec<Lookup> {
    let is_complete = name.ends_with('.');
    let name = name.trim_end_matches('.').to_lowercase();
    let local = |reason| vec![Lookup { name: name.clone(), reason, domain: None, servers: vec![] }];
    if is_in_hosts(&name, &evidence.hosts) {
        return local(LookupReason::Hosts);
    }
    if name == "localhost" || name.ends_with(".localhost") {
        return local(LookupReason::ThisComputer);
    }
    let names = if is_complete { vec![name] } else { completed(name, evidence) };
    names.into_iter().map(|name| lookup(name, evidence)).collect()
}

/// The name as it is, and with each domain of the search list behind it.
fn completed(name: String, evidence: &Evidence) -> Vec<String> {
    let has_domain = name.contains('.');
    let domains = match &evidence.scopes {
        // It completes only single-label names.
        Some(_) if evidence.is_asked_directly && has_domain => Vec::new(),
        Some(scopes) if evidence.is_asked_directly => {
            let domains = scopes.iter().flat_map(|scope| &scope.domains);
            domains.filter(|(_, only_routes)| !only_routes).map(|(name, _)| name.clone()).collect()
        }
        Some(_) | None => resolv_conf::search(&evidence.resolv_conf),
    };
    let longer = domains.iter().map(|domain| format!("{name}.{}", domain.to_lowercase()));
    let mut names: Vec<String> = longer.collect();
    // With at least one dot (`ndots`) it is first taken as it is.
    names.insert(if has_domain { 0 } else { names.len() }, name);
    names
}

fn lookup(name: String, evidence: &Evidence) -> Lookup {
    let (reason, domain, servers) = match &evidence.scopes {
        Some(scopes) => routed(&name, scopes),
        None => (LookupReason::OneList, None, listed(&evidence.resolv_conf)),
    };
    let reason = match reason {
        LookupReason::OneList | LookupReason::DefaultRoute if servers.is_empty() => {
            LookupReason::NoServers
        }
        reason => reason,
    };
    Lookup { name, reason, domain, servers }
}

type Routed = (LookupReason, Option<String>, Vec<(IpAddr, Option<u32>)>);

fn listed(resolv_conf: &str) -> Vec<(IpAddr, Option<u32>)> {
    let servers = resolv_conf::named(resolv_conf).take(MOST_SERVERS);
    servers.map(|server| (server, None)).collect()
}

/// The longest domain decides; all that have it are asked. Without one, all that are for the rest.
fn routed(name: &str, scopes: &[Scope]) -> Routed {
    if !name.contains('.') {
        return (LookupReason::SingleLabel, None, Vec::new());
    }
    let scopes = scopes.iter().filter(|scope| !scope.servers.is_empty());
    let best = |scope: &Scope| {
        let domains = scope.domains.iter().map(|(domain, _)| domain.trim_end_matches('.'));
        domains.filter(|domain| is_in(name, domain)).map(labels).max()
    };
    let longest = scopes.clone().filter_map(best).max();
    let chosen = scopes.filter(|scope| match longest {
        Some(longest) => best(scope) == Some(longest),
        None => scope.default_route,
    });
    let servers =
        chosen.flat_map(|scope| scope.servers.iter().map(|server| (*server, scope.link))).collect();
    match longest {
        Some(0) => (LookupReason::Domain, Some(ROOT.into()), servers),
        Some(labels) => (LookupReason::Domain, Some(last_labels(name, labels)), servers),
        None => (LookupReason::DefaultRoute, None, servers),
    }
}

/// Label by label: `anothercorp.example` is not in `corp.example` (DNS-C4). The empty domain is the
/// root, which has everything.
fn is_in(name: &str, domain: &str) -> bool {
    let domain = domain.to_lowercase();
    let before = name.strip_suffix(&domain);
    domain.is_empty() || before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

fn labels(domain: &str) -> usize {
    domain.split('.').filter(|label| !label.is_empty()).count()
}

fn last_labels(name: &str, count: usize) -> String {
    let labels: Vec<&str> = name.split('.').collect();
    labels[labels.len().saturating_sub(count)..].join(".")
}

fn is_in_hosts(name: &str, hosts: &str) -> bool {
    let lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default());
    let mut names = lines.flat_map(|line| line.split_whitespace().skip(1));
    names.any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TUNNEL: u32 = 7;
    const LINK: u32 = 2;

    // spec: DNS-C4
    #[test]
    fn the_longest_domain_decides_and_all_that_have_it_are_asked() {
        let scopes = [
            scope(LINK, "192.0.2.53", &[("home.example", false)], true),
            scope(
                TUNNEL,
                "10.0.0.1",
                &[("corp.example", false), ("eng.corp.example", true)],
                false,
            ),
            scope(9, "10.9.0.1", &[("eng.corp.example", true)], false),
            Scope {
                servers: vec![],
                ..scope(11, "10.11.0.1", &[("db.eng.corp.example", true)], true)
            },
        ];
        let asked = |name| text(&one(name, &routed_by(&scopes)));
        assert_eq!(asked("site.example"), "site.example DefaultRoute 192.0.2.53@2");
        assert_eq!(asked("wiki.corp.example"), "wiki.corp.example Domain corp.example 10.0.0.1@7");
        assert_eq!(asked("CORP.example."), "corp.example Domain corp.example 10.0.0.1@7");
        assert_eq!(asked("anothercorp.example"), "anothercorp.example DefaultRoute 192.0.2.53@2");
        assert_eq!(
            asked("ci.eng.corp.example"),
            "ci.eng.corp.example Domain eng.corp.example 10.0.0.1@7 10.9.0.1@9"
        );
        assert_eq!(
            asked("a.db.eng.corp.example"),
            "a.db.eng.corp.example Domain eng.corp.example 10.0.0.1@7 10.9.0.1@9",
            "a domain without a server claims nothing"
        );
    }

    // spec: DNS-8
    #[test]
    fn the_root_as_a_domain_leaves_nothing_to_others() {
        let full = [
            scope(LINK, "192.0.2.53", &[], true),
            scope(TUNNEL, "10.0.0.1", &[(ROOT, true)], true),
        ];
        assert_eq!(
            text(&one("site.example", &routed_by(&full))),
            "site.example Domain . 10.0.0.1@7"
        );
    }

    // spec: DNS-10, DNS-C2
    #[test]
    fn single_labels_are_completed_and_others_taken_as_they_are_first() {
        let file = Evidence {
            resolv_conf:
                "nameserver 10.0.0.1\nnameserver fe80::1%eth0\nsearch corp.example lab.example\n"
                    .into(),
            hosts: "127.0.1.1 laptop # not nas\n10.20.0.9 printer.example Printer\n".into(),
            ..Evidence::default()
        };
        let names = |name, evidence: &Evidence| -> Vec<String> {
            lookups(name, evidence).into_iter().map(|lookup| lookup.name).collect()
        };
        assert_eq!(names("wiki", &file), ["wiki.corp.example", "wiki.lab.example", "wiki"]);
        assert_eq!(names("wiki.", &file), ["wiki"]);
        assert_eq!(names("a.b", &file), ["a.b", "a.b.corp.example", "a.b.lab.example"]);
        assert_eq!(text(&lookups("wiki.", &file)[0]), "wiki OneList 10.0.0.1 fe80::1");
        assert_eq!(text(&lookups("printer", &file)[0]), "printer Hosts");
        assert_eq!(text(&lookups("localhost", &file)[0]), "localhost ThisComputer");
        assert_eq!(text(&one("nas.", &Evidence::default())), "nas NoServers");

        let scopes = [scope(TUNNEL, "10.0.0.1", &[("corp.example", false), (ROOT, true)], true)];
        let direct = Evidence { is_asked_directly: true, ..routed_by(&scopes) };
        assert_eq!(names("wiki", &direct), ["wiki.corp.example", "wiki"]);
        assert_eq!(names("a.b", &direct), ["a.b"]);
        assert_eq!(text(&lookups("wiki", &direct)[1]), "wiki SingleLabel");
    }

    fn scope(link: u32, server: &str, domains: &[(&str, bool)], default_route: bool) -> Scope {
        Scope {
            link: Some(link),
            servers: vec![server.parse().unwrap()],
            domains: domains.iter().map(|(name, only)| ((*name).to_owned(), *only)).collect(),
            default_route,
        }
    }

    fn routed_by(scopes: &[Scope]) -> Evidence {
        Evidence { scopes: Some(scopes.to_vec()), ..Evidence::default() }
    }

    fn one(name: &str, evidence: &Evidence) -> Lookup {
        lookups(name, evidence).swap_remove(0)
    }

    fn text(lookup: &Lookup) -> String {
        let mut words = vec![lookup.name.clone(), format!("{:?}", lookup.reason)];
        words.extend(lookup.domain.clone());
        words.extend(lookup.servers.iter().map(|(server, link)| match link {
            Some(link) => format!("{server}@{link}"),
            None => server.to_string(),
        }));
        words.join(" ")
    }
}
