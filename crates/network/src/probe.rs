//! Asking a URL past the tunnels.

use std::{
    net::{IpAddr, SocketAddr, TcpStream as StdTcpStream},
    time::Duration,
};

use adit_model::on_demand::ProbeResult;
use hyper::StatusCode;
use thiserror::Error;
use tokio::{net::TcpStream, time::timeout};

use crate::{
    Network,
    resolver::ResolveError,
    socket::{SocketError, open_tcp},
    web::{WebAddress, WebError},
};

/// How long a probe takes at most. Spec OD-11.
const LIMIT: Duration = Duration::from_secs(5);
/// How long one of a server's addresses may take to answer at all.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// Why a probe is not answered.
#[derive(Debug, Error)]
enum ProbeError {
    /// There is no page.
    #[error(transparent)]
    Web(#[from] WebError),
    /// The host has no address.
    #[error(transparent)]
    Name(#[from] ResolveError),
    /// Nobody is there.
    #[error(transparent)]
    Connection(#[from] SocketError),
    /// No answer in time.
    #[error("there is no answer within {} seconds", LIMIT.as_secs())]
    TimedOut,
}

/// What a GET is answered with. It goes past the tunnels and past proxies, follows no redirection, and
/// its host is looked up by the physical network's servers. Takes 5 seconds at most. Spec OD-11,
/// OD-20.
pub async fn probe(network: &Network, url: &str) -> ProbeResult {
    match timeout(LIMIT, get(network, url)).await.unwrap_or(Err(ProbeError::TimedOut)) {
        Ok(status) => ProbeResult::Answered { status: status.as_u16() },
        Err(error) => ProbeResult::Failed { reason: error.to_string() },
    }
}

async fn get(network: &Network, url: &str) -> Result<StatusCode, ProbeError> {
    let page = WebAddress::of(url)?;
    let addresses = network.resolve_outside(&page.host).await?;
    let stream = connect(&addresses, page.port).await?;
    Ok(page.get(stream, async |answer| answer.status()).await?)
}

/// To the first address that answers.
async fn connect(addresses: &[IpAddr], port: u16) -> Result<TcpStream, ProbeError> {
    let mut failed = ProbeError::TimedOut;
    for address in addresses {
        match open_tcp(SocketAddr::new(*address, port), CONNECT_LIMIT).await {
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
