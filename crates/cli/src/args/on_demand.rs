//! The words of `adit on-demand`.

use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::SignedDuration;

use super::Named;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_a_time_or_ends_with_something() {
        assert_eq!(pause("15m"), Ok(Pause::For(Duration::from_secs(900))));
        assert_eq!(pause("1h 30m"), Ok(Pause::For(Duration::from_secs(5400))));
        assert_eq!(pause("until-boot"), Ok(Pause::UntilBoot));
        for text in ["", "15", "-5m", "until-tomorrow"] {
            assert!(pause(text).is_err(), "{text}");
        }
    }
}
