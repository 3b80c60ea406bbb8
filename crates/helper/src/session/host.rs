//! What a provider may ask of the helper: `org.adit.Host`.
//!
//! The provider is not trusted: it gets marked sockets and addresses, and what it asks of the
//! network is checked before anything is changed.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
    os::fd::OwnedFd,
    sync::{Arc, OnceLock},
    time::Duration,
};

use adit_model::{
    DisconnectError, NetworkSettingsError,
    session::{Event, StartAnswer},
};
use adit_network::{
    Network,
    socket::{self, Remote, SocketError, UdpRequest},
};
use adit_provider::protocol::{
    Cancel, DisplayMessage, Displayed, HOST_IDL, HostCallError, OpenTcp, OpenTcpThroughTunnel,
    OpenUdp, OpenUdpThroughTunnel, OpenedSocket, Resolve, Resolved, SetReasserting,
    SetTunnelNetworkSettings, SettingsApplied, StartCompleted, UnderlyingDns, UnderlyingDnsServers,
};
use adit_varlink::{Empty, Router, ServiceInfo, serve_stream};
use tokio::{net::UnixStream, sync::oneshot};

use super::{Report, Reporter, calls::does_not_speak, interface::TapDevice};

/// What the calls of one provider act on.
#[derive(Clone)]
pub(super) struct Hosting {
    pub(super) reporter: Reporter,
    pub(super) network: Arc<Network>,
    /// The name of the tunnel's, once there is one.
    pub(super) interface: Arc<OnceLock<String>>,
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
        .on_fds((), |hosting: Hosting, _, call, _| hosting.set_settings(call))
        .on((), |hosting: Hosting, _, call| hosting.start_completed(call))
        .on((), |hosting: Hosting, _, call: Cancel| async move {
            hosting.reporter.event(Event::Canceled(call.error.as_ref().map(printable))).await;
            Ok(Empty {})
        })
        .on((), |hosting: Hosting, _, call: SetReasserting| async move {
            hosting.reporter.event(Event::Reasserting(call.reasserting)).await;
            Ok(Empty {})
        })
        .on((), |hosting: Hosting, _, call| hosting.display_message(call))
        .on((), |hosting: Hosting, _, call| hosting.resolve(call))
        .on((), |hosting: Hosting, _, _: UnderlyingDns| async move {
            let (_, servers) = hosting.network.underlying_dns().await;
            Ok(UnderlyingDnsServers { servers })
        })
        .on_fds((), |_, _, call: OpenUdp, _| async move {
            opened(open_udp(&call).and_then(|request| socket::open_udp(&request).map_err(refused)))
        })
        .on_fds((), |_, _, call: OpenTcp, _| async move { opened(open_tcp(&call).await) })
        .on_fds((), |hosting: Hosting, _, call: OpenUdpThroughTunnel, _| async move {
            opened(hosting.through_tunnel(call.remote, socket::open_udp_through))
        })
        .on_fds((), |hosting: Hosting, _, call: OpenTcpThroughTunnel, _| async move {
            opened(hosting.through_tunnel(call.remote, socket::open_tcp_through))
        })
}

impl Hosting {
    async fn set_settings(
        self,
        call: SetTunnelNetworkSettings,
    ) -> Result<(SettingsApplied, Vec<OwnedFd>), HostCallError> {
        let (answer, answered) = oneshot::channel();
        let settings = call.settings.map(Box::new);
        self.reporter.report(Report::SettingsRequested { settings, answer }).await;
        match answered.await.unwrap_or(Err(NetworkSettingsError::Canceled)) {
            Ok(None) => Ok((SettingsApplied::default(), Vec::new())),
            Ok(Some(TapDevice { interface, tap, queues })) => {
                Ok((SettingsApplied { interface: Some(interface), tap: Some(tap) }, queues))
            }
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

    async fn display_message(self, call: DisplayMessage) -> Result<Displayed, HostCallError> {
        let (answer, answered) = oneshot::channel();
        let message = plain(&call.message);
        self.reporter.report(Report::Message { message, answer }).await;
        // A session that has ended shows nothing.
        Ok(Displayed { displayed: answered.await.unwrap_or(false) })
    }

    fn through_tunnel(
        &self,
        remote: SocketAddr,
        open: impl FnOnce(&str, SocketAddr) -> Result<OwnedFd, SocketError>,
    ) -> Result<OwnedFd, HostCallError> {
        let Some(interface) = self.interface.get() else {
            let message = "The tunnel has no interface before its first settings.".into();
            return Err(HostCallError::SocketRefused { message });
        };
        open(interface, outside(remote)?).map_err(refused)
    }

    async fn resolve(self, call: Resolve) -> Result<Resolved, HostCallError> {
        match self.network.resolve_outside(&call.host).await {
            Ok(addresses) => Ok(Resolved { addresses }),
            Err(error) => {
                Err(HostCallError::ResolutionFailed { host: call.host, message: error.to_string() })
            }
        }
    }
}

/// What a provider says is kept and shown to people, so it is bounded and plain text.
fn plain(text: &str) -> String {
    const LONGEST: usize = 500;
    text.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

fn printable(error: &DisconnectError) -> DisconnectError {
    DisconnectError {
        domain: plain(&error.domain),
        message: plain(&error.message),
        code: error.code,
    }
}

async fn open_tcp(call: &OpenTcp) -> Result<OwnedFd, HostCallError> {
    let remote = outside(call.remote)?;
    socket::open_tcp(remote, CONNECT_LIMIT).await.map_err(refused)
}

fn open_udp(call: &OpenUdp) -> Result<UdpRequest, HostCallError> {
    let remote = match (call.remote, call.family) {
        (Some(remote), _) => Remote::Connected(outside(remote)?),
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

/// The address of a server, if it is one outside. On this computer a connection of the helper's would
/// count as root's, and on the link as a neighbour's, and a provider is neither.
fn outside(remote: SocketAddr) -> Result<SocketAddr, HostCallError> {
    let is_inside = match remote.ip().to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unicast_link_local(),
    };
    if !is_inside {
        return Ok(remote);
    }
    let message = format!("{remote} is no address of a server outside this computer and its link.");
    Err(HostCallError::SocketRefused { message })
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

#[cfg(test)]
mod tests {
    use super::*;

    // spec: PRV-11
    #[tokio::test]
    async fn a_provider_reaches_servers_and_nobody_on_this_computer() {
        for inside in [
            "127.0.0.1:631",
            "127.8.0.1:1",
            "[::1]:1",
            "[::ffff:127.0.0.1]:1",
            "169.254.169.254:80",
            "[fe80::1%2]:1",
        ] {
            let remote = inside.parse().unwrap();
            let udp = OpenUdp { remote: Some(remote), family: None, local_port: None };
            for refused in [open_udp(&udp).err(), open_tcp(&OpenTcp { remote }).await.err()] {
                let Some(HostCallError::SocketRefused { message }) = refused else {
                    panic!("{inside} is not refused: {refused:?}")
                };
                assert!(message.contains("no address of a server"), "{message}");
            }
        }
        for server in ["192.0.2.1:51820", "10.0.0.1:1", "[fd00::1]:1"] {
            let remote = server.parse().unwrap();
            assert_eq!(outside(remote).unwrap(), remote);
        }
    }
}
