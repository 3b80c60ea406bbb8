//! What a WireGuard configuration will do, in words.

use adit_model::{
    Family, RouteTable, VpnConfiguration, owns_default_route,
    wireguard::{WireGuardConfiguration, WireGuardPeer},
};
use ipnet::IpNet;

use crate::{Note, NoteCode, wireguard_of};

/// More destinations than this are counted in place of named.
const MAX_NAMED: usize = 3;

/// Says what goes through the tunnel, then what may surprise. Nothing of a provider whose
/// configuration is its own affair.
#[must_use]
pub fn lint(configuration: &VpnConfiguration) -> Vec<Note> {
    let Some(wireguard) = wireguard_of(configuration) else { return Vec::new() };
    if configuration.routing_method.is_per_app() {
        return lint_per_app(&wireguard);
    }
    let mut notes = lint_wireguard(&wireguard);
    notes.extend(enforced_routes(configuration));
    notes
}

/// Its apps have no other way, so nothing goes around the tunnel that should not.
fn lint_per_app(wireguard: &WireGuardConfiguration) -> Vec<Note> {
    let text = "Only what “adit run” has started goes through the tunnel, and while that is not \
                connected, it has no network.";
    let mut notes = vec![Note::notice(NoteCode::RoutePerApp, text)];
    notes.extend(waiting_peers(&wireguard.peers));
    notes
}

fn lint_wireguard(wireguard: &WireGuardConfiguration) -> Vec<Note> {
    let (routed, blocked): (Vec<IpNet>, Vec<IpNet>) =
        wireguard.routes().partition(|net| wireguard.has_family_of(net));
    let mut notes = vec![summary(wireguard, &routed)];
    notes.extend(blocked_family(&blocked));
    notes.extend(blocked_ipv6(wireguard).or_else(|| leaking_family(wireguard)));
    notes.extend(missing_dns(wireguard, &routed));
    notes.extend(unrouted_dns(wireguard, &routed));
    notes.extend(waiting_peers(&wireguard.peers));
    notes
}

/// Whether `routes` amount to the default route of this family.
fn is_full(family: Family, routes: &[IpNet]) -> bool {
    let own = routes.iter().copied().filter(|net| Family::of(net) == family);
    owns_default_route(&own.collect::<Vec<_>>())
}

fn summary(wireguard: &WireGuardConfiguration, routed: &[IpNet]) -> Note {
    match wireguard.table {
        RouteTable::Auto => {}
        RouteTable::Off => {
            return Note::notice(
                NoteCode::TableOff,
                "Table is off: no routes are set, and nothing enters the tunnel until you set some.",
            )
            .about("Table");
        }
        RouteTable::Table(number) => {
            let text = format!(
                "The routes are written to routing table {number}, and no rules that lead there."
            );
            return Note::notice(NoteCode::TableNumber, text)
                .about("Table")
                .with("number", &number);
        }
    }
    let (and_dns, dns_and) =
        if wireguard.dns_servers.is_empty() { ("", "") } else { (" and DNS", "DNS and ") };
    let (code, what) = match (is_full(Family::Ipv4, routed), is_full(Family::Ipv6, routed)) {
        (true, true) => (NoteCode::RouteAll, format!("All traffic{and_dns}")),
        (true, false) => (NoteCode::RouteAllIpv4, format!("All IPv4 traffic{and_dns}")),
        (false, true) => (NoteCode::RouteAllIpv6, format!("All IPv6 traffic{and_dns}")),
        (false, false) if routed.is_empty() => {
            let text =
                "Nothing will go through the tunnel: no network in AllowedIPs can be routed.";
            return Note::warning(NoteCode::RouteNothing, text).about("AllowedIPs");
        }
        (false, false) => {
            (NoteCode::RouteSome, format!("Only {dns_and}traffic to {}", named(routed)))
        }
    };
    let server = server(&wireguard.peers);
    let way = server.unwrap_or("the tunnel");
    let mut note = Note::notice(code, format!("{what} will go through {way}."))
        .about("AllowedIPs")
        .with("networks", &first_of(routed))
        .with("more", &beyond_first(routed))
        .with("dns", &!wireguard.dns_servers.is_empty());
    note.arguments.extend(server.map(|server| ("server".into(), server.into())));
    note
}

/// The one server that everything goes through, when there is one.
fn server(peers: &[WireGuardPeer]) -> Option<&str> {
    let mut used = peers.iter().filter(|peer| !peer.allowed_ips.is_empty());
    let (Some(only), None) = (used.next(), used.next()) else { return None };
    only.endpoint.as_ref().map(|endpoint| endpoint.host.as_str())
}

/// See [`WireGuardConfiguration::network_settings`].
fn blocked_family(blocked: &[IpNet]) -> Option<Note> {
    let family = Family::of(blocked.first()?).name();
    let text = format!(
        "{family} to {} is blocked while the tunnel is up: the tunnel has no {family} address.",
        named(blocked)
    );
    let note = Note::warning(NoteCode::FamilyBlocked, text).about("AllowedIPs");
    let note = note.with("family", &family).with("networks", &first_of(blocked));
    Some(note.with("more", &beyond_first(blocked)))
}

