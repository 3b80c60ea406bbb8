//! What a profile says of name resolution, proxies and the provider's program.

use adit_model::{DnsProtocol, ProxyMode, VpnConfiguration};
use serde_json::json;

use crate::{CERTIFICATE, NETWORK, PROVIDER, WIREGUARD, import, with, with_certificate};

// spec: MDM-20, MDM-22, MDM-23, PXY-11
#[test]
fn the_network_of_a_profile_is_taken_over() {
    let imported = read(NETWORK).unwrap();
    let VpnConfiguration { protocol, unknown, .. } = &imported.0;
    assert_eq!(
        serde_json::to_value(&protocol.dns).unwrap(),
        json!({
            "servers": ["10.1.0.53", "fd00::53"],
            "protocol": {"https": {"serverUrl": "https://dns.lab.example/dns-query{?dns}"}},
            "searchDomains": ["lab.example"], "domainName": "lab.example",
            "matchDomains": ["lab.example", ""], "matchDomainsNoSearch": true,
            "allowFailover": true,
        })
    );
    assert_eq!(
        serde_json::to_value(&protocol.proxy).unwrap(),
        json!({
            "mode": {"servers": {"http": {
                "address": "proxy.lab.example", "port": 3128, "username": "ada",
            }}},
            "matchDomains": ["lab.example"],
        })
    );
    assert_eq!(unknown["profileKeys"]["dns"], json!({"FutureDns": 7}));
    let future = "PayloadContent[0].DNS.FutureDns is not known and counts for nothing.";
    assert!(imported.1.contains(&future.to_owned()), "{:?}", imported.1);
    let password = "Proxies.HTTPProxyPassword counts for nothing";
    assert!(imported.1.iter().any(|note| note.contains(password)), "{:?}", imported.1);
}

