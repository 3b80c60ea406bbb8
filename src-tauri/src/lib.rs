//! The desktop app: it shows what the helper says and asks the helper to act.

mod app;
mod arguments;
mod asked;
mod bindings;
mod command;
mod desktop;
mod failure;
mod log;
mod opened;
mod window;

use std::{
    io::{IsTerminal, stderr},
    process::ExitCode,
};

use adit_agent::attend_secrets;
use adit_api::{attach, socket_path};
use clap::Parser;
use tauri::{AppHandle, Manager, async_runtime};
use tracing_subscriber::EnvFilter;

use crate::{
    app::Shared,
    arguments::Arguments,
    asked::{Asked, InPage},
    bindings::bindings,
    desktop::{Desktop, Start, open_files, start_agent},
};

/// Runs the app until its window is closed. The agent goes on.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .init();
    if arguments.hidden {
        start_agent();
        return ExitCode::SUCCESS;
    }
    match async_runtime::block_on(Desktop::start(&arguments.files)) {
        Start::Raised => {
            start_agent();
            ExitCode::SUCCESS
        }
        Start::First(desktop) => show(desktop, arguments),
    }
}

fn show(desktop: Desktop, arguments: Arguments) -> ExitCode {
    let bindings = bindings();
    let app = tauri::Builder::default()
        .manage(Shared::new(socket_path()))
        .manage(log::Reader::default())
        .manage(desktop)
        .manage(Asked::default())
        .invoke_handler(bindings.invoke_handler())
        .setup(move |app| {
            bindings.mount_events(app);
            let app = app.handle();
            async_runtime::spawn(follow(app.clone()));
            async_runtime::spawn(serve(app.clone()));
            async_runtime::spawn(attend(app.clone()));
            open_files(app, &arguments.files);
            // The token of this start is in the environment, where the toolkit looks for it.
            window::open(app, None)?;
            // Nobody waits for the tray.
            start_agent();
            Ok(())
        })
        .build(tauri::generate_context!());
    match app {
        Ok(app) => ExitCode::from(u8::try_from(app.run_return(|_, _| {})).unwrap_or(1)),
        Err(error) => {
            tracing::error!("Adit cannot start: {error}.");
            ExitCode::FAILURE
        }
    }
}

async fn serve(app: AppHandle) {
    let desktop = app.state::<Desktop>();
    if let Err(error) = desktop.serve(app.clone()).await {
        tracing::warn!("Others cannot ask for the window: {error}");
    }
}

/// Asks the person for what the helper and the keyring do not have.
async fn attend(app: AppHandle) {
    let shared = app.state::<Shared>();
    attend_secrets(&shared.socket, InPage(app.clone())).await;
}

async fn follow(app: AppHandle) {
    let shared = app.state::<Shared>();
    attach(&shared.socket, |heard| shared.hear(heard)).await;
}
