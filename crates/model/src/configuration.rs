//! A stored configuration (`NETunnelProviderManager`).

use std::{fmt, str::FromStr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    Fault, InvalidConfiguration, PacketTunnelNetworkSettings, RoutingMethod,
    TunnelProviderProtocol, on_demand::OnDemandSettings, routing_method,
};

/// One VPN configuration as it is stored. Spec MGR-1 to MGR-25.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct VpnConfiguration {
    /// Never changes and is never used again.
    pub id: ConfigurationId,
    /// Counts saves. A save must carry the generation that it was made from; 0 creates (MGR-3).
    #[serde(default)]
    pub generation: u64,
    /// The display name, unique among the configurations of one owner (MGR-9).
    pub name: String,
    /// Whether it may start (MGR-6).
    #[serde(default)]
    pub enablement: Enablement,
    /// Who owns it and how long its sessions live.
    #[serde(default)]
    pub scope: Scope,
    /// Set by the helper to the uid of whoever created it (MGR-15).
    #[serde(default)]
    pub owner: u32,
    /// By what its tunnel gets its packets (MGR-22, MGR-25).
    #[serde(default, skip_serializing_if = "RoutingMethod::is_default")]
    pub routing_method: RoutingMethod,
    /// The provider and what it needs (MGR-10).
    pub protocol: TunnelProviderProtocol,
    /// Whether and when it connects by itself (MGR-7, MGR-8).
    #[serde(default, skip_serializing_if = "OnDemandSettings::is_default")]
    pub on_demand: OnDemandSettings,
    /// The file of an administrator that it comes from and changes with. Set by the helper (MDM-C3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<String>,
    /// The profile that it came in, by which a later one of the same is known (MDM-1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileOrigin>,
    /// The app that a profile says is to manage it (MGR-33). Kept; no app on Linux is known by such an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_id: Option<String>,
    /// Fields of a later version, kept so that saving loses nothing.
    #[serde(flatten)]
    #[cfg_attr(feature = "specta", specta(skip))]
    pub unknown: Map<String, Value>,
}

/// The identity of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(transparent)]
pub struct ConfigurationId(Uuid);

/// Which part of which profile a configuration was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct ProfileOrigin {
    /// `PayloadIdentifier` of the profile.
    pub profile: String,
    /// `PayloadIdentifier` of the VPN in it.
    pub payload: String,
    /// What it was called there. A person may call it otherwise.
    pub name: String,
}

/// Whether a configuration may start. Apple's `isEnabled` is `Enabled`; the two ways of not being
/// so differ in who may end them. Spec MGR-6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum Enablement {
    /// It may start.
    #[default]
    Enabled,
    /// Another configuration has taken the default route; starting this one takes it back.
    SetAside,
    /// Somebody switched it off; it starts only after being enabled again.
    Disabled,
}

/// Whose configuration it is. Spec TN34-10.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// Its owner's alone: others neither see nor use it, and it stops when the owner logs out.
    #[default]
    User,
    /// The machine's: everybody sees it, only root changes it.
    System,
}

/// Longer names do not fit any list and are more likely a pasted mistake.
const MAX_NAME: usize = 128;
/// Bytes of JSON. Every user's records are held in memory, so they are less than the 1 MiB of spec
/// MGR-16; ten thousand routes fit.
const MAX_RECORD: usize = 512 << 10;
/// Small values take far more memory than text.
const MAX_VALUES: usize = 20_000;

impl ProfileOrigin {
    /// Whether both are versions of the same part of the same profile.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.profile, &self.payload) == (&other.profile, &other.payload)
    }
}

impl VpnConfiguration {
    /// Whether both are versions of the same part of the same profile. Spec MDM-1.
    #[must_use]
    pub fn is_version_of(&self, other: &Self) -> bool {
        self.profile
            .as_ref()
            .zip(other.profile.as_ref())
            .is_some_and(|(one, other)| one.is_same(other))
    }

    /// A configuration that was not saved yet.
    pub fn new(
        id: ConfigurationId,
        name: impl Into<String>,
        protocol: TunnelProviderProtocol,
    ) -> Self {
        Self {
            id,
            generation: 0,
            name: name.into(),
            enablement: Enablement::Enabled,
            scope: Scope::User,
            owner: 0,
            routing_method: RoutingMethod::default(),
            protocol,
            on_demand: OnDemandSettings::default(),
            managed_by: None,
            profile: None,
            app_id: None,
            unknown: Map::new(),
        }
    }

    /// The destinations that its tunnel is going to take, by which it is in the way of others. That of
    /// a per-app configuration takes none: whatever its apps reach, others reach as before.
    #[must_use]
    pub fn claimed_routes(&self) -> &[IpNet] {
        match self.routing_method {
            RoutingMethod::DestinationIp => &self.protocol.expected_routes,
            RoutingMethod::SourceApplication => &[],
        }
    }

