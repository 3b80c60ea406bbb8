//! The service as systemd has it: starting it, and its log.

use std::{path::Path, process::Stdio};

use tauri::{AppHandle, State};
use tauri_specta::Event;
use tokio::process::Command;

use crate::{
    failure::{Failure, FailureKind},
    log::{self, JOURNALCTL, Reader},
};

/// Starts the service. systemd asks the user for authorisation where it wants one.
#[tauri::command]
#[specta::specta]
pub(crate) async fn start_service() -> Result<(), Failure> {
    let start = Command::new("systemctl")
        .args(["start", "adit-helper.service"])
        .stdin(Stdio::null())
        .output()
        .await;
    let reason = match start {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    Err(Failure::new(FailureKind::NotStarted, format!("The service was not started: {reason}")))
}

/// Tells of the service's log by `Logged`, what there is and what comes, until `leave_log`.
#[tauri::command]
#[specta::specta]
pub(crate) fn follow_log(app: AppHandle, reader: State<'_, Reader>) {
    reader.replace(Some(tauri::async_runtime::spawn(async move {
        log::follow(Path::new(JOURNALCTL), |lines| {
            if let Err(error) = lines.emit(&app) {
                tracing::warn!("The window does not hear of the log: {error}");
            }
        })
        .await;
    })));
}

/// Ends that.
#[tauri::command]
#[specta::specta]
pub(crate) fn leave_log(reader: State<'_, Reader>) {
    reader.replace(None);
}
