//! The words of `adit import`.

use std::path::PathBuf;

use clap::Args;

/// Import WireGuard files, Apple's configuration profiles, or what `adit export --format adit` wrote
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  adit import ~/Downloads/de-berlin.conf
  adit import *.conf
  adit import office.mobileconfig
  adit import --replace --name work new-keys.conf
  ssh router cat laptop.conf | adit import - --name lab")]
pub(crate) struct Import {
    /// Files to import; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Name of the configuration; without it the file's
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Update the configuration of that name if there is one
    #[arg(long)]
    pub(crate) replace: bool,
    /// For the whole computer: everybody sees it, and only root changes or uses it
    #[arg(long)]
    pub(crate) system: bool,
    /// A per-app tunnel: it carries what you start with adit run, and nothing else. That cannot be
    /// changed later
    #[arg(long, conflicts_with_all = ["include_all_networks", "enforce_routes", "exclude_local_networks", "block_ipv6"])]
    pub(crate) per_app: bool,
    /// Nothing goes around the tunnel, from the moment you connect until you disconnect, whether it
    /// is up or not
    #[arg(long)]
    pub(crate) include_all_networks: bool,
    /// The tunnel's routes beat the system's own, such as those of the local network; so it is for
    /// files that send everything through the tunnel
    #[arg(long, conflicts_with = "no_enforce_routes")]
    pub(crate) enforce_routes: bool,
    /// The system's own routes beat the tunnel's
    #[arg(long)]
    pub(crate) no_enforce_routes: bool,
    /// Where nothing or no network's route goes around the tunnel: but what is directly connected
    #[arg(long)]
    pub(crate) exclude_local_networks: bool,
    /// Refuse IPv6 while a tunnel is up that takes none; so it is for files that send all IPv4
    /// through the tunnel
    #[arg(long, conflicts_with = "allow_ipv6")]
    pub(crate) block_ipv6: bool,
    /// Let IPv6 go outside such a tunnel
    #[arg(long)]
    pub(crate) allow_ipv6: bool,
}
