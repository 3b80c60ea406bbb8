//! One payload of a profile that may be a VPN (spec MDM-1 to MDM-25).

use adit_model::{
    ConfigurationId, PASSWORD, Secret, Secrets, TunnelProviderProtocol, VpnConfiguration,
    wireguard::PROVIDER_ID,
};
use serde_json::{Map, Value};

use super::{
    ProfileError, json, on_demand,
    reader::{Reader, Unread},
};
use crate::{Imported, Note, NoteCode, Protection, import_wg_quick, protect};

const VPN: &str = "com.apple.vpn.managed";
/// The key of `VendorConfig` that has a file of wg-quick.
pub(super) const WG_QUICK: &str = "WgQuickConfig";
/// The key of `VendorConfig` that has what Apple's keys cannot say.
pub(super) const ADIT: &str = "AditConfiguration";
/// Under this name the configuration keeps what of a payload is not known.
pub(super) const KEPT: &str = "profileKeys";

pub(super) enum Found {
    Vpn(Box<Imported>),
    /// Why it is none that Adit can have.
    Other(Note),
}

pub(super) fn read(
    payload: &Reader<'_>,
    new_id: &mut impl FnMut() -> ConfigurationId,
) -> Result<Found, ProfileError> {
    let kind = payload.required_text("PayloadType")?;
    let name = payload.text("UserDefinedName")?.or(payload.text("PayloadDisplayName")?);
    let name = name.map(str::trim).filter(|name| !name.is_empty());
    let called = name.map_or_else(|| payload.path().to_owned(), |name| format!("“{name}”"));
    let left_out = |why: &str| {
        let text = format!("{called} was left out: {why}.");
        Ok(Found::Other(
            Note::warning(NoteCode::ProfileLeftOut, text)
                .about(payload.path())
                .with("name", &called),
        ))
    };
    if kind != VPN {
        return left_out(&match kind {
            "com.apple.vpn.managed.applayer" | "com.apple.vpn.managed.appmapping" => {
                "Adit has no VPN for single apps".into()
            }
            other => format!("it is {other}, and Adit has only VPNs"),
        });
    }
    match payload.required_text("VPNType")? {
        "VPN" => {}
        other => return left_out(&format!("Adit has no VPN of the type {other}")),
    }
    let vpn = payload.dictionary("VPN")?;
    let vpn = vpn.ok_or_else(|| ProfileError::Missing { path: payload.path_of("VPN") })?;
    match vpn.text("ProviderType")?.unwrap_or("packet-tunnel") {
        "packet-tunnel" => {}
        other => return left_out(&format!("Adit has no provider of the type {other}")),
    }
    let vendor = payload.dictionary("VendorConfig")?;
    let payload = ManagedVpn { payload, vpn, vendor, name: name.unwrap_or("VPN") };
    payload.read(new_id()).map(Box::new).map(Found::Vpn)
}

struct ManagedVpn<'a> {
    payload: &'a Reader<'a>,
    vpn: Reader<'a>,
    vendor: Option<Reader<'a>>,
    name: &'a str,
}

