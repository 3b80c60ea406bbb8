//! The app's command line.

use std::path::PathBuf;

/// A VPN client: connects this computer through tunnels.
#[derive(Debug, Clone, PartialEq, Eq, clap::Parser)]
#[command(name = "adit-desktop", version)]
pub(crate) struct Arguments {
    /// Show the tray only, without a window
    #[arg(long)]
    pub(crate) hidden: bool,
    /// Files with configurations, to be looked at before they are imported
    pub(crate) files: Vec<PathBuf>,
}
