//! Fetching a small file through a tunnel: what is not reached there is not fetched. Spec PXY-4.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    time::Duration,
};

use adit_model::DnsSettings;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    Response,
    body::{Bytes, Incoming},
    header::LOCATION,
};
use thiserror::Error;
use tokio::{net::TcpStream, time::timeout};
use url::Url;

use crate::{
    network::Network,
    resolver::complete_name,
    socket::connect_through,
    stub::look_up_inside,
    tun,
    web::{WebAddress, WebError},
};

/// Why there is no file. The words go behind a colon.
#[derive(Debug, Error)]
pub enum FetchError {
    /// There is no page.
    #[error(transparent)]
    Web(#[from] WebError),
    /// What answers a connection through the tunnel that is closed already would go where the routes lead.
    #[error("the tunnel does not lead to {0}")]
    Outside(IpAddr),
    /// Names are not looked up outside: whoever listens there is not to know what is asked inside.
    #[error("{0} cannot be looked up inside the tunnel, where no DNS server is: use an IP address")]
    NoServers(String),
    /// The tunnel's servers know no address.
    #[error("{0} has no address that the tunnel’s DNS servers know")]
    NoAddress(String),
    /// The tunnel is gone.
    #[error("there is no tunnel to go through ({0})")]
    NoTunnel(io::Error),
    /// Nobody is there.
    #[error("{server} is not reached through the tunnel ({reason})")]
    Unreachable {
        /// Who should be there.
        server: SocketAddr,
        /// What the system said.
        reason: io::Error,
    },
    /// HTTP says that there is none.
    #[error("the server answered {0}")]
    Status(u16),
    /// What was protected would go on in clear, or to nowhere, or in circles.
    #[error("the server sends on to where nothing is fetched from")]
    Redirected,
    /// It is not what it should be.
    #[error("it is larger than {} KiB", MOST_BYTES >> 10)]
    TooLarge,
    /// It ended in the middle.
    #[error("the connection has ended ({0})")]
    Ended(String),
    /// It took too long.
    #[error("it did not come within {} seconds", LIMIT.as_secs())]
    TimedOut,
}

/// Of all of it.
const LIMIT: Duration = Duration::from_secs(15);
/// How long one of a server's addresses may take to answer at all.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const MOST_BYTES: usize = 256 << 10;
const MOST_REDIRECTIONS: usize = 5;

/// What a GET of `url` is answered with, through the tunnel with this interface and this name resolution.
pub(crate) async fn fetch(
    network: &Network,
    interface: &str,
    dns: Option<&DnsSettings>,
    url: &str,
) -> Result<Vec<u8>, FetchError> {
    let index = tun::interface_index(interface).map_err(io::Error::other);
    let index = index.and_then(|index| NonZeroU32::new(index).ok_or_else(no_interface));
    let index = index.map_err(FetchError::NoTunnel)?;
    let tunnel = Inside { network, interface, index, dns };
    timeout(LIMIT, tunnel.follow(url)).await.unwrap_or(Err(FetchError::TimedOut))
}

/// A tunnel from this side.
#[derive(Debug, Clone, Copy)]
struct Inside<'a> {
    network: &'a Network,
    interface: &'a str,
    index: NonZeroU32,
    dns: Option<&'a DnsSettings>,
}

enum Answer {
    File(Bytes),
    Elsewhere(Option<String>),
}

impl Inside<'_> {
    async fn follow(self, url: &str) -> Result<Vec<u8>, FetchError> {
        let mut at = url.to_owned();
        for _ in 0..=MOST_REDIRECTIONS {
            let page = WebAddress::of(&at)?;
            let stream = self.connect(&page).await?;
            match page.get(stream, read).await?? {
                Answer::File(bytes) => return Ok(bytes.into()),
                Answer::Elsewhere(location) => {
                    let next = location.and_then(|location| next(&at, &location));
                    at = next.ok_or(FetchError::Redirected)?;
                }
            }
        }
        Err(FetchError::Redirected)
    }

    /// To the first address that answers.
    async fn connect(self, page: &WebAddress) -> Result<TcpStream, FetchError> {
        let mut failed = FetchError::NoAddress(page.host.clone());
        for address in self.addresses(&page.host).await? {
            if !self.leads_to(address).await {
                failed = FetchError::Outside(address);
                continue;
            }
            let server = SocketAddr::new(address, page.port);
            let connection = timeout(CONNECT_LIMIT, connect_through(self.interface, server)).await;
            match connection.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(stream) => return Ok(stream),
                Err(reason) => failed = FetchError::Unreachable { server, reason },
            }
        }
        Err(failed)
    }

    async fn addresses(self, host: &str) -> Result<Vec<IpAddr>, FetchError> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let name = complete_name(host).map_err(|_| FetchError::NoAddress(host.to_owned()))?;
        let no_servers = || FetchError::NoServers(host.to_owned());
        let mut dns = self.dns.ok_or_else(no_servers)?.clone();
        if dns.protocol.is_cleartext() {
            let mut servers = Vec::new();
            for server in dns.servers {
                if self.leads_to(server).await {
                    servers.push(server);
                }
            }
            if servers.is_empty() {
                return Err(no_servers());
            }
            dns.servers = servers;
        }
        let names = self.network.underlying_names();
        Ok(look_up_inside(&name, &dns, (self.interface, self.index), &names).await)
    }

    async fn leads_to(self, address: IpAddr) -> bool {
        self.network.way_to(address).await == Some(self.index.get())
    }
}

fn no_interface() -> io::Error {
    io::ErrorKind::NotFound.into()
}

async fn read(response: Response<Incoming>) -> Result<Answer, FetchError> {
    let status = response.status();
    if status.is_redirection() {
        let location = response.headers().get(LOCATION).and_then(|it| it.to_str().ok());
        return Ok(Answer::Elsewhere(location.map(str::to_owned)));
    }
    if !status.is_success() {
        return Err(FetchError::Status(status.as_u16()));
    }
    let body = Limited::new(response.into_body(), MOST_BYTES).collect().await;
    let body = body.map_err(|error| match error.downcast::<LengthLimitError>() {
        Ok(_) => FetchError::TooLarge,
        Err(error) => FetchError::Ended(error.to_string()),
    })?;
    Ok(Answer::File(body.to_bytes()))
}

/// Where a redirection leads, unless that would be less protected.
fn next(from: &str, location: &str) -> Option<String> {
    let from = Url::parse(from).ok()?;
    let next = from.join(location).ok()?;
    let is_protected = |url: &Url| url.scheme() == "https";
    (is_protected(&next) || !is_protected(&from)).then(|| next.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirection_never_leaves_protection() {
        for (from, location, leads) in [
            ("http://a.test/x", "/y", Some("http://a.test/y")),
            ("http://a.test/x", "https://b.test/", Some("https://b.test/")),
            ("https://a.test/x", "y", Some("https://a.test/y")),
            ("https://a.test/x", "http://a.test/x", None),
            ("https://a.test/x", "file:///etc/passwd", None),
        ] {
            assert_eq!(next(from, location).as_deref(), leads, "{from} to {location}");
        }
    }
}