/// See [`protect`](crate::protect).
fn blocked_ipv6(wireguard: &WireGuardConfiguration) -> Option<Note> {
    let text = "IPv6 is blocked while the tunnel is up, since the tunnel has none; to let it go \
                outside, import with --allow-ipv6.";
    wireguard.blocks_ipv6().then(|| Note::notice(NoteCode::Ipv6Blocked, text).about("AllowedIPs"))
}

/// See [`protect`](crate::protect).
fn enforced_routes(configuration: &VpnConfiguration) -> Option<Note> {
    let protocol = &configuration.protocol;
    if !protocol.enforce_routes || !owns_default_route(&protocol.expected_routes) {
        return None;
    }
    Some(if protocol.exclude_local_networks {
        let text = "No network you join can take traffic out of the tunnel, except to what is \
                    directly on it; to let the routes of the network win, import with \
                    --no-enforce-routes.";
        Note::notice(NoteCode::RoutesEnforcedButLocal, text)
    } else {
        let text = "No network you join can take traffic out of the tunnel, not even the local \
                    one; to reach that, import with --exclude-local-networks, or with \
                    --no-enforce-routes to let all routes of the network win.";
        Note::notice(NoteCode::RoutesEnforced, text)
    })
}

/// One family goes through the tunnel as a whole, the other does not.
fn leaking_family(wireguard: &WireGuardConfiguration) -> Option<Note> {
    if wireguard.table != RouteTable::Auto {
        return None;
    }
    let routes: Vec<IpNet> = wireguard.routes().collect();
    let (full, other) = match (is_full(Family::Ipv4, &routes), is_full(Family::Ipv6, &routes)) {
        (true, false) => (Family::Ipv4, Family::Ipv6),
        (false, true) => (Family::Ipv6, Family::Ipv4),
        (true, true) | (false, false) => return None,
    };
    let partly = routes.iter().any(|net| Family::of(net) == other);
    let text = format!(
        "{}{} stays outside the tunnel while all {} goes inside; add {} to AllowedIPs to keep it in.",
        if partly { "Other " } else { "" },
        other.name(),
        full.name(),
        other.default_route()
    );
    let note =
        Note::warning(NoteCode::FamilyLeaks, text).about("AllowedIPs").with("partly", &partly);
    Some(note.with("other", &other.name()).with("full", &full.name()))
}

fn missing_dns(wireguard: &WireGuardConfiguration, routed: &[IpNet]) -> Option<Note> {
    if !wireguard.dns_servers.is_empty() {
        return None;
    }
    let note = if !wireguard.search_domains.is_empty() {
        let text = "The search domains have no effect without a DNS server; add one to DNS.";
        Note::warning(NoteCode::DnsDomainsWithoutServer, text)
    } else if wireguard.table == RouteTable::Auto && owns_default_route(routed) {
        let text = "There is no DNS: the network’s own servers will still see the names you visit.";
        Note::warning(NoteCode::DnsNone, text)
    } else {
        return None;
    };
    Some(note.about("DNS"))
}

fn unrouted_dns<'a>(
    wireguard: &'a WireGuardConfiguration,
    routed: &'a [IpNet],
) -> impl Iterator<Item = Note> + 'a {
    let routed_by_us = wireguard.table == RouteTable::Auto;
    let servers = wireguard.dns_servers.iter().filter(move |_| routed_by_us);
    let unrouted = servers.filter(|server| !routed.iter().any(|net| net.contains(*server)));
    unrouted.map(|server| {
        let text = format!(
            "The DNS server {server} is not within AllowedIPs: the tunnel does not lead to it."
        );
        Note::warning(NoteCode::DnsUnrouted, text).about("DNS").with("server", server)
    })
}

fn waiting_peers(peers: &[WireGuardPeer]) -> impl Iterator<Item = Note> + '_ {
    let waiting = peers.iter().filter(|peer| peer.endpoint.is_none());
    waiting.map(|peer| {
        let text = format!(
            "The peer {} has no Endpoint: nothing is sent to it until it has sent something.",
            peer.public_key
        );
        Note::notice(NoteCode::PeerWaiting, text).about("Endpoint").with("peer", &peer.public_key)
    })
}

fn named(networks: &[IpNet]) -> String {
    let first = first_of(networks);
    match beyond_first(networks) {
        0 => first,
        1 => format!("{first} and 1 other network"),
        more => format!("{first} and {more} other networks"),
    }
}

fn first_of(networks: &[IpNet]) -> String {
    let first: Vec<String> = networks.iter().take(MAX_NAMED).map(ToString::to_string).collect();
    first.join(", ")
}

fn beyond_first(networks: &[IpNet]) -> usize {
    networks.len().saturating_sub(MAX_NAMED)
}

#[cfg(test)]
mod tests {
    use adit_model::{ConfigurationId, RoutingMethod, Severity, wireguard::Key};

    use super::*;
    use crate::configuration::wireguard_configuration;

