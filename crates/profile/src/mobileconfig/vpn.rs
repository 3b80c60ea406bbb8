//! One payload of a profile that may be a VPN (spec MDM-1 to MDM-25).

use adit_model::{
    ConfigurationId, PASSWORD, ProfileOrigin, ProviderDigest, Secret, Secrets,
    TunnelProviderProtocol, VpnConfiguration, wireguard::PROVIDER_ID,
};
use serde_json::{Map, Value};

use super::{
    ProfileError,
    certificate::Certificate,
    dns::{self, DNS},
    json, on_demand,
    proxies::{self, PROXIES},
    reader::{Reader, Unread},
};
use crate::{Imported, Note, NoteCode, Protection, import_wg_quick, protect, wireguard_of};

const VPN: &str = "com.apple.vpn.managed";
/// The key of `VendorConfig` that has a file of wg-quick.
pub(super) const WG_QUICK: &str = "WgQuickConfig";
/// The key of `VendorConfig` that has what Apple's keys cannot say.
pub(super) const ADIT: &str = "AditConfiguration";
/// Under this name the configuration keeps what of a payload is not known.
pub(crate) const KEPT: &str = "profileKeys";

pub(super) enum Found {
    Vpn(Box<Imported>),
    /// It was read with the VPN that it is for.
    Certificate,
    /// Why it is none that Adit can have.
    Other(Note),
}

