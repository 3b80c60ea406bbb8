//! `adit-agent`: started at login and by the window.

use std::{
    env,
    io::{IsTerminal, stderr},
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode},
};

use adit_agent::{AgentError, Ending};
use tracing_subscriber::EnvFilter;

/// Shows the tray of Adit and tells of changes while no window is open.
#[derive(Debug, clap::Parser)]
#[command(name = "adit-agent", version)]
struct Arguments {}

fn main() -> ExitCode {
    <Arguments as clap::Parser>::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime
        .map_err(AgentError::System)
        .and_then(|runtime| runtime.block_on(adit_agent::run(&adit_api::socket_path())));
    match ended {
        Ok(Ending::Quit) => ExitCode::SUCCESS,
        Ok(Ending::Updated(program)) => {
            tracing::info!("Adit was updated. The agent goes on in its next version.");
            let error = Command::new(program).args(env::args_os().skip(1)).exec();
            tracing::error!("The next version of the agent does not start: {error}");
            ExitCode::FAILURE
        }
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
