//! The desktops and where they keep their proxy.

use std::{env, io};

use serde::{Deserialize, Serialize};
use tokio::process::Command;

use super::{Assignments, DesktopProxy, ScriptSource, Server};

/// A desktop whose settings can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Desktop {
    /// GNOME and all that use its settings: `org.gnome.system.proxy`, keys as `SCHEMA KEY`, values as `GVariant` text.
    Gnome,
    /// Plasma: the group `Proxy Settings` of `kioslaverc`.
    Kde,
}

const SCHEMA: &str = "org.gnome.system.proxy";
const GNOME_KEYS: [&str; 7] = [
    "org.gnome.system.proxy autoconfig-url",
    "org.gnome.system.proxy ignore-hosts",
    "org.gnome.system.proxy.http host",
    "org.gnome.system.proxy.http port",
    "org.gnome.system.proxy.https host",
    "org.gnome.system.proxy.https port",
    GNOME_MODE,
];
const GNOME_MODE: &str = "org.gnome.system.proxy mode";
const KDE_KEYS: [&str; 5] =
    ["ProxyType", "Proxy Config Script", "httpProxy", "httpsProxy", "NoProxyFor"];
const KDE_FILE: [&str; 4] = ["--file", "kioslaverc", "--group", "Proxy Settings"];
/// What GNOME has there unless somebody says otherwise: this computer is never behind a proxy.
const OWN_HOSTS: [&str; 3] = ["localhost", "127.0.0.0/8", "::1"];

impl Desktop {
    /// The desktop of the session, if there is one whose settings can be changed.
    pub(super) async fn of_session() -> Option<Self> {
        let name = env::var("XDG_CURRENT_DESKTOP").unwrap_or_default();
        if name.split(':').any(|part| part == "KDE") {
            return Some(Self::Kde);
        }
        run("gsettings", &["get", SCHEMA, "mode"]).await.ok().map(|_| Self::Gnome)
    }

    /// What `proxy` is in this desktop's settings.
    pub(super) fn assignments(self, proxy: &DesktopProxy) -> Assignments {
        match self {
            Self::Gnome => gnome(proxy),
            Self::Kde => kde(proxy),
        }
    }

    /// All values that may be changed.
    pub(super) async fn read(self) -> io::Result<Assignments> {
        let mut values = Assignments::new();
        match self {
            Self::Gnome => {
                for key in GNOME_KEYS {
                    let words: Vec<&str> = ["get"].into_iter().chain(key.split(' ')).collect();
                    values.insert(key.into(), run("gsettings", &words).await?);
                }
            }
            Self::Kde => {
                for key in KDE_KEYS {
                    let words = [&KDE_FILE[..], &["--key", key]].concat();
                    values.insert(key.into(), kde_tool("kreadconfig", &words).await?);
                }
            }
        }
        Ok(values)
    }

    /// Changes values. The mode comes last, so that it is never on with servers of something else.
    pub(super) async fn write(self, values: &Assignments) -> io::Result<()> {
        match self {
            Self::Gnome => {
                for key in GNOME_KEYS {
                    let Some(value) = values.get(key) else { continue };
                    let words: Vec<&str> =
                        ["set"].into_iter().chain(key.split(' ')).chain([value.as_str()]).collect();
                    run("gsettings", &words).await?;
                }
            }
            Self::Kde => {
                for (key, value) in values {
                    let words = [&KDE_FILE[..], &["--key", key, value]].concat();
                    kde_tool("kwriteconfig", &words).await?;
                }
                let signal = ["--session", "--type=signal", "/KIO/Scheduler"];
                let member = ["org.kde.KIO.Scheduler.reparseSlaveConfiguration", "string:"];
                run("dbus-send", &[&signal[..], &member[..]].concat()).await?;
            }
        }
        Ok(())
    }
}

fn gnome(proxy: &DesktopProxy) -> Assignments {
    let mut values = Assignments::new();
    let mut set = |key: &str, value: String| values.insert(key.into(), value);
    match proxy {
        DesktopProxy::Script(source) => {
            set("org.gnome.system.proxy autoconfig-url", quoted(url(source)));
            set(GNOME_MODE, quoted("auto"));
        }
        DesktopProxy::Servers { http, https, except } => {
            for (name, server) in [("http", http), ("https", https)] {
                let (host, port) =
                    server.as_ref().map_or(("", 0), |it| (it.host.as_str(), it.port));
                set(&format!("{SCHEMA}.{name} host"), quoted(host));
                set(&format!("{SCHEMA}.{name} port"), port.to_string());
            }
            let hosts = OWN_HOSTS.into_iter().chain(except.iter().map(String::as_str));
            let hosts: Vec<String> = hosts.map(quoted).collect();
            set("org.gnome.system.proxy ignore-hosts", format!("[{}]", hosts.join(", ")));
            set(GNOME_MODE, quoted("manual"));
        }
    }
    values
}

fn kde(proxy: &DesktopProxy) -> Assignments {
    let mut values = Assignments::new();
    let mut set = |key: &str, value: String| values.insert(key.into(), value);
    match proxy {
        DesktopProxy::Script(source) => {
            set("Proxy Config Script", url(source).into());
            set("ProxyType", "2".into());
        }
        DesktopProxy::Servers { http, https, except } => {
            for (key, server) in [("httpProxy", http), ("httpsProxy", https)] {
                let server = server.as_ref();
                let address = server.map(|Server { host, port }| format!("http://{host} {port}"));
                set(key, address.unwrap_or_default());
            }
            set("NoProxyFor", except.join(","));
            set("ProxyType", "1".into());
        }
    }
    values
}

fn url(source: &ScriptSource) -> &str {
    match source {
        ScriptSource::Url(url) | ScriptSource::Text(url) => url,
    }
}

/// A string as `GVariant` text.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Of Plasma 6, else of Plasma 5.
async fn kde_tool(name: &str, words: &[&str]) -> io::Result<String> {
    match run(&format!("{name}6"), words).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            run(&format!("{name}5"), words).await
        }
        done => done,
    }
}

async fn run(program: &str, words: &[&str]) -> io::Result<String> {
    let output = Command::new(program).args(words).output().await?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("{program}: {}", said.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: PXY-5, PXY-6, PXY-8
    #[test]
    fn servers_become_the_words_of_each_desktop() {
        let proxy = DesktopProxy::Servers {
            http: Some(Server { host: "it's".into(), port: 3128 }),
            https: None,
            except: vec!["*.local".into()],
        };
        let gnome = Desktop::Gnome.assignments(&proxy);
        assert_eq!(gnome["org.gnome.system.proxy.http host"], r"'it\'s'");
        assert_eq!(gnome["org.gnome.system.proxy.http port"], "3128");
        assert_eq!(gnome["org.gnome.system.proxy.https port"], "0");
        assert_eq!(
            gnome["org.gnome.system.proxy ignore-hosts"],
            "['localhost', '127.0.0.0/8', '::1', '*.local']"
        );
        assert_eq!(gnome[GNOME_MODE], "'manual'");
        let kde = Desktop::Kde.assignments(&proxy);
        assert_eq!(
            (kde["ProxyType"].as_str(), kde["httpProxy"].as_str()),
            ("1", "http://it's 3128")
        );
        assert_eq!(kde["httpsProxy"], "");
    }
}
