//! What a VPN configuration *is*.
//!
//! Plain types with validation, the rules of exclusivity and the session state machine. Nothing in
//! this crate performs I/O or reads a clock: whoever uses it passes time in.
//!
//! Names follow Apple's Network Extension for behaviour and the kernel for networking. On the wire
//! and in files every type is JSON in `camelCase`.

mod codes;
mod configuration;
mod default_route;
mod dns;
mod error;
mod exclusivity;
mod family;
mod fault;
mod health;
mod hold;
mod identity;
mod ip;
mod lockdown;
mod mac_address;
mod machine_status;
mod name_lookup;
mod network_description;
pub mod on_demand;
mod past_session;
mod path;
mod protocol;
mod provider_digest;
mod proxy;
mod route_explanation;
mod routing_method;
mod secret;
mod self_test;
pub mod session;
mod settings;
mod shell_word;
mod start_cause;
mod status;
mod stop_reason;
pub mod wireguard;

pub use configuration::{ConfigurationId, Enablement, ProfileOrigin, Scope, VpnConfiguration};
pub use default_route::{default_route_parts, owns_default_route};
pub use dns::{DnsProtocol, DnsSettings, dns_post_url};
pub use error::{
    ConnectionError, DisconnectError, InvalidConfiguration, NetworkSettingsError, VpnError,
};
pub use exclusivity::{Admission, Claim, admit};
pub use family::Family;
pub use fault::Fault;
pub use health::{HealthCode, HealthItem, Severity};
pub use identity::{IdentityFormat, IdentityReference};
pub use ip::{IpSettings, Ipv4Route, Ipv4Settings, Ipv6Route, Ipv6Settings, Prefix, Route};
pub use lockdown::{Lockdown, LockdownSetting};
pub use mac_address::{InvalidMacAddress, MacAddress};
pub use machine_status::{MachineStatus, Refusal, Tunnel, TunnelName};
pub use name_lookup::{LookupReason, LookupServer, NameLookup, Resolver};
pub use network_description::NetworkDescription;
pub use past_session::{PastSession, SessionTraffic};
pub use path::{InterfaceKind, NetworkPath, PathInterface, PathStatus};
pub use protocol::TunnelProviderProtocol;
pub use provider_digest::{InvalidProviderDigest, ProviderDigest};
pub use proxy::{ProxyMode, ProxyServer, ProxySettings};
pub use route_explanation::{RouteExplanation, RouteOutcome, TransportPort, TransportProtocol};
pub use routing_method::RoutingMethod;
pub use secret::{
    PASSWORD, Secret, SecretChange, SecretPlace, SecretPlaces, Secrets, secret_words,
};
pub use self_test::{Check, CheckCode, CheckOutcome};
pub use settings::{InvalidSettings, PacketTunnelNetworkSettings, RouteTable};
pub use shell_word::shell_word;
pub use start_cause::StartCause;
pub use status::{SessionStatus, VpnStatus};
pub use stop_reason::ProviderStopReason;

/// The uid of root, for whom the limits between users do not hold.
pub const ROOT: u32 = 0;
