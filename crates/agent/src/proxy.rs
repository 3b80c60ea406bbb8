//! The proxy that a tunnel asks for, in the user's desktop: set while the tunnel is up, and what was there before comes back
//! afterwards, also after a crash. Programs that do not ask their desktop do not use it. Spec PXY-1 to PXY-12.

mod desktop;
mod pac;
mod script_server;

use std::{collections::BTreeMap, fs, io, path::PathBuf};

use adit_model::{ProxyMode, ProxyServer, ProxySettings};
use serde::{Deserialize, Serialize};

use self::{desktop::Desktop, pac::script, script_server::ScriptServer};
use crate::settings::{replace, state_folder};

/// What a desktop is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DesktopProxy {
    /// A script decides, from this URL or with this text.
    Script(ScriptSource),
    /// These servers, but for these hosts.
    Servers { http: Option<Server>, https: Option<Server>, except: Vec<String> },
}

/// Where a script comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ScriptSource {
    Url(String),
    Text(String),
}

/// Where a proxy is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// The keys of a desktop's settings and their values, as its own tool reads and writes them.
pub(crate) type Assignments = BTreeMap<String, String>;

/// Sets and restores.
#[derive(Debug, Default)]
pub(crate) struct Proxies {
    in_force: Option<ProxySettings>,
    /// Answers programs that ask for the script.
    server: Option<ScriptServer>,
}

/// What was there before, kept until it is back.
#[derive(Debug, Serialize, Deserialize)]
struct Before {
    desktop: Desktop,
    values: Assignments,
}

/// What a tunnel's settings are to a desktop. Desktops have no proxies for some domains only, and none for all but names without
/// a dot, so that these need a script.
pub(crate) fn desktop_proxy(settings: &ProxySettings) -> DesktopProxy {
    match &settings.mode {
        ProxyMode::Script(text) => DesktopProxy::Script(ScriptSource::Text(text.clone())),
        ProxyMode::ScriptUrl(url) => DesktopProxy::Script(ScriptSource::Url(url.clone())),
        ProxyMode::Servers { http, https } => {
            let needs_script =
                settings.match_domains.is_some() || settings.exclude_simple_hostnames;
            if needs_script {
                let text = script(http.as_ref(), https.as_ref(), settings);
                return DesktopProxy::Script(ScriptSource::Text(text));
            }
            let server =
                |server: &ProxyServer| Server { host: server.address.clone(), port: server.port };
            DesktopProxy::Servers {
                http: http.as_ref().map(server),
                https: https.as_ref().map(server),
                except: settings.exception_list.clone(),
            }
        }
    }
}

impl Proxies {
    /// Brings into force what the tunnels that are up ask for, or what was there before any of them.
    pub(crate) async fn apply(&mut self, wanted: Option<&ProxySettings>) {
        if self.in_force.as_ref() == wanted && (wanted.is_some() || !is_kept()) {
            return;
        }
        let done = match wanted {
            Some(settings) => self.set(settings).await,
            None => self.restore().await,
        };
        match done {
            Ok(()) => self.in_force = wanted.cloned(),
            Err(error) => tracing::warn!("The desktop's proxy cannot be changed: {error}"),
        }
    }

    async fn set(&mut self, settings: &ProxySettings) -> io::Result<()> {
        let Some(desktop) = Desktop::of_session().await else {
            return Err(io::Error::other("this desktop has no settings for it that Adit knows"));
        };
        let mut proxy = desktop_proxy(settings);
        self.server = None;
        if let DesktopProxy::Script(source) = &mut proxy
            && let ScriptSource::Text(text) = source
        {
            let server = ScriptServer::start(text.clone()).await?;
            *source = ScriptSource::Url(server.url());
            self.server = Some(server);
        }
        let next = desktop.assignments(&proxy);
        // The first one's: what Adit has set itself is nothing to come back to.
        if !is_kept() {
            let values = desktop.read().await?;
            let before = serde_json::to_string(&Before { desktop, values })?;
            replace(&file()?, &before)?;
        }
        desktop.write(&next).await
    }

    async fn restore(&mut self) -> io::Result<()> {
        self.server = None;
        let text = match fs::read(file()?) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            read => read?,
        };
        let Before { desktop, values } = serde_json::from_slice(&text)?;
        desktop.write(&values).await?;
        fs::remove_file(file()?)
    }
}

fn is_kept() -> bool {
    file().is_ok_and(|file| file.exists())
}

fn file() -> io::Result<PathBuf> {
    let folder = state_folder().map_err(io::Error::other)?;
    Ok(folder.join("adit/proxy-before.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: PXY-5, PXY-9
    #[test]
    fn what_a_desktop_cannot_say_becomes_a_script() {
        let server = || {
            Some(ProxyServer {
                address: "10.0.0.1".into(),
                port: 3128,
                username: None,
                password: None,
            })
        };
        let plain = ProxySettings {
            mode: ProxyMode::Servers { http: server(), https: None },
            exception_list: vec!["*.local".into()],
            ..ProxySettings::default()
        };
        let servers = DesktopProxy::Servers {
            http: Some(Server { host: "10.0.0.1".into(), port: 3128 }),
            https: None,
            except: vec!["*.local".into()],
        };
        assert_eq!(desktop_proxy(&plain), servers);
        let is_script = |settings: &ProxySettings| {
            matches!(desktop_proxy(settings), DesktopProxy::Script(ScriptSource::Text(_)))
        };
        let domains = Some(vec!["corp.example".into()]);
        assert!(is_script(&ProxySettings { match_domains: domains, ..plain.clone() }));
        assert!(is_script(&ProxySettings { exclude_simple_hostnames: true, ..plain.clone() }));
        let url = ProxyMode::ScriptUrl("http://10.0.0.1/proxy.pac".into());
        assert!(!is_script(&ProxySettings { mode: url, ..plain }));
    }
}