impl ManagedVpn<'_> {
    fn read(&self, id: ConfigurationId) -> Result<Imported, ProfileError> {
        let mut imported = self.tunnel(id)?;
        let Imported { configuration, notes, .. } = &mut imported;
        self.protections(configuration, notes)?;
        configuration.on_demand = on_demand::read(&self.vpn, notes)?;
        self.without_effect(notes)?;
        self.keep_unknown(configuration, notes);
        let named = |error| ProfileError::Configuration { name: self.name.into(), error };
        imported.configuration.validate().map_err(named)?;
        self.add_what_apple_cannot_say(imported)
    }

    /// What the provider needs.
    fn tunnel(&self, id: ConfigurationId) -> Result<Imported, ProfileError> {
        let wg_quick = match &self.vendor {
            Some(vendor) => vendor.text(WG_QUICK)?.map(|text| (text, vendor.path_of(WG_QUICK))),
            None => None,
        };
        let address = self.vpn.text("RemoteAddress")?;
        let sub_type = self.payload.text("VPNSubType")?.unwrap_or_default();
        let provider = self.vpn.text("ProviderBundleIdentifier")?.unwrap_or(sub_type);
        if let Some((text, path)) = wg_quick {
            return import_wg_quick(text.as_bytes(), self.name, id)
                .map_err(|error| ProfileError::WgQuick { path, error });
        }
        if sub_type.starts_with("com.wireguard.") || provider == PROVIDER_ID {
            let path = format!("{}.VendorConfig.{WG_QUICK}", self.payload.path());
            return Err(ProfileError::Missing { path });
        }
        if provider.is_empty() {
            return Err(ProfileError::Missing { path: self.payload.path_of("VPNSubType") });
        }
        let address = address.map(str::trim).filter(|address| !address.is_empty());
        let address = address
            .ok_or_else(|| ProfileError::Missing { path: self.vpn.path_of("RemoteAddress") })?;
        let mut protocol = TunnelProviderProtocol::new(provider, address);
        protocol.username = self.vpn.text("AuthName")?.map(Into::into);
        let vendor = self.vendor.as_ref().map(Reader::unread).unwrap_or_default();
        protocol.provider_configuration = vendor
            .iter()
            .filter(|unread| unread.key != ADIT)
            .map(|unread| (unread.key.to_owned(), json::from_plist(unread.value)))
            .collect();
        let password = match self.vpn.text("AuthPassword")? {
            Some(password) => Some(password),
            None => self.vpn.text("Password")?,
        };
        let secrets: Secrets =
            password.map(|text| (PASSWORD.to_owned(), Secret::new(text))).into_iter().collect();
        let configuration = VpnConfiguration::new(id, self.name, protocol);
        let text = format!("“{}” needs the provider {provider} to be installed.", self.name);
        let notes = vec![
            Note::notice(NoteCode::ProfileProvider, text)
                .with("name", &self.name)
                .with("provider", &provider),
        ];
        Ok(Imported { configuration, secrets, notes })
    }

    /// MDM-13 to MDM-16. A profile that says nothing of them is protected as a file of wg-quick is.
    fn protections(
        &self,
        configuration: &mut VpnConfiguration,
        notes: &mut Vec<Note>,
    ) -> Result<(), ProfileError> {
        let vpn = &self.vpn;
        let protocol = &mut configuration.protocol;
        protocol.include_all_networks = vpn.flag("IncludeAllNetworks")?.unwrap_or_default();
        protocol.exclude_local_networks = vpn.flag("ExcludeLocalNetworks")?.unwrap_or_default();
        match vpn.flag("EnforceRoutes")? {
            Some(enforce) => protocol.enforce_routes = enforce,
            None => protect(configuration, Protection::FULL),
        }
        for key in ["ExcludeCellularServices", "ExcludeAPNs", "ExcludeDeviceCommunication"] {
            if vpn.flag(key)?.is_some() {
                let path = vpn.path_of(key);
                let text = format!("{path} is about something that only Apple’s devices have.");
                notes.push(Note::notice(NoteCode::ProfileAppleOnly, text).about(&path));
            }
        }
        Ok(())
    }

    /// What is understood and not done.
    fn without_effect(&self, notes: &mut Vec<Note>) -> Result<(), ProfileError> {
        let mut ignored = |path: String, why: &str| {
            let text = format!("{path} counts for nothing: {why}.");
            notes.push(Note::warning(NoteCode::ProfileIgnored, text).about(&path));
        };
        match self.vpn.text("AuthenticationMethod")? {
            Some("Password") | None => {}
            Some(other) => {
                let path = self.vpn.path_of("AuthenticationMethod");
                ignored(path, &format!("{other} needs a certificate, and providers get none"));
            }
        }
        for (reader, key, why) in [
            (&self.vpn, "PayloadCertificateUUID", "providers get no certificates"),
            (
                &self.vpn,
                "ProviderDesignatedRequirement",
                "what may be a provider, its manifest says",
            ),
            (self.payload, "IPv4", "a provider’s routes say what goes through its tunnel"),
            (self.payload, "Proxies", "proxies are not taken over from profiles"),
            (self.payload, "DNS", "a provider’s settings say who answers names"),
            (self.payload, "PPP", "it is for L2TP"),
            (self.payload, "IPSec", "it is for another type of VPN"),
            (self.payload, "IKEv2", "it is for another type of VPN"),
        ] {
            reader.skip(&[key]);
            if reader.has(key) {
                ignored(reader.path_of(key), why);
            }
        }
        Ok(())
    }

    /// Spec MDM-C2.
    fn keep_unknown(&self, configuration: &mut VpnConfiguration, notes: &mut Vec<Note>) {
        self.payload.skip(&[
            "PayloadDescription",
            "PayloadDisplayName",
            "PayloadEnabled",
            "PayloadIdentifier",
            "PayloadOrganization",
            "PayloadUUID",
            "PayloadVersion",
        ]);
        self.vpn.skip(&["AuthName", "AuthPassword", "Password"]);
        let mut kept = Map::new();
        if let Some(vendor) = &self.vendor
            && configuration.protocol.provider_id == PROVIDER_ID
        {
            vendor.skip(&[ADIT]);
            notes.extend(vendor.unread().iter().map(Unread::note));
        }
        for (place, reader) in [("payload", self.payload), ("vpn", &self.vpn)] {
            let unread = reader.unread();
            notes.extend(unread.iter().map(Unread::note));
            let fields: Map<String, Value> = unread
                .iter()
                .map(|unread| (unread.key.to_owned(), json::from_plist(unread.value)))
                .collect();
            if !fields.is_empty() {
                kept.insert(place.into(), fields.into());
            }
        }
        if !kept.is_empty() {
            configuration.unknown.insert(KEPT.into(), kept.into());
        }
    }

    /// What Adit has written beside Apple's keys counts if it still says the same as those.
    fn add_what_apple_cannot_say(&self, plain: Imported) -> Result<Imported, ProfileError> {
        let Some(vendor) = &self.vendor else { return Ok(plain) };
        let Some(text) = vendor.text(ADIT)? else { return Ok(plain) };
        let fuller: VpnConfiguration = serde_json::from_str(text)
            .map_err(|_| vendor.wrong(ADIT, "is not what Adit has written"))?;
        let fuller = VpnConfiguration {
            id: plain.configuration.id,
            generation: 0,
            owner: 0,
            managed_by: None,
            ..fuller
        };
        fuller
            .validate()
            .map_err(|error| ProfileError::Configuration { name: self.name.into(), error })?;
        if super::export::plain_form(&fuller, &plain.secrets).as_ref() == Some(&plain.configuration)
        {
            return Ok(Imported { configuration: fuller, ..plain });
        }
        let path = vendor.path_of(ADIT);
        let text = format!(
            "{path} counts for nothing: other keys were changed since Adit wrote the profile."
        );
        let note = Note::warning(NoteCode::ProfileIgnored, text).about(&path);
        let notes = [plain.notes, vec![note]].concat();
        Ok(Imported { notes, ..plain })
    }
}
