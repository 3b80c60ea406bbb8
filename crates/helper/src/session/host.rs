//! What a provider may ask of the helper: `org.adit.Host`.
//!
//! The provider is not trusted: it gets marked sockets and addresses, and what it asks of the
//! network is checked before anything is changed.

use std::{
    num::{NonZeroU16, NonZeroU32},
    os::fd::OwnedFd,
    sync::Arc,
    time::Duration,
};

use adit_model::{
    DisconnectError, NetworkSettingsError,
    session::{Event, StartAnswer},
};
use adit_network::{
    Network,
    resolver::OutsideResolver,
    socket::{self, Remote, SocketError, UdpRequest},
};
use adit_provider::protocol::{
    Cancel, HOST_IDL, HostCallError, OpenTcp, OpenUdp, OpenedSocket, Resolve, Resolved,
    SetReasserting, SetTunnelNetworkSettings, StartCompleted,
};
use adit_varlink::{Empty, Router, ServiceInfo, serve_stream};
use tokio::{net::UnixStream, sync::oneshot};

use super::{Report, Reporter, calls::does_not_speak};

/// What the calls of one provider act on.
#[derive(Clone)]
pub(super) struct Hosting {
    pub(super) reporter: Reporter,
    pub(super) network: Arc<Network>,
}

const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Serves until the provider closes its end or breaks the protocol.
pub(super) async fn serve(stream: UnixStream, hosting: Hosting) {
    let reporter = hosting.reporter.clone();
    if let Err(error) = serve_stream(Arc::new(router()), hosting, stream).await {
        does_not_speak(&reporter, error).await;
    }
}

fn router() -> Router<Hosting, ()> {
    let info = ServiceInfo {
        vendor: "Adit".into(),
        product: "host of a tunnel provider".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        url: String::new(),
    };
    Router::unrestricted(info)
        .describe(HOST_IDL)
        .on((), |hosting: Hosting, _, call| hosting.set_settings(call))
        .on((), |hosting: Hosting, _, call| hosting.start_completed(call))
        .on((), |hosting: Hosting, _, call: Cancel| async move {
            hosting.reporter.event(Event::Canceled(call.error.as_ref().map(printable))).await;
            Ok(Empty {})
        })
        .on((), |hosting: Hosting, _, call: SetReasserting| async move {
            hosting.reporter.event(Event::Reasserting(call.reasserting)).await;
            Ok(Empty {})
        })
        .on((), |hosting: Hosting, _, call| hosting.resolve(call))
        .on_fds((), |_, _, call: OpenUdp, _| async move {
            opened(open_udp(&call).and_then(|request| socket::open_udp(&request).map_err(refused)))
        })
        .on_fds((), |_, _, call: OpenTcp, _| async move {
            opened(socket::open_tcp(call.remote, CONNECT_LIMIT).await.map_err(refused))
        })
}

impl Hosting {
    async fn set_settings(self, call: SetTunnelNetworkSettings) -> Result<Empty, HostCallError> {
        let (answer, answered) = oneshot::channel();
        let settings = call.settings.map(Box::new);
        self.reporter.report(Report::SettingsRequested { settings, answer }).await;
        match answered.await.unwrap_or(Err(NetworkSettingsError::Canceled)) {
            Ok(()) => Ok(Empty {}),
            Err(NetworkSettingsError::Invalid(message)) => {
                Err(HostCallError::SettingsInvalid { message })
            }
            Err(NetworkSettingsError::Canceled) => Err(HostCallError::SettingsCanceled {}),
            Err(NetworkSettingsError::Failed(message)) => {
                Err(HostCallError::SettingsFailed { message })
            }
        }
    }

    async fn start_completed(self, call: StartCompleted) -> Result<Empty, HostCallError> {
        let (answer, answered) = oneshot::channel();
        let result = call.error.as_ref().map(printable).map_or(Ok(()), Err);
        self.reporter.report(Report::StartCompleted { result, answer }).await;
        match answered.await {
            Ok(StartAnswer::SettingsNotApplied) => Err(HostCallError::SettingsNotApplied {}),
            // Without an answer the session has ended meanwhile.
            Ok(StartAnswer::Accepted) | Err(_) => Ok(Empty {}),
        }
    }

    async fn resolve(self, call: Resolve) -> Result<Resolved, HostCallError> {
        let servers = self.network.underlying_dns().await;
        let state = self.network.state().await.ok();
        let link = state.and_then(|state| state.path.interface);
        let link = link.and_then(|interface| NonZeroU32::new(interface.index));
        match OutsideResolver::default().link(link).resolve(&call.host, &servers).await {
            Ok(addresses) => Ok(Resolved { addresses }),
            Err(error) => {
                Err(HostCallError::ResolutionFailed { host: call.host, message: error.to_string() })
            }
        }
    }
}

/// What a provider says is kept and shown to people, so it is bounded and plain text.
fn printable(error: &DisconnectError) -> DisconnectError {
    const LONGEST: usize = 500;
    let plain = |text: &str| text.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    DisconnectError {
        domain: plain(&error.domain),
        message: plain(&error.message),
        code: error.code,
    }
}

fn open_udp(call: &OpenUdp) -> Result<UdpRequest, HostCallError> {
    let remote = match (call.remote, call.family) {
        (Some(remote), _) => Remote::Connected(remote),
        (None, Some(family)) => Remote::Any(family),
        (None, None) => {
            let message = "A UDP socket needs a remote address or a family.".into();
            return Err(HostCallError::SocketRefused { message });
        }
    };
    let mut request = UdpRequest::new(remote);
    request.local_port = call.local_port.and_then(NonZeroU16::new);
    Ok(request)
}

fn opened(
    socket: Result<OwnedFd, HostCallError>,
) -> Result<(OpenedSocket, Vec<OwnedFd>), HostCallError> {
    socket.map(|socket| (OpenedSocket { fd_index: 0 }, vec![socket]))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn refused(error: SocketError) -> HostCallError {
    HostCallError::SocketRefused { message: error.to_string() }
}
