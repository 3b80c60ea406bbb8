//! What of Plasma has to do with proxies: its own tools for its settings, and a program that follows them.

use std::env;
use std::path::Path;

use crate::desktop_session::DesktopSession;
use crate::machine::Machine;
use crate::package::Package;
use crate::process::Process;
use crate::requirements::{is_installed, skip};

/// kreadconfig5(1) and kwriteconfig5(1).
const TOOLS: Package = Package {
    names: &[
        "libkf5config-bin",
        "libkf5configcore5",
        "libqt5core5a",
        "libqt5dbus5",
        "libdouble-conversion3",
    ],
    proof: "usr/bin/kwriteconfig5",
};
/// proxy(1), which asks the settings of Plasma for the proxy of a URL, and has scripts executed by `JavaScriptCore`.
const CLIENT: Package = Package {
    names: &[
        "libproxy-tools",
        "libproxy1v5",
        "libproxy1-plugin-kconfig",
        "libproxy1-plugin-webkit",
        "libjavascriptcoregtk-4.0-18",
    ],
    proof: "usr/bin/proxy",
};
/// What KIO and its evaluator of scripts are told (`KSaveIOConfig`, `KPAC::ProxyScout`).
const TOLD: [&str; 2] =
    ["interface='org.kde.KIO.Scheduler'", "interface='org.kde.KPAC.ProxyScout'"];

impl Machine {
    /// A session of Plasma, as far as settings go. None, and a word about it, where its packages cannot be had.
    #[must_use]
    #[track_caller]
    pub fn start_plasma_session(&self) -> Option<DesktopSession> {
        if !is_installed("dbus-monitor") {
            skip("dbus-monitor is not installed");
            return None;
        }
        let roots = TOOLS.root().and_then(|tools| Ok([tools, CLIENT.root()?]));
        match roots {
            Ok([tools, client]) => {
                Some(self.start_desktop_session().with(variables(&tools, &client)))
            }
            Err(reason) => {
                skip(&format!("Plasma's tools: {reason}"));
                None
            }
        }
    }
}

impl DesktopSession {
    /// Watches what KIO is told.
    #[must_use]
    #[track_caller]
    pub fn watch_kio(&self) -> Process {
        let mut command = self.command("dbus-monitor");
        command.arg("--session").args(TOLD);
        let monitor = self.machine().spawn_command(command);
        monitor.wait_for_log("NameAcquired");
        monitor
    }
}

fn variables(tools: &Path, client: &Path) -> Vec<String> {
    let libraries = format!("usr/lib/{}-linux-gnu", env::consts::ARCH);
    let folders =
        |of: &str| [tools, client].map(|root| root.join(of).display().to_string()).join(":");
    let path = env::var("PATH").unwrap_or_default();
    let plugins = client.join(&libraries).join("libproxy/0.4.18/modules");
    vec![
        "XDG_CURRENT_DESKTOP=KDE".into(),
        "KDE_FULL_SESSION=true".into(),
        format!("PATH={}:{path}", folders("usr/bin")),
        format!("LD_LIBRARY_PATH={}", folders(&libraries)),
        format!("PX_MODULE_PATH={}", plugins.display()),
    ]
}
