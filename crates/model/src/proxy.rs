//! Web proxy of the tunnel (`NEProxySettings`).

use serde::{Deserialize, Serialize};

use crate::{InvalidConfiguration, Secret};

/// The proxy that web traffic uses while the tunnel is up. Spec PXY-1 to PXY-12.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct ProxySettings {
    /// Automatic or fixed.
    pub mode: ProxyMode,
    /// No proxy for single-label hosts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclude_simple_hostnames: bool,
    /// Hosts without proxy: suffixes, or patterns with `*` (D-10).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exception_list: Vec<String>,
    /// Only hosts with these suffixes use the proxy; absent or `[""]` means all (PXY-9).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub match_domains: Option<Vec<String>>,
}

/// Where the proxy's address comes from. An automatic configuration leaves fixed servers unused,
/// and a script in hand precedes one to be fetched (PXY-2 to PXY-6), so only one can be said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum ProxyMode {
    /// A proxy auto-configuration script.
    Script(String),
    /// Where such a script is fetched from, through the tunnel.
    ScriptUrl(String),
    /// Fixed servers, by the scheme of the request.
    Servers {
        /// For `http:`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        http: Option<ProxyServer>,
        /// For `https:`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        https: Option<ProxyServer>,
    },
}

/// One proxy server. Spec PXY-10, PXY-11.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct ProxyServer {
    /// Host name or IP address (D-11).
    pub address: String,
    /// TCP port.
    pub port: u16,
    /// Credentials, when the proxy asks for some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Kept only beside a user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
}

impl Default for ProxyMode {
    fn default() -> Self {
        Self::Servers { http: None, https: None }
    }
}

impl ProxySettings {
    /// Checks that each server can be reached in principle.
    pub fn validate(&self) -> Result<(), InvalidConfiguration> {
        let ProxyMode::Servers { http, https } = &self.mode else { return Ok(()) };
        for (name, server) in [("http", http), ("https", https)] {
            let Some(server) = server else { continue };
            let field = |part| format!("proxy.mode.servers.{name}.{part}");
            if server.address.is_empty() {
                return Err(InvalidConfiguration::new(field("address"), "must not be empty"));
            }
            if server.port == 0 {
                return Err(InvalidConfiguration::new(field("port"), "must be 1 to 65535"));
            }
            if server.password.is_some() && server.username.is_none() {
                return Err(InvalidConfiguration::new(
                    field("password"),
                    "needs a user name beside it",
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: PXY-11
    #[test]
    fn a_password_without_a_user_is_refused() {
        let server = ProxyServer {
            address: "proxy.example".into(),
            port: 3128,
            username: None,
            password: Some(Secret::new("x")),
        };
        let settings = ProxySettings {
            mode: ProxyMode::Servers { http: Some(server), https: None },
            ..ProxySettings::default()
        };
        let error = settings.validate().unwrap_err();
        assert_eq!(error.field, "proxy.mode.servers.http.password");
    }
}
