//! What a full tunnel gets beyond what its file says, so that nothing goes around it unnoticed.

use adit_model::{Family, VpnConfiguration, owns_default_route};
use ipnet::IpNet;

use crate::{set_wireguard, wireguard_of};

/// Which protections are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protection {
    /// No network takes traffic out of the tunnel by handing out routes. Spec RTE-3, RTE-13.
    pub enforce_routes: bool,
    /// IPv6 does not go outside while IPv4 goes inside. Spec SET-7.
    pub block_ipv6: bool,
}

impl Protection {
    /// What people expect who send everything through a tunnel.
    pub const FULL: Self = Self { enforce_routes: true, block_ipv6: true };
}

/// Gives a configuration that sends everything through its tunnel these protections. Any other, and
/// one whose routes are somebody else's affair, stays as it is.
pub fn protect(configuration: &mut VpnConfiguration, protection: Protection) {
    if !owns_default_route(&configuration.protocol.expected_routes) {
        return;
    }
    configuration.protocol.enforce_routes |= protection.enforce_routes;
    let Some(mut wireguard) = wireguard_of(configuration) else { return };
    let takes = |family| wireguard.routes().any(|net: IpNet| Family::of(&net) == family);
    if protection.block_ipv6 && !takes(Family::Ipv6) {
        wireguard.block_ipv6 = true;
        set_wireguard(configuration, &wireguard);
    }
}

#[cfg(test)]
mod tests {
    use adit_model::{
        ConfigurationId, RouteTable,
        wireguard::{Key, WireGuardConfiguration, WireGuardPeer},
    };

    use super::*;
    use crate::configuration::wireguard_configuration;

    // spec: RTE-3, SET-7
    #[test]
    fn only_a_full_tunnel_is_protected_and_only_where_it_says_nothing_itself() {
        for (allowed, protection, enforced, blocked) in [
            ("0.0.0.0/0", Protection::FULL, true, true),
            ("0.0.0.0/1 128.0.0.0/1", Protection::FULL, true, true),
            ("0.0.0.0/0 ::/0", Protection::FULL, true, false),
            ("0.0.0.0/0 fd00::/8", Protection::FULL, true, false),
            ("10.0.0.0/8", Protection::FULL, false, false),
            ("0.0.0.0/0", Protection { enforce_routes: false, ..Protection::FULL }, false, true),
            ("0.0.0.0/0", Protection { block_ipv6: false, ..Protection::FULL }, true, false),
        ] {
            let mut configuration = example(allowed, RouteTable::Auto);
            protect(&mut configuration, protection);
            let wireguard = wireguard_of(&configuration).unwrap();
            let found = (configuration.protocol.enforce_routes, wireguard.block_ipv6);
            assert_eq!(found, (enforced, blocked), "{allowed} {protection:?}");
        }
        let mut configuration = example("0.0.0.0/0", RouteTable::Off);
        protect(&mut configuration, Protection::FULL);
        assert_eq!(configuration, example("0.0.0.0/0", RouteTable::Off));
    }

    fn example(allowed: &str, table: RouteTable) -> VpnConfiguration {
        let wireguard = WireGuardConfiguration {
            addresses: vec!["10.0.0.2/32".parse().unwrap()],
            table,
            peers: vec![WireGuardPeer {
                public_key: Key::new([1; 32]),
                endpoint: None,
                allowed_ips: allowed.split_whitespace().map(|net| net.parse().unwrap()).collect(),
                persistent_keepalive: None,
            }],
            ..WireGuardConfiguration::default()
        };
        wireguard_configuration(ConfigurationId::from_random([7; 16]), "home", &wireguard)
    }
}
