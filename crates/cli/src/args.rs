//! What can be written on the command line.

mod explain;
mod import;
mod on_demand;

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub(crate) use self::{
    explain::{Destination, Explain, Explained, Protocol},
    import::Import,
    on_demand::{OnDemand, OnDemandVerb, Pause},
};

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  failed; the reason is on standard error
  2  wrong usage
  3  the Adit service cannot be reached
  4  not authorised

Environment:
  ADIT_SOCKET       socket of the Adit service, if not /run/adit/helper.sock
  ADIT_RUNTIME_DIR  where adit reset finds what to undo, if not /run/adit
  ADIT_STATE_DIR    where it finds lockdown, if not /var/lib/adit
  NO_COLOR          no colours when set";

/// VPN tunnels: import them, connect, and see what goes where.
#[derive(Debug, Parser)]
#[command(name = "adit", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Print one JSON value in place of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Import(Import),
    /// List the configurations and their states
    List,
    Show(Show),
    Connect(Connect),
    Disconnect(Disconnect),
    /// Disconnect and connect again
    Reconnect(Connect),
    Run(Run),
    Status(Status),
    History(History),
    Explain(Explain),
    /// Try out whether nothing gets past the tunnels
    ///
    /// Sends harmless packets, as programs do that obey the routes and that do not, and says of each
    /// whether it went where it should. Fails if one did not.
    Selftest,
    Diagnose(Diagnose),
    /// Print every change as it happens, until interrupted
    ///
    /// With --json one object a line: a snapshot first, then the changes.
    Watch,
    /// Allow a configuration to connect
    Enable(Named),
    /// Forbid a configuration to connect, and disconnect it
    Disable(Named),
    Export(Export),
    Remove(Remove),
    Rename(Rename),
    Secrets(SecretsOf),
    /// Edit a WireGuard configuration as text, in $VISUAL or $EDITOR
    Edit(Named),
    Lockdown(Lockdown),
    OnDemand(OnDemand),
    /// List the installed tunnel providers
    Providers,
    /// End all sessions and undo everything on the system, lockdown too
    ///
    /// Works as root even when the Adit service does not run.
    Reset,
    Completions(Completions),
}

/// Show one configuration
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Its name, the beginning of it, or its id
    pub(crate) name: String,
    /// Show its keys and passwords too
    #[arg(long)]
    pub(crate) secrets: bool,
}

/// Connect, and wait until traffic can pass
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  adit connect work
  adit connect work --wait 10 && ssh build.work.example")]
pub(crate) struct Connect {
    /// Its name, the beginning of it, or its id
    pub(crate) name: String,
    /// How long to wait; 0 does not wait
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub(crate) wait: Duration,
}

/// Disconnect, and wait until everything is undone
#[derive(Debug, Args)]
pub(crate) struct Disconnect {
    /// Its name, the beginning of it, or its id; without it all of yours
    pub(crate) name: Option<String>,
}

/// Run a command as an app of a per-app tunnel
///
/// What it sends, and what it starts, goes through the tunnel or nowhere: while the tunnel is not
/// connected it has no network. It stays so until it ends. A program that hands its work to one that
/// runs already, as browsers do, needs an instance of its own.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  adit import --per-app work.conf
  adit connect work
  adit run work -- firefox --profile ~/work --no-remote")]
pub(crate) struct Run {
    /// Its name, the beginning of it, or its id
    pub(crate) name: String,
    /// The command and its arguments
    #[arg(required = true, last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// Say what is connected, what goes through it, and how it does
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Its name, the beginning of it, or its id; without it all
    pub(crate) name: Option<String>,
}

/// Let nothing leave this computer but through a tunnel
///
/// From the moment it is switched on until it is switched off, whether a tunnel is connected or not:
/// also while the computer starts, and when the Adit service fails. Without a word, say how it is.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  adit lockdown on
  adit lockdown on --allow-local-networks
  adit lockdown off")]
pub(crate) struct Lockdown {
    #[command(subcommand)]
    pub(crate) switch: Option<LockdownSwitch>,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum LockdownSwitch {
    /// Block what does not go through a tunnel
    On {
        /// But not the networks that this computer is directly connected to
        #[arg(long)]
        allow_local_networks: bool,
    },
    /// Let it out again
    Off,
}

/// Write what somebody who helps has to know into a file, without keys and passwords
///
/// A ZIP archive with the configurations and their states, the addresses, rules, routes and firewall of
/// this computer, and who is asked for names.
#[derive(Debug, Args)]
pub(crate) struct Diagnose {
    /// The file to write, such as report.zip; none is replaced
    pub(crate) file: PathBuf,
}

/// Show the sessions that are over: when, for how long, who started them and what ended them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  adit history
  adit history work -n 5")]
pub(crate) struct History {
    /// Of this configuration alone
    pub(crate) name: Option<String>,
    /// How many, the last first
    #[arg(short = 'n', long = "number", default_value_t = 20)]
    pub(crate) number: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    /// Its name, the beginning of it, or its id
    pub(crate) name: String,
}

/// Write a configuration with its keys to standard output
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  (umask 077; adit export work > work.conf)
  adit export work --format adit | ssh laptop adit import -")]
pub(crate) struct Export {
    /// Its name, the beginning of it, or its id
    pub(crate) name: String,
    /// What to write
    #[arg(long, value_enum, default_value_t = Format::WgQuick)]
    pub(crate) format: Format,
    /// For which of Apple's devices a profile of WireGuard is: each has an app of its own
    #[arg(long = "for", value_enum)]
    pub(crate) device: Option<Device>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Device {
    /// iPhones and iPads
    Iphone,
    /// Macs
    Mac,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A file of wg-quick
    WgQuick,
    /// A configuration profile for Apple's devices, with the rules of on demand
    Mobileconfig,
    /// JSON with all that Adit knows of it
    Adit,
}

/// Delete a configuration and its keys
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Its name, the beginning of it, or its id
    pub(crate) name: String,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// Give a configuration another name
#[derive(Debug, Args)]
pub(crate) struct Rename {
    /// Its name, the beginning of it, or its id
    pub(crate) old: String,
    /// Its name from then on
    pub(crate) new: String,
}

/// Say where the keys and passwords of a configuration are kept, or keep them elsewhere
///
/// With the system, tunnels start without anybody there: at boot, and by rules. What is in your keyring
/// or nowhere is asked for in your session when the tunnel starts.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  adit secrets work
  adit secrets work --keep-in keyring
  adit secrets work --keep-in nowhere")]
pub(crate) struct SecretsOf {
    /// Its name, the beginning of it, or its id
    pub(crate) name: String,
    /// Where to keep them from now on
    #[arg(long, value_enum, value_name = "PLACE")]
    pub(crate) keep_in: Option<KeepIn>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeepIn {
    /// With the Adit service, readable by root alone
    System,
    /// In the keyring of your desktop, such as GNOME Keyring
    Keyring,
    /// Nowhere: you are asked at every start
    Nowhere,
}

/// Print the completions of a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  adit completions bash > ~/.local/share/bash-completion/completions/adit
  adit completions fish > ~/.config/fish/completions/adit.fish
  adit completions zsh  > a folder of $fpath, as _adit")]
pub(crate) struct Completions {
    /// Whose completions
    pub(crate) shell: Shell,
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_secs).map_err(|_| "give whole seconds, such as 30".into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn json_is_understood_before_and_after_the_verb() {
        for line in [["adit", "--json", "list"], ["adit", "list", "--json"]] {
            assert!(Arguments::try_parse_from(line).unwrap().json, "{line:?}");
        }
    }
}
