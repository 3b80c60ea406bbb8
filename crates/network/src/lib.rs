//! The Linux network below a tunnel: what its settings mean, as a pure plan, and making the kernel
//! and the system's name resolution equal to that plan and back again.

mod addressing;
mod app_group;
mod atomic_file;
mod burst;
mod bus;
mod demand;
mod destinations;
mod dns;
mod error;
mod fetch;
mod firewall;
pub mod healing;
mod health;
mod interface_kind;
mod journal;
mod link_services;
mod local_networks;
mod lookup;
pub mod monitor;
mod netlink;
#[cfg(test)]
mod netns;
mod network;
mod plan;
pub mod primary_network;
#[cfg(test)]
mod private_bus;
pub mod probe;
pub mod resolver;
mod route;
mod rule;
mod self_test;
#[cfg(test)]
mod skip;
mod slot;
pub mod socket;
mod state;
pub mod stub;
mod sysctl;
mod tls;
pub mod tun;
mod web;

pub use addressing::{Addressing, Assigned};
pub use app_group::{AppGroup, AppGroupError};
pub use demand::WaitingQueue;
pub use dns::{DnsError, asked_servers};
pub use error::{ApplyError, NetworkError};
pub use fetch::FetchError;
pub use firewall::Lockdown;
pub use network::{Bus, Network, Places, Recovered};
pub use plan::{Plan, Strength, hold, plan};
pub use slot::{Slot, Tunnel};
pub use state::{MainRoute, NetworkState};
pub use web::WebError;

use slot::{BYPASS_MARK, BYPASS_MASK, RTPROT_ADIT};

/// The option of ip(8) for a family.
fn ip_option(family: adit_model::Family) -> &'static str {
    match family {
        adit_model::Family::Ipv4 => "-4",
        adit_model::Family::Ipv6 => "-6",
    }
}
