//! VPN on demand: rules that connect and disconnect by themselves.
//!
//! What people set is [`OnDemandSettings`]; what the network looks like is a [`NetworkState`].

mod action;
mod dns_server_pattern;
mod interface_type;
mod mac_address;
mod network_state;
mod rule;
mod settings;
mod ssid;
mod status;
mod time_window;
mod trace;

pub use action::{ConnectionAction, EvaluateConnectionRule, OnDemandAction};
pub use dns_server_pattern::{DnsServerMatch, DnsServerMode, DnsServerPattern, InvalidPattern};
pub use interface_type::InterfaceType;
pub use mac_address::{InvalidMacAddress, MacAddress};
pub use network_state::{Gateway, NetworkState, PrimaryNetwork};
pub use rule::{OnDemandRule, RuleConditions};
pub use settings::OnDemandSettings;
pub use ssid::Ssid;
pub use status::{CurrentRule, OnDemandStatus, PauseEnd};
pub use time_window::{TimeWindow, Weekday};
pub use trace::{ConditionOutcome, ConditionTrace, RuleOutcome, RuleTrace};
