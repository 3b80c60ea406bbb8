//! What Adit does in the user's session while no window is open: it shows the tray, tells of changes, and keeps what is the
//! user's alone. It links no toolkit, so that it stays small; the window is a program of its own.

mod agent;
mod autostart;
mod bus;
mod call;
mod locale;
mod notification;
mod notifier;
mod proxy;
mod secrets;
mod settings;
mod told;
mod tray;
mod update;
mod window;

pub use agent::{AgentError, Ending, run};
pub use autostart::Autostart;
pub use bus::{AGENT, AgentProxy, WINDOW};
pub use locale::session_language;
pub use notification::Level;
pub use secrets::{Person, attend_secrets};
pub use settings::{LanguageChoice, Settings, SettingsError};
