//! The app itself: settings, and files that were given to it.

use std::process::Command;

use adit_agent::{Autostart, Settings, SettingsError};
use serde::{Deserialize, Serialize};
use specta::Type;
use tauri::{AppHandle, State};

use crate::{
    app::Shared,
    desktop::{Desktop, agent_program, window_program},
    failure::{Failure, FailureKind},
    opened::OpenedFile,
};

/// All that can be decided about the app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AppSettings {
    /// Of the app.
    pub(crate) settings: Settings,
    /// Whether the tray is shown from login on.
    pub(crate) starts_at_login: bool,
}

/// The settings of the app.
#[tauri::command]
#[specta::specta]
pub(crate) fn settings() -> Result<AppSettings, Failure> {
    let starts_at_login = Autostart::of_user()?.is_on();
    Ok(AppSettings { settings: Settings::read()?, starts_at_login })
}

/// Keeps the settings of the app.
#[tauri::command]
#[specta::specta]
pub(crate) async fn keep_settings(
    desktop: State<'_, Desktop>,
    settings: AppSettings,
) -> Result<(), Failure> {
    let program = agent_program();
    Autostart::of_user()?.set(&program.to_string_lossy(), settings.starts_at_login)?;
    // Fields of a later version are in the file, not in the window.
    let unknown = Settings::read().map(|kept| kept.unknown).unwrap_or_default();
    Settings { unknown, ..settings.settings }.write()?;
    desktop.settings_changed().await;
    Ok(())
}

/// Opens the window anew, in the version that is installed, and closes this one.
#[tauri::command]
#[specta::specta]
pub(crate) async fn restart_window(
    app: AppHandle,
    desktop: State<'_, Desktop>,
) -> Result<(), Failure> {
    desktop.leave().await;
    let next = Command::new(window_program()).spawn();
    next.map_err(|error| Failure::new(FailureKind::Failed, error.to_string()))?;
    app.exit(0);
    Ok(())
}

/// Files that were given to the app from outside, once.
#[tauri::command]
#[specta::specta]
#[must_use]
pub(crate) fn take_opened(shared: State<'_, Shared>) -> Vec<OpenedFile> {
    std::mem::take(&mut *shared.opened())
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::new(FailureKind::Failed, error.to_string())
    }
}
