//! What goes through a tunnel, in words.

use adit_model::{Family, VpnConfiguration, owns_default_route};
use adit_profile::wireguard_of;
use ipnet::IpNet;

use crate::{language::Language, quantity::enumeration};

/// More networks than this are counted in place of named.
const MAX_NAMED: usize = 3;

/// Where traffic goes while a tunnel is up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Nothing leaves but through the tunnel.
    everything: bool,
    /// Only what certain apps send, and all of that.
    per_app: bool,
    inside: Vec<IpNet>,
    blocked: Vec<IpNet>,
}

impl Traffic {
    /// As far as the configuration tells before the tunnel runs.
    #[must_use]
    pub fn expected(configuration: &VpnConfiguration) -> Self {
        let protocol = &configuration.protocol;
        if configuration.routing_method.is_per_app() {
            return Self { per_app: true, ..Self::default() };
        }
        let routes = protocol.expected_routes.iter().copied();
        let (inside, blocked) = match wireguard_of(configuration) {
            Some(wireguard) => {
                let all =
                    routes.chain(wireguard.blocks_ipv6().then(|| Family::Ipv6.default_route()));
                all.partition(|net| wireguard.has_family_of(net))
            }
            None => (routes.collect(), Vec::new()),
        };
        Self { everything: protocol.include_all_networks, inside, blocked, per_app: false }
    }

    /// One or two sentences; none when nothing is known. `server` is the other end.
    #[must_use]
    pub fn sentence(&self, server: &str, language: Language) -> Option<String> {
        let inside = self.inside_sentence(server, language);
        let blocked = self.blocked_sentence(language);
        match (inside, blocked) {
            (Some(inside), Some(blocked)) => Some(format!("{inside} {blocked}")),
            (Some(only), None) | (None, Some(only)) => Some(only),
            (None, None) => None,
        }
    }

    fn inside_sentence(&self, server: &str, language: Language) -> Option<String> {
        let (v4, v6) = split(&self.inside);
        let whole = match language {
            Language::English => format!("All traffic goes through {server}."),
            Language::German => format!("Aller Verkehr läuft durch {server}."),
        };
        let apps = match language {
            Language::English => format!("Only what “adit run” has started goes through {server}."),
            Language::German => format!("Nur was „adit run“ gestartet hat, läuft durch {server}."),
        };
        let (rest, family) = match (owns_default_route(&v4), owns_default_route(&v6)) {
            _ if self.everything => return Some(whole),
            _ if self.per_app => return Some(apps),
            (true, true) => return Some(whole),
            (true, false) => (v6, "IPv4"),
            (false, true) => (v4, "IPv6"),
            (false, false) if self.inside.is_empty() => return None,
            (false, false) => {
                let networks = named(&self.inside, language);
                return Some(match (language, self.inside.len()) {
                    (Language::English, 1) => format!("Only {networks} goes through {server}."),
                    (Language::English, _) => format!("Only {networks} go through {server}."),
                    (Language::German, 1) => format!("Nur {networks} läuft durch {server}."),
                    (Language::German, _) => format!("Nur {networks} laufen durch {server}."),
                });
            }
        };
        let networks = named(&rest, language);
        Some(match (language, rest.is_empty()) {
            (Language::English, true) => format!("All {family} traffic goes through {server}."),
            (Language::English, false) => {
                format!("All {family} traffic and {networks} go through {server}.")
            }
            (Language::German, true) => {
                format!("Aller Verkehr über {family} läuft durch {server}.")
            }
            (Language::German, false) => {
                format!("Aller Verkehr über {family} und {networks} laufen durch {server}.")
            }
        })
    }

    fn blocked_sentence(&self, language: Language) -> Option<String> {
        let (v4, v6) = split(&self.blocked);
        let one = language.of("is blocked", "ist gesperrt");
        let several = language.of("are blocked", "sind gesperrt");
        match (owns_default_route(&v4), owns_default_route(&v6)) {
            (true, true) => {
                let rest = language.of("Everything else", "Alles andere");
                Some(format!("{rest} {one}."))
            }
            (true, false) => Some(format!("IPv4 {one}.")),
            (false, true) => Some(format!("IPv6 {one}.")),
            (false, false) => match self.blocked.len() {
                0 => None,
                1 => Some(format!("{} {one}.", named(&self.blocked, language))),
                _ => Some(format!("{} {several}.", named(&self.blocked, language))),
            },
        }
    }
}

fn split(networks: &[IpNet]) -> (Vec<IpNet>, Vec<IpNet>) {
    networks.iter().partition(|net| Family::of(net) == Family::Ipv4)
}

fn named(networks: &[IpNet], language: Language) -> String {
    let shown = if networks.len() > MAX_NAMED + 1 { MAX_NAMED } else { networks.len() };
    let mut items: Vec<String> = networks[..shown].iter().map(IpNet::to_string).collect();
    if shown < networks.len() {
        items.push(format!(
            "{} {}",
            networks.len() - shown,
            language.of("more networks", "weitere Netze")
        ));
    }
    enumeration(&items, language)
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
                Traffic { inside: nets(inside), blocked: nets(blocked), ..Traffic::default() };
            assert_eq!(
                traffic.sentence("S", Language::English).as_deref(),
                sentence,
                "{inside} | {blocked}"
            );
        }
    }

    #[test]
    fn lockdown_sends_everything_through_whatever_the_routes() {
        let traffic =
            Traffic { everything: true, inside: nets("10.0.0.0/8"), ..Traffic::default() };
        assert_eq!(
            traffic.sentence("S", Language::English).unwrap(),
            "All traffic goes through S."
        );
    }

    fn nets(text: &str) -> Vec<IpNet> {
        text.split_whitespace().map(|net| net.parse().unwrap()).collect()
    }
}
