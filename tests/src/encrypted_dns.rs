//! A DNS server over HTTPS and TLS (RFC 8484, RFC 7858) in front of one that speaks in the clear.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::machine::Machine;

/// Its certificate is of an authority of its own, which nobody trusts who is not told.
#[derive(Debug)]
pub struct EncryptedDns {
    machine: Machine,
    address: IpAddr,
    authority: String,
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// The server that speaks in the clear, for one question at a time.
type Behind = Arc<Mutex<tokio::net::UdpSocket>>;

const HTTPS: u16 = 443;
const TLS: u16 = 853;
/// How long the server behind may take.
const PATIENCE: Duration = Duration::from_secs(2);
const LONGEST_MESSAGE: usize = 1 << 16;

impl EncryptedDns {
    /// Where programs look for the authorities that a machine trusts.
    pub const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

    /// Answers as `name` on an address of `machine`, with what the server at port 53 of the same address says: at
    /// `https://NAME/dns-query`, and at port 853.
    #[must_use]
    #[track_caller]
    pub fn start(machine: &Machine, address: IpAddr, name: &str) -> Self {
        let key = || KeyPair::generate().expect("a key");
        let (ca_key, own_key) = (key(), key());
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = ca.self_signed(&ca_key).expect("a certificate").pem();
        let own = CertificateParams::new([name.to_owned()]).expect("a name");
        let own = own.signed_by(&own_key, &Issuer::from_params(&ca, &ca_key));
        let mut server = Self {
            machine: machine.clone(),
            address,
            authority,
            certificate: own.expect("a certificate").der().clone(),
            key: own_key.serialize_der(),
            running: None,
        };
        server.restart();
        server
    }

    /// The authority that vouches for it, as PEM.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Refuses connections from now on, and ends those that there are.
    pub fn stop(&mut self) {
        if let Some(Running { stop, thread }) = self.running.take() {
            // It is gone if it has failed, which the test sees by the answers that it does not get.
            _ = stop.send(());
            _ = thread.join();
        }
    }

    /// Answers again.
    #[track_caller]
    pub fn restart(&mut self) {
        self.stop();
        let open = |port| self.machine.enter(|| TcpListener::bind((self.address, port)));
        let listeners = [HTTPS, TLS].map(|port| open(port).expect("a free port"));
        let behind = self.machine.enter(|| connect(self.address)).expect("a socket");
        let acceptors = [HTTPS, TLS].map(|port| self.acceptor(port));
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                tokio::select! {
                    outcome = serve(listeners, acceptors, behind) => outcome.expect("a listener"),
                    _ = stopped => {}
                }
            });
        });
        self.running = Some(Running { stop, thread });
    }

    fn acceptor(&self, port: u16) -> TlsAcceptor {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.clone()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS")
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key);
        let mut config = config.expect("a certificate with its key");
        if port == HTTPS {
            config.alpn_protocols = vec![b"h2".to_vec()];
        }
        TlsAcceptor::from(Arc::new(config))
    }
}

impl Drop for EncryptedDns {
    fn drop(&mut self) {
        self.stop();
    }
}

fn connect(address: IpAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(SocketAddr::new(address, 0))?;
    socket.connect((address, 53))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

async fn serve(
    listeners: [TcpListener; 2],
    acceptors: [TlsAcceptor; 2],
    behind: UdpSocket,
) -> io::Result<()> {
    let behind = Arc::new(Mutex::new(tokio::net::UdpSocket::from_std(behind)?));
    let [https, tls] = listeners.map(|listener| {
        listener.set_nonblocking(true)?;
        tokio::net::TcpListener::from_std(listener)
    });
    let (https, tls) = (https?, tls?);
    let [https_acceptor, tls_acceptor] = acceptors;
    loop {
        tokio::select! {
            accepted = https.accept() => {
                let (stream, behind) = (accepted?.0, Arc::clone(&behind));
                // A client that goes away is no fault of the lab.
                tokio::spawn(over_https(https_acceptor.accept(stream), behind));
            }
            accepted = tls.accept() => {
                let (stream, behind) = (accepted?.0, Arc::clone(&behind));
                tokio::spawn(over_tls(tls_acceptor.accept(stream), behind));
            }
        }
    }
}

async fn over_https(accepting: tokio_rustls::Accept<TcpStream>, behind: Behind) {
    let Ok(stream) = accepting.await else { return };
    let answer = |request| respond(request, Arc::clone(&behind));
    let serving = http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service_fn(answer));
    _ = serving.await;
}

async fn respond(
    request: Request<Incoming>,
    behind: Behind,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_for_us = request.method() == Method::POST
        && request.uri().path() == "/dns-query"
        && request.headers().get("content-type").is_some_and(|it| it == "application/dns-message");
    let answer = match request.into_body().collect().await {
        Ok(question) if is_for_us => ask(&question.to_bytes(), &behind).await,
        Ok(_) | Err(_) => Err(io::ErrorKind::InvalidData.into()),
    };
    let mut response = Response::new(Full::default());
    match answer {
        Ok(answer) => {
            let kind = hyper::header::HeaderValue::from_static("application/dns-message");
            response.headers_mut().insert("content-type", kind);
            *response.body_mut() = answer.into();
        }
        Err(_) => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    Ok(response)
}

async fn over_tls(accepting: tokio_rustls::Accept<TcpStream>, behind: Behind) -> io::Result<()> {
    let mut stream = accepting.await?;
    loop {
        let mut question = vec![0; stream.read_u16().await?.into()];
        stream.read_exact(&mut question).await?;
        let answer = ask(&question, &behind).await?;
        stream.write_u16(u16::try_from(answer.len()).map_err(io::Error::other)?).await?;
        stream.write_all(&answer).await?;
        stream.flush().await?;
    }
}

async fn ask(question: &[u8], behind: &Behind) -> io::Result<Vec<u8>> {
    let behind = behind.lock().await;
    behind.send(question).await?;
    let mut answer = vec![0; LONGEST_MESSAGE];
    loop {
        let length = tokio::time::timeout(PATIENCE, behind.recv(&mut answer)).await??;
        // It may be late for a question that nobody waits for any more.
        if answer.get(..2) == question.get(..2) && length >= 12 && asks_the_same(question, &answer)
        {
            answer.truncate(length);
            return Ok(answer);
        }
    }
}

/// Over HTTPS all questions have the same ID, and a question stands first in its answer.
fn asks_the_same(question: &[u8], answer: &[u8]) -> bool {
    let end = question[12..].iter().position(|byte| *byte == 0).map(|zero| 12 + zero + 5);
    end.is_some_and(|end| question.get(12..end) == answer.get(12..end))
}
