//! Protected connections through a tunnel.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::client::TlsStream;

use super::AskError;
use crate::{network::UnderlyingNames, socket::connect_through, tls};

/// Where servers are, and by which tunnel they are reached.
#[derive(Debug, Clone)]
pub(super) struct Line {
    host: String,
    port: u16,
    addresses: Vec<IpAddr>,
    interface: String,
    names: UnderlyingNames,
}

/// How long one address may take. Two fit into a question.
const CONNECT_LIMIT: Duration = Duration::from_millis(1500);

impl Line {
    pub(super) fn new(
        host: &str,
        port: u16,
        addresses: &[IpAddr],
        interface: &str,
        names: &UnderlyingNames,
    ) -> Self {
        Self {
            host: host.to_owned(),
            port,
            addresses: addresses.to_vec(),
            interface: interface.to_owned(),
            names: names.clone(),
        }
    }

    /// To the first address that answers.
    pub(super) async fn open(
        &self,
        application: &[&[u8]],
    ) -> Result<TlsStream<TcpStream>, AskError> {
        let found = match self.addresses.as_slice() {
            // As the tunnel's own server, it has to be found before it can be asked (D-24).
            [] => self.names.resolve(&self.host).await?,
            known => known.to_vec(),
        };
        let mut failed = AskError::TimedOut;
        for address in found {
            let connection = timeout(CONNECT_LIMIT, self.connect(address)).await;
            match connection.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(stream) => return self.protect(stream, application).await,
                Err(error) => {
                    failed = AskError::Connection { address, reason: error.to_string() };
                }
            }
        }
        Err(failed)
    }

    async fn connect(&self, address: IpAddr) -> io::Result<TcpStream> {
        let server = SocketAddr::new(address, self.port);
        let stream = connect_through(&self.interface, server).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn protect(
        &self,
        stream: TcpStream,
        application: &[&[u8]],
    ) -> Result<TlsStream<TcpStream>, AskError> {
        tls::protect(stream, &self.host, application).await.map_err(|error| AskError::Unprotected {
            host: self.host.clone(),
            reason: error.to_string(),
        })
    }
}
