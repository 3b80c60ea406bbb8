//! What can be written on the command line.

use std::{
    net::{AddrParseError, IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use jiff::SignedDuration;

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

/// Connect and disconnect by rules
///
/// The first rule whose conditions hold on the network of the moment counts. Rules work while the Adit
/// service runs, from boot on, whether anybody is logged in or not. Who disconnects by hand holds them
/// off until they connect or resume.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  adit on-demand edit work
  adit on-demand on work
  adit on-demand pause work 15m
  adit on-demand pause work until-network
  adit on-demand explain work")]
pub(crate) struct OnDemand {
    #[command(subcommand)]
    pub(crate) what: OnDemandVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OnDemandVerb {
    /// Let the rules of a configuration count
    On(Named),
    /// Let them count for nothing
    Off(Named),
    /// Print the rules in words
    Show(Named),
    /// Edit the rules as JSON, in $VISUAL or $EDITOR
    Edit(Named),
    /// Hold the rules off; the session stays as it is
    Pause {
        /// Its name, the beginning of it, or its id
        name: String,
        /// For how long, such as 15m or 2h; or until-network, until-boot; without it until resumed
        #[arg(value_name = "UNTIL", value_parser = pause)]
        end: Option<Pause>,
    },
    /// Let rules count again that are held off
    Resume(Named),
    /// Say which network this computer is in, and what the rules make of it
    Explain {
        /// Its name, the beginning of it, or its id; without it all of yours that have rules
        name: Option<String>,
    },
}

/// How long rules are held off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pause {
    For(Duration),
    UntilNetwork,
    UntilBoot,
}

/// Say where it goes and why, as it is at this moment
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  adit explain dns wiki.work.example
  adit explain route 192.0.2.1
  adit explain route 192.0.2.1:53 --protocol udp")]
pub(crate) struct Explain {
    #[command(subcommand)]
    pub(crate) what: Explained,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Explained {
    /// Which servers are asked for a name
    Dns {
        /// A name, such as site.example; with a dot at its end it is complete
        name: String,
    },
    /// Which way a packet takes to an address
    Route {
        /// An IPv4 or IPv6 address; with a port after a colon, IPv6 is in brackets
        #[arg(value_name = "ADDRESS[:PORT]")]
        destination: Destination,
        /// Whose port it is
        #[arg(long, value_enum, default_value = "tcp")]
        protocol: Protocol,
    },
}

/// Where a packet goes. Without a port it is one that has none, such as a ping.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Destination {
    pub(crate) address: IpAddr,
    pub(crate) port: Option<u16>,
}

/// A protocol with ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
}

impl FromStr for Destination {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(address) => Ok(Self { address, port: None }),
            Err(error) => {
                let with_port: SocketAddr = text.parse().map_err(|_| error)?;
                Ok(Self { address: with_port.ip(), port: Some(with_port.port()) })
            }
        }
    }
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

fn pause(text: &str) -> Result<Pause, String> {
    match text {
        "until-network" => Ok(Pause::UntilNetwork),
        "until-boot" => Ok(Pause::UntilBoot),
        text => {
            let hint = || "give a time, such as 15m or 2h, or until-network or until-boot".into();
            let time: SignedDuration = text.parse().map_err(|_| hint())?;
            Duration::try_from(time).map(Pause::For).map_err(|_| hint())
        }
    }
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
    fn a_pause_is_a_time_or_ends_with_something() {
        assert_eq!(pause("15m"), Ok(Pause::For(Duration::from_secs(900))));
        assert_eq!(pause("1h 30m"), Ok(Pause::For(Duration::from_secs(5400))));
        assert_eq!(pause("until-boot"), Ok(Pause::UntilBoot));
        for text in ["", "15", "-5m", "until-tomorrow"] {
            assert!(pause(text).is_err(), "{text}");
        }
    }

    #[test]
    fn json_is_understood_before_and_after_the_verb() {
        for line in [["adit", "--json", "list"], ["adit", "list", "--json"]] {
            assert!(Arguments::try_parse_from(line).unwrap().json, "{line:?}");
        }
    }
}
