//! Opening the window, which is a program of its own.

use std::{collections::HashMap, env, io, path::PathBuf, process::Stdio};

use tokio::process::Command;
use zbus::{Connection, Variant};

use crate::bus::WINDOW;

const PROGRAM: &str = "adit-desktop";
const PATH: &str = "/org/adit/Desktop";
const APPLICATION: &str = "org.freedesktop.Application";

/// Raises the window, or starts it if there is none.
pub(crate) async fn open(bus: &Connection) -> io::Result<()> {
    let data = HashMap::<&str, Variant<'_>>::new();
    let activated = bus.call_method(Some(WINDOW), PATH, Some(APPLICATION), "Activate", &data).await;
    if activated.is_ok() {
        return Ok(());
    }
    let mut child = Command::new(program()).stdin(Stdio::null()).spawn()?;
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
