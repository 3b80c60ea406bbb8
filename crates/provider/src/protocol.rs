//! `org.adit.Provider` and `org.adit.Host` as types. The `.varlink` files beside this one are the
//! contract; a test holds the two together.

use std::net::{IpAddr, SocketAddr};

pub use adit_model::Family;
use adit_model::{
    DisconnectError, NetworkPath, PacketTunnelNetworkSettings, ProviderStopReason, Secrets,
    VpnConfiguration,
};
use adit_varlink::{ApiError, Empty, NoError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The text of `org.adit.Provider`.
pub const PROVIDER_IDL: &str = include_str!("org.adit.Provider.varlink");
/// The text of `org.adit.Host`.
pub const HOST_IDL: &str = include_str!("org.adit.Host.varlink");

/// The descriptor on which a provider serves `org.adit.Provider`.
pub const PROVIDER_FD: i32 = 3;
/// The descriptor on which a provider calls `org.adit.Host`.
pub const HOST_FD: i32 = 4;
/// The listening socket on which the next helper connects to a provider whose own is gone.
pub const ATTACH_FD: i32 = 5;

/// Begin to establish the tunnel. The queues of `tun` come as descriptors with the call.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Start {
    /// The whole configuration.
    pub configuration: VpnConfiguration,
    /// Its secrets.
    pub secrets: Secrets,
    /// From whoever started it; absent on demand, at boot and from the tray. Spec PTP-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Map<String, Value>>,
    /// The interface of the session; absent in an Ethernet tunnel, whose settings make it. Spec PTP-8,
    /// ETH-5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<VirtualInterface>,
    /// The TUN device; absent in an Ethernet tunnel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tun: Option<TunDevice>,
    /// The physical network at this moment.
    pub path: NetworkPath,
}

/// The session's network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualInterface {
    /// The kernel's name.
    pub name: String,
    /// The kernel's index.
    pub index: u32,
}

/// What the descriptors of a TUN or TAP device can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TunDevice {
    /// Indexes into the descriptors of the call.
    pub queues: Vec<usize>,
    /// Packets carry a `struct virtio_net_hdr` of 10 bytes.
    pub vnet_header: bool,
    /// TCP segmentation is left to whoever reads.
    pub tso: bool,
    /// UDP segmentation is left to whoever reads.
    pub uso: bool,
}

/// Take over a session whose helper is gone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Attach {
    /// The descriptor, among those of the call, that takes the place of [`HOST_FD`].
    pub host: usize,
    /// The one that takes the place of standard output and standard error.
    pub log: usize,
}

/// What there is to take over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// Whether the tunnel is established.
    pub established: bool,
    /// Whether the way to the server is being established again.
    pub reasserting: bool,
    /// The queues of the TUN device, as indexes into the descriptors of the reply.
    pub queues: Vec<usize>,
}

/// End the session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stop {
    /// Why.
    pub reason: ProviderStopReason,
}

/// A message from an app.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HandleAppMessage {
    /// Base64.
    pub message: String,
}

/// The provider's answer to a message.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppMessageReply {
    /// Base64; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
}

/// The machine is about to sleep.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sleep {}

/// The machine woke.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Wake {}

/// The physical network changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PathChanged {
    /// As it is at this moment.
    pub path: NetworkPath,
}

/// The configuration was saved anew.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationChanged {
    /// The whole configuration.
    pub configuration: VpnConfiguration,
    /// Its secrets.
    pub secrets: Secrets,
}

/// Whether the running session follows the configuration that was saved.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationApplied {
    /// If not, it holds from the next connect on.
    pub applied: bool,
}

/// Ask for the provider's own status.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {}

/// The provider's own status.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderStatus {
    /// Its form is the provider's affair.
    pub status: Value,
}

/// Replace all network settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetTunnelNetworkSettings {
    /// Absent: clear them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<PacketTunnelNetworkSettings>,
}

/// They are active. In an Ethernet tunnel the interface comes with the reply, each time that some are set.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SettingsApplied {
    /// The interface of an Ethernet tunnel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<VirtualInterface>,
    /// Its TAP device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tap: Option<TunDevice>,
}

/// The tunnel is established, or has failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartCompleted {
    /// Why it is not established.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<DisconnectError>,
}

/// The session cannot go on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cancel {
    /// Why; absent when it has simply ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<DisconnectError>,
}

/// The way to the server is being established again, or is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetReasserting {
    /// Which of the two.
    pub reasserting: bool,
}

