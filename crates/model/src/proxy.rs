//! Web proxy of the tunnel (`NEProxySettings`).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::{Fault, InvalidConfiguration, settings::is_domain};

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
    /// Where such a script is fetched from, through the tunnel: `http:` or `https:`.
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
    /// Whom the proxy knows the person as, when it asks for a name and a password. For people: programs
    /// ask for both themselves, since no desktop hands a password on without showing it to all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

impl Default for ProxyMode {
    fn default() -> Self {
        Self::Servers { http: None, https: None }
    }
}

impl ProxySettings {
    /// Checks that each server can be reached in principle.
    pub fn validate(&self) -> Result<(), InvalidConfiguration> {
        let (http, https) = match &self.mode {
            ProxyMode::Script(_) => return Ok(()),
            ProxyMode::ScriptUrl(url) => return validate_url(url),
            ProxyMode::Servers { http, https } => (http, https),
        };
        for (name, server) in [("http", http), ("https", https)] {
            let Some(server) = server else { continue };
            let field = |part| format!("proxy.mode.servers.{name}.{part}");
            if !is_host(&server.address) {
                let reason = "must be the name or the IP address of a machine, without a port";
                return Err(InvalidConfiguration::new(field("address"), reason));
            }
            if server.port == 0 {
                return Err(InvalidConfiguration::new(field("port"), "must be 1 to 65535"));
            }
            if server.username.as_ref().is_some_and(String::is_empty) {
                return Err(InvalidConfiguration::new(field("username"), Fault::Empty));
            }
        }
        Ok(())
    }
}

impl ProxyServer {
    /// The host as it stands before a port: an IPv6 address is in brackets (RFC 3986 section 3.2.2).
    #[must_use]
    pub fn host(&self) -> String {
        let bare = bare(&self.address);
        if bare.contains(':') { format!("[{bare}]") } else { bare.to_owned() }
    }
}

fn validate_url(text: &str) -> Result<(), InvalidConfiguration> {
    let is_page = |url: &Url| ["http", "https"].contains(&url.scheme()) && url.has_host();
    if Url::parse(text).is_ok_and(|url| is_page(&url)) {
        return Ok(());
    }
    let fault = Fault::NotAUrl { text: text.to_owned() };
    Err(InvalidConfiguration::new("proxy.mode.scriptUrl", fault))
}

fn is_host(text: &str) -> bool {
    bare(text).parse::<IpAddr>().is_ok() || is_domain(text)
}

/// Without the brackets that an IPv6 address may already be in.
fn bare(address: &str) -> &str {
    address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // spec: PXY-10, D-11
    #[test]
    fn a_server_is_a_host_and_a_port() {
        for (address, port, host) in [
            ("10.0.0.1", 3128, Ok("10.0.0.1")),
            ("proxy.corp.example", 1, Ok("proxy.corp.example")),
            ("proxy", 65535, Ok("proxy")),
            ("fd00::1", 3128, Ok("[fd00::1]")),
            ("[fd00::1]", 3128, Ok("[fd00::1]")),
            ("", 3128, Err("address")),
            ("http://proxy.example", 3128, Err("address")),
            ("proxy.example:3128", 3128, Err("address")),
            ("ada@proxy.example", 3128, Err("address")),
            ("10.0.0.1", 0, Err("port")),
        ] {
            let server = ProxyServer { address: address.into(), port, username: None };
            let written = server.host();
            let mode = ProxyMode::Servers { http: None, https: Some(server) };
            let checked = ProxySettings { mode, ..ProxySettings::default() }.validate();
            match host {
                Ok(host) => assert_eq!((checked, written.as_str()), (Ok(()), host)),
                Err(part) => {
                    let field = format!("proxy.mode.servers.https.{part}");
                    assert_eq!(checked.unwrap_err().field, field, "{address}");
                }
            }
        }
    }

    // spec: PXY-4
    #[test]
    fn a_script_is_fetched_from_the_web_or_not_at_all() {
        for (url, is_right) in [
            ("http://10.0.0.1/proxy.pac", true),
            ("https://proxy.example:8443/x?y", true),
            ("file:///etc/passwd", false),
            ("proxy.example/proxy.pac", false),
            ("", false),
        ] {
            let mode = ProxyMode::ScriptUrl(url.into());
            let checked = ProxySettings { mode, ..ProxySettings::default() }.validate();
            assert_eq!(checked.is_ok(), is_right, "{url}");
        }
    }

    // spec: PXY-11
    #[test]
    fn a_password_is_kept_in_no_settings() {
        let sent = json!({"mode": {"servers": {"http": {
            "address": "proxy.example", "port": 3128, "username": "ada", "password": "staple",
        }}}});
        let settings: ProxySettings = serde_json::from_value(sent).unwrap();
        settings.validate().unwrap();
        let kept = serde_json::to_string(&settings).unwrap();
        assert!(kept.contains("ada") && !kept.contains("staple"), "{kept}");

        let nobody = json!({"mode": {"servers": {"http": {
            "address": "proxy.example", "port": 3128, "username": "",
        }}}});
        let settings: ProxySettings = serde_json::from_value(nobody).unwrap();
        assert_eq!(settings.validate().unwrap_err().field, "proxy.mode.servers.http.username");
    }
}