    // spec: SET-6, SET-7
    #[test]
    fn the_summary_says_what_enters_the_tunnel() {
        let text = |addresses: &str, allowed: &str, dns: &str| {
            lint_wireguard(&example(addresses, allowed, dns)).remove(0).text
        };
        let both = "10.0.0.2/32 fd00::2/128";
        assert_eq!(
            text(both, "0.0.0.0/0 ::/0", "10.0.0.1"),
            "All traffic and DNS will go through de.example.net."
        );
        assert_eq!(
            text(both, "0.0.0.0/1 128.0.0.0/1 ::/1 8000::/1", ""),
            "All traffic will go through de.example.net."
        );
        assert_eq!(
            text("10.0.0.2/32", "0.0.0.0/0 ::/0", ""),
            "All IPv4 traffic will go through de.example.net."
        );
        assert_eq!(
            text(both, "10.1.0.0/16 10.2.0.0/16 10.3.0.0/16 10.4.0.0/16", "10.1.0.1"),
            "Only DNS and traffic to 10.1.0.0/16, 10.2.0.0/16, 10.3.0.0/16 and 1 other network \
             will go through de.example.net."
        );
        assert!(text(both, "", "").starts_with("Nothing will go"));
        assert!(text("10.0.0.2/32", "fd00::/8", "").starts_with("Nothing will go"));
    }

    #[test]
    fn several_servers_are_called_the_tunnel() {
        let mut wireguard = example("10.0.0.2/32", "10.0.0.0/8", "");
        let mut second = example("10.0.0.2/32", "0.0.0.0/0", "").peers.remove(0);
        second.public_key = Key::new([2; 32]);
        wireguard.peers.push(second);
        assert_eq!(
            lint_wireguard(&wireguard)[0].text,
            "All IPv4 traffic will go through the tunnel."
        );
    }

    // spec: SET-6, SET-7
    #[test]
    fn what_leaves_by_another_way_is_a_warning() {
        let warnings = |addresses: &str, allowed: &str, dns: &str| -> Vec<String> {
            let notes = lint_wireguard(&example(addresses, allowed, dns)).into_iter();
            notes.filter(|note| note.severity == Severity::Warning).map(|note| note.text).collect()
        };
        let both = "10.0.0.2/32 fd00::2/128";
        assert_eq!(warnings(both, "0.0.0.0/0 ::/0", "10.0.0.1"), [""; 0]);
        assert_eq!(warnings(both, "10.0.0.0/8", "10.0.0.1"), [""; 0]);
        let expect_one = |found: Vec<String>, beginning: &str| {
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with(beginning), "{found:?}");
        };
        expect_one(warnings(both, "0.0.0.0/0", "10.0.0.1"), "IPv6 stays outside");
        expect_one(warnings(both, "::/0", "fd00::1"), "IPv4 stays outside");
        expect_one(
            warnings("10.0.0.2/32", "0.0.0.0/0 ::/0", "10.0.0.1"),
            "IPv6 to ::/0 is blocked",
        );
        expect_one(warnings(both, "0.0.0.0/0 ::/0", ""), "There is no DNS");
        expect_one(warnings(both, "10.0.0.0/8", "9.9.9.9"), "The DNS server 9.9.9.9 is not");
    }

    #[test]
    fn routes_of_ones_own_are_not_judged() {
        let mut wireguard = example("10.0.0.2/32", "0.0.0.0/0", "");
        wireguard.peers[0].endpoint = None;
        for (table, expected) in
            [(RouteTable::Off, "no routes are set"), (RouteTable::Table(7), "routing table 7")]
        {
            wireguard.table = table;
            let notes = lint_wireguard(&wireguard);
            assert!(notes[0].text.contains(expected), "{notes:?}");
            assert_eq!(notes.len(), 2, "{notes:?}");
            assert_eq!(notes[1].key.as_deref(), Some("Endpoint"));
        }
    }

    #[test]
    fn a_per_app_tunnel_is_not_said_to_carry_everything() {
        let wireguard = example("10.0.0.2/32", "0.0.0.0/0", "");
        let id = ConfigurationId::from_random([7; 16]);
        let mut configuration = wireguard_configuration(id, "work", &wireguard);
        configuration.routing_method = RoutingMethod::SourceApplication;
        let notes = lint(&configuration);
        assert_eq!(notes.iter().map(|note| note.code).collect::<Vec<_>>(), [NoteCode::RoutePerApp]);
    }

    fn example(addresses: &str, allowed: &str, dns: &str) -> WireGuardConfiguration {
        WireGuardConfiguration {
            addresses: addresses.split_whitespace().map(|net| net.parse().unwrap()).collect(),
            dns_servers: dns.split_whitespace().map(|server| server.parse().unwrap()).collect(),
            peers: vec![WireGuardPeer {
                public_key: Key::new([1; 32]),
                endpoint: Some("de.example.net:51820".parse().unwrap()),
                allowed_ips: allowed.split_whitespace().map(|net| net.parse().unwrap()).collect(),
                persistent_keepalive: None,
            }],
            ..WireGuardConfiguration::default()
        }
    }
}
