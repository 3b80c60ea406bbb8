//! What is read, what is refused and what is said about it.

use adit_model::{Severity, wireguard::PRIVATE_KEY};
use adit_profile::{ImportedProfile, ProfileError, is_mobileconfig, wireguard_of};
use serde_json::json;

use crate::{PROVIDER, WIREGUARD, import, with};

const SIGNED_DER: &[u8] = include_bytes!("samples/signed-der.mobileconfig");
/// With lengths that are not known beforehand, as Apple's tools write them.
const SIGNED_BER: &[u8] = include_bytes!("samples/signed-ber.mobileconfig");
const ENCRYPTED: &[u8] = include_bytes!("samples/encrypted.mobileconfig");

// spec: MDM-2, MDM-3, MDM-4, MDM-5, MDM-13, MDM-14, MDM-15, MDM-C1
#[test]
fn a_profile_of_wireguard_becomes_a_configuration() {
    let profile = import(WIREGUARD).unwrap();
    let [imported] = profile.configurations.as_slice() else { panic!("{profile:?}") };
    let configuration = &imported.configuration;
    assert_eq!(configuration.validate(), Ok(()));
    assert_eq!(configuration.name, "Field office");
    assert_eq!(configuration.protocol.provider_id, "org.adit.wireguard");
    assert_eq!(configuration.protocol.server_address, "office.example");
    assert_eq!(wireguard_of(configuration).unwrap().peers.len(), 1);
    assert!(imported.secrets.contains_key(PRIVATE_KEY));
    assert!(configuration.protocol.exclude_local_networks);
    // It says nothing of enforcing, and sends everything through the tunnel.
    assert!(configuration.protocol.enforce_routes);
    let said = import(with(WIREGUARD, "<key>ExcludeAPNs</key>", "<key>EnforceRoutes</key>"));
    assert!(said.unwrap().configurations[0].configuration.protocol.enforce_routes);
    let no = "<key>EnforceRoutes</key><integer>0</integer>\n<key>ExcludeAPNs</key>";
    let said = import(with(WIREGUARD, "<key>ExcludeAPNs</key>", no));
    assert!(!said.unwrap().configurations[0].configuration.protocol.enforce_routes);
}

// spec: MDM-16, MDM-C2
#[test]
fn what_counts_for_nothing_is_said_with_its_keys_and_kept() {
    let profile = import(WIREGUARD).unwrap();
    let imported = &profile.configurations[0];
    let kept = json!({"vpn": {
        "FutureKey": "kept", "ExcludeAPNs": 1,
        "ProviderDesignatedRequirement": "anchor apple generic",
    }});
    assert_eq!(imported.configuration.unknown["profileKeys"], kept);
    let vpn = "PayloadContent[0].VPN";
    assert_eq!(
        texts(&profile),
        [
            format!("{vpn}.ExcludeAPNs is about something that only Apple’s devices have."),
            format!("{vpn}.OnDemandRules[1].Typo is not known and counts for nothing."),
            format!(
                "{vpn}.ProviderDesignatedRequirement counts for nothing: programs on Linux bear no \
                 signatures of Apple’s kind; write “sha256:” and the digest of the provider’s program \
                 in its place."
            ),
            format!("{vpn}.FutureKey is not known and counts for nothing."),
            "“Office Wi-Fi” was left out: it is com.apple.wifi.managed, and Adit has only VPNs."
                .into(),
            "“Old office” was left out: Adit has no VPN of the type IKEv2.".into(),
        ]
    );
}

// spec: MDM-6, MDM-7, MDM-8, MDM-10, MDM-12
#[test]
fn a_profile_for_another_provider_keeps_what_only_that_understands() {
    let profile = import(PROVIDER).unwrap();
    let imported = &profile.configurations[0];
    let protocol = &imported.configuration.protocol;
    assert_eq!(protocol.provider_id, "org.example.udp");
    assert_eq!(protocol.server_address, "lab.example");
    assert_eq!(protocol.username.as_deref(), Some("ada"));
    let vendor = json!({"Group": "engineers", "Ports": [443, 51820]});
    assert_eq!(serde_json::to_value(&protocol.provider_configuration).unwrap(), vendor);
    assert!(protocol.include_all_networks && !protocol.enforce_routes);
    assert_eq!(imported.secrets["password"].expose(), "correct horse");
    let texts = texts(&profile);
    assert!(texts[0].starts_with("“Lab” needs the provider org.example.udp"), "{texts:?}");
    let certificate = "PayloadContent[0].VPN.PayloadCertificateUUID counts for nothing";
    assert!(texts.iter().any(|text| text.starts_with(certificate)), "{texts:?}");
    let proxy = with(PROVIDER, ">packet-tunnel<", ">app-proxy<");
    let error = import(proxy).unwrap_err().to_string();
    assert!(
        error.ends_with("“Lab” was left out: Adit has no provider of the type app-proxy."),
        "{error}"
    );
}

