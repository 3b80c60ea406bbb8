//! DNS servers that are asked over TLS (RFC 7858) or HTTPS (RFC 8484), through a tunnel and in no other
//! way.

mod https;
mod line;
mod tls;

use std::net::IpAddr;

use adit_model::{DnsProtocol, dns_post_url};
use thiserror::Error;
use tokio::time::timeout;
use url::Url;

use self::{https::Https, line::Line, tls::Tls};
use super::LIMIT;
use crate::{network::UnderlyingNames, resolver::ResolveError};

/// Servers that go by one name.
#[derive(Debug)]
pub(super) struct EncryptedServers(Encryption);

#[derive(Debug)]
enum Encryption {
    Tls(Tls),
    Https(Https),
}

/// Why there is no answer. The words go behind a colon.
#[derive(Debug, Clone, Error)]
pub(super) enum AskError {
    /// Where it is, is not known.
    #[error(transparent)]
    Name(#[from] ResolveError),
    /// Nobody is there.
    #[error("no connection to {address} ({reason})")]
    Connection { address: IpAddr, reason: String },
    /// Whoever is there does not prove to be the one.
    #[error("no protected connection to {host} ({reason})")]
    Unprotected { host: String, reason: String },
    /// The connection has ended.
    #[error("the connection has ended ({0})")]
    Ended(String),
    /// HTTP says that there is no answer.
    #[error("it answered {0}")]
    Status(u16),
    /// An answer to something else.
    #[error("its answer is none of DNS")]
    NoAnswer,
    /// Nothing came in time.
    #[error("it does not answer in time")]
    TimedOut,
}

const TLS_PORT: u16 = 853;
const HTTPS_PORT: u16 = 443;
/// Bytes of the header that tell which question is answered.
const ID: usize = 2;

impl EncryptedServers {
    /// The servers at `addresses` that are asked so; none if they are asked in clear.
    pub(super) fn of(
        protocol: &DnsProtocol,
        addresses: &[IpAddr],
        interface: &str,
        names: &UnderlyingNames,
    ) -> Result<Option<Self>, String> {
        Ok(match protocol {
            DnsProtocol::Cleartext => None,
            DnsProtocol::Tls { server_name } => {
                Some(Self::tls(server_name, addresses, interface, names))
            }
            DnsProtocol::Https { server_url } => {
                let url = dns_post_url(server_url)
                    .ok_or_else(|| format!("nobody can be asked at {server_url}"))?;
                Some(Self::https(&url, addresses, interface, names))
            }
        })
    }

    /// Servers whose certificates bear `name`, at these addresses, or else where the name leads outside
    /// the tunnel.
    fn tls(name: &str, addresses: &[IpAddr], interface: &str, names: &UnderlyingNames) -> Self {
        let line = Line::new(name, TLS_PORT, addresses, interface, names);
        Self(Encryption::Tls(Tls::new(line)))
    }

    /// The same for those behind a URL that questions are posted to.
    fn https(url: &Url, addresses: &[IpAddr], interface: &str, names: &UnderlyingNames) -> Self {
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = url.port().unwrap_or(HTTPS_PORT);
        let line = Line::new(host, port, addresses, interface, names);
        Self(Encryption::Https(Https::new(url, line)))
    }

    /// The answer to a message of DNS, whole and as it is.
    pub(super) async fn ask(&self, message: &[u8]) -> Result<Vec<u8>, AskError> {
        let asking = async {
            match &self.0 {
                Encryption::Tls(tls) => tls.ask(message).await,
                Encryption::Https(https) => https.ask(message).await,
            }
        };
        let outcome = timeout(LIMIT, asking).await.unwrap_or(Err(AskError::TimedOut));
        if outcome.is_err() {
            // A connection that says nothing is as good as none, and TCP takes minutes to notice.
            match &self.0 {
                Encryption::Tls(tls) => tls.hang_up(),
                Encryption::Https(https) => https.hang_up(),
            }
        }
        outcome
    }
}
