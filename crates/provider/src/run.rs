//! The life of a provider process.

use std::{
    io,
    os::{
        fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd},
        unix::net::UnixStream as StdUnixStream,
    },
    sync::Arc,
};

use adit_model::{ConnectionError, NetworkPath};
use adit_varlink::{Client, Empty, Router, ServiceInfo, WireError, serve_stream};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{mpsc, oneshot, watch},
};

use crate::{
    EthernetStartRequest, EthernetTunnelProvider, Host, PacketFlow, PacketTunnelProvider,
    ProviderError, StartRequest, TunnelProvider,
    host::Connection,
    protocol::{
        ATTACH_FD, AppMessageReply, Attach, ConfigurationApplied, ConfigurationChanged, HOST_FD,
        HandleAppMessage, PROVIDER_FD, PROVIDER_IDL, PathChanged, ProviderStatus, Sleep, Start,
        Status, Stop, Wake,
    },
    takeover::{self, Standing},
};

/// Why a provider process could not serve.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The descriptors 3 and 4 are not there.
    #[error("A tunnel provider is started by the Adit service, not by hand ({0}).")]
    NotStartedByHelper(io::Error),
    /// The helper broke the protocol.
    #[error("The connection to the Adit service failed: {0}")]
    Connection(#[from] WireError),
}

/// Serves one session and returns when it is over. It goes on without a helper for a minute, within
/// which the next one takes it over. Call it once, first thing in `main`.
///
/// Whatever prints must not fail when nobody reads it, as `println` does: log with `tracing`.
pub async fn run<P: PacketTunnelProvider>() -> Result<(), RunError> {
    run_with(|call, fds, host| async move { P::start(packet_request(call, fds)?, host).await })
        .await
}

/// The same for an Ethernet tunnel.
pub async fn run_ethernet<P: EthernetTunnelProvider>() -> Result<(), RunError> {
    run_with(|call, _fds, host| async move { P::start(ethernet_request(call), host).await }).await
}

async fn run_with<P, S, F>(start: S) -> Result<(), RunError>
where
    P: TunnelProvider,
    S: Fn(Start, Vec<OwnedFd>, Host) -> F + Send + 'static,
    F: Future<Output = Result<P, ProviderError>> + Send + 'static,
{
    let provider = inherited_stream(PROVIDER_FD).map_err(RunError::NotStartedByHelper)?;
    let host = inherited_stream(HOST_FD).map_err(RunError::NotStartedByHelper)?;
    let listener = inherited(ATTACH_FD, true).and_then(takeover::listener).ok();
    serve(start, provider, Client::from_stream(host), listener).await
}

async fn serve<P, S, F>(
    start: S,
    mut stream: UnixStream,
    host: Client,
    listener: Option<UnixListener>,
) -> Result<(), RunError>
where
    P: TunnelProvider,
    S: Fn(Start, Vec<OwnedFd>, Host) -> F + Send + 'static,
    F: Future<Output = Result<P, ProviderError>> + Send + 'static,
{
    let (inbox, messages) = mpsc::channel(1);
    let (path, default_path) = watch::channel(NetworkPath::NONE);
    let (connection, connected) = watch::channel(Connection::new(host));
    let standing = Standing::default();
    let host = Host::new(connected, default_path, standing.clone());
    let session = tokio::spawn(session(start, host.clone(), messages, standing.clone()));
    let calls = Calls {
        inbox,
        path: Arc::new(path),
        host,
        connection: Arc::new(connection),
        standing: standing.clone(),
    };
    let router = Arc::new(router());
    let served = loop {
        if let Err(error) = serve_stream(Arc::clone(&router), calls.clone(), stream).await {
            break Err(error.into());
        }
        if !standing.is_under_way() {
            break Ok(());
        }
        let Some(next) = takeover::next_helper(listener.as_ref()).await else { break Ok(()) };
        stream = next;
    };
    session.abort();
    served
}

/// Where the helper's calls go.
#[derive(Clone)]
struct Calls {
    inbox: mpsc::Sender<Message>,
    /// Known at once, also to a start that is under way.
    path: Arc<watch::Sender<NetworkPath>>,
    host: Host,
    connection: Arc<watch::Sender<Connection>>,
    standing: Standing,
}

