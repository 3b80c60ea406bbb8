//! What may leave the machine past its tunnels, and what may come in.

mod policy;

pub use policy::Lockdown;
pub(crate) use policy::{Guard, Reach};