    /// Those that it takes with these settings.
    #[must_use]
    pub fn taken_routes(&self, settings: &PacketTunnelNetworkSettings) -> Vec<IpNet> {
        match self.routing_method {
            RoutingMethod::DestinationIp => settings.included().collect(),
            RoutingMethod::SourceApplication => Vec::new(),
        }
    }

    /// Checks what can be checked without the provider (ERR-1).
    pub fn validate(&self) -> Result<(), InvalidConfiguration> {
        if self.name.trim().is_empty() {
            return Err(InvalidConfiguration::new("name", Fault::Empty));
        }
        if self.name.chars().count() > MAX_NAME {
            return Err(InvalidConfiguration::new("name", Fault::TooLong { most: MAX_NAME }));
        }
        if self.name.chars().any(char::is_control) {
            return Err(InvalidConfiguration::new("name", Fault::NotOneLine));
        }
        self.protocol.validate()?;
        if self.scope == Scope::System && !self.protocol.user_secrets.is_empty() {
            return Err(InvalidConfiguration::new("protocol.userSecrets", Fault::SecretsOfSystem));
        }
        self.on_demand.validate()?;
        routing_method::validate(self)?;
        let size = serde_json::to_vec(self).map_or(usize::MAX, |json| json.len());
        if size > MAX_RECORD {
            let fault = Fault::TooLarge { most_kib: MAX_RECORD >> 10 };
            return Err(InvalidConfiguration::new("configuration", fault));
        }
        let free_form = self.unknown.values().chain(self.protocol.unknown.values());
        let free_form = free_form.chain(self.protocol.provider_configuration.values());
        if free_form.map(count_values).sum::<usize>() > MAX_VALUES {
            let fault = Fault::TooManyValues { most: MAX_VALUES };
            return Err(InvalidConfiguration::new("configuration", fault));
        }
        Ok(())
    }
}

/// How deep a value may be nested is limited where it is read.
fn count_values(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(count_values).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(count_values).sum::<usize>(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}

impl ConfigurationId {
    /// An id from 16 random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// Another id that follows from this one; a different one for each number but 0.
    #[must_use]
    pub fn derived(self, number: u8) -> Self {
        let mut bytes = self.0.into_bytes();
        bytes[15] ^= number;
        Self(Uuid::from_bytes(bytes))
    }

    /// A fresh random id.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for ConfigurationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ConfigurationId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretPlace;

    // spec: PROTO-2, PROTO-3, MGR-9, MGR-16, ERR-1
    #[test]
    fn each_fault_names_its_field() {
        let fault = |edit: fn(&mut VpnConfiguration)| {
            let mut configuration = example();
            edit(&mut configuration);
            configuration.validate().unwrap_err().field
        };
        assert_eq!(example().validate(), Ok(()));
        assert_eq!(fault(|c| c.name = " ".into()), "name");
        assert_eq!(fault(|c| c.name = "a\nb".into()), "name");
        assert_eq!(fault(|c| c.name = "x".repeat(129)), "name");
        assert_eq!(fault(|c| c.protocol.server_address.clear()), "protocol.serverAddress");
        for id in ["", "..", "a/b", "../../bin", ".hidden", "a..b"] {
            let mut configuration = example();
            configuration.protocol.provider_id = id.into();
            assert_eq!(configuration.validate().unwrap_err().field, "protocol.providerId", "{id}");
        }
        let user_secret = |c: &mut VpnConfiguration, name: &str| {
            c.protocol.user_secrets.insert(name.into(), SecretPlace::Keyring);
        };
        let mut of_a_user = example();
        user_secret(&mut of_a_user, "privateKey");
        assert_eq!(of_a_user.validate(), Ok(()));
        of_a_user.scope = Scope::System;
        assert_eq!(of_a_user.validate().unwrap_err().field, "protocol.userSecrets");
        for name in ["", "a\nb"] {
            let mut configuration = example();
            user_secret(&mut configuration, name);
            assert_eq!(configuration.validate().unwrap_err().field, "protocol.userSecrets");
        }
        let large = |c: &mut VpnConfiguration| {
            c.protocol.provider_configuration.insert("x".into(), "y".repeat(1 << 20).into());
        };
        assert_eq!(fault(large), "configuration");
        let many = |c: &mut VpnConfiguration| {
            c.unknown.insert("x".into(), vec![0; MAX_VALUES].into());
        };
        assert_eq!(fault(many), "configuration");
    }

    #[test]
    fn unknown_fields_are_kept() {
        let mut json = serde_json::to_value(example()).unwrap();
        json["futureField"] = serde_json::json!({"a": [1, 2]});
        json["protocol"]["futureProtection"] = true.into();
        let read: VpnConfiguration = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), json);
    }

    fn example() -> VpnConfiguration {
        let protocol = TunnelProviderProtocol::new("org.adit.wireguard", "vpn.example");
        VpnConfiguration::new(ConfigurationId::from_random([7; 16]), "home", protocol)
    }
}