// spec: MDM-21, D-24
#[test]
fn servers_may_be_missing_where_a_name_says_whom_to_ask() {
    let tls = "<key>DNS</key><dict><key>DNSProtocol</key><string>TLS</string>
        <key>ServerName</key><string>dns.example</string></dict>";
    let dns = read(tls).unwrap().0.protocol.dns.unwrap();
    assert_eq!(dns.protocol, DnsProtocol::Tls { server_name: "dns.example".into() });
    assert!(dns.servers.is_empty());
    for (edit, said) in [
        (("TLS", "Cleartext"), "DNS.ServerAddresses is missing."),
        (("TLS", "HTTPS"), "DNS.ServerURL is missing."),
        (("TLS", "QUIC"), "DNS.DNSProtocol is wrong: must be Cleartext, TLS or HTTPS."),
        (("ServerName", "Name"), "DNS.ServerName is missing."),
        (("dns.example", "a b"), "cannot be the name of a DNS server"),
    ] {
        let error = read(&tls.replace(edit.0, edit.1)).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
    let wrong = NETWORK.replace("fd00::53", "dns.example");
    assert!(read(&wrong).unwrap_err().contains("must be a list of IP addresses"));
}

// spec: MDM-23, PXY-2
#[test]
fn proxies_are_never_looked_for_and_a_script_comes_before_servers() {
    let proxies = |keys: &str| format!("<key>Proxies</key><dict>{keys}</dict>");
    let discovery = "<key>ProxyAutoDiscoveryEnable</key><integer>1</integer>";
    let (configuration, notes) = read(&proxies(discovery)).unwrap();
    assert_eq!(configuration.protocol.proxy, None);
    let said = "PayloadContent[0].Proxies.ProxyAutoDiscoveryEnable counts for nothing";
    assert!(notes.iter().any(|note| note.starts_with(said)), "{notes:?}");

    let server = "<key>HTTPSEnable</key><integer>1</integer>
        <key>HTTPSProxy</key><string>proxy.example</string>
        <key>HTTPSPort</key><integer>8080</integer>";
    let script = "<key>ProxyAutoConfigEnable</key><integer>1</integer>
        <key>ProxyAutoConfigURLString</key><string>http://lab.example/proxy.pac</string>";
    let (configuration, notes) = read(&proxies(&(server.to_owned() + script))).unwrap();
    let mode = configuration.protocol.proxy.unwrap().mode;
    assert_eq!(mode, ProxyMode::ScriptUrl("http://lab.example/proxy.pac".into()));
    assert!(notes.iter().any(|note| note.contains("configured automatically")), "{notes:?}");

    let off = server.replace("<integer>1</integer>", "<integer>0</integer>");
    assert_eq!(read(&proxies(&off)).unwrap().0.protocol.proxy, None);
    for (edit, said) in [
        (("8080", "0"), "Proxies.HTTPSPort is wrong: must be a number from 1 to 65535."),
        (("HTTPSProxy", "Proxy"), "Proxies.HTTPSProxy is missing."),
    ] {
        let error = read(&proxies(&server.replace(edit.0, edit.1))).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
}

// spec: MDM-18, MDM-19, MDM-25
#[test]
fn what_is_of_other_kinds_of_vpn_is_said_by_its_keys() {
    let keys = "<key>IPv4</key><dict><key>OverridePrimary</key><integer>1</integer></dict>
        <key>PPP</key><dict><key>AuthName</key><string>ada</string></dict>
        <key>TransparentProxy</key><dict><key>Order</key><integer>1</integer></dict>";
    let (_, notes) = read(keys).unwrap();
    for said in [
        "IPv4.OverridePrimary counts for nothing: a provider’s routes say what goes through its tunnel.",
        "PPP counts for nothing: it is for L2TP.",
        "TransparentProxy counts for nothing: it is for another type of VPN.",
    ] {
        assert!(notes.contains(&format!("PayloadContent[0].{said}")), "{said} in {notes:?}");
    }
    let proxy = with(PROVIDER, "<string>VPN</string>", "<string>TransparentProxy</string>");
    let error = import(proxy).unwrap_err().to_string();
    assert!(error.ends_with("Adit has no VPN of the type TransparentProxy."), "{error}");
}

// spec: MDM-11
#[test]
fn a_demanded_provider_is_known_by_its_digest() {
    let digest = format!("sha256:{}", "0f".repeat(32));
    let demanding = |text: &str| import(with(WIREGUARD, "anchor apple generic", text));
    let imported = demanding(&digest).unwrap().configurations.remove(0);
    let demanded = imported.configuration.protocol.provider_digest.unwrap();
    assert_eq!(demanded.to_string(), digest);
    let error = demanding("sha256:0f").unwrap_err().to_string();
    assert!(
        error.contains("VPN.ProviderDesignatedRequirement is wrong: must be sha256:"),
        "{error}"
    );
}

// spec: MDM-1
#[test]
fn a_configuration_remembers_which_part_of_which_profile_it_is() {
    let configuration = read("").unwrap().0;
    let profile = serde_json::to_value(configuration.profile).unwrap();
    let expected = json!({"profile": "example.lab", "payload": "example.lab.vpn", "name": "Lab"});
    assert_eq!(profile, expected);
}

// spec: MDM-9, PROTO-7
#[test]
fn a_certificate_is_found_by_its_uuid_and_goes_to_the_secrets() {
    let profile = with_certificate(PROVIDER);
    let imported = import(&profile).unwrap();
    assert!(imported.notes.is_empty(), "{:?}", imported.notes);
    let [imported] = imported.configurations.as_slice() else { panic!() };
    let identity = serde_json::to_value(&imported.configuration.protocol.identity).unwrap();
    let expected =
        json!({"format": "pkcs12", "secret": "identity", "password": "identityPassword"});
    assert_eq!(identity, expected);
    assert_eq!(imported.secrets["identity"].expose(), "MIIBAA==");
    assert_eq!(imported.secrets["identityPassword"].expose(), "battery staple");
    let stored = serde_json::to_string(&imported.configuration).unwrap();
    assert!(!stored.contains("MIIBAA") && !stored.contains("staple"), "{stored}");

    let stray = import(with_certificate(WIREGUARD)).unwrap();
    let said = "it is com.apple.security.pkcs12, and Adit has only VPNs.";
    assert!(stray.notes.iter().any(|note| note.text.ends_with(said)), "{:?}", stray.notes);

    let needless = with(WIREGUARD, "<key>FutureKey</key>", "<key>PayloadCertificateUUID</key>");
    let needless = with(needless.as_bytes(), ">kept<", &format!(">{CERTIFICATE}<"));
    let imported = import(with_certificate(needless.as_bytes())).unwrap();
    let notes = &imported.configurations[0].notes;
    let said = "PayloadCertificateUUID counts for nothing: WireGuard has no use for certificates.";
    assert!(notes.iter().any(|note| note.text.ends_with(said)), "{notes:?}");
}

/// The sample with these keys in its payload: the configuration, and what is said about it.
fn read(keys: &str) -> Result<(VpnConfiguration, Vec<String>), String> {
    let sample = with(PROVIDER, "<key>VPNType</key>", &format!("{keys}<key>VPNType</key>"));
    let imported = import(sample).map_err(|error| error.to_string())?.configurations.remove(0);
    let notes = imported.notes.iter().map(ToString::to_string).collect();
    Ok((imported.configuration, notes))
}
