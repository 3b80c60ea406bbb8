//! GNOME and all that use its settings: `org.gnome.system.proxy`, keys as `SCHEMA KEY`, values as `GVariant` text.

use std::io;

use super::{
    DesktopProxy,
    desktop::{Assignments, run},
};

const SCHEMA: &str = "org.gnome.system.proxy";
const MODE: &str = "org.gnome.system.proxy mode";
/// In the order in which they are written: the mode comes last, so that it is never on with servers of something else.
const KEYS: [&str; 12] = [
    "org.gnome.system.proxy autoconfig-url",
    "org.gnome.system.proxy ignore-hosts",
    "org.gnome.system.proxy.http host",
    "org.gnome.system.proxy.http port",
    USE_AUTHENTICATION,
    "org.gnome.system.proxy.https host",
    "org.gnome.system.proxy.https port",
    "org.gnome.system.proxy.ftp host",
    "org.gnome.system.proxy.ftp port",
    "org.gnome.system.proxy.socks host",
    "org.gnome.system.proxy.socks port",
    MODE,
];
/// The user's own name and password are for their own proxy.
const USE_AUTHENTICATION: &str = "org.gnome.system.proxy.http use-authentication";
/// What GNOME has there unless somebody says otherwise: this computer is never behind a proxy.
const OWN_HOSTS: [&str; 3] = ["localhost", "127.0.0.0/8", "::1"];

pub(super) async fn is_there() -> bool {
    run("gsettings", &["get", SCHEMA, "mode"]).await.is_ok()
}

/// A name is what is below it too, with or without a star before it, and other stars are none.
pub(super) fn can_except(pattern: &str) -> bool {
    let name = pattern.strip_prefix("*.").unwrap_or(pattern);
    !name.is_empty() && !name.contains(['*', '/'])
}

pub(super) fn assignments(proxy: &DesktopProxy) -> Assignments {
    let mut values = Assignments::new();
    let mut set = |key: &str, value: String| values.insert(key.into(), Some(value));
    match proxy {
        DesktopProxy::ScriptAt(url) => {
            set("org.gnome.system.proxy autoconfig-url", quoted(url));
            set(MODE, quoted("auto"));
        }
        DesktopProxy::Servers { http, https, except } => {
            for (name, server) in [("http", http), ("https", https)] {
                set(&format!("{SCHEMA}.{name} host"), quoted(&server.host()));
                set(&format!("{SCHEMA}.{name} port"), server.port.to_string());
            }
            // Else they would be asked where these are not, or in their place.
            for name in ["ftp", "socks"] {
                set(&format!("{SCHEMA}.{name} host"), quoted(""));
                set(&format!("{SCHEMA}.{name} port"), "0".into());
            }
            set(USE_AUTHENTICATION, "false".into());
            let hosts = OWN_HOSTS.into_iter().chain(except.iter().map(String::as_str));
            let hosts: Vec<String> = hosts.map(quoted).collect();
            set("org.gnome.system.proxy ignore-hosts", format!("[{}]", hosts.join(", ")));
            set(MODE, quoted("manual"));
        }
    }
    values
}

pub(super) async fn read() -> io::Result<Assignments> {
    let mut values = Assignments::new();
    for key in KEYS {
        let words: Vec<&str> = ["get"].into_iter().chain(key.split(' ')).collect();
        values.insert(key.into(), Some(run("gsettings", &words).await?));
    }
    Ok(values)
}

pub(super) async fn write(values: &Assignments) -> io::Result<()> {
    for key in KEYS {
        let Some(Some(value)) = values.get(key) else { continue };
        let words = ["set"].into_iter().chain(key.split(' ')).chain([value.as_str()]);
        run("gsettings", &words.collect::<Vec<_>>()).await?;
    }
    Ok(())
}

/// A string as `GVariant` text.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use adit_model::ProxyServer;

    use super::*;

    // spec: PXY-5, PXY-6, PXY-8, PXY-10
    #[test]
    fn servers_become_the_words_of_gnome() {
        let server =
            |address: &str| ProxyServer { address: address.into(), port: 3128, username: None };
        let proxy = DesktopProxy::Servers {
            http: server("it's"),
            https: server("fd00::1"),
            except: vec!["*.local".into()],
        };
        let values = assignments(&proxy);
        let said = |key: &str| values[&format!("{SCHEMA}{key}")].clone().unwrap();
        assert_eq!(said(".http host"), r"'it\'s'");
        assert_eq!(said(".http port"), "3128");
        assert_eq!(said(".http use-authentication"), "false");
        assert_eq!(said(".https host"), "'[fd00::1]'");
        assert_eq!(said(".socks host"), "''");
        assert_eq!(said(" ignore-hosts"), "['localhost', '127.0.0.0/8', '::1', '*.local']");
        assert_eq!(said(" mode"), "'manual'");
        assert!(values.keys().all(|key| KEYS.contains(&key.as_str())), "all come back");
    }
}
