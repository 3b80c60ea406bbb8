//! Configurations of the WireGuard provider, whose general fields follow from the provider's own.

use adit_model::{
    ConfigurationId, RouteTable, TunnelProviderProtocol, VpnConfiguration,
    wireguard::{PROVIDER_ID, WireGuardConfiguration},
};
use ipnet::IpNet;

/// The server address of a tunnel whose peers all come to us.
const NO_ENDPOINT: &str = "any address";
/// linux/rtnetlink.h `RT_TABLE_MAIN`
const MAIN_TABLE: u32 = 254;

/// A configuration for `wireguard` that was not saved yet.
pub(crate) fn wireguard_configuration(
    id: ConfigurationId,
    name: &str,
    wireguard: &WireGuardConfiguration,
) -> VpnConfiguration {
    let protocol = TunnelProviderProtocol::new(PROVIDER_ID, NO_ENDPOINT);
    let mut configuration = VpnConfiguration::new(id, name, protocol);
    set_wireguard(&mut configuration, wireguard);
    configuration
}

/// Puts `wireguard` into a configuration together with every field that follows from it: the
/// provider, the server address (PROTO-3) and the expected routes. The others stay as they are.
pub fn set_wireguard(configuration: &mut VpnConfiguration, wireguard: &WireGuardConfiguration) {
    let protocol = &mut configuration.protocol;
    protocol.provider_id = PROVIDER_ID.into();
    protocol.server_address = server(wireguard).unwrap_or(NO_ENDPOINT).into();
    protocol.provider_configuration = wireguard.to_map();
    protocol.expected_routes = expected_routes(wireguard);
}

/// The WireGuard part of a configuration, if it has one that can be read: what [`set_wireguard`]
/// has put there.
#[must_use]
pub fn wireguard_of(configuration: &VpnConfiguration) -> Option<WireGuardConfiguration> {
    let protocol = &configuration.protocol;
    if protocol.provider_id != PROVIDER_ID {
        return None;
    }
    WireGuardConfiguration::from_map(&protocol.provider_configuration).ok()
}

/// What a file of wg-quick says, with what it has no words for as it was `before`.
#[must_use]
pub fn completed(
    said: WireGuardConfiguration,
    before: &VpnConfiguration,
) -> WireGuardConfiguration {
    let Some(before) = wireguard_of(before) else { return said };
    WireGuardConfiguration {
        block_ipv6: before.block_ipv6,
        match_domains: before.match_domains,
        dns_protocol: before.dns_protocol,
        ..said
    }
}

/// The host of the first endpoint.
fn server(wireguard: &WireGuardConfiguration) -> Option<&str> {
    wireguard
        .peers
        .iter()
        .find_map(|peer| peer.endpoint.as_ref())
        .map(|endpoint| endpoint.host.as_str())
}

/// Routes in a table of somebody else's contend with no other tunnel: what leads there is not ours.
fn expected_routes(wireguard: &WireGuardConfiguration) -> Vec<IpNet> {
    match wireguard.table {
        RouteTable::Auto | RouteTable::Table(MAIN_TABLE) => wireguard.routes().collect(),
        RouteTable::Off | RouteTable::Table(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use adit_model::wireguard::{Key, WireGuardPeer};

    use super::*;

    // spec: PROTO-2, PROTO-3
    #[test]
    fn derived_fields_follow_an_edit_and_the_others_stay() {
        let mut wireguard = WireGuardConfiguration {
            addresses: vec!["10.0.0.2/32".parse().unwrap()],
            peers: vec![WireGuardPeer {
                public_key: Key::new([1; 32]),
                endpoint: None,
                allowed_ips: vec!["10.0.0.1/8".parse().unwrap()],
                persistent_keepalive: None,
            }],
            ..WireGuardConfiguration::default()
        };
        let id = ConfigurationId::from_random([7; 16]);
        let mut configuration = wireguard_configuration(id, "home", &wireguard);
        assert_eq!(configuration.validate(), Ok(()));
        assert_eq!(configuration.protocol.server_address, NO_ENDPOINT);
        assert_eq!(configuration.protocol.expected_routes, ["10.0.0.0/8".parse().unwrap()]);

        configuration.protocol.include_all_networks = true;
        configuration.generation = 3;
        wireguard.peers[0].endpoint = Some("[2001:db8::1]:51820".parse().unwrap());
        wireguard.table = RouteTable::Off;
        set_wireguard(&mut configuration, &wireguard);
        assert_eq!(configuration.protocol.server_address, "2001:db8::1");
        assert_eq!(configuration.protocol.expected_routes, []);
        assert!(configuration.protocol.include_all_networks);
        assert_eq!(configuration.generation, 3);
        assert_eq!(wireguard_of(&configuration), Some(wireguard));
        configuration.protocol.provider_id = "org.example.vpn".into();
        assert_eq!(wireguard_of(&configuration), None);
    }
}
