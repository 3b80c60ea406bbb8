//! The `Proxies` of a VPN (spec MDM-23).

use adit_model::{ProxyMode, ProxyServer, ProxySettings};
use plist::{Dictionary, Value};

use super::{ProfileError, export::set, reader::Reader};
use crate::{Note, NoteCode};

/// The key of a payload that has them.
pub(super) const PROXIES: &str = "Proxies";

const SERVERS: [[&str; 3]; 2] =
    [["HTTPEnable", "HTTPProxy", "HTTPPort"], ["HTTPSEnable", "HTTPSProxy", "HTTPSPort"]];
const SCRIPT: &str = "ProxyAutoConfigURLString";
const USER: &str = "HTTPProxyUsername";
const PASSWORD: &str = "HTTPProxyPassword";

/// None if no proxy is switched on.
pub(super) fn read(
    proxies: &Reader<'_>,
    notes: &mut Vec<Note>,
) -> Result<Option<ProxySettings>, ProfileError> {
    // On is the default, so who says nothing hardly means it.
    if proxies.flag("ProxyAutoDiscoveryEnable")? == Some(true) {
        let path = proxies.path_of("ProxyAutoDiscoveryEnable");
        let text = format!("{path} counts for nothing: whoever runs a network could name a proxy.");
        notes.push(Note::warning(NoteCode::ProfileIgnored, text).about(&path));
    }
    let [http, https] = SERVERS;
    let (mut http, https) = (server(proxies, http)?, server(proxies, https)?);
    let (username, password) = (proxies.text(USER)?, proxies.text(PASSWORD)?);
    if let Some(http) = &mut http {
        http.username = username.filter(|name| !name.is_empty()).map(str::to_owned);
    }
    if password.is_some() {
        let path = proxies.path_of(PASSWORD);
        let text = format!(
            "{path} counts for nothing: desktops keep a proxy’s password in clear text, or not at all. \
             Programs ask for it."
        );
        notes.push(Note::warning(NoteCode::ProfileIgnored, text).about(&path));
    }
    let url = proxies.text(SCRIPT)?;
    let has_servers = http.is_some() || https.is_some();
    let mode = if proxies.flag("ProxyAutoConfigEnable")? == Some(true) {
        let url = url.ok_or_else(|| ProfileError::Missing { path: proxies.path_of(SCRIPT) })?;
        if has_servers {
            let path = proxies.path_of("HTTPProxy");
            let text = format!("{path} counts for nothing: proxies are configured automatically.");
            notes.push(Note::warning(NoteCode::ProfileIgnored, text).about(&path));
        }
        ProxyMode::ScriptUrl(url.into())
    } else if has_servers {
        ProxyMode::Servers { http, https }
    } else {
        return Ok(None);
    };
    let domains = proxies.texts("SupplementalMatchDomains")?;
    let match_domains = domains.map(|domains| domains.into_iter().map(str::to_owned).collect());
    Ok(Some(ProxySettings { mode, match_domains, ..ProxySettings::default() }))
}

fn server(
    proxies: &Reader<'_>,
    [enable, host, port]: [&'static str; 3],
) -> Result<Option<ProxyServer>, ProfileError> {
    let is_on = proxies.flag(enable)?.unwrap_or_default();
    let (address, number) = (proxies.text(host)?, proxies.number(port)?);
    if !is_on {
        return Ok(None);
    }
    let missing = |key| ProfileError::Missing { path: proxies.path_of(key) };
    let address = address.ok_or_else(|| missing(host))?;
    let number = number.ok_or_else(|| missing(port))?;
    let number = u16::try_from(number).ok().filter(|number| *number > 0);
    let number = number.ok_or_else(|| proxies.wrong(port, "must be a number from 1 to 65535"))?;
    Ok(Some(ProxyServer { address: address.into(), port: number, username: None }))
}

/// What `read` reads, beside what `kept` has, as far as these keys can say it.
pub(super) fn write(settings: &ProxySettings, kept: Dictionary) -> Dictionary {
    let mut proxies = kept;
    match &settings.mode {
        ProxyMode::Script(_) => {}
        ProxyMode::ScriptUrl(url) => {
            set(&mut proxies, "ProxyAutoConfigEnable", 1);
            set(&mut proxies, SCRIPT, url.as_str());
        }
        ProxyMode::Servers { http, https } => {
            for (server, [enable, host, port]) in [http, https].into_iter().zip(SERVERS) {
                let Some(server) = server else { continue };
                set(&mut proxies, enable, 1);
                set(&mut proxies, host, server.address.as_str());
                set(&mut proxies, port, u64::from(server.port));
            }
            if let Some(http) = http {
                http.username.iter().for_each(|name| set(&mut proxies, USER, name.as_str()));
            }
        }
    }
    if let Some(domains) = &settings.match_domains {
        let domains = domains.iter().cloned().map(Value::from).collect();
        set(&mut proxies, "SupplementalMatchDomains", Value::Array(domains));
    }
    proxies
}
