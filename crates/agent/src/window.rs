//! Opening the window, which is a program of its own.

use std::{collections::HashMap, env, io, path::PathBuf, process::Stdio};

use tokio::process::Command;
use zbus::{Connection, Variant};

use crate::bus::WINDOW;

const PROGRAM: &str = "adit-desktop";
const PATH: &str = "/org/adit/Desktop";
const APPLICATION: &str = "org.freedesktop.Application";

/// Raises the window, or starts it if there is none. With the `token` of the click that asked for it, the desktop lets it come to
/// the front (xdg-activation).
pub(crate) async fn open(bus: &Connection, token: Option<String>) -> io::Result<()> {
    // Under the names of both, as not everybody looks for both (Desktop Entry Specification, D-Bus activation).
    let names = ["activation-token", "desktop-startup-id"];
    let data = token.iter().flat_map(|token| names.map(|name| (name, Variant::from(token))));
    let data: HashMap<&str, Variant<'_>> = data.collect();
    let activated = bus.call_method(Some(WINDOW), PATH, Some(APPLICATION), "Activate", &data).await;
    if activated.is_ok() {
        return Ok(());
    }
    let mut command = Command::new(program());
    // What this process was started with is used up.
    for variable in ["XDG_ACTIVATION_TOKEN", "DESKTOP_STARTUP_ID"] {
        match &token {
            Some(token) => command.env(variable, token),
            None => command.env_remove(variable),
        };
    }
    let mut child = command.stdin(Stdio::null()).spawn()?;
    tokio::spawn(async move { child.wait().await });
    Ok(())
}

/// Closes the window, if there is one.
pub(crate) async fn close(bus: &Connection) {
    let nothing = (Vec::<Variant<'_>>::new(), HashMap::<&str, Variant<'_>>::new());
    let quit = ("quit", nothing.0, nothing.1);
    // Without a window there is nothing to close.
    let _ = bus.call_method(Some(WINDOW), PATH, Some(APPLICATION), "ActivateAction", &quit).await;
}

/// The one that was installed with this agent, else the one on the path.
fn program() -> PathBuf {
    let beside = env::current_exe().ok().map(|agent| agent.with_file_name(PROGRAM));
    beside.filter(|program| program.exists()).unwrap_or_else(|| PROGRAM.into())
}
