//! Which provider a configuration uses and how (`NETunnelProviderProtocol`, `NEVPNProtocol`).

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    DnsSettings, Fault, IdentityReference, InvalidConfiguration, PacketTunnelNetworkSettings,
    ProviderDigest, ProxySettings, SecretPlaces,
    settings::{MOST_ROUTES, validate_dns},
};

/// The provider, its own configuration, and what the system does around it. Spec PROTO-1 to
/// PROTO-18. Secrets are kept beside it, never in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct TunnelProviderProtocol {
    /// The id in the provider's manifest (PROTO-2).
    pub provider_id: String,
    /// The program that the provider has to be; any without it (MDM-11).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "specta", specta(type = Option<String>))]
    pub provider_digest: Option<ProviderDigest>,
    /// Shown to people; never used for routing, never empty (PROTO-3).
    pub server_address: String,
    /// User name, when the provider uses one (PROTO-4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Secrets that the helper does not keep: it asks its owner's session for them when the tunnel
    /// starts (PROTO-5).
    #[serde(default, skip_serializing_if = "SecretPlaces::is_empty")]
    pub user_secrets: SecretPlaces,
    /// The certificate, when the provider proves by one who connects (PROTO-6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityReference>,
    /// Whatever the provider understands; passed to it as it is (PROTO-1).
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub provider_configuration: Map<String, Value>,
    /// The destinations that the tunnel will ask for, as far as they are known before it runs.
    /// Conflicts with other tunnels are named from these before anything starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "specta", specta(type = Vec<String>))]
    pub expected_routes: Vec<IpNet>,
    /// Name resolution in the tunnel, in the place of what the provider asks for: whoever runs the
    /// computer knows better (MDM-20 to MDM-22).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<DnsSettings>,
    /// Proxy for connections in the tunnel (PROTO-9).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<ProxySettings>,
    /// Stop before the machine sleeps, in place of pausing (PROTO-8).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disconnect_on_sleep: bool,
    /// Lockdown: nothing leaves but through the tunnel, in any state (PROTO-10).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub include_all_networks: bool,
    /// Leave the directly connected networks out of the two strong modes (PROTO-11).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclude_local_networks: bool,
    /// The tunnel's routes beat the system's table (PROTO-15).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub enforce_routes: bool,
    /// Fields of a later version, kept so that saving loses no protection.
    #[serde(flatten)]
    #[cfg_attr(feature = "specta", specta(skip))]
    pub unknown: Map<String, Value>,
}

const MAX_SECRET_NAME: usize = 256;

impl TunnelProviderProtocol {
    /// A protocol with everything at its default.
    pub fn new(provider_id: impl Into<String>, server_address: impl Into<String>) -> Self {
        Self {
            provider_id: provider_id.into(),
            provider_digest: None,
            server_address: server_address.into(),
            username: None,
            user_secrets: SecretPlaces::new(),
            identity: None,
            provider_configuration: Map::new(),
            expected_routes: Vec::new(),
            dns: None,
            proxy: None,
            disconnect_on_sleep: false,
            include_all_networks: false,
            exclude_local_networks: false,
            enforce_routes: false,
            unknown: Map::new(),
        }
    }

    /// What becomes of what the provider asks for.
    #[must_use]
    pub fn overrule(&self, asked: PacketTunnelNetworkSettings) -> PacketTunnelNetworkSettings {
        PacketTunnelNetworkSettings { dns: self.dns.clone().or(asked.dns), ..asked }
    }

    /// The proxy of a tunnel: what its settings say, else what the configuration does (PXY-1).
    #[must_use]
    pub fn proxy_beside<'a>(
        &'a self,
        settings: Option<&'a PacketTunnelNetworkSettings>,
    ) -> Option<&'a ProxySettings> {
        settings.and_then(|settings| settings.proxy.as_ref()).or(self.proxy.as_ref())
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidConfiguration> {
        let field = |name: &str| format!("protocol.{name}");
        if !is_provider_id(&self.provider_id) {
            return Err(InvalidConfiguration::new(field("providerId"), Fault::NotAProvider));
        }
        if self.server_address.trim().is_empty() {
            return Err(InvalidConfiguration::new(field("serverAddress"), Fault::NoServer));
        }
        if self.expected_routes.len() > MOST_ROUTES {
            let fault = Fault::TooMany { most: MOST_ROUTES };
            return Err(InvalidConfiguration::new(field("expectedRoutes"), fault));
        }
        let is_name = |name: &String| {
            (1..=MAX_SECRET_NAME).contains(&name.len()) && !name.chars().any(char::is_control)
        };
        if !self.user_secrets.keys().all(is_name) {
            let fault = Fault::NotASecretName { most: MAX_SECRET_NAME };
            return Err(InvalidConfiguration::new(field("userSecrets"), fault));
        }
        if let Some(dns) = &self.dns {
            validate_dns(dns)
                .map_err(|error| InvalidConfiguration::new(field("dns"), error.to_string()))?;
        }
        let Some(proxy) = &self.proxy else { return Ok(()) };
        proxy
            .validate()
            .map_err(|error| InvalidConfiguration::new(field(&error.field), error.reason))
    }
}

/// The id becomes the name of a folder, so it must not be able to leave its parent.
fn is_provider_id(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-')
        && id.split('.').all(|part| !part.is_empty())
}
