//! Everything a tunnel protocol needs to become a VPN on Linux.
//!
//! A provider is a program of its own, started by the helper for one session, without privileges
//! and without a network. It implements [`TunnelProvider`] with [`PacketTunnelProvider`] and calls
//! [`run`], or with [`EthernetTunnelProvider`] and calls [`run_ethernet`]; the [`Host`] gives it sockets outside the tunnel, applies its network settings and hears how it fares. The
//! protocol underneath is Varlink on file descriptors 3 and 4, so a provider may be written in any
//! language. The tunnel outlives the helper: the next one takes it over on file descriptor 5. See
//! `org.adit.Provider.varlink` and `org.adit.Host.varlink`.

mod datagram;
mod host;
mod identity;
mod manifest;
mod packet_flow;
pub mod protocol;
mod provider;
mod run;
mod takeover;
mod tcp_connection;

pub use datagram::maximum_datagram_length;
pub use host::{Host, HostError, UdpBinding};
pub use identity::Identity;
pub use manifest::{Kind, Manifest, ManifestError, changed_by_root_alone};
pub use packet_flow::{FrameFlow, PacketFlow, Segments};
pub use provider::{
    EthernetInterface, EthernetStartRequest, EthernetTunnelProvider, PacketTunnelProvider,
    ProviderError, StartRequest, TunnelProvider, VirtualInterface,
};
pub use run::{RunError, run, run_ethernet};
pub use tcp_connection::TcpConnection;
