#![doc = include_str!("../README.md")]
#![allow(clippy::expect_used, clippy::missing_panics_doc, reason = "a panic is how a test reports")]
#![allow(clippy::must_use_candidate, reason = "scenarios do things for their effect")]

pub mod address;
mod adit;
mod capture;
mod desktop_session;
mod dhcp;
mod dns;
mod http;
mod lab;
mod log;
mod logind;
mod machine;
mod network_manager;
mod package;
mod packet;
mod peer;
mod polkit;
mod probe;
mod process;
mod requirements;
mod resolvconf;
mod resolved;
mod running;
mod topology;
mod udp_tunnel;
pub mod usage;
mod web_driver;
mod whoami;
mod window;
mod wireguard;
mod wireless;
mod world;

pub use adit::{Adit, User, program};
pub use capture::Capture;
pub use desktop_session::{DesktopSession, MenuLine, Notification, NotificationDouble, TrayDouble};
pub use dhcp::DhcpServer;
pub use dns::{DnsServer, Query, QueryType};
pub use lab::Lab;
pub use logind::Logind;
pub use machine::Machine;
pub use network_manager::NetworkManager;
pub use packet::{Direction, Packet, Packets, Protocol};
pub use peer::{Peer, PeerOptions};
pub use polkit::{Polkit, Question};
pub use probe::{Probe, ProbeKind, ProbeSet, Probing};
pub use process::{Outcome, Process};
pub use resolvconf::Resolvconf;
pub use resolved::Resolved;
pub use rustix::process::Signal;
pub use topology::Uplink;
pub use udp_tunnel::UdpTunnelServer;
pub use window::Window;
pub use wireguard::{ServerOptions, WireGuardServer};
pub use wireless::Wireless;
