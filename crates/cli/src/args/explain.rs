//! The words of `adit explain`.

use std::{
    net::{AddrParseError, IpAddr, SocketAddr},
    str::FromStr,
};

use clap::{Args, Subcommand, ValueEnum};

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
