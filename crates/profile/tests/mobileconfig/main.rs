//! Apple's configuration profiles, from outside. The samples are our own.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper that fails fails its test")]

mod generated;
mod import;
mod network;
mod on_demand;
mod round_trip;

use adit_model::ConfigurationId;
use adit_profile::{ImportedProfile, ProfileError, import_mobileconfig};

const WIREGUARD: &[u8] = include_bytes!("samples/wireguard.mobileconfig");
/// Keys of a payload that say how the network is to be.
const NETWORK: &str = "
<key>DNS</key><dict>
    <key>DNSProtocol</key><string>HTTPS</string>
    <key>ServerURL</key><string>https://dns.lab.example/dns-query{?dns}</string>
    <key>ServerAddresses</key><array><string>10.1.0.53</string><string>fd00::53</string></array>
    <key>SearchDomains</key><array><string>lab.example</string></array>
    <key>DomainName</key><string>lab.example</string>
    <key>SupplementalMatchDomains</key><array><string>lab.example</string><string></string></array>
    <key>SupplementalMatchDomainsNoSearch</key><integer>1</integer>
    <key>AllowFailover</key><true/>
    <key>FutureDns</key><integer>7</integer>
</dict>
<key>Proxies</key><dict>
    <key>ProxyAutoDiscoveryEnable</key><integer>0</integer>
    <key>HTTPEnable</key><integer>1</integer>
    <key>HTTPProxy</key><string>proxy.lab.example</string>
    <key>HTTPPort</key><integer>3128</integer>
    <key>HTTPProxyUsername</key><string>ada</string>
    <key>HTTPProxyPassword</key><string>correct horse</string>
    <key>SupplementalMatchDomains</key><array><string>lab.example</string></array>
</dict>
";
const PROVIDER: &[u8] = include_bytes!("samples/provider.mobileconfig");

fn import(bytes: impl AsRef<[u8]>) -> Result<ImportedProfile, ProfileError> {
    import_mobileconfig(bytes.as_ref(), || ConfigurationId::from_random([7; 16]))
}

/// What the sample of a provider refers to.
const CERTIFICATE: &str = "D3A1E8B4-0000-4000-8000-000000000001";

/// A sample with a certificate as its first payload.
fn with_certificate(sample: &[u8]) -> String {
    let payload = format!(
        "<key>PayloadContent</key><array><dict>
            <key>PayloadType</key><string>com.apple.security.pkcs12</string>
            <key>PayloadVersion</key><integer>1</integer>
            <key>PayloadIdentifier</key><string>example.certificate</string>
            <key>PayloadUUID</key><string>{CERTIFICATE}</string>
            <key>Password</key><string>battery staple</string>
            <key>PayloadContent</key><data>MIIBAA==</data>
        </dict>"
    );
    let text = std::str::from_utf8(sample).unwrap();
    text.replacen("<key>PayloadContent</key>\n\t<array>", &payload, 1)
}

/// A sample with something in it exchanged.
fn with(sample: &[u8], old: &str, new: &str) -> String {
    let text = std::str::from_utf8(sample).unwrap();
    assert!(text.contains(old), "{old}");
    text.replace(old, new)
}
