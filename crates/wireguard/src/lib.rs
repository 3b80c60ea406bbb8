//! WireGuard in user space.
//!
//! [`Engine`] is a WireGuard interface for either end of a tunnel: it takes a TUN device, UDP
//! sockets, keys and peers, and runs on threads of its own. [`WireGuardProvider`] is the client
//! that the helper starts: it speaks to the helper and owns an engine. WireGuard is a registered
//! trademark of Jason A. Donenfeld.

mod alarm;
mod allowed_ips;
mod backlog;
mod crew;
mod downlink;
mod engine;
mod exchange;
mod handshake;
mod keypairs;
mod keys;
mod mac;
mod message;
mod outbox;
mod peer;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod pieces;
mod plane;
mod provider;
mod replay;
mod schedule;
mod search;
mod session;
mod setup;
mod status;
mod stop;
mod supervisor;
mod tai64n;
mod timers;
mod udp;
mod uplink;

pub use engine::{Engine, Parameters, PeerParameters};
pub use keys::{PresharedKey, PrivateKey};
pub use provider::WireGuardProvider;
pub use status::{DropCause, PeerStatus, Status};
