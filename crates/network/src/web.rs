//! Pages of web servers, over connections that somebody else opens.

use std::io;

use http_body_util::Empty;
use hyper::{
    Request, Response, Uri,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::{ACCEPT, CONNECTION, HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use crate::tls;

/// Where a URL leads.
#[derive(Debug, Clone)]
pub(crate) struct WebAddress {
    uri: Uri,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) is_protected: bool,
}

/// Why there is no page.
#[derive(Debug, Error)]
pub enum WebError {
    /// Neither http nor https, or no host.
    #[error("“{0}” is no address of a web page: it has to begin with http:// or https://")]
    InvalidUrl(String),
    /// The server does not prove that it is the one.
    #[error("no protected connection to {host}: {source}")]
    Tls {
        /// Who it should be.
        host: String,
        /// What is wrong.
        source: io::Error,
    },
    /// No HTTP.
    #[error("the answer is not understood: {0}")]
    Http(#[from] hyper::Error),
}

impl WebAddress {
    /// Understands `http:` and `https:`.
    pub(crate) fn of(url: &str) -> Result<Self, WebError> {
        let invalid = || WebError::InvalidUrl(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| invalid())?;
        let (is_protected, usual_port) = match uri.scheme_str() {
            Some("http") => (false, 80),
            Some("https") => (true, 443),
            Some(_) | None => return Err(invalid()),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(invalid)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(usual_port);
        Ok(Self { uri, host, port, is_protected })
    }

    /// Asks for the page over a connection to its server, and gives what `read` makes of the answer.
    pub(crate) async fn get<T>(
        &self,
        stream: TcpStream,
        read: impl AsyncFnOnce(Response<Incoming>) -> T,
    ) -> Result<T, WebError> {
        if !self.is_protected {
            return self.ask(stream, read).await;
        }
        let protected = tls::protect(stream, &self.host, &[]).await;
        let tls = |source| WebError::Tls { host: self.host.clone(), source };
        self.ask(protected.map_err(tls)?, read).await
    }

    async fn ask<T>(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        read: impl AsyncFnOnce(Response<Incoming>) -> T,
    ) -> Result<T, WebError> {
        let request = self.request()?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let answer = async { Ok(read(sender.send_request(request).await?).await) };
        tokio::pin!(connection, answer);
        tokio::select! {
            answer = &mut answer => answer,
            ended = &mut connection => {
                ended?;
                // What has come before the end is still to be read.
                answer.await
            }
        }
    }

    fn request(&self) -> Result<Request<Empty<Bytes>>, WebError> {
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        // A user name before the host is no part of its name (RFC 9110 section 7.2).
        let host = authority.rsplit('@').next().unwrap_or_default();
        Request::get(path)
            .header(HOST, host)
            .header(USER_AGENT, concat!("Adit/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "*/*")
            .header(CONNECTION, "close")
            .body(Empty::new())
            .map_err(|_| WebError::InvalidUrl(self.uri.to_string()))
    }
}