/// `profile` is the identifier of the whole.
pub(super) fn read(
    payload: &Reader<'_>,
    profile: Option<&str>,
    certificates: &[Certificate<'_>],
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
    let is_certificate =
        |it: &Certificate<'_>| Some(it.uuid) == payload.text("PayloadUUID").ok().flatten();
    if certificates.iter().any(is_certificate) {
        return Ok(Found::Certificate);
    }
    if kind != VPN {
        return left_out(&match kind {
            "com.apple.vpn.managed.applayer" | "com.apple.vpn.managed.appmapping" => {
                "Adit makes a per-app tunnel of a WireGuard file only, with --per-app".into()
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
    let (vendor, dns) = (payload.dictionary("VendorConfig")?, payload.dictionary(DNS)?);
    let proxies = payload.dictionary(PROXIES)?;
    let name = name.unwrap_or("VPN");
    let managed = ManagedVpn { payload, vpn, vendor, dns, proxies, certificates, name };
    let mut imported = managed.read(new_id())?;
    imported.configuration.profile = match (profile, payload.text("PayloadIdentifier")?) {
        (Some(profile), Some(payload)) => {
            let (profile, payload) = (profile.to_owned(), payload.to_owned());
            Some(ProfileOrigin { profile, payload, name: name.to_owned() })
        }
        (None, _) | (_, None) => None,
    };
    Ok(Found::Vpn(Box::new(imported)))
}

/// Whether a payload is of a VPN with this certificate.
pub(super) fn refers_to(payload: &Reader<'_>, certificate: &Certificate<'_>) -> bool {
    let vpn = payload.dictionary("VPN").ok().flatten();
    let uuid = vpn.and_then(|vpn| vpn.text(CERTIFICATE).ok().flatten());
    uuid.is_some_and(|uuid| uuid.eq_ignore_ascii_case(certificate.uuid))
}

struct ManagedVpn<'a> {
    payload: &'a Reader<'a>,
    vpn: Reader<'a>,
    vendor: Option<Reader<'a>>,
    dns: Option<Reader<'a>>,
    proxies: Option<Reader<'a>>,
    certificates: &'a [Certificate<'a>],
    name: &'a str,
}

/// About things that only Apple's devices have (PROTO-12 to PROTO-14).
const APPLE_ONLY: [&str; 3] =
    ["ExcludeCellularServices", "ExcludeAPNs", "ExcludeDeviceCommunication"];
pub(super) const CERTIFICATE: &str = "PayloadCertificateUUID";
const OVERRIDE_PRIMARY: &str = "OverridePrimary";
/// What an administrator demands of the program that is the provider.
pub(super) const REQUIREMENT: &str = "ProviderDesignatedRequirement";

impl ManagedVpn<'_> {
    fn read(&self, id: ConfigurationId) -> Result<Imported, ProfileError> {
        let mut imported = self.tunnel(id)?;
        self.identity(&mut imported)?;
        let Imported { configuration, notes, .. } = &mut imported;
        configuration.app_id = self.payload.text("VPNSubType")?.map(Into::into);
        self.protections(configuration, notes)?;
        self.names_and_proxies(configuration, notes)?;
        configuration.on_demand = on_demand::read(&self.vpn, notes)?;
        self.demands(configuration, notes)?;
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

    /// MDM-9.
    fn identity(&self, imported: &mut Imported) -> Result<(), ProfileError> {
        let Imported { configuration, secrets, notes } = imported;
        let Some(uuid) = self.vpn.text(CERTIFICATE)? else { return Ok(()) };
        let same = |it: &&Certificate<'_>| it.uuid.eq_ignore_ascii_case(uuid);
        let why = match self.certificates.iter().find(same) {
            None => "the profile has no certificate of this UUID",
            Some(_) if configuration.protocol.provider_id == PROVIDER_ID => {
                "WireGuard has no use for certificates"
            }
            Some(certificate) => match certificate.keep(secrets) {
                Some(reference) => {
                    configuration.protocol.identity = Some(reference);
                    return Ok(());
                }
                None => "what it leads to is no text of PEM",
            },
        };
        let path = self.vpn.path_of(CERTIFICATE);
        let text = format!("{path} counts for nothing: {why}.");
        notes.push(Note::warning(NoteCode::ProfileIgnored, text).about(&path));
        Ok(())
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
        for key in APPLE_ONLY {
            if vpn.flag(key)?.is_some() {
                let path = vpn.path_of(key);
                let text = format!("{path} is about something that only Apple’s devices have.");
                notes.push(Note::notice(NoteCode::ProfileAppleOnly, text).about(&path));
            }
        }
        Ok(())
    }

    /// MDM-20 to MDM-23.
    fn names_and_proxies(
        &self,
        configuration: &mut VpnConfiguration,
        notes: &mut Vec<Note>,
    ) -> Result<(), ProfileError> {
        if let Some(dns) = &self.dns {
            configuration.protocol.dns = Some(dns::read(dns, notes)?);
            let has_own = wireguard_of(configuration).is_some_and(|it| !it.dns_servers.is_empty());
            if has_own {
                let path = format!("{}.VendorConfig.{WG_QUICK}: DNS", self.payload.path());
                let text = format!("{path} counts for nothing: {} takes its place.", dns.path());
                notes.push(Note::notice(NoteCode::ProfileIgnored, text).about(&path));
            }
        }
        if let Some(proxies) = &self.proxies {
            configuration.protocol.proxy = proxies::read(proxies, notes)?;
        }
        Ok(())
    }

    /// What is demanded, and what is understood and not done.
    fn demands(
        &self,
        configuration: &mut VpnConfiguration,
        notes: &mut Vec<Note>,
    ) -> Result<(), ProfileError> {
        let mut ignored = |path: String, why: &str| {
            let text = format!("{path} counts for nothing: {why}.");
            notes.push(Note::warning(NoteCode::ProfileIgnored, text).about(&path));
        };
        match self.vpn.text("AuthenticationMethod")? {
            Some("Password") | None => {}
            Some(_) if configuration.protocol.identity.is_some() => {}
            Some(other) => {
                let path = self.vpn.path_of("AuthenticationMethod");
                ignored(path, &format!("{other} needs a certificate, and there is none"));
            }
        }
        for (reader, key, why) in [
            (self.payload, "PPP", "it is for L2TP"),
            (self.payload, "TransparentProxy", "it is for another type of VPN"),
            (self.payload, "IPSec", "it is for another type of VPN"),
            (self.payload, "IKEv2", "it is for another type of VPN"),
        ] {
            reader.skip(&[key]);
            if reader.has(key) {
                ignored(reader.path_of(key), why);
            }
        }
        match self.vpn.text(REQUIREMENT)? {
            Some(text) if ProviderDigest::is_meant_by(text) => {
                let digest = text
                    .parse::<ProviderDigest>()
                    .map_err(|error| self.vpn.wrong(REQUIREMENT, error.to_string()))?;
                configuration.protocol.provider_digest = Some(digest);
            }
            Some(_) => {
                let why = "programs on Linux bear no signatures of Apple’s kind; write “sha256:” and \
                           the digest of the provider’s program in its place";
                ignored(self.vpn.path_of(REQUIREMENT), why);
            }
            None => {}
        }
        if let Some(ipv4) = self.payload.dictionary("IPv4")?
            && ipv4.flag(OVERRIDE_PRIMARY)? == Some(true)
        {
            let why = "a provider’s routes say what goes through its tunnel";
            ignored(ipv4.path_of(OVERRIDE_PRIMARY), why);
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
        let (payload, vpn) = (("payload", Some(self.payload)), ("vpn", Some(&self.vpn)));
        let (dns, proxies) = (("dns", self.dns.as_ref()), ("proxies", self.proxies.as_ref()));
        for (place, reader) in [payload, vpn, dns, proxies] {
            let Some(reader) = reader else { continue };
            let unread = reader.unread();
            notes.extend(unread.iter().map(Unread::note));
            // Of these it was said already that they count for nothing here; elsewhere they do.
            let elsewhere = [&APPLE_ONLY[..], &[REQUIREMENT, "IPv4"]].concat();
            let fields: Map<String, Value> = unread
                .into_iter()
                .chain(elsewhere.into_iter().filter_map(|key| reader.found(key)))
                .map(|found| (found.key.to_owned(), json::from_plist(found.value)))
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
