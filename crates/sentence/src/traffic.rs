//! What goes through a tunnel, in words.

use adit_model::{Family, VpnConfiguration, owns_default_route};
use adit_profile::wireguard_of;
use ipnet::IpNet;

use crate::quantity::enumeration;

/// More networks than this are counted in place of named.
const MAX_NAMED: usize = 3;

/// Where traffic goes while a tunnel is up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Nothing leaves but through the tunnel.
    everything: bool,
    inside: Vec<IpNet>,
    blocked: Vec<IpNet>,
}

impl Traffic {
    /// As far as the configuration tells before the tunnel runs.
    #[must_use]
    pub fn expected(configuration: &VpnConfiguration) -> Self {
        let protocol = &configuration.protocol;
        let routes = protocol.expected_routes.iter().copied();
        let (inside, blocked) = match wireguard_of(configuration) {
            Some(wireguard) => {
                let all =
                    routes.chain(wireguard.blocks_ipv6().then(|| Family::Ipv6.default_route()));
                all.partition(|net| wireguard.has_family_of(net))
            }
            None => (routes.collect(), Vec::new()),
        };
        Self { everything: protocol.include_all_networks, inside, blocked }
    }

    /// One or two sentences; none when nothing is known. `server` is the other end.
    #[must_use]
    pub fn sentence(&self, server: &str) -> Option<String> {
        let inside = self.inside_sentence(server);
        let blocked = self.blocked_sentence();
        match (inside, blocked) {
            (Some(inside), Some(blocked)) => Some(format!("{inside} {blocked}")),
            (Some(only), None) | (None, Some(only)) => Some(only),
            (None, None) => None,
        }
    }

    fn inside_sentence(&self, server: &str) -> Option<String> {
        let (v4, v6) = split(&self.inside);
        let (rest, family) = match (owns_default_route(&v4), owns_default_route(&v6)) {
            _ if self.everything => return Some(format!("All traffic goes through {server}.")),
            (true, true) => return Some(format!("All traffic goes through {server}.")),
            (true, false) => (v6, "IPv4"),
            (false, true) => (v4, "IPv6"),
            (false, false) if self.inside.is_empty() => return None,
            (false, false) => {
                let verb = if self.inside.len() == 1 { "goes" } else { "go" };
                return Some(format!("Only {} {verb} through {server}.", named(&self.inside)));
            }
        };
        Some(match rest.as_slice() {
            [] => format!("All {family} traffic goes through {server}."),
            rest => format!("All {family} traffic and {} go through {server}.", named(rest)),
        })
    }

    fn blocked_sentence(&self) -> Option<String> {
        let (v4, v6) = split(&self.blocked);
        match (owns_default_route(&v4), owns_default_route(&v6)) {
            (true, true) => Some("Everything else is blocked.".into()),
            (true, false) => Some("IPv4 is blocked.".into()),
            (false, true) => Some("IPv6 is blocked.".into()),
            (false, false) => match self.blocked.len() {
                0 => None,
                1 => Some(format!("{} is blocked.", named(&self.blocked))),
                _ => Some(format!("{} are blocked.", named(&self.blocked))),
            },
        }
    }
}

fn split(networks: &[IpNet]) -> (Vec<IpNet>, Vec<IpNet>) {
    networks.iter().partition(|net| Family::of(net) == Family::Ipv4)
}

fn named(networks: &[IpNet]) -> String {
    let shown = if networks.len() > MAX_NAMED + 1 { MAX_NAMED } else { networks.len() };
    let mut items: Vec<String> = networks[..shown].iter().map(IpNet::to_string).collect();
    if shown < networks.len() {
        items.push(format!("{} more networks", networks.len() - shown));
    }
    enumeration(&items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_through_is_said_completely() {
        for (inside, blocked, sentence) in [
            ("", "", None),
            ("0.0.0.0/0 ::/0", "", Some("All traffic goes through S.")),
            ("0.0.0.0/1 128.0.0.0/1 ::/0", "", Some("All traffic goes through S.")),
            ("0.0.0.0/0", "", Some("All IPv4 traffic goes through S.")),
            ("0.0.0.0/0", "::/0", Some("All IPv4 traffic goes through S. IPv6 is blocked.")),
            ("0.0.0.0/0 fd00::/8", "", Some("All IPv4 traffic and fd00::/8 go through S.")),
            ("10.0.0.0/8", "", Some("Only 10.0.0.0/8 goes through S.")),
            (
                "10.0.0.0/8 fd00::/8",
                "192.0.2.0/24",
                Some("Only 10.0.0.0/8 and fd00::/8 go through S. 192.0.2.0/24 is blocked."),
            ),
            (
                "10.0.0.0/24 10.0.1.0/24 10.0.2.0/24 10.0.3.0/24 10.0.4.0/24",
                "",
                Some(
                    "Only 10.0.0.0/24, 10.0.1.0/24, 10.0.2.0/24 and 2 more networks go through S.",
                ),
            ),
        ] {
            let traffic =
                Traffic { everything: false, inside: nets(inside), blocked: nets(blocked) };
            assert_eq!(traffic.sentence("S").as_deref(), sentence, "{inside} | {blocked}");
        }
    }

    #[test]
    fn lockdown_sends_everything_through_whatever_the_routes() {
        let traffic = Traffic { everything: true, inside: nets("10.0.0.0/8"), blocked: Vec::new() };
        assert_eq!(traffic.sentence("S").unwrap(), "All traffic goes through S.");
    }

    fn nets(text: &str) -> Vec<IpNet> {
        text.split_whitespace().map(|net| net.parse().unwrap()).collect()
    }
}
