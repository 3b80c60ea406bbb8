//! Asking a URL past the tunnels.

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpStream as StdTcpStream},
    time::Duration,
};

use adit_model::on_demand::ProbeResult;
use http_body_util::Empty;
use hyper::{
    Request, StatusCode, Uri,
    body::Bytes,
    client::conn::http1,
    header::{ACCEPT, CONNECTION, HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

use crate::{
    Network,
    resolver::ResolveError,
    socket::{SocketError, open_tcp},
    tls,
};

/// How long a probe takes at most. Spec OD-11.
const LIMIT: Duration = Duration::from_secs(5);
/// How long one of a server's addresses may take to answer at all.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// Why a probe is not answered.
#[derive(Debug, Error)]
enum ProbeError {
    /// Neither http nor https, or no host.
    #[error("“{0}” is no address of a web page: it has to begin with http:// or https://")]
    InvalidUrl(String),
    /// The host has no address.
    #[error(transparent)]
    Name(#[from] ResolveError),
    /// Nobody is there.
    #[error(transparent)]
    Connection(#[from] SocketError),
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
    /// No answer in time.
    #[error("there is no answer within {} seconds", LIMIT.as_secs())]
    TimedOut,
}

/// What a GET is answered with. It goes past the tunnels and past proxies, follows no redirection, and
/// its host is looked up by the physical network's servers. Takes 5 seconds at most. Spec OD-11,
/// OD-20.
pub async fn probe(network: &Network, url: &str) -> ProbeResult {
    let answer = async { Target::of(url)?.get(network).await };
    let answer = timeout(LIMIT, answer).await.unwrap_or(Err(ProbeError::TimedOut));
    match answer {
        Ok(status) => ProbeResult::Answered { status: status.as_u16() },
        Err(error) => ProbeResult::Failed { reason: error.to_string() },
    }
}

/// Where a URL leads.
struct Target {
    uri: Uri,
    host: String,
    port: u16,
    is_protected: bool,
}

impl Target {
    fn of(url: &str) -> Result<Self, ProbeError> {
        let invalid = || ProbeError::InvalidUrl(url.to_owned());
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

    async fn get(&self, network: &Network) -> Result<StatusCode, ProbeError> {
        let addresses = network.resolve_outside(&self.host).await?;
        let stream = self.connect(&addresses).await?;
        if self.is_protected {
            self.ask(self.protect(stream).await?).await
        } else {
            self.ask(stream).await
        }
    }

    /// To the first address that answers.
    async fn connect(&self, addresses: &[IpAddr]) -> Result<TcpStream, ProbeError> {
        let mut failed = ProbeError::TimedOut;
        for address in addresses {
            match open_tcp(SocketAddr::new(*address, self.port), CONNECT_LIMIT).await {
                Ok(socket) => {
                    return TcpStream::from_std(StdTcpStream::from(socket)).map_err(|source| {
                        SocketError::Kernel { step: "join the event loop", source }.into()
                    });
                }
                Err(error) => failed = error.into(),
            }
        }
        Err(failed)
    }

    async fn protect(
        &self,
        stream: TcpStream,
    ) -> Result<impl AsyncRead + AsyncWrite + Unpin + use<>, ProbeError> {
        let host = self.host.clone();
        let protected = tls::protect(stream, &self.host, &[]).await;
        protected.map_err(|source| ProbeError::Tls { host, source })
    }

    async fn ask(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
    ) -> Result<StatusCode, ProbeError> {
        let invalid = |_| ProbeError::InvalidUrl(self.uri.to_string());
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        // A user name before the host is no part of its name (RFC 9110 section 7.2).
        let host = authority.rsplit('@').next().unwrap_or_default();
        let request = Request::get(path)
            .header(HOST, host)
            .header(USER_AGENT, concat!("Adit/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "*/*")
            .header(CONNECTION, "close")
            .body(Empty::<Bytes>::new())
            .map_err(invalid)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::pin!(connection);
        let answer = sender.send_request(request);
        tokio::pin!(answer);
        loop {
            tokio::select! {
                answer = &mut answer => return Ok(answer?.status()),
                ended = &mut connection => ended?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
        thread,
    };

    use super::*;
    use crate::{Bus, Places, netns::in_own_namespace};

    // spec: OD-11, OD-C4, D-6, D-8
    #[test]
    fn only_a_plain_200_will_do() {
        in_own_namespace(|| async {
            let folder = tempfile::tempdir().unwrap();
            let resolv_conf = folder.path().join("resolv.conf");
            let places = Places { bus: Bus::None, resolv_conf, ..Places::new(folder.path()) };
            let network = Network::open(&places).unwrap();
            let said = async |url: &str| probe(&network, url).await.to_string();
            let length = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes";
            for answer in [length, "HTTP/1.0 200 OK\r\n\r\nyes"] {
                assert!(probe(&network, &serve(answer)).await.succeeded());
            }
            let redirected = "HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\n\r\n";
            for (answer, words) in [
                (redirected, "it redirects elsewhere (302)"),
                ("HTTP/1.1 204 No Content\r\n\r\n", "it answered 204"),
                ("SSH-2.0-OpenSSH\r\n", "not understood"),
            ] {
                let result = probe(&network, &serve(answer)).await;
                assert!(!result.succeeded() && result.to_string().contains(words), "{result}");
            }
            assert!(said("http://127.0.0.1:1/").await.contains("refused"));
            assert!(said("https://nowhere.invalid/").await.contains("cannot be looked up"));
            for url in ["", "site.example", "ftp://site.example/", "http:///x", "http://a b/"] {
                assert!(said(url).await.contains("no address of a web page"), "{url}");
            }
        });
    }

    #[test]
    fn a_server_without_a_certificate_is_not_believed() {
        in_own_namespace(|| async {
            let folder = tempfile::tempdir().unwrap();
            let places = Places { bus: Bus::None, ..Places::new(folder.path()) };
            let network = Network::open(&places).unwrap();
            let url = serve("HTTP/1.1 200 OK\r\n\r\n").replace("http://", "https://");
            let ProbeResult::Failed { reason } = probe(&network, &url).await else { panic!() };
            assert!(reason.contains("no protected connection"), "{reason}");
        });
    }

    /// One request is answered so. Returns its URL.
    fn serve(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/generate_204?x", listener.local_addr().unwrap());
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            if request.starts_with("GET") {
                assert!(request.starts_with("GET /generate_204?x HTTP/1.1\r\n"), "{request}");
            }
            stream.write_all(answer.as_bytes()).unwrap();
        });
        url
    }
}
