//! What a provider may ask of the helper.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use adit_model::{NetworkPath, PacketTunnelNetworkSettings};
use adit_varlink::{CallError, Client, Descriptors, Method};
use tokio::{
    net::{TcpStream, UdpSocket},
    sync::{Mutex, watch},
};

use crate::{
    EthernetInterface, FrameFlow, ProviderError,
    protocol::{
        Cancel, DisplayMessage, Family, HostCallError, OpenTcp, OpenTcpThroughTunnel, OpenUdp,
        OpenUdpThroughTunnel, OpenedSocket, Resolve, SetReasserting, SetTunnelNetworkSettings,
        SettingsApplied, StartCompleted, UnderlyingDns,
    },
    takeover::Standing,
};

/// The helper, as a provider sees it. Clones speak over the same connection, one call at a time. A
/// call that a helper leaves unanswered because it died is made again to the next one.
#[derive(Clone)]
pub struct Host {
    connection: watch::Receiver<Connection>,
    default_path: watch::Receiver<NetworkPath>,
    /// What the helper was told last.
    reasserting: Arc<AtomicBool>,
    standing: Standing,
}

/// The connection to one helper; none once that is gone.
#[derive(Clone)]
pub(crate) struct Connection(Arc<Mutex<Option<Client>>>);

impl Connection {
    pub(crate) fn new(client: Client) -> Self {
        Self(Arc::new(Mutex::new(Some(client))))
    }
}

/// Where a UDP socket outside the tunnel goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UdpBinding {
    /// Connected to one address.
    Connected(SocketAddr),
    /// To whatever address of a family; port 0 takes any.
    Unconnected {
        /// The family.
        family: Family,
        /// The local port.
        port: u16,
    },
}

/// Why a call to the helper failed.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The helper refused it.
    #[error(transparent)]
    Refused(#[from] HostCallError),
    /// The helper is gone or does not speak as expected; the session cannot go on.
    #[error("The connection to the Adit service is lost: {0}")]
    Lost(String),
}

impl Host {
    pub(crate) fn new(
        connection: watch::Receiver<Connection>,
        default_path: watch::Receiver<NetworkPath>,
        standing: Standing,
    ) -> Self {
        Self { connection, default_path, reasserting: Arc::default(), standing }
    }

    pub(crate) fn is_reasserting(&self) -> bool {
        self.reasserting.load(Ordering::Relaxed)
    }

    /// The physical network, and every change of it. Spec PRV-6.
    #[must_use]
    pub fn default_path(&self) -> watch::Receiver<NetworkPath> {
        self.default_path.clone()
    }

    /// Replaces all network settings of the session; `None` clears them. Returns when they are
    /// active; after an error those before are still in force. Spec TUN-9, TUN-10.
    pub async fn set_tunnel_network_settings(
        &self,
        settings: Option<PacketTunnelNetworkSettings>,
    ) -> Result<(), HostError> {
        self.call(SetTunnelNetworkSettings { settings }).await?;
        Ok(())
    }

    /// The same for an Ethernet tunnel: settings with an `ethernet_address`. The first ones make its
    /// interface; each time it is the same one that is returned, and whoever has its frames already
    /// may drop it. Spec ETH-2, ETH-5.
    pub async fn set_ethernet_tunnel_network_settings(
        &self,
        settings: PacketTunnelNetworkSettings,
    ) -> Result<EthernetInterface, HostError> {
        let call = SetTunnelNetworkSettings { settings: Some(settings) };
        let (SettingsApplied { interface, tap }, fds) = self.call(call).await?;
        let (Some(interface), Some(tap)) = (interface, tap) else {
            return Err(HostError::Lost("the reply came without the TAP device".into()));
        };
        let lost = |error: io::Error| HostError::Lost(error.to_string());
        self.standing.hold(&fds).map_err(lost)?;
        Ok(EthernetInterface { interface, flow: FrameFlow::new(&tap, fds).map_err(lost)? })
    }

    /// Ends the session from the provider's side. Spec PTP-6.
    pub async fn cancel(&self, error: Option<ProviderError>) -> Result<(), HostError> {
        self.call(Cancel { error }).await?;
        Ok(())
    }

    /// Says that the way to the server is being established again, or is. After a failure call
    /// [`cancel`](Self::cancel) without clearing it first. Spec TUN-8.
    pub async fn set_reasserting(&self, reasserting: bool) -> Result<(), HostError> {
        self.reasserting.store(reasserting, Ordering::Relaxed);
        self.call(SetReasserting { reasserting }).await?;
        Ok(())
    }

    /// Shows the person a message, in place of the one before. Whether anybody is there who could be
    /// shown it is known at once. Spec PRV-7.
    pub async fn display_message(&self, message: &str) -> Result<bool, HostError> {
        Ok(self.call(DisplayMessage { message: message.into() }).await?.0.displayed)
    }

    /// The addresses of a host, looked up outside the tunnel, in the order to try them. Spec NW-22.
    pub async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, HostError> {
        Ok(self.call(Resolve { host: host.into() }).await?.0.addresses)
    }

