//! Why a packet or a name goes where it goes.

use std::net::IpAddr;

use adit_model::{NameLookup, Resolver, RouteExplanation, TransportPort};
use serde::{Deserialize, Serialize};

messages! {
    /// Find out who answers a name on this computer, and why.
    pub struct ExplainDns {
        /// The name.
        pub name: String,
    }

    /// As it is at this moment.
    pub struct DnsExplanation {
        /// Who decides.
        pub resolver: Resolver,
        /// The names that are looked up for it, in order, until one exists.
        pub lookups: Vec<NameLookup>,
    }

    /// Find out which way a packet takes, and why.
    pub struct ExplainRoute {
        /// Where it goes.
        pub address: IpAddr,
        /// What it is for there; absent for what has no ports, such as a ping.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub port: Option<TransportPort>,
    }

    /// As it is at this moment.
    pub struct RouteReply {
        /// What decides.
        pub explanation: RouteExplanation,
    }
}
