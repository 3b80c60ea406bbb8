//! The command line of the service.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// The Adit service. It is started by the system, not by hand.
#[derive(Debug, Parser)]
#[command(name = "adit-helper", version)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) places: Places,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Everything the service reads or writes lies below these, so that several can run side by side,
/// each in a network namespace of its own.
#[derive(Debug, Clone, Args)]
pub(crate) struct Places {
    /// Where configurations are kept.
    #[arg(long, global = true, value_name = "DIR", default_value = "/var/lib/adit")]
    pub(crate) state_dir: PathBuf,
    /// Where the socket and everything that does not survive a boot lie.
    #[arg(long, global = true, value_name = "DIR", default_value = "/run/adit")]
    pub(crate) runtime_dir: PathBuf,
    /// Where providers are installed, a folder each.
    #[arg(long, global = true, value_name = "DIR", default_value = "/usr/lib/adit/providers")]
    pub(crate) providers_dir: PathBuf,
    /// Where the administrator's profiles lie, each a configuration for everybody.
    #[arg(long, global = true, value_name = "DIR", default_value = "/etc/adit/profiles.d")]
    pub(crate) profiles_dir: PathBuf,
    /// The file that names DNS servers where no resolver service runs.
    #[arg(long, global = true, value_name = "FILE", default_value = "/etc/resolv.conf")]
    pub(crate) resolv_conf: PathBuf,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum Command {
    /// Undo everything that a service which is no longer running has left on the system, and end
    /// lockdown.
    Reset,
    /// Undo it, but go on blocking what has to be blocked.
    Recover,
    /// Block what has to be blocked, without the service: for the time before it runs.
    Lockdown,
}

impl Places {
    pub(crate) fn socket(&self) -> PathBuf {
        self.runtime_dir.join("helper.sock")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.runtime_dir.join("helper.lock")
    }

    /// A folder for each running session.
    pub(crate) fn sessions(&self) -> PathBuf {
        self.runtime_dir.join("sessions")
    }

    /// The machine's lockdown.
    pub(crate) fn lockdown(&self) -> PathBuf {
        self.state_dir.join("lockdown.json")
    }

    /// Who holds which rules off.
    pub(crate) fn on_demand(&self) -> PathBuf {
        self.state_dir.join("on-demand.json")
    }

    /// What sessions hold back.
    pub(crate) fn holds(&self) -> PathBuf {
        self.runtime_dir.join("holds.json")
    }

    /// What became of sessions.
    pub(crate) fn history(&self) -> PathBuf {
        self.state_dir.join("history.jsonl")
    }

    pub(crate) fn configurations(&self) -> PathBuf {
        self.state_dir.join("configurations")
    }
}