    /// The DNS servers of the network beneath the tunnel, the best first, also while those of the tunnel
    /// are in force. Only sockets outside the tunnel reach them. Spec DNS-23.
    pub async fn underlying_dns(&self) -> Result<Vec<IpAddr>, HostError> {
        Ok(self.call(UnderlyingDns {}).await?.0.servers)
    }

    /// A UDP socket whose packets go outside the tunnel, non-blocking. Spec PRV-5.
    pub async fn open_udp(&self, binding: UdpBinding) -> Result<std::net::UdpSocket, HostError> {
        let call = match binding {
            UdpBinding::Connected(remote) => OpenUdp { remote: Some(remote), ..OpenUdp::default() },
            UdpBinding::Unconnected { family, port } => {
                OpenUdp { family: Some(family), local_port: Some(port), remote: None }
            }
        };
        let (OpenedSocket { fd_index }, fds) = self.call(call).await?;
        take(fds, fd_index).map(std::net::UdpSocket::from)
    }

    /// The same as a socket for tokio.
    pub async fn open_tokio_udp(&self, binding: UdpBinding) -> Result<UdpSocket, HostError> {
        let socket = self.open_udp(binding).await?;
        UdpSocket::from_std(socket).map_err(|error| HostError::Lost(error.to_string()))
    }

    /// A TCP connection that goes outside the tunnel. Spec PRV-4.
    pub async fn open_tcp(&self, remote: SocketAddr) -> Result<TcpStream, HostError> {
        let (OpenedSocket { fd_index }, fds) = self.call(OpenTcp { remote }).await?;
        let stream = std::net::TcpStream::from(take(fds, fd_index)?);
        TcpStream::from_std(stream).map_err(|error| HostError::Lost(error.to_string()))
    }

    /// A UDP socket that sends through the session's own tunnel, non-blocking. It can be used once the
    /// tunnel's settings are active. Spec PTP-10.
    pub async fn open_udp_through_tunnel(
        &self,
        remote: SocketAddr,
    ) -> Result<std::net::UdpSocket, HostError> {
        let call = OpenUdpThroughTunnel { remote };
        let (OpenedSocket { fd_index }, fds) = self.call(call).await?;
        take(fds, fd_index).map(std::net::UdpSocket::from)
    }

    /// A TCP connection through the session's own tunnel. Whoever awaits it must let packets pass
    /// meanwhile. Spec PTP-9.
    pub async fn open_tcp_through_tunnel(
        &self,
        remote: SocketAddr,
    ) -> Result<TcpStream, HostError> {
        let call = OpenTcpThroughTunnel { remote };
        let (OpenedSocket { fd_index }, fds) = self.call(call).await?;
        let stream = std::net::TcpStream::from(take(fds, fd_index)?);
        connected(stream).await.map_err(|error| {
            let message = format!("{remote} cannot be reached through the tunnel: {error}");
            HostError::Refused(HostCallError::SocketRefused { message })
        })
    }

    pub(crate) async fn start_completed(
        &self,
        result: Result<(), ProviderError>,
    ) -> Result<(), HostError> {
        self.call(StartCompleted { error: result.err() }).await?;
        Ok(())
    }

    /// A call that was begun is carried through even if whoever began it goes away: half a call
    /// would leave its reply to be taken for that of the next.
    async fn call<M>(&self, call: M) -> Result<(M::Reply, Vec<OwnedFd>), HostError>
    where
        M: Method<Error = HostCallError> + Sync,
    {
        let mut connection = self.connection.clone();
        let calling = tokio::spawn(async move {
            loop {
                let Connection(client) = connection.borrow_and_update().clone();
                match call_on(&client, &call).await {
                    Err(CallError::Disconnected) => {}
                    done => return done,
                }
                if connection.changed().await.is_err() {
                    return Err(CallError::Disconnected);
                }
            }
        });
        match calling.await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(CallError::Api(error))) => Err(error.into()),
            Ok(Err(error)) => Err(HostError::Lost(error.to_string())),
            Err(error) => Err(HostError::Lost(error.to_string())),
        }
    }
}

async fn call_on<M: Method + Sync>(
    client: &Mutex<Option<Client>>,
    call: &M,
) -> Result<(M::Reply, Vec<OwnedFd>), CallError<M::Error>> {
    let mut connected = client.lock().await;
    let client = connected.as_mut().ok_or(CallError::Disconnected)?;
    let done = client.call_with_fds(call, &[]).await;
    if let Err(CallError::Disconnected) = done {
        *connected = None;
    }
    done
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Host")
    }
}

/// A stream whose connection is on its way, when it is there.
async fn connected(stream: std::net::TcpStream) -> io::Result<TcpStream> {
    let stream = TcpStream::from_std(stream)?;
    stream.writable().await?;
    match stream.take_error()? {
        Some(error) => Err(error),
        None => Ok(stream),
    }
}

fn take(fds: Vec<OwnedFd>, index: usize) -> Result<OwnedFd, HostError> {
    let missing = || HostError::Lost("the reply came without its socket".into());
    Descriptors::from(fds).take(index).ok_or_else(missing)
}
