//! The program of the WireGuard provider. The helper starts it; it has no arguments.

use std::{
    io::{IsTerminal, stderr},
    process::ExitCode,
};

use adit_wireguard::WireGuardProvider;
use tracing_subscriber::EnvFilter;

/// What the library says of its own is for those who ask: it warns of every lost handshake.
const DEFAULT_FILTER: &str = "info,boringtun=off";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("ADIT_LOG").unwrap_or_else(|_| DEFAULT_FILTER.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        // A helper that died does not read, and the tunnel goes on.
        .log_internal_errors(false)
        .init();
    match adit_provider::run::<WireGuardProvider>().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("adit-wireguard: {error}");
            ExitCode::FAILURE
        }
    }
}
