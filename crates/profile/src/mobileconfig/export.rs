//! Writing a profile.

use adit_model::{
    ConfigurationId, PASSWORD, Scope, Secrets, VpnConfiguration, on_demand::OnDemandSettings,
    wireguard::PROVIDER_ID,
};
use plist::{Dictionary, Value};
use zeroize::Zeroizing;

use super::{
    import_mobileconfig, json, on_demand,
    vpn::{ADIT, KEPT, WG_QUICK},
};
use crate::{ExportError, export_wg_quick, wireguard_of};

/// The identities that a profile needs. Installing one again with the same ones replaces it (MDM-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProfileIds {
    /// Of the profile as a whole.
    pub profile: ConfigurationId,
    /// Of the VPN in it.
    pub payload: ConfigurationId,
}

/// The app that WireGuard's profiles are for.
const WIREGUARD_APP: &str = "com.wireguard.ios";
const IDENTIFIER: &str = "org.adit.profile";

/// Writes a profile as Apple's systems take it, in XML, with its keys. Importing it again yields the
/// same configuration: what Apple's keys cannot say stands in one of Adit's.
pub fn export_mobileconfig(
    configuration: &VpnConfiguration,
    secrets: &Secrets,
    ids: ProfileIds,
) -> Result<Zeroizing<Vec<u8>>, ExportError> {
    let plain = payload(configuration, secrets, ids, None)?;
    let plain = profile(configuration, plain, ids)?;
    if imported(&plain).as_ref() == Some(&portable(configuration)) {
        return Ok(plain);
    }
    let rest = serde_json::to_string(&portable(configuration))
        .map_err(|_| ExportError::Inexpressible { key: ADIT })?;
    profile(configuration, payload(configuration, secrets, ids, Some(&rest))?, ids)
}

/// What a configuration becomes when only Apple's keys say it.
pub(super) fn plain_form(
    configuration: &VpnConfiguration,
    secrets: &Secrets,
) -> Option<VpnConfiguration> {
    let ids = ProfileIds { profile: configuration.id, payload: configuration.id };
    let payload = payload(configuration, secrets, ids, None).ok()?;
    let plain = imported(&profile(configuration, payload, ids).ok()?)?;
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
        ..configuration.clone()
    }
}

fn imported(profile: &[u8]) -> Option<VpnConfiguration> {
    let imported = import_mobileconfig(profile, || ConfigurationId::from_random([0; 16])).ok()?;
    imported.configurations.into_iter().next().map(|imported| imported.configuration)
}

fn profile(
    configuration: &VpnConfiguration,
    payload: Dictionary,
    ids: ProfileIds,
) -> Result<Zeroizing<Vec<u8>>, ExportError> {
    let mut profile = Dictionary::new();
    set(&mut profile, "PayloadContent", vec![Value::from(payload)]);
    describe(&mut profile, &configuration.name, "Configuration", ids.profile);
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
    let mut payload = Dictionary::new();
    let mut vpn = Dictionary::new();
    let mut vendor = Dictionary::new();
    if let Some(kept) = configuration.unknown.get(KEPT) {
        let of = |place: &str| kept.get(place).and_then(serde_json::Value::as_object);
        payload = of("payload").map(json::dictionary).unwrap_or_default();
        vpn = of("vpn").map(json::dictionary).unwrap_or_default();
    }
    describe(&mut payload, &configuration.name, "com.apple.vpn.managed", ids.payload);
    set(&mut payload, "UserDefinedName", configuration.name.as_str());
    set(&mut payload, "VPNType", "VPN");
    if protocol.provider_id == PROVIDER_ID {
        let wireguard =
            wireguard_of(configuration).ok_or(ExportError::Inexpressible { key: WG_QUICK })?;
        let text = export_wg_quick(&wireguard, secrets)?;
        set(&mut payload, "VPNSubType", WIREGUARD_APP);
        set(&mut vendor, WG_QUICK, text.as_str());
    } else {
        set(&mut payload, "VPNSubType", protocol.provider_id.as_str());
        set(&mut vpn, "ProviderBundleIdentifier", protocol.provider_id.as_str());
        vendor = json::dictionary(&protocol.provider_configuration);
    }
    if let Some(adit) = adit {
        set(&mut vendor, ADIT, adit);
    }
    set(&mut payload, "VendorConfig", vendor);
    set(&mut vpn, "RemoteAddress", protocol.server_address.as_str());
    set(&mut vpn, "AuthenticationMethod", "Password");
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
    if configuration.on_demand != OnDemandSettings::default() {
        on_demand::write(&configuration.on_demand, &mut vpn);
    }
    set(&mut payload, "VPN", vpn);
    Ok(payload)
}

/// The keys that every payload has.
fn describe(payload: &mut Dictionary, name: &str, kind: &str, id: ConfigurationId) {
    set(payload, "PayloadDisplayName", name);
    set(payload, "PayloadIdentifier", format!("{IDENTIFIER}.{id}"));
    set(payload, "PayloadType", kind);
    set(payload, "PayloadUUID", id.to_string().to_uppercase());
    set(payload, "PayloadVersion", 1);
}

fn set(dictionary: &mut Dictionary, key: &str, value: impl Into<Value>) {
    dictionary.insert(key.into(), value.into());
}
