//! `adit-agent`: started at login and by the window.

use std::process::ExitCode;

use adit_agent::AgentError;
use tracing_subscriber::EnvFilter;

/// Shows the tray of Adit and tells of changes while no window is open.
#[derive(Debug, clap::Parser)]
#[command(name = "adit-agent", version)]
struct Arguments {}

fn main() -> ExitCode {
    <Arguments as clap::Parser>::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime
        .map_err(AgentError::System)
        .and_then(|runtime| runtime.block_on(adit_agent::run(&adit_api::socket_path())));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever starts it wants that there is one.
        Err(error @ AgentError::Running) => {
            tracing::info!("{error}");
            ExitCode::SUCCESS
        }
        Err(error @ (AgentError::Bus(_) | AgentError::System(_))) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
