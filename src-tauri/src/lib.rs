//! The desktop app: it shows what the helper says and asks the helper to act.

mod app;
mod attachment;
mod bindings;
mod command;
mod failure;
mod log;
mod service;
mod window;

use std::process::ExitCode;

use adit_api::socket_path;
use tauri::{AppHandle, Manager};
use tauri_specta::Event;

use crate::{app::Shared, bindings::bindings};

/// Runs the app until it is quit.
#[must_use]
pub fn run() -> ExitCode {
    let bindings = bindings();
    let app = tauri::Builder::default()
        .manage(Shared::new(socket_path()))
        .manage(log::Reader::default())
        .invoke_handler(bindings.invoke_handler())
        .setup(move |app| {
            bindings.mount_events(app);
            tauri::async_runtime::spawn(follow(app.handle().clone()));
            window::open(app.handle())?;
            Ok(())
        })
        .build(tauri::generate_context!());
    match app {
        Ok(app) => ExitCode::from(u8::try_from(app.run_return(|_, _| {})).unwrap_or(1)),
        Err(error) => {
            eprintln!("Adit cannot start: {error}.");
            ExitCode::FAILURE
        }
    }
}

/// Keeps the app's copy of what the helper knows, and tells the window.
async fn follow(app: AppHandle) {
    let shared = app.state::<Shared>();
    attachment::attach(&shared.socket, |heard| {
        let Some(change) = shared.service().follow(heard) else { return };
        if let Err(error) = change.emit(&app) {
            tracing::warn!("The window does not hear what happens: {error}");
        }
    })
    .await;
}