/// Show the person a message.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DisplayMessage {
    /// A sentence or two; it replaces the one before.
    pub message: String,
}

/// Whether there was somebody to show it to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Displayed {
    /// If not, nobody sees it.
    pub displayed: bool,
}

/// Look a host up outside the tunnel.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resolve {
    /// Its name or address.
    pub host: String,
}

/// The addresses of a host.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resolved {
    /// In the order in which they should be tried.
    pub addresses: Vec<IpAddr>,
}

/// Say which DNS servers the network beneath the tunnel has.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UnderlyingDns {}

/// DNS servers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnderlyingDnsServers {
    /// The best first; none if nobody knows any.
    pub servers: Vec<IpAddr>,
}

/// Open a UDP socket outside the tunnel.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenUdp {
    /// Connect it to this address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<SocketAddr>,
    /// The family of an unconnected socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<Family>,
    /// The local port; absent or 0: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_port: Option<u16>,
}

/// Open a TCP connection outside the tunnel.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenTcp {
    /// Where to.
    pub remote: SocketAddr,
}

/// Open a UDP socket through the session's own tunnel.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenUdpThroughTunnel {
    /// Connect it to this address.
    pub remote: SocketAddr,
}

/// Open a TCP connection through the session's own tunnel.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenTcpThroughTunnel {
    /// Where to.
    pub remote: SocketAddr,
}

/// A descriptor came with the reply.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenedSocket {
    /// Its index among the descriptors.
    pub fd_index: usize,
}

/// Why the helper refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "error", content = "parameters")]
pub enum HostCallError {
    /// Nothing was changed. Spec TUN-14.
    #[serde(rename = "org.adit.Host.SettingsInvalid")]
    #[error("The network settings are not valid: {message}")]
    SettingsInvalid {
        /// What is wrong.
        message: String,
    },
    /// The session stops. Spec TUN-15.
    #[serde(rename = "org.adit.Host.SettingsCanceled")]
    #[error("The request was cancelled.")]
    SettingsCanceled {},
    /// Those before are in force again. Spec TUN-16.
    #[serde(rename = "org.adit.Host.SettingsFailed")]
    #[error("The network settings could not be applied: {message}")]
    SettingsFailed {
        /// What failed.
        message: String,
    },
    /// A start was completed with no settings active. Spec TUN-10.
    #[serde(rename = "org.adit.Host.SettingsNotApplied")]
    #[error("The tunnel has no network settings yet. Set them before completing the start.")]
    SettingsNotApplied {},
    /// The host was not found.
    #[serde(rename = "org.adit.Host.ResolutionFailed")]
    #[error("{message}")]
    ResolutionFailed {
        /// Which.
        host: String,
        /// Why, in a sentence.
        message: String,
    },
    /// The socket could not be opened.
    #[serde(rename = "org.adit.Host.SocketRefused")]
    #[error("{message}")]
    SocketRefused {
        /// Why, in a sentence.
        message: String,
    },
}

impl ApiError for HostCallError {}

adit_varlink::methods! {
    /// Every method of `org.adit.Provider`.
    pub fn provider_methods() for "org.adit.Provider", NoError {
        Start -> Empty,
        Attach -> Attached,
        Stop -> Empty,
        HandleAppMessage -> AppMessageReply,
        Sleep -> Empty,
        Wake -> Empty,
        PathChanged -> Empty,
        ConfigurationChanged -> ConfigurationApplied,
        Status -> ProviderStatus,
    }
}

adit_varlink::methods! {
    /// Every method of `org.adit.Host`.
    pub fn host_methods() for "org.adit.Host", HostCallError {
        SetTunnelNetworkSettings -> SettingsApplied,
        StartCompleted -> Empty,
        Cancel -> Empty,
        SetReasserting -> Empty,
        DisplayMessage -> Displayed,
        Resolve -> Resolved,
        UnderlyingDns -> UnderlyingDnsServers,
        OpenUdp -> OpenedSocket,
        OpenTcp -> OpenedSocket,
        OpenUdpThroughTunnel -> OpenedSocket,
        OpenTcpThroughTunnel -> OpenedSocket,
    }
}

#[cfg(test)]
mod tests {
    use adit_varlink::idl::Interface;

    use super::*;

    #[test]
    fn the_varlink_files_say_what_the_types_say() {
        for (idl, methods) in [(PROVIDER_IDL, provider_methods()), (HOST_IDL, host_methods())] {
            let interface = Interface::parse(idl).unwrap();
            assert_eq!(interface.differences(&methods), Vec::<String>::new());
        }
    }
}
