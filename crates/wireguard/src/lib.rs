//! WireGuard in user space.
//!
//! [`Engine`] is a WireGuard interface for either end of a tunnel: it takes a TUN device, UDP
//! sockets, keys and peers, and runs on threads of its own. [`WireGuardProvider`] is the client
//! that the helper starts: it speaks to the helper and owns an engine. WireGuard is a registered
//! trademark of Jason A. Donenfeld.

mod allowed_ips;
mod downlink;
mod engine;
mod keys;
mod outbox;
mod peer;
mod plane;
mod provider;
mod search;
mod setup;
mod status;
mod stop;
mod supervisor;
mod timers;
mod udp;
mod uplink;

pub use engine::{Engine, Parameters, PeerParameters};
pub use keys::{PresharedKey, PrivateKey};
pub use provider::WireGuardProvider;
pub use status::{DropCause, PeerStatus, Status};
