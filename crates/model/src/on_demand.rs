//! VPN on demand: rules that connect and disconnect by themselves.
//!
//! What people set is [`OnDemandSettings`], and what the network looks like is a [`NetworkState`].
//! [`evaluate`] finds the rule that counts there, and [`ConnectionStep::of`] what a name leads to.
//! Both say what has to be asked next, and whoever uses them asks.

mod action;
mod condition;
mod connection;
mod dns_server_pattern;
mod domain;
mod evaluation;
mod interface_type;
mod key;
mod lint;
mod network_state;
mod probe;
mod rule;
mod settings;
mod ssid;
mod status;
mod time_window;
mod trace;
mod validation;
mod words;

pub use action::{ConnectionAction, EvaluateConnectionRule, OnDemandAction};
pub use connection::{ConnectionFindings, ConnectionStep, Resolution};
pub use dns_server_pattern::{DnsServerMatch, DnsServerMode, DnsServerPattern, InvalidPattern};
pub use evaluation::{Step, Verdict, evaluate, next_change};
pub use interface_type::InterfaceType;
pub use lint::RuleNote;
pub use network_state::{Gateway, NetworkState, PrimaryNetwork};
pub use probe::{ProbeResult, ProbeResults};
pub use rule::{OnDemandRule, RuleConditions};
pub use settings::OnDemandSettings;
pub use ssid::Ssid;
pub use status::{CurrentRule, Obstacle, OnDemandStatus, PauseEnd, RefusalCode};
pub use time_window::{TimeWindow, Weekday};
pub use trace::{ConditionOutcome, ConditionTrace, RuleOutcome, RuleTrace};
