//! A double of Adit's window: it shows how it was asked for.

#![expect(clippy::needless_pass_by_value, reason = "D-Bus says what a method has")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use zbus::{Connection, OwnedVariant, interface};

use crate::desktop_session::{DesktopSession, eventually};
use crate::log::lock;

const WINDOW: &str = "org.adit.Desktop";
const WINDOW_PATH: &str = "/org/adit/Desktop";

/// Somebody in a desktop session who has the name of Adit's window.
#[derive(Debug)]
pub struct WindowDouble {
    _connection: Connection,
    activations: Activations,
}

type Activations = Arc<Mutex<Vec<Option<String>>>>;

struct Application(Activations);

impl DesktopSession {
    /// Somebody takes the place of the window.
    #[must_use]
    #[track_caller]
    pub fn add_window(&self) -> WindowDouble {
        let activations = Activations::default();
        let application = Application(Arc::clone(&activations));
        let connection = self.connect(|bus| bus.serve_at(WINDOW_PATH, application).name(WINDOW));
        WindowDouble { _connection: connection, activations }
    }
}

impl WindowDouble {
    /// Waits until somebody has asked for the window this often, and gives the tokens that came with it.
    #[track_caller]
    pub fn wait_for_activations(&self, count: usize) -> Vec<Option<String>> {
        let enough = || Some(lock(&self.activations).clone()).filter(|all| all.len() >= count);
        eventually(&format!("{count} activations"), enough)
    }
}

#[interface(name = "org.freedesktop.Application")]
impl Application {
    fn activate(&self, platform_data: HashMap<String, OwnedVariant>) {
        let token = platform_data.get("activation-token");
        lock(&self.0).push(token.and_then(|token| token.downcast_ref().ok()));
    }
}
