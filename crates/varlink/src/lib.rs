//! Varlink for Adit: typed calls over Unix sockets, with file descriptors.
//!
//! The wire is [Varlink](https://varlink.org): JSON objects ended by a NUL byte on a Unix stream
//! socket. File descriptors travel as `SCM_RIGHTS` beside the message that names them by index.
//!
//! * An interface is a `.varlink` file and one struct per [`Method`]; [`methods!`] ties them and
//!   [`idl`] keeps them equal.
//! * A [`Router`] maps methods to handlers, each under an access rule. [`Listener::serve`] serves a
//!   socket to many clients, [`serve_stream`] one connected stream, such as one end of a
//!   socketpair.
//! * A [`Client`] calls.
//!
//! The other side is never trusted, in either direction: see [`Limits`] and [`WireError`].

mod buffer;
mod client;
mod connection;
mod descriptors;
mod frame;
pub mod idl;
mod limits;
mod listener;
mod message;
mod method;
mod peer;
mod router;
mod service;
mod signature;
mod socket;
mod wire_error;

pub use client::{CallError, Client};
pub use connection::serve_stream;
pub use descriptors::Descriptors;
pub use limits::Limits;
pub use listener::{ListenError, Listener};
pub use method::{ApiError, Empty, Method, NoError};
pub use peer::Peer;
pub use router::{Refusal, Router};
pub use service::{ServiceError, ServiceInfo};
pub use signature::Signature;
pub use wire_error::WireError;
