//! The privileged service of Adit.
//!
//! It owns the truth: configurations, desired and actual state. Apps and command lines are viewers
//! that come and go; packets never pass through it.

mod access;
mod api;
mod arguments;
mod barrier;
mod configurations;
mod counters;
mod durable_file;
mod events;
mod folder_watch;
mod instance;
mod kept_descriptors;
mod key_pairs;
mod logins;
mod managed;
mod on_demand;
mod polkit;
mod provider;
mod recovery;
mod runtime_dir;
mod secret_agents;
mod service;
mod session;
mod session_history;
mod store;
mod surroundings;
mod suspend;
mod trigger;
mod wall_clock;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::arguments::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log_to_stderr();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let done = runtime.block_on(async {
        match arguments.command {
            None => Box::pin(instance::run(&arguments.places)).await,
            Some(Command::Reset) => recovery::reset(&arguments.places).await,
            Some(Command::Recover) => recovery::recover(&arguments.places).await,
            Some(Command::Lockdown) => recovery::lock_down(&arguments.places).await,
        }
    });
    // Tasks that wait for a process or a name must not keep the service from ending.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error.as_ref()),
    }
}

/// The helper waits most of the time; packets are not its business.
const WORKERS: usize = 2;

fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("ADIT_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    tracing::error!("{error}");
    ExitCode::FAILURE
}
