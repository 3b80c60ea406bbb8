//! Writing a profile.

use std::net::Ipv4Addr;

use adit_model::{
    ConfigurationId, DnsSettings, PASSWORD, Scope, Secrets, VpnConfiguration,
    on_demand::OnDemandSettings, wireguard::PROVIDER_ID,
};
use plist::{Dictionary, Value};
use zeroize::Zeroizing;

use super::{
    certificate,
    dns::{self, DNS},
    import_mobileconfig, json, on_demand,
    proxies::{self, PROXIES},
    vpn::{ADIT, CERTIFICATE, KEPT, REQUIREMENT, WG_QUICK},
};
use crate::{ExportError, export_wg_quick, is_said_by_wg_quick, wireguard_of};

/// The identities that a profile needs. Installing one again with the same ones replaces it (MDM-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProfileIds {
    /// Of the profile as a whole.
    pub profile: ConfigurationId,
    /// Of the VPN in it.
    pub payload: ConfigurationId,
}

/// Whose devices a profile of WireGuard is for: it names its app, and each has its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppleSystem {
    /// iPhones and iPads.
    Ios,
    /// Macs.
    Macos,
}

impl AppleSystem {
    fn wireguard_app(self) -> &'static str {
        match self {
            Self::Ios => "com.wireguard.ios",
            Self::Macos => "com.wireguard.macos",
        }
    }

    /// Which one a configuration is for, if it came in a profile that says so.
    #[must_use]
    pub fn of(configuration: &VpnConfiguration) -> Option<Self> {
        let app = configuration.app_id.as_deref();
        [Self::Ios, Self::Macos].into_iter().find(|system| app == Some(system.wireguard_app()))
    }
}

const IDENTIFIER: &str = "org.adit.profile";

/// Writes a profile as Apple's systems take it, in XML, with its keys. Importing it again yields the
/// same configuration: what Apple's keys cannot say stands in one of Adit's.
pub fn export_mobileconfig(
    configuration: &VpnConfiguration,
    secrets: &Secrets,
    ids: ProfileIds,
    system: AppleSystem,
) -> Result<Zeroizing<Vec<u8>>, ExportError> {
    if configuration.routing_method.is_per_app() {
        return Err(ExportError::PerApp);
    }
    let mut configuration = configuration.clone();
    if configuration.protocol.provider_id == PROVIDER_ID {
        configuration.app_id = Some(system.wireguard_app().into());
    }
    let configuration = &configuration;
    let plain = payload(configuration, secrets, ids, None)?;
    let plain = profile(configuration, secrets, plain, ids)?;
    if imported(&plain).as_ref() == Some(&portable(configuration)) {
        return Ok(plain);
    }
    let rest = serde_json::to_string(&portable(configuration))
        .map_err(|_| ExportError::Inexpressible { key: ADIT })?;
    profile(configuration, secrets, payload(configuration, secrets, ids, Some(&rest))?, ids)
}

/// What a configuration becomes when only Apple's keys say it.
pub(super) fn plain_form(
    configuration: &VpnConfiguration,
    secrets: &Secrets,
) -> Option<VpnConfiguration> {
    let ids = ProfileIds { profile: configuration.id, payload: configuration.id };
    let payload = payload(configuration, secrets, ids, None).ok()?;
    let plain = imported(&profile(configuration, secrets, payload, ids).ok()?)?;
    Some(VpnConfiguration { id: configuration.id, ..plain })
}

/// What belongs to the place where it is stored stays there.
fn portable(configuration: &VpnConfiguration) -> VpnConfiguration {
    VpnConfiguration {
        id: ConfigurationId::from_random([0; 16]),
        generation: 0,
        owner: 0,
        scope: Scope::User,
        managed_by: None,
        profile: None,
        ..configuration.clone()
    }
}

fn imported(profile: &[u8]) -> Option<VpnConfiguration> {
    let imported = import_mobileconfig(profile, || ConfigurationId::from_random([0; 16])).ok()?;
    let imported = imported.configurations.into_iter().next()?;
    Some(VpnConfiguration { profile: None, ..imported.configuration })
}

fn profile(
    configuration: &VpnConfiguration,
    secrets: &Secrets,
    payload: Dictionary,
    ids: ProfileIds,
) -> Result<Zeroizing<Vec<u8>>, ExportError> {
    let mut profile = Dictionary::new();
    let certificate = certificate(configuration, secrets, ids);
    let payloads = [Some(payload), certificate].into_iter().flatten().map(Value::from);
    set(&mut profile, "PayloadContent", payloads.collect::<Vec<Value>>());
    let identifier = configuration.profile.as_ref().map(|origin| origin.profile.as_str());
    describe(&mut profile, &configuration.name, "Configuration", ids.profile, identifier);
    let mut xml = Zeroizing::new(Vec::new());
    Value::from(profile)
        .to_writer_xml(&mut *xml)
        .map_err(|_| ExportError::Inexpressible { key: "PayloadContent" })?;
    xml.push(b'\n');
    Ok(xml)
}