#[test]
fn signed_and_binary_profiles_are_read_alike() {
    let plain = import(PROVIDER).unwrap();
    for signed in [SIGNED_DER, SIGNED_BER] {
        assert!(is_mobileconfig(signed));
        let profile = import(signed).unwrap();
        assert_eq!(profile.configurations, plain.configurations);
        assert_eq!(profile.notes[0].severity, Severity::Notice);
        assert!(profile.notes[0].text.contains("was not checked"));
    }
    let mut binary = Vec::new();
    let value = plist::Value::from_reader_xml(PROVIDER).unwrap();
    value.to_writer_binary(&mut binary).unwrap();
    assert!(is_mobileconfig(&binary) && is_mobileconfig(PROVIDER));
    assert_eq!(import(binary).unwrap().configurations, plain.configurations);
    assert_eq!(import(ENCRYPTED), Err(ProfileError::Sealed));
    for other in ["[Interface]\n", "{\"adit\":1}", "", "<html>", "<?xml version=\"1.0\"?><x/>"] {
        assert!(!is_mobileconfig(other.as_bytes()), "{other}");
    }
}

#[test]
fn what_is_wrong_is_named_by_its_keys() {
    for (sample, old, new, said) in [
        (
            WIREGUARD,
            "<string>VPN</string>\n\t\t\t<key>VPNSubType",
            "<integer>1</integer>\n\t\t\t<key>VPNSubType",
            "PayloadContent[0].VPNType is wrong: must be a text.",
        ),
        (
            WIREGUARD,
            "<key>OnDemandEnabled</key><integer>1",
            "<key>OnDemandEnabled</key><integer>7",
            "PayloadContent[0].VPN.OnDemandEnabled is wrong: must be 0 or 1.",
        ),
        (
            WIREGUARD,
            ">WiFi<",
            ">Wifi<",
            "PayloadContent[0].VPN.OnDemandRules[0].InterfaceTypeMatch is wrong: must be Ethernet, WiFi or Cellular.",
        ),
        (
            WIREGUARD,
            "<key>DomainAction</key><string>NeverConnect</string>",
            "",
            "PayloadContent[0].VPN.OnDemandRules[2].ActionParameters[0].DomainAction is missing.",
        ),
        (
            WIREGUARD,
            "Endpoint = office.example:51820",
            "Endpoint = office.example",
            "PayloadContent[0].VendorConfig.WgQuickConfig: Line 8: Endpoint is wrong",
        ),
        (
            WIREGUARD,
            "WgQuickConfig",
            "wgquickconfig",
            "PayloadContent[0].VendorConfig.WgQuickConfig is missing.",
        ),
        (
            WIREGUARD,
            "17.*",
            "seventeen",
            "PayloadContent[0].VPN.OnDemandRules[1].DNSServerAddressMatch is wrong",
        ),
        (
            PROVIDER,
            "<string>lab.example</string>",
            "<string> </string>",
            "PayloadContent[0].VPN.RemoteAddress is missing.",
        ),
        (
            PROVIDER,
            "<string>Configuration</string>",
            "<string>Other</string>",
            "This is a property list",
        ),
        (PROVIDER, "</dict>\n</plist>", "</array>\n</plist>", "The profile is damaged"),
    ] {
        let error = import(with(sample, old, new)).unwrap_err().to_string();
        assert!(error.starts_with(said), "{error}");
        assert!(!error.contains("correct horse"));
    }
}

fn texts(profile: &ImportedProfile) -> Vec<String> {
    let of_configurations = profile.configurations.iter().flat_map(|imported| &imported.notes);
    of_configurations.chain(&profile.notes).map(ToString::to_string).collect()
}
