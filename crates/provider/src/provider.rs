//! The traits that a provider implements (`NETunnelProvider`, `NEPacketTunnelProvider`,
//! `NEEthernetTunnelProvider`).

use adit_model::{DisconnectError, NetworkPath, ProviderStopReason, Secrets, VpnConfiguration};
use serde_json::{Map, Value};

pub use crate::protocol::VirtualInterface;
use crate::{FrameFlow, Host, PacketFlow};

/// An error with the provider's own domain and code; people and apps see it unchanged.
pub type ProviderError = DisconnectError;

/// One session of a tunnel that carries IP packets.
pub trait PacketTunnelProvider: TunnelProvider {
    /// Establishes the tunnel: speak to the server, then
    /// [`set_tunnel_network_settings`](Host::set_tunnel_network_settings), then return. The future
    /// is dropped when the session is stopped meanwhile, so it must hold no thread that outlives
    /// it. Spec PTP-2, TUN-10, PRV-10.
    fn start(
        request: StartRequest,
        host: Host,
    ) -> impl Future<Output = Result<Self, ProviderError>> + Send;
}

/// One session of a tunnel that carries Ethernet frames. Spec ETH-1.
pub trait EthernetTunnelProvider: TunnelProvider {
    /// Establishes the tunnel: speak to the server, then
    /// [`set_ethernet_tunnel_network_settings`](Host::set_ethernet_tunnel_network_settings), which
    /// gives the interface with its frames, then return. Otherwise as
    /// [`PacketTunnelProvider::start`].
    fn start(
        request: EthernetStartRequest,
        host: Host,
    ) -> impl Future<Output = Result<Self, ProviderError>> + Send;
}

/// One tunnel session. A value exists exactly while the tunnel is established: `start` makes it
/// and [`stop`] consumes it, and a process serves one session only (TUN-1, PRV-13).
///
/// Calls come one after the other. A session that ends by itself says so by [`Host::cancel`].
///
/// [`stop`]: TunnelProvider::stop
pub trait TunnelProvider: Sized + Send + 'static {
    /// Ends the tunnel. Network settings are still in force until this returns, so that the server
    /// can be told. Spec PTP-5.
    fn stop(self, reason: ProviderStopReason) -> impl Future<Output = ()> + Send;

    /// Answers a message from an app. Spec TUN-17.
    fn handle_app_message(
        &mut self,
        message: Vec<u8>,
    ) -> impl Future<Output = Option<Vec<u8>>> + Send {
        drop(message);
        std::future::ready(None)
    }

    /// The machine is about to sleep; it waits for this, for some seconds. Spec PRV-2.
    fn sleep(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// The machine woke. May come many times and before any network is up. Spec PRV-3.
    fn wake(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Packets leave the machine another way. Spec PRV-6.
    fn path_changed(&mut self, path: NetworkPath) -> impl Future<Output = ()> + Send {
        drop(path);
        std::future::ready(())
    }

    /// The configuration was saved anew. Returns whether the session follows it already; if not,
    /// it holds from the next connect on. Spec TUN-2.
    fn configuration_changed(
        &mut self,
        configuration: VpnConfiguration,
        secrets: Secrets,
    ) -> impl Future<Output = bool> + Send {
        drop((configuration, secrets));
        std::future::ready(false)
    }

    /// What there is to tell about the session, for those who know this provider.
    fn status(&mut self) -> Value {
        Value::Object(Map::new())
    }
}

/// What a session starts from.
#[derive(Debug)]
pub struct StartRequest {
    /// The configuration; the provider's own part is in `protocol.provider_configuration`.
    pub configuration: VpnConfiguration,
    /// Its secrets by name.
    pub secrets: Secrets,
    /// From whoever started it; absent on demand and at boot. Spec PTP-2.
    pub options: Option<Map<String, Value>>,
    /// The session's interface, there from the beginning. Spec PTP-8.
    pub interface: VirtualInterface,
    /// The packets of that interface.
    pub flow: PacketFlow,
    /// The physical network at this moment.
    pub path: NetworkPath,
}

/// What a session of an Ethernet tunnel starts from. Its interface is made when its settings are known.
#[derive(Debug)]
pub struct EthernetStartRequest {
    /// The configuration; the provider's own part is in `protocol.provider_configuration`.
    pub configuration: VpnConfiguration,
    /// Its secrets by name.
    pub secrets: Secrets,
    /// From whoever started it; absent on demand and at boot.
    pub options: Option<Map<String, Value>>,
    /// The physical network at this moment.
    pub path: NetworkPath,
}

/// The interface of an Ethernet tunnel.
#[derive(Debug)]
pub struct EthernetInterface {
    /// As the kernel knows it.
    pub interface: VirtualInterface,
    /// Its frames.
    pub flow: FrameFlow,
}
