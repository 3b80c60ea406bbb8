//! Plasma: the group `Proxy Settings` of `kioslaverc`, as KIO reads it (`KProtocolManager`).

use std::io;

use zbus::{
    Connection,
    proxy::{Builder, CacheProperties, MethodFlags},
};

use super::{
    DesktopProxy,
    desktop::{Assignments, run},
};

/// In the order in which they are written: the type comes last, so that it is never on with servers of something else.
const KEYS: [&str; 8] = [
    "Proxy Config Script",
    "httpProxy",
    "httpsProxy",
    "ftpProxy",
    "socksProxy",
    "NoProxyFor",
    "ReversedException",
    TYPE,
];
const TYPE: &str = "ProxyType";
/// What `KProtocolManager` calls the types of `ProxyType`.
const MANUAL_PROXY: &str = "1";
const PAC_PROXY: &str = "2";
const FILE: [&str; 4] = ["--file", "kioslaverc", "--group", "Proxy Settings"];
/// What the tool is to say of a key that is not there.
const ABSENT: &str = "adit-absent";
/// A network among them would have KIO look up every name.
const OWN_HOSTS: &str = "localhost,127.0.0.1,::1";

pub(super) fn assignments(proxy: &DesktopProxy) -> Assignments {
    let mut values = Assignments::new();
    let mut set = |key: &str, value: Option<String>| values.insert(key.into(), value);
    match proxy {
        DesktopProxy::ScriptAt(url) => {
            set("Proxy Config Script", Some(url.clone()));
            set(TYPE, Some(PAC_PROXY.into()));
        }
        DesktopProxy::Servers { http, https, except: _ } => {
            for (key, server) in [("httpProxy", http), ("httpsProxy", https)] {
                set(key, Some(format!("http://{} {}", server.host(), server.port)));
            }
            // Else they would be asked where these are not.
            set("ftpProxy", None);
            set("socksProxy", None);
            set("NoProxyFor", Some(OWN_HOSTS.into()));
            set("ReversedException", None);
            set(TYPE, Some(MANUAL_PROXY.into()));
        }
    }
    values
}

pub(super) async fn read() -> io::Result<Assignments> {
    let mut values = Assignments::new();
    for key in KEYS {
        let words = [&FILE[..], &["--key", key, "--default", ABSENT]].concat();
        let value = tool("kreadconfig", &words).await?;
        values.insert(key.into(), (value != ABSENT).then_some(value));
    }
    Ok(values)
}

pub(super) async fn write(bus: &Connection, values: &Assignments) -> io::Result<()> {
    for key in KEYS {
        let Some(value) = values.get(key) else { continue };
        let last = value.as_deref().unwrap_or("--delete");
        tool("kwriteconfig", &[&FILE[..], &["--key", key, last]].concat()).await?;
    }
    tell(bus).await.map_err(io::Error::other)
}

/// Programs that run have read the file before, and so has whoever evaluates scripts for them.
async fn tell(bus: &Connection) -> zbus::Result<()> {
    let (path, interface) = ("/KIO/Scheduler", "org.kde.KIO.Scheduler");
    let all = "";
    bus.emit_signal(None::<&str>, path, interface, "reparseSlaveConfiguration", &all).await?;
    for name in ["org.kde.kded6", "org.kde.kded5"] {
        let scout = Builder::<zbus::Proxy<'_>>::new(bus)
            .destination(name)
            .path("/modules/proxyscout")
            .interface("org.kde.KPAC.ProxyScout")
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        let flags = MethodFlags::NO_REPLY_EXPECTED | MethodFlags::NO_AUTO_START;
        scout.call_with_flags::<_, _, ()>("reset", flags, &()).await?;
    }
    Ok(())
}

/// Of Plasma 6, else of Plasma 5.
async fn tool(name: &str, words: &[&str]) -> io::Result<String> {
    match run(&format!("{name}6"), words).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            run(&format!("{name}5"), words).await
        }
        done => done,
    }
}
