//! Which way a packet takes, and why.

use serde::{Deserialize, Serialize};

/// What of a computer a packet is for, as services(5) has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct TransportPort {
    /// The number of the port.
    pub number: u16,
    /// Whose port it is.
    pub protocol: TransportProtocol,
}

/// A protocol with ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum TransportProtocol {
    /// RFC 9293
    Tcp,
    /// RFC 768
    Udp,
}

/// What becomes of a packet that an ordinary program sends, and what decides it: the lines are those
/// of ip-rule(8), ip-route(8) and nft(8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct RouteExplanation {
    /// What becomes of it.
    pub outcome: RouteOutcome,
    /// The interface that the routes lead it to; absent if they refuse it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// The policy rule that decides; absent if no route leads there, or somebody's rule depends on
    /// more than the packet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The route that decides, in the table that the rule asks; absent if the rule refuses by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The rule of Adit's firewall that decides; absent if it has none for such packets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firewall: Option<String>,
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum RouteOutcome {
    /// It leaves by the interface.
    Leaves,
    /// It is for this computer.
    ThisComputer,
    /// A rule or a route refuses it, or no route leads there.
    RefusedByRoutes,
    /// The routes lead it somewhere, and the firewall refuses it there.
    RefusedByFirewall,
}
