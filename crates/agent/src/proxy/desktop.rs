//! The desktops and where they keep their proxy.

use std::{collections::BTreeMap, env, io};

use serde::{Deserialize, Serialize};
use tokio::process::Command;
use zbus::Connection;

use super::{DesktopProxy, gnome, plasma};

/// A desktop whose settings can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Desktop {
    /// GNOME and all that use its settings.
    Gnome,
    /// Plasma.
    Kde,
}

/// The keys of a desktop's settings and their values, as its own tool reads and writes them; none for what is not there.
pub(super) type Assignments = BTreeMap<String, Option<String>>;

impl Desktop {
    /// The desktop of the session, if there is one whose settings can be changed.
    pub(super) async fn of_session() -> Option<Self> {
        let name = env::var("XDG_CURRENT_DESKTOP").unwrap_or_default();
        if name.split(':').any(|part| part == "KDE") {
            return Some(Self::Kde);
        }
        gnome::is_there().await.then_some(Self::Gnome)
    }

    /// Whether it understands this pattern of hosts without a proxy as Adit does.
    pub(super) fn can_except(self, pattern: &str) -> bool {
        match self {
            Self::Gnome => gnome::can_except(pattern),
            Self::Kde => false,
        }
    }

    /// What `proxy` is in this desktop's settings.
    pub(super) fn assignments(self, proxy: &DesktopProxy) -> Assignments {
        match self {
            Self::Gnome => gnome::assignments(proxy),
            Self::Kde => plasma::assignments(proxy),
        }
    }

    /// All values that may be changed.
    pub(super) async fn read(self) -> io::Result<Assignments> {
        match self {
            Self::Gnome => gnome::read().await,
            Self::Kde => plasma::read().await,
        }
    }

    /// Changes values, and tells those who have read them before.
    pub(super) async fn write(self, bus: &Connection, values: &Assignments) -> io::Result<()> {
        match self {
            Self::Gnome => gnome::write(values).await,
            Self::Kde => plasma::write(bus, values).await,
        }
    }
}

/// What a tool of the desktop says.
pub(super) async fn run(program: &str, words: &[&str]) -> io::Result<String> {
    let output = Command::new(program).args(words).output().await?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("{program}: {}", said.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