/// `adit`: the value of Adit's own key.
fn payload(
    configuration: &VpnConfiguration,
    secrets: &Secrets,
    ids: ProfileIds,
    adit: Option<&str>,
) -> Result<Dictionary, ExportError> {
    let protocol = &configuration.protocol;
    let mut vendor = Dictionary::new();
    let kept = |place: &str| {
        let kept = configuration.unknown.get(KEPT).and_then(|kept| kept.get(place)?.as_object());
        kept.map(json::dictionary).unwrap_or_default()
    };
    let mut payload = kept("payload");
    let mut vpn = kept("vpn");
    let identifier = configuration.profile.as_ref().map(|origin| origin.payload.as_str());
    let name = configuration.name.as_str();
    describe(&mut payload, name, "com.apple.vpn.managed", ids.payload, identifier);
    set(&mut payload, "UserDefinedName", configuration.name.as_str());
    set(&mut payload, "VPNType", "VPN");
    if protocol.provider_id == PROVIDER_ID {
        let wireguard =
            wireguard_of(configuration).ok_or(ExportError::Inexpressible { key: WG_QUICK })?;
        let text = export_wg_quick(&wireguard, secrets)?;
        set(&mut vendor, WG_QUICK, text.as_str());
    } else {
        set(&mut vpn, "ProviderBundleIdentifier", protocol.provider_id.as_str());
        vendor = json::dictionary(&protocol.provider_configuration);
    }
    let app = configuration.app_id.as_ref().unwrap_or(&protocol.provider_id);
    set(&mut payload, "VPNSubType", app.as_str());
    if let Some(adit) = adit {
        set(&mut vendor, ADIT, adit);
    }
    set(&mut payload, "VendorConfig", vendor);
    set(&mut vpn, "RemoteAddress", protocol.server_address.as_str());
    let method = match (&protocol.identity, secrets.contains_key(PASSWORD)) {
        (None, _) => "Password",
        (Some(_), false) => "Certificate",
        (Some(_), true) => "Password+Certificate",
    };
    set(&mut vpn, "AuthenticationMethod", method);
    if protocol.identity.is_some() {
        set(&mut vpn, CERTIFICATE, uuid(certificate_id(ids)));
    }
    if let Some(digest) = &protocol.provider_digest {
        set(&mut vpn, REQUIREMENT, digest.to_string());
    }
    if let Some(name) = &protocol.username {
        set(&mut vpn, "AuthName", name.as_str());
    }
    if let Some(password) = secrets.get(PASSWORD) {
        set(&mut vpn, "AuthPassword", password.expose());
    }
    for (key, is_set) in [
        ("IncludeAllNetworks", protocol.include_all_networks),
        ("ExcludeLocalNetworks", protocol.exclude_local_networks),
        ("EnforceRoutes", protocol.enforce_routes),
    ] {
        set(&mut vpn, key, i64::from(is_set));
    }
    // The rest of what WireGuard's configuration says of DNS is for Apple's systems to know too.
    let unsaid =
        || is_said_by_wg_quick(configuration).is_err().then(|| dns_of_wireguard(configuration));
    if let Some(settings) = protocol.dns.clone().or_else(|| unsaid().flatten()) {
        set(&mut payload, DNS, dns::write(&settings, kept("dns")));
    }
    if let Some(settings) = &protocol.proxy {
        set(&mut payload, PROXIES, proxies::write(settings, kept("proxies")));
    }
    if configuration.on_demand != OnDemandSettings::default() {
        on_demand::write(&configuration.on_demand, &mut vpn);
    }
    set(&mut payload, "VPN", vpn);
    Ok(payload)
}

fn dns_of_wireguard(configuration: &VpnConfiguration) -> Option<DnsSettings> {
    wireguard_of(configuration)?.network_settings(Ipv4Addr::UNSPECIFIED.into()).dns
}

/// The certificate that a VPN refers to, as a payload of its own.
fn certificate(
    configuration: &VpnConfiguration,
    secrets: &Secrets,
    ids: ProfileIds,
) -> Option<Dictionary> {
    let mut payload = certificate::write(&configuration.protocol, secrets)?;
    let kind = certificate::kind(configuration.protocol.identity.as_ref()?.format);
    describe(&mut payload, &configuration.name, kind, certificate_id(ids), None);
    Some(payload)
}

/// Another one than those of the profile and of the VPN, and the same each time.
fn certificate_id(ids: ProfileIds) -> ConfigurationId {
    ids.payload.derived(1)
}

fn uuid(id: ConfigurationId) -> String {
    id.to_string().to_uppercase()
}

/// The keys that every payload has. Without an identifier it gets one that is its own.
fn describe(
    payload: &mut Dictionary,
    name: &str,
    kind: &str,
    id: ConfigurationId,
    identifier: Option<&str>,
) {
    set(payload, "PayloadDisplayName", name);
    let own = format!("{IDENTIFIER}.{id}");
    set(payload, "PayloadIdentifier", identifier.map_or(own, str::to_owned));
    set(payload, "PayloadType", kind);
    set(payload, "PayloadUUID", uuid(id));
    set(payload, "PayloadVersion", 1);
}

pub(super) fn set(dictionary: &mut Dictionary, key: &str, value: impl Into<Value>) {
    dictionary.insert(key.into(), value.into());
}
