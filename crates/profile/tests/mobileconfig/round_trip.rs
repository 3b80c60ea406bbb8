//! What is written comes back, and is what Apple's schema asks for.

use adit_model::{ConfigurationId, DnsProtocol, RoutingMethod, Secrets, VpnConfiguration};
use adit_profile::{
    AppleSystem, ExportError, ProfileIds, export_mobileconfig, set_wireguard, wireguard_of,
};
use plist::{Dictionary, Value};
use serde_json::json;

use crate::{NETWORK, PROVIDER, WIREGUARD, import, with, with_certificate};

// spec: MDM-2, MDM-3, MDM-4, MDM-6
#[test]
fn a_written_profile_has_what_apples_schema_requires() {
    for sample in [WIREGUARD, PROVIDER] {
        let (configuration, secrets) = first(sample);
        let profile = dictionary(&export(&configuration, &secrets));
        let payload = profile["PayloadContent"].as_array().unwrap()[0].as_dictionary().unwrap();
        for (place, kind) in [(&profile, "Configuration"), (payload, "com.apple.vpn.managed")] {
            assert_eq!(text(place, "PayloadType"), kind);
            assert_eq!(place["PayloadVersion"].as_signed_integer(), Some(1));
            for key in ["PayloadDisplayName", "PayloadIdentifier", "PayloadUUID"] {
                assert!(!text(place, key).is_empty(), "{key}");
            }
        }
        assert_ne!(text(&profile, "PayloadUUID"), text(payload, "PayloadUUID"));
        assert_eq!(text(payload, "UserDefinedName"), configuration.name);
        assert_eq!(text(payload, "VPNType"), "VPN");
        assert!(!text(payload, "VPNSubType").is_empty());
        let vpn = payload["VPN"].as_dictionary().unwrap();
        assert!(!text(vpn, "RemoteAddress").is_empty());
        assert_eq!(text(vpn, "AuthenticationMethod"), "Password");
        for key in ["OnDemandEnabled", "IncludeAllNetworks", "EnforceRoutes"] {
            assert!(matches!(vpn[key].as_signed_integer(), Some(0 | 1)), "{key}");
        }
    }
}

/// On Apple's devices it would take everything.
#[test]
fn a_per_app_tunnel_is_not_written_as_a_profile() {
    let (mut configuration, secrets) = first(WIREGUARD);
    configuration.routing_method = RoutingMethod::SourceApplication;
    let ids = ProfileIds { profile: configuration.id, payload: configuration.id };
    let written = export_mobileconfig(&configuration, &secrets, ids, AppleSystem::Macos);
    assert_eq!(written.unwrap_err(), ExportError::PerApp);
}

// spec: MGR-33, PROTO-12, PROTO-13
#[test]
fn what_came_from_a_profile_comes_back_from_one() {
    let settings = with(PROVIDER, "<key>VPNType</key>", &format!("{NETWORK}<key>VPNType</key>"));
    let certificate = with_certificate(PROVIDER);
    for sample in [WIREGUARD, PROVIDER, settings.as_bytes(), certificate.as_bytes()] {
        let (configuration, secrets) = first(sample);
        let app = if sample == WIREGUARD { "com.wireguard.macos" } else { "org.example.app" };
        assert_eq!(configuration.app_id.as_deref(), Some(app));
        let written = export(&configuration, &secrets);
        assert_eq!(first(&written), (configuration, secrets));
        let text = std::str::from_utf8(&written).unwrap();
        assert!(!text.contains("AditConfiguration"));
        assert_eq!(text.contains("<key>ExcludeAPNs</key>"), sample == WIREGUARD);
    }
}

