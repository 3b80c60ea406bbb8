//! How agent and window find each other on the session bus.

use tokio::sync::mpsc::UnboundedSender;
use zbus::{interface, proxy};

/// The agent's name.
pub const AGENT: &str = "org.adit.Agent";
/// The window's name. It has the interface `org.freedesktop.Application` of the Desktop Entry Specification.
pub const WINDOW: &str = "org.adit.Desktop";

pub(crate) const PATH: &str = "/org/adit/Agent";

/// What others ask of the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    /// The user changes a session where it can be seen, so nobody has to be told.
    UserChanges(String),
    ReadSettings,
    Quit,
}

/// The object on the bus.
pub(crate) struct Agent(pub(crate) UnboundedSender<Request>);

/// The agent, for the window.
#[proxy(
    interface = "org.adit.Agent1",
    default_service = "org.adit.Agent",
    default_path = "/org/adit/Agent"
)]
pub trait Agent {
    /// The user has just asked for a change of this session, and sees what becomes of it.
    fn user_changes(&self, id: &str) -> zbus::Result<()>;
    /// The settings file was changed.
    fn read_settings(&self) -> zbus::Result<()>;
    /// Ends the agent. Tunnels stay up.
    fn quit(&self) -> zbus::Result<()>;
}

#[interface(name = "org.adit.Agent1")]
impl Agent {
    fn user_changes(&self, id: String) {
        self.ask(Request::UserChanges(id));
    }

    fn read_settings(&self) {
        self.ask(Request::ReadSettings);
    }

    fn quit(&self) {
        self.ask(Request::Quit);
    }
}

impl Agent {
    fn ask(&self, request: Request) {
        // Only an agent that ends does not listen.
        let _ = self.0.send(request);
    }
}
