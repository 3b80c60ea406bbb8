//! The app in the user's session: there is one window, and others ask for it over the session bus.

#![expect(
    clippy::used_underscore_binding,
    clippy::needless_pass_by_value,
    reason = "D-Bus says what a method has"
)]

use std::{collections::HashMap, env, path::PathBuf, process::Command, thread};

use adit_agent::{AgentProxy, WINDOW};
use adit_model::ConfigurationId;
use tauri::{AppHandle, Manager};
use tauri_specta::Event;
use zbus::{Connection, OwnedVariant, Variant, fdo::RequestNameFlags, interface};

use crate::{
    app::Shared,
    opened::{FilesOpened, OpenedFile},
    window,
};

const PATH: &str = "/org/adit/Desktop";
const INTERFACE: &str = "org.freedesktop.Application";

/// The session, as far as there is one.
pub(crate) struct Desktop {
    bus: Option<Connection>,
}

/// What starting the app comes to.
pub(crate) enum Start {
    /// There is no other window.
    First(Desktop),
    /// Another one has been raised.
    Raised,
}

impl Desktop {
    /// Raises the window that is open already, with `files`, or becomes the one. Without a session bus, nobody
    /// can know of others.
    pub(crate) async fn start(files: &[PathBuf]) -> Start {
        let bus = match Connection::session().await {
            Ok(bus) => bus,
            Err(error) => {
                tracing::warn!("There is no session bus, so there may be two windows: {error}");
                return Start::First(Self { bus: None });
            }
        };
        let alone = bus.request_name_with_flags(WINDOW, RequestNameFlags::DO_NOT_QUEUE).await;
        if alone.is_ok() {
            return Start::First(Self { bus: Some(bus) });
        }
        match raise(&bus, files).await {
            Ok(()) => Start::Raised,
            Err(error) => {
                tracing::warn!("The window that is open does not answer: {error}");
                Start::First(Self { bus: Some(bus) })
            }
        }
    }

    /// Lets others ask for the window.
    pub(crate) async fn serve(&self, app: AppHandle) -> zbus::Result<()> {
        let Some(bus) = &self.bus else { return Ok(()) };
        bus.object_server().at(PATH, Application { app }).await.map(drop)
    }

    /// Tells the agent that the user changes a session in the window and sees what becomes of it.
    pub(crate) async fn user_changes(&self, id: ConfigurationId) {
        let Some(agent) = self.agent().await else { return };
        if let Err(error) = agent.user_changes(&id.to_string()).await {
            tracing::debug!("The agent does not hear who changes a session: {error}");
        }
    }

    /// Tells the agent that the settings were changed.
    pub(crate) async fn settings_changed(&self) {
        let Some(agent) = self.agent().await else { return };
        if let Err(error) = agent.read_settings().await {
            tracing::warn!("The agent does not hear of the settings: {error}");
        }
    }

    /// Lets the next process be the one that has the window.
    pub(crate) async fn leave(&self) {
        let Some(bus) = &self.bus else { return };
        if let Err(error) = bus.release_name(WINDOW).await {
            tracing::warn!("The window that is opened next may find this one: {error}");
        }
    }

    async fn agent(&self) -> Option<AgentProxy<'static>> {
        AgentProxy::new(self.bus.as_ref()?).await.ok()
    }
}

/// Starts the agent, which ends by itself if there is one already.
pub(crate) fn start_agent() {
    match Command::new(agent_program()).spawn() {
        // It may end at once or outlive the window; either way nothing of it stays behind.
        Ok(mut agent) => drop(thread::spawn(move || agent.wait())),
        Err(error) => tracing::warn!("The tray cannot be shown: {error}"),
    }
}

pub(crate) fn agent_program() -> PathBuf {
    installed("adit-agent")
}

/// This program as it is on the disk now, which may be its next version.
pub(crate) fn window_program() -> PathBuf {
    installed("adit-desktop")
}

/// The one that was installed with this app, else the one on the path.
fn installed(name: &str) -> PathBuf {
    let beside = env::current_exe().ok().map(|app| app.with_file_name(name));
    beside.filter(|program| program.exists()).unwrap_or_else(|| name.into())
}

async fn raise(bus: &Connection, files: &[PathBuf]) -> zbus::Result<()> {
    let data = activation();
    let absolute = files.iter().filter_map(|file| std::path::absolute(file).ok());
    let uris: Vec<String> =
        absolute.filter_map(|file| tauri::Url::from_file_path(file).ok()).map(Into::into).collect();
    if uris.is_empty() {
        bus.call_method(Some(WINDOW), PATH, Some(INTERFACE), "Activate", &data).await?;
    } else {
        let opened = (uris, data);
        bus.call_method(Some(WINDOW), PATH, Some(INTERFACE), "Open", &opened).await?;
    }
    Ok(())
}

/// What whoever started this process allows it: to raise a window.
fn activation() -> HashMap<&'static str, Variant<'static>> {
    let token = |variable| env::var(variable).ok().map(Variant::from);
    let wayland = token("XDG_ACTIVATION_TOKEN").map(|token| ("activation-token", token));
    let x11 = token("DESKTOP_STARTUP_ID").map(|token| ("desktop-startup-id", token));
    wayland.into_iter().chain(x11).collect()
}

/// `org.freedesktop.Application` of the Desktop Entry Specification.
struct Application {
    app: AppHandle,
}

#[interface(name = "org.freedesktop.Application")]
impl Application {
    fn activate(&self, platform_data: HashMap<String, OwnedVariant>) {
        self.open_window(token(&platform_data));
    }

    fn open(&self, uris: Vec<String>, platform_data: HashMap<String, OwnedVariant>) {
        let paths = uris.iter().filter_map(|uri| tauri::Url::parse(uri).ok()?.to_file_path().ok());
        open_files(&self.app, &paths.collect::<Vec<_>>());
        self.open_window(token(&platform_data));
    }

    fn activate_action(
        &self,
        name: &str,
        _parameter: Vec<OwnedVariant>,
        _platform_data: HashMap<String, OwnedVariant>,
    ) {
        if name == "quit" {
            self.app.exit(0);
        }
    }
}

impl Application {
    /// Toolkits want windows to be handled in their own thread.
    fn open_window(&self, token: Option<String>) {
        let app = self.app.clone();
        let done = self.app.run_on_main_thread(move || {
            if let Err(error) = window::open(&app, token.as_deref()) {
                tracing::error!("The window cannot be opened: {error}");
            }
        });
        if let Err(error) = done {
            tracing::error!("The window cannot be opened: {error}");
        }
    }
}

/// What whoever asks for the window allows it: to come to the front.
fn token(platform_data: &HashMap<String, OwnedVariant>) -> Option<String> {
    let of = |name| platform_data.get(name)?.downcast_ref::<String>().ok();
    of("activation-token").or_else(|| of("desktop-startup-id"))
}

/// Keeps files until the window takes them, and tells it.
pub(crate) fn open_files(app: &AppHandle, paths: &[PathBuf]) {
    let read = paths.iter().filter_map(|path| match OpenedFile::read(path) {
        Ok(file) => Some(file),
        Err(error) => {
            tracing::error!("A file cannot be opened: {error}");
            None
        }
    });
    app.state::<Shared>().opened().extend(read);
    if let Err(error) = FilesOpened.emit(app) {
        tracing::warn!("The window does not hear of files: {error}");
    }
}