#[test]
fn what_apple_cannot_say_comes_back_as_well() {
    let (mut configuration, secrets) = first(WIREGUARD);
    configuration.protocol.disconnect_on_sleep = true;
    configuration.unknown.insert("ofALaterVersion".into(), json!({"a": [1, null]}));
    configuration.on_demand.rules = serde_json::from_value(json!([
        {"action": "disconnect", "gatewayMacs": ["00:11:22:aa:bb:cc"], "ssids": ["Caf\\xe9"]},
        {"action": "connect", "eager": true, "time": {"from": "08:00", "until": "18:00"}},
        {"action": "connect", "eager": true},
    ]))
    .unwrap();
    let written = export(&configuration, &secrets);
    assert_eq!(first(&written), (configuration.clone(), secrets.clone()));

    // To Apple the last rule is all there is: without their conditions the others would match anywhere.
    let profile = dictionary(&written);
    let payload = profile["PayloadContent"].as_array().unwrap()[0].as_dictionary().unwrap();
    let rules = payload["VPN"].as_dictionary().unwrap()["OnDemandRules"].as_array().unwrap();
    assert_eq!(rules.len(), 1);

    // Whoever changes Apple's keys means it.
    let edited = with(&written, "<string>Connect</string>", "<string>Ignore</string>");
    let imported = import(edited).unwrap().configurations.remove(0);
    let rules = serde_json::to_value(&imported.configuration.on_demand.rules).unwrap();
    assert_eq!(rules, json!([{"action": "ignore"}]));
    let last = imported.notes.last().unwrap();
    assert!(last.text.contains("AditConfiguration counts for nothing"), "{last}");
}

#[test]
fn dns_that_a_file_of_wireguard_cannot_say_stands_in_apples_keys_too() {
    let (mut configuration, secrets) = first(WIREGUARD);
    let mut wireguard = wireguard_of(&configuration).unwrap();
    wireguard.dns_protocol = DnsProtocol::Tls { server_name: "dns.example".into() };
    wireguard.match_domains = Some(vec!["office.example".into()]);
    set_wireguard(&mut configuration, &wireguard);
    let written = export(&configuration, &secrets);
    assert_eq!(first(&written), (configuration, secrets));
    let profile = dictionary(&written);
    let payload = profile["PayloadContent"].as_array().unwrap()[0].as_dictionary().unwrap();
    let dns = payload["DNS"].as_dictionary().unwrap();
    assert_eq!((text(dns, "DNSProtocol"), text(dns, "ServerName")), ("TLS", "dns.example"));
    assert_eq!(dns["SupplementalMatchDomains"].as_array().unwrap().len(), 1);
}

#[test]
fn a_profile_is_for_the_app_of_one_system() {
    let (configuration, secrets) = first(WIREGUARD);
    let ids = ProfileIds { profile: configuration.id, payload: configuration.id };
    for (system, app) in
        [(AppleSystem::Ios, "com.wireguard.ios"), (AppleSystem::Macos, "com.wireguard.macos")]
    {
        let written = export_mobileconfig(&configuration, &secrets, ids, system).unwrap();
        let (read, _) = first(&written);
        assert_eq!(read.app_id.as_deref(), Some(app));
        assert_eq!(AppleSystem::of(&read), Some(system));
    }
}

fn first(profile: &[u8]) -> (VpnConfiguration, Secrets) {
    let imported = import(profile).unwrap().configurations.remove(0);
    (imported.configuration, imported.secrets)
}

fn export(configuration: &VpnConfiguration, secrets: &Secrets) -> Vec<u8> {
    let ids = ProfileIds {
        profile: ConfigurationId::from_random([1; 16]),
        payload: ConfigurationId::from_random([2; 16]),
    };
    let system = AppleSystem::of(configuration).unwrap_or(AppleSystem::Ios);
    export_mobileconfig(configuration, secrets, ids, system).unwrap().to_vec()
}

fn dictionary(profile: &[u8]) -> Dictionary {
    Value::from_reader_xml(profile).unwrap().into_dictionary().unwrap()
}

fn text<'a>(dictionary: &'a Dictionary, key: &str) -> &'a str {
    dictionary[key].as_string().unwrap_or_default()
}