/// A call of the helper on its way to the session.
enum Message {
    Start(Box<Start>, Vec<OwnedFd>),
    Stop(Stop, oneshot::Sender<()>),
    App(Vec<u8>, oneshot::Sender<Option<Vec<u8>>>),
    Sleep(oneshot::Sender<()>),
    Wake(oneshot::Sender<()>),
    Path(PathChanged, oneshot::Sender<()>),
    Configuration(Box<ConfigurationChanged>, oneshot::Sender<bool>),
    Status(oneshot::Sender<Value>),
}

/// Owns the provider: waits for the start, carries it out while listening for a stop, then handles
/// one message after the other.
async fn session<P, S, F>(
    start: S,
    host: Host,
    mut messages: mpsc::Receiver<Message>,
    standing: Standing,
) where
    P: TunnelProvider,
    S: Fn(Start, Vec<OwnedFd>, Host) -> F,
    F: Future<Output = Result<P, ProviderError>>,
{
    while let Some(message) = messages.recv().await {
        let Message::Start(call, fds) = message else {
            idle(message);
            continue;
        };
        let starting = start(*call, fds, host.clone());
        let started = carry_out(starting, &host, &mut messages, &standing).await;
        let Some(mut provider) = started else {
            standing.end();
            continue;
        };
        while let Some(message) = messages.recv().await {
            if let Message::Stop(stop, done) = message {
                provider.stop(stop.reason).await;
                standing.end();
                answer(done, ());
                break;
            }
            established(&mut provider, message).await;
        }
    }
}

/// The provider once it is established, or nothing when it failed or was stopped meanwhile. Stop is
/// heard at any moment of it (PRV-10).
async fn carry_out<P: TunnelProvider>(
    starting: impl Future<Output = Result<P, ProviderError>>,
    host: &Host,
    messages: &mut mpsc::Receiver<Message>,
    standing: &Standing,
) -> Option<P> {
    let mut starting = std::pin::pin!(starting);
    let started = loop {
        tokio::select! {
            started = &mut starting => break started,
            message = messages.recv() => match message? {
                Message::Stop(_, done) => {
                    standing.end();
                    answer(done, ());
                    return None;
                }
                other => idle(other),
            },
        }
    };
    let (provider, result) = match started {
        Ok(provider) => {
            // Before it is said: the helper may die over its answer.
            standing.establish();
            (Some(provider), Ok(()))
        }
        Err(error) => (None, Err(error)),
    };
    match host.start_completed(result).await {
        Ok(()) => provider,
        Err(error) => {
            tracing::warn!(%error, "the start was not accepted");
            let error = ProviderError {
                domain: "org.adit.Provider".into(),
                code: 1,
                message: error.to_string(),
            };
            let _ = host.cancel(Some(error)).await;
            None
        }
    }
}

async fn established<P: TunnelProvider>(provider: &mut P, message: Message) {
    match message {
        Message::App(text, reply) => answer(reply, provider.handle_app_message(text).await),
        Message::Sleep(done) => {
            provider.sleep().await;
            answer(done, ());
        }
        Message::Wake(done) => {
            provider.wake().await;
            answer(done, ());
        }
        Message::Path(changed, done) => {
            provider.path_changed(changed.path).await;
            answer(done, ());
        }
        Message::Configuration(changed, applied) => {
            let ConfigurationChanged { configuration, secrets } = *changed;
            answer(applied, provider.configuration_changed(configuration, secrets).await);
        }
        Message::Status(reply) => answer(reply, provider.status()),
        // A second start and a stop are not for an established session.
        Message::Start(..) | Message::Stop(..) => {}
    }
}

/// What is answered while no tunnel is established. A start that is under way knows the path from
/// [`Host::default_path`].
fn idle(message: Message) {
    match message {
        Message::Start(..) => {}
        Message::Stop(_, done)
        | Message::Sleep(done)
        | Message::Wake(done)
        | Message::Path(_, done) => answer(done, ()),
        Message::App(_, reply) => answer(reply, None),
        Message::Configuration(_, applied) => answer(applied, false),
        Message::Status(reply) => answer(reply, Value::Object(serde_json::Map::new())),
    }
}

/// Whoever asked may be gone.
fn answer<T>(to: oneshot::Sender<T>, value: T) {
    let _ = to.send(value);
}

