//! What a tunnel will ask of the network, as far as that is known before its provider runs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use adit_model::{
    DnsSettings, Family, IpSettings, PacketTunnelNetworkSettings, Route, VpnConfiguration,
    wireguard::{self, WireGuardConfiguration},
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Settings to wait with.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expected {
    pub(super) settings: PacketTunnelNetworkSettings,
    /// Whether its addresses are the tunnel's. Else a packet that waits has the wrong source.
    pub(super) has_addresses: bool,
}

/// The dummy address of RFC 7600 section 4.8.
const NOBODY: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(192, 0, 0, 8), 32);
/// Of the discard prefix, RFC 6666.
const NOBODY_V6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 1), 128);

/// Those of a WireGuard configuration are written in it. Of any other provider only what it asked for
/// the last time is known, or else the destinations that came with the configuration, or else it may
/// want everything.
pub(super) fn settings(
    configuration: &VpnConfiguration,
    last: Option<PacketTunnelNetworkSettings>,
) -> Expected {
    let known = wireguard(configuration).or(last);
    let has_addresses = known.is_some();
    let asked = known.unwrap_or_else(|| unknown(configuration));
    let settings = configuration.protocol.overrule(of_packets(asked));
    Expected { settings, has_addresses }
}

/// Settings that lead nothing into the tunnel but have `server` asked for names: for those of these
/// domains, or for all.
pub(super) fn of_names(
    settings: &PacketTunnelNetworkSettings,
    server: Ipv4Addr,
    domains: Option<Vec<String>>,
) -> PacketTunnelNetworkSettings {
    let mut names = PacketTunnelNetworkSettings::new(settings.tunnel_remote_address);
    // Each alone: the networks that they are on are routes too.
    let alone = |net: &Ipv4Net| Ipv4Net::from(net.addr());
    let alone_v6 = |net: &Ipv6Net| Ipv6Net::from(net.addr());
    let ipv4 = settings.ipv4.as_ref();
    names.ipv4 = ipv4.map(|ip| IpSettings::new(ip.addresses.iter().map(alone)));
    let ipv6 = settings.ipv6.as_ref();
    names.ipv6 = ipv6.map(|ip| IpSettings::new(ip.addresses.iter().map(alone_v6)));
    names.dns = Some(DnsSettings {
        servers: vec![server.into()],
        match_domains: Some(domains.unwrap_or_else(|| vec![String::new()])),
        match_domains_no_search: true,
        ..DnsSettings::default()
    });
    names
}

fn wireguard(configuration: &VpnConfiguration) -> Option<PacketTunnelNetworkSettings> {
    let protocol = &configuration.protocol;
    if protocol.provider_id != wireguard::PROVIDER_ID {
        return None;
    }
    let wireguard = WireGuardConfiguration::from_map(&protocol.provider_configuration).ok()?;
    // Where the server is matters to people only.
    Some(wireguard.network_settings(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
}

/// Also what is for an Ethernet tunnel waits in front of an interface for packets.
fn of_packets(asked: PacketTunnelNetworkSettings) -> PacketTunnelNetworkSettings {
    let mut settings = PacketTunnelNetworkSettings { ethernet_address: None, ..asked };
    if let Some(ipv4) = &mut settings.ipv4 {
        ipv4.addresses.extend(ipv4.is_pending().then_some(NOBODY));
        ipv4.automatic = false;
    }
    if let Some(ipv6) = &mut settings.ipv6 {
        ipv6.addresses.extend(ipv6.is_pending().then_some(NOBODY_V6));
        ipv6.automatic = false;
    }
    settings
}

fn unknown(configuration: &VpnConfiguration) -> PacketTunnelNetworkSettings {
    let mut routes = configuration.protocol.expected_routes.clone();
    if routes.is_empty() {
        routes.extend(Family::ALL.map(Family::default_route));
    }
    let mut settings = PacketTunnelNetworkSettings::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    for route in routes {
        match route {
            IpNet::V4(net) => {
                let ipv4 = settings.ipv4.get_or_insert_with(|| IpSettings::new([NOBODY]));
                ipv4.included_routes.push(Route::to(net));
            }
            IpNet::V6(net) => {
                let ipv6 = settings.ipv6.get_or_insert_with(|| IpSettings::new([NOBODY_V6]));
                ipv6.included_routes.push(Route::to(net));
            }
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use adit_model::{ConfigurationId, TunnelProviderProtocol};
    use serde_json::json;

    use super::*;

    // spec: OD-3
    #[test]
    fn what_is_known_best_is_expected() {
        let of = |provider: &str, routes: &[&str]| {
            let mut protocol = TunnelProviderProtocol::new(provider, "server");
            protocol.expected_routes = routes.iter().map(|route| route.parse().unwrap()).collect();
            let wireguard = json!({"addresses": ["10.8.0.2/32"], "peers": [
                {"publicKey": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=", "allowedIps": ["10.0.0.0/8"]},
            ]});
            protocol.provider_configuration = wireguard.as_object().unwrap().clone();
            VpnConfiguration::new(ConfigurationId::random(), "test", protocol)
        };
        let text = |configuration: &VpnConfiguration, last| {
            let Expected { settings, has_addresses } = settings(configuration, last);
            assert_eq!(settings.validate(), Ok(()));
            let nets = |nets: Vec<IpNet>| format!("{nets:?}");
            let (from, to) = (settings.addresses().collect(), settings.included().collect());
            (nets(from), nets(to), has_addresses)
        };
        let written = text(&of(wireguard::PROVIDER_ID, &["::/0"]), None);
        assert_eq!(written, ("[10.8.0.2/32]".into(), "[10.0.0.0/8]".into(), true));

        let other = of("org.example.vpn", &["10.1.0.0/16"]);
        let imported = text(&other, None);
        assert_eq!(imported, ("[192.0.0.8/32]".into(), "[10.1.0.0/16]".into(), false));
        let (_, all, _) = text(&of("org.example.vpn", &[]), None);
        assert_eq!(all, "[0.0.0.0/0, ::/0]");

        let last = settings(&of(wireguard::PROVIDER_ID, &[]), None).settings;
        let asked_before = text(&other, Some(last));
        assert_eq!(asked_before, ("[10.8.0.2/32]".into(), "[10.0.0.0/8]".into(), true));
    }
}
