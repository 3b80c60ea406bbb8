use super::*;
use crate::Route;

// spec: SET-8, SET-9, SET-C1
#[test]
fn mtu_wins_over_overhead_and_overhead_follows_the_link() {
    let mut settings = both_families();
    settings.tunnel_overhead_bytes = Some(80);
    assert_eq!(settings.interface_mtu(Some(1500)), 1420);
    assert_eq!(settings.interface_mtu(Some(1492)), 1412);
    assert_eq!(settings.interface_mtu(None), 1420);
    assert_eq!(settings.interface_mtu(Some(1300)), 1280, "IPv6 needs 1280");
    settings.mtu = Some(1400);
    assert_eq!(settings.interface_mtu(Some(1500)), 1400);
}

// spec: SET-12, TUN-14
#[test]
fn each_fault_is_named() {
    use InvalidSettings as E;
    let broken = |edit: fn(&mut PacketTunnelNetworkSettings)| {
        let mut settings = both_families();
        edit(&mut settings);
        settings.validate().unwrap_err()
    };
    assert_eq!(both_families().validate(), Ok(()));
    assert_eq!(broken(|s| (s.ipv4, s.ipv6) = (None, None)), E::NoAddress);
    assert_eq!(
        broken(|s| s.ipv6.as_mut().unwrap().addresses.clear()),
        E::RouteWithoutAddress { route: "::/0".parse().unwrap(), family: Family::Ipv6 }
    );
    assert_eq!(
        broken(|s| {
            let ipv4 = s.ipv4.as_mut().unwrap();
            ipv4.excluded_routes.push(Route::to(Prefix::DEFAULT));
        }),
        E::Contradiction("0.0.0.0/0".parse().unwrap())
    );
    assert_eq!(broken(|s| s.mtu = Some(1200)), E::MtuTooSmall { mtu: 1200, least: 1280 });
    assert_eq!(
        broken(|s| s.dns.as_mut().unwrap().servers.push("0.0.0.0".parse().unwrap())),
        E::UnusableDnsServer("0.0.0.0".parse().unwrap())
    );
    assert_eq!(
        broken(|s| s.dns.as_mut().unwrap().search_domains.push("a b".into())),
        E::BadDomain("a b".into())
    );
    let speaks = |protocol: DnsProtocol| {
        let mut settings = both_families();
        settings.dns.as_mut().unwrap().protocol = protocol;
        settings.validate().unwrap_err()
    };
    assert_eq!(
        speaks(DnsProtocol::Tls { server_name: String::new() }),
        E::BadDnsServerName(String::new())
    );
    let plain_http = "http://dns.example/".to_owned();
    assert_eq!(
        speaks(DnsProtocol::Https { server_url: plain_http.clone() }),
        E::BadDnsServerUrl(plain_http)
    );
    assert_eq!(broken(|s| s.route_table = RouteTable::Table(255)), E::ReservedTable(255));
    let loopback = "127.0.0.2".parse().unwrap();
    assert_eq!(
        broken(|s| s.ipv4 = Some(Ipv4Settings::new(["127.0.0.2/32".parse().unwrap()]))),
        E::UnusableAddress(loopback)
    );
    assert_eq!(
        broken(|s| s.blocked_routes = vec!["192.0.2.0/24".parse().unwrap(); MOST_ROUTES]),
        E::TooMany { what: "routes", most: MOST_ROUTES }
    );
}

// spec: ETH-2, ETH-3, V4-5, V6-3
#[test]
fn an_ethernet_tunnel_has_the_address_of_one_device_and_an_mtu() {
    use InvalidSettings as E;
    let broken = |edit: fn(&mut PacketTunnelNetworkSettings)| {
        let mut settings = ethernet();
        edit(&mut settings);
        settings.validate().unwrap_err()
    };
    assert_eq!(ethernet().validate(), Ok(()));
    for unusable in [[1, 0, 0x5e, 0, 0, 1], [0xff; 6], [0; 6]].map(MacAddress) {
        let settings =
            PacketTunnelNetworkSettings { ethernet_address: Some(unusable), ..ethernet() };
        let refused = settings.validate().unwrap_err();
        assert_eq!(refused, E::UnusableEthernetAddress(unusable));
        assert!(refused.to_string().starts_with(&unusable.to_string()), "{refused}");
    }
    assert_eq!(broken(|s| s.mtu = None), E::NoMtu);
    assert_eq!(broken(|s| s.mtu = Some(u16::MAX)), E::MtuTooLarge { mtu: 65_535, most: 65_521 });
    let mut assigned = ethernet();
    (assigned.ipv4, assigned.ipv6) = (Some(IpSettings::automatic()), None);
    assigned.ipv4.as_mut().unwrap().included_routes.push(Route::to(Prefix::DEFAULT));
    assert_eq!(assigned.validate(), Ok(()));
    let of_packets = PacketTunnelNetworkSettings { ethernet_address: None, ..assigned };
    assert_eq!(of_packets.validate(), Err(E::AutomaticWithoutEthernet));
    assert_eq!(
        broken(|s| s.ipv4.as_mut().unwrap().router = Some([224, 0, 0, 1].into())),
        E::UnusableRouter("224.0.0.1".parse().unwrap())
    );
}

#[test]
fn settings_survive_the_wire() {
    let json = serde_json::to_string(&ethernet()).unwrap();
    assert!(json.contains(r#""ethernetAddress":"02:00:00:12:34:56""#), "{json}");
    assert!(json.contains(r#""router":"10.0.0.1""#), "{json}");
    assert_eq!(serde_json::from_str::<PacketTunnelNetworkSettings>(&json).unwrap(), ethernet());
    let settings = both_families();
    let json = serde_json::to_string(&settings).unwrap();
    assert_eq!(serde_json::from_str::<PacketTunnelNetworkSettings>(&json).unwrap(), settings);
}

fn ethernet() -> PacketTunnelNetworkSettings {
    let address = MacAddress([2, 0, 0, 0x12, 0x34, 0x56]);
    let remote = "192.0.2.1".parse().unwrap();
    let mut settings = PacketTunnelNetworkSettings::ethernet(remote, address, 1400);
    (settings.ipv4, settings.ipv6) = (both_families().ipv4, both_families().ipv6);
    settings.ipv4.as_mut().unwrap().router = Some([10, 0, 0, 1].into());
    settings
}

fn both_families() -> PacketTunnelNetworkSettings {
    let mut settings = PacketTunnelNetworkSettings::new("192.0.2.1".parse().unwrap());
    let mut ipv4 = Ipv4Settings::new(["10.0.0.2/32".parse().unwrap()]);
    ipv4.included_routes.push(Route::to(Prefix::DEFAULT));
    let mut ipv6 = Ipv6Settings::new(["fd00::2/128".parse().unwrap()]);
    ipv6.included_routes.push(Route::to(Prefix::DEFAULT));
    (settings.ipv4, settings.ipv6) = (Some(ipv4), Some(ipv6));
    settings.dns = Some(DnsSettings {
        servers: vec!["10.0.0.1".parse().unwrap()],
        match_domains: Some(vec![String::new()]),
        ..DnsSettings::default()
    });
    settings
}
