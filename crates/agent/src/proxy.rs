//! The proxy that a tunnel asks for, in the user's desktop: set while the tunnel is up, and what was there before comes back
//! afterwards, also after a crash. Programs that do not ask their desktop do not use it. Spec PXY-1 to PXY-12.

mod desktop;
mod gnome;
mod pac;
mod plasma;
mod script_server;
mod scripts;

use std::{fs, io, path::PathBuf};

use adit_model::{ConfigurationId, ProxyMode, ProxyServer, ProxySettings};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zbus::Connection;

pub(crate) use self::scripts::{Fetched, Scripts};
use self::{
    desktop::{Assignments, Desktop},
    script_server::ScriptServer,
};
use crate::settings::{replace, state_folder};

/// What a tunnel asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Whose tunnel it is.
    pub(crate) id: ConfigurationId,
    /// Another connection may have another script behind the same URL.
    pub(crate) since: Option<Timestamp>,
    pub(crate) settings: ProxySettings,
}

/// What a desktop is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DesktopProxy {
    /// A script decides, from this URL.
    ScriptAt(String),
    /// These servers, but for these hosts.
    Servers { http: ProxyServer, https: ProxyServer, except: Vec<String> },
}

/// Sets and restores.
#[derive(Debug)]
pub(crate) struct Proxies {
    bus: Connection,
    in_force: Option<Wanted>,
    /// Answers programs that ask for the script.
    server: Option<ScriptServer>,
}

/// What is to be in force: settings, with the script that they name by its URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) settings: ProxySettings,
    pub(crate) script: Option<String>,
}

/// What was there before, kept until it is back.
#[derive(Debug, Serialize, Deserialize)]
struct Before {
    desktop: Desktop,
    values: Assignments,
}

/// The servers for a desktop that can be told them as they are; others need a script. No desktop knows proxies for some domains
/// only, nor for all but names without a dot, and where one scheme has none, some programs take the other's.
fn servers_for(desktop: Desktop, settings: &ProxySettings) -> Option<DesktopProxy> {
    let ProxyMode::Servers { http: Some(http), https: Some(https) } = &settings.mode else {
        return None;
    };
    let needs_script = settings.match_domains.is_some()
        || settings.exclude_simple_hostnames
        || !settings.exception_list.iter().all(|pattern| desktop.can_except(pattern));
    let except = settings.exception_list.clone();
    (!needs_script).then(|| DesktopProxy::Servers {
        http: http.clone(),
        https: https.clone(),
        except,
    })
}

impl Wanted {
    /// The script that decides as these settings do.
    fn text(&self) -> io::Result<String> {
        match &self.settings.mode {
            ProxyMode::Script(text) => Ok(pac::restricted(text, &self.settings)),
            ProxyMode::ScriptUrl(_) => match &self.script {
                Some(text) => Ok(pac::restricted(text, &self.settings)),
                None => Err(io::Error::other("the tunnel’s script is not there yet")),
            },
            ProxyMode::Servers { http, https } => {
                Ok(pac::script(http.as_ref(), https.as_ref(), &self.settings))
            }
        }
    }
}

impl Proxies {
    pub(crate) fn new(bus: &Connection) -> Self {
        Self { bus: bus.clone(), in_force: None, server: None }
    }

    /// Brings into force what the tunnels that are up ask for, or what was there before any of them.
    pub(crate) async fn apply(&mut self, wanted: Option<Wanted>) {
        if self.in_force == wanted && (wanted.is_some() || !is_kept()) {
            return;
        }
        let done = match &wanted {
            Some(wanted) => self.set(wanted).await,
            None => self.restore().await,
        };
        match done {
            Ok(()) => self.in_force = wanted,
            Err(error) => tracing::warn!("The desktop's proxy cannot be changed: {error}"),
        }
    }

    async fn set(&mut self, wanted: &Wanted) -> io::Result<()> {
        let Some(desktop) = Desktop::of_session().await else {
            return Err(io::Error::other("this desktop has no settings for it that Adit knows"));
        };
        let mut server = None;
        let proxy = if let Some(servers) = servers_for(desktop, &wanted.settings) {
            servers
        } else {
            let server = server.insert(ScriptServer::start(wanted.text()?).await?);
            DesktopProxy::ScriptAt(server.url())
        };
        // The first one's: what Adit has set itself is nothing to come back to.
        if !is_kept() {
            let values = desktop.read().await?;
            let before = serde_json::to_string(&Before { desktop, values })?;
            replace(&file()?, &before)?;
        }
        desktop.write(&self.bus, &desktop.assignments(&proxy)).await?;
        // The former one goes when nobody is told of it any more.
        self.server = server;
        Ok(())
    }

    async fn restore(&mut self) -> io::Result<()> {
        let text = match fs::read(file()?) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            read => read?,
        };
        let Before { desktop, values } = serde_json::from_slice(&text)?;
        desktop.write(&self.bus, &values).await?;
        self.server = None;
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

    // spec: PXY-5, PXY-6, PXY-9
    #[test]
    fn what_a_desktop_cannot_say_becomes_a_script() {
        let server = |address: &str| {
            Some(ProxyServer { address: address.into(), port: 3128, username: None })
        };
        let mode = ProxyMode::Servers { http: server("10.0.0.1"), https: server("10.0.0.2") };
        let plain = ProxySettings { mode, ..ProxySettings::default() };
        let said = |settings: &ProxySettings| {
            [Desktop::Gnome, Desktop::Kde].map(|desktop| servers_for(desktop, settings).is_some())
        };
        assert_eq!(said(&plain), [true, true]);
        let except =
            |pattern: &str| ProxySettings { exception_list: vec![pattern.into()], ..plain.clone() };
        // Plasma takes `corp.example` for the end of `notcorp.example` too.
        assert_eq!(said(&except("corp.example")), [true, false]);
        assert_eq!(said(&except("*.corp.example")), [true, false]);
        assert_eq!(said(&except("10.1.*")), [false, false]);
        let domains = Some(vec!["corp.example".into()]);
        let one = ProxyMode::Servers { http: server("10.0.0.1"), https: None };
        for settings in [
            ProxySettings { match_domains: domains, ..plain.clone() },
            ProxySettings { exclude_simple_hostnames: true, ..plain.clone() },
            ProxySettings { mode: one, ..plain },
        ] {
            assert_eq!(said(&settings), [false, false], "{settings:?}");
        }
    }
}