fn router() -> Router<Calls, ()> {
    let info = ServiceInfo {
        vendor: "Adit".into(),
        product: "tunnel provider".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        url: String::new(),
    };
    Router::unrestricted(info)
        .describe(PROVIDER_IDL)
        .on_fds((), |calls: Calls, _, call: Start, fds| async move {
            calls.path.send_replace(call.path.clone());
            match calls.standing.begin(&fds) {
                Ok(()) => post(&calls.inbox, Message::Start(Box::new(call), fds)).await,
                Err(error) => tracing::error!(%error, "the TUN device cannot be used"),
            }
            Ok((Empty {}, Vec::new()))
        })
        .on_fds((), |calls: Calls, _, call: Attach, fds| async move {
            let reasserting = calls.host.is_reasserting();
            Ok(takeover::attach(&call, fds, &calls.standing, reasserting, &calls.connection))
        })
        .on((), |calls: Calls, _, call: Stop| async move {
            ask(&calls.inbox, |done| Message::Stop(call, done)).await;
            Ok(Empty {})
        })
        .on((), |calls: Calls, _, call: HandleAppMessage| async move {
            let message = BASE64_STANDARD.decode(call.message).unwrap_or_default();
            let reply = ask(&calls.inbox, |reply| Message::App(message, reply)).await.flatten();
            Ok(AppMessageReply { reply: reply.map(|bytes| BASE64_STANDARD.encode(bytes)) })
        })
        .on((), |calls: Calls, _, _: Sleep| async move {
            ask(&calls.inbox, Message::Sleep).await;
            Ok(Empty {})
        })
        .on((), |calls: Calls, _, _: Wake| async move {
            ask(&calls.inbox, Message::Wake).await;
            Ok(Empty {})
        })
        .on((), |calls: Calls, _, call: PathChanged| async move {
            calls.path.send_replace(call.path.clone());
            ask(&calls.inbox, |done| Message::Path(call, done)).await;
            Ok(Empty {})
        })
        .on((), |calls: Calls, _, call: ConfigurationChanged| async move {
            let ask = ask(&calls.inbox, |reply| Message::Configuration(Box::new(call), reply));
            Ok(ConfigurationApplied { applied: ask.await.unwrap_or(false) })
        })
        .on((), |calls: Calls, _, _: Status| async move {
            Ok(ProviderStatus {
                status: ask(&calls.inbox, Message::Status).await.unwrap_or_default(),
            })
        })
}

fn packet_request(call: Start, fds: Vec<OwnedFd>) -> Result<StartRequest, ProviderError> {
    let Start { configuration, secrets, options, interface, tun, path } = call;
    let unusable = |why: &dyn std::fmt::Display| {
        ConnectionError::PluginFailed.because(format!("The TUN device cannot be used: {why}."))
    };
    let (Some(interface), Some(tun)) = (interface, tun) else {
        return Err(unusable(&"this is started as an Ethernet tunnel, and carries packets"));
    };
    let flow = PacketFlow::new(&tun, fds).map_err(|error| unusable(&error))?;
    Ok(StartRequest { configuration, secrets, options, interface, flow, path })
}

fn ethernet_request(call: Start) -> EthernetStartRequest {
    let Start { configuration, secrets, options, interface: _, tun: _, path } = call;
    EthernetStartRequest { configuration, secrets, options, path }
}

async fn post(inbox: &mpsc::Sender<Message>, message: Message) {
    // The session task lives as long as the connection does.
    let _ = inbox.send(message).await;
}

async fn ask<T>(
    inbox: &mpsc::Sender<Message>,
    message: impl FnOnce(oneshot::Sender<T>) -> Message,
) -> Option<T> {
    let (sender, receiver) = oneshot::channel();
    post(inbox, message(sender)).await;
    receiver.await.ok()
}

fn inherited_stream(fd: RawFd) -> io::Result<UnixStream> {
    let stream = StdUnixStream::from(inherited(fd, false)?);
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

/// The socket that the helper left at `fd`. Taken once, at the start of the process.
fn inherited(fd: RawFd, listens: bool) -> io::Result<OwnedFd> {
    // SAFETY: fcntl reads a flag and reports EBADF for a descriptor that is not open.
    if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is open, and stays so here.
    let found = unsafe { BorrowedFd::borrow_raw(fd) };
    // The runtime's own may lie where none was left.
    if rustix::net::sockopt::socket_acceptconn(found)? != listens {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: by the protocol this socket is ours, and nothing else here owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    Ok(socket)
}
