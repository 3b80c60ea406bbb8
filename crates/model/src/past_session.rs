//! What is kept of a session that is over.

use std::ops::Add;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ConfigurationId, DisconnectError, ProviderStopReason, StartCause};

/// A session that is over, as far as is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct PastSession {
    /// Whose session it was.
    pub id: ConfigurationId,
    /// What its configuration was called when it began.
    pub name: String,
    /// Why it was started.
    pub start_cause: StartCause,
    /// When.
    #[cfg_attr(feature = "specta", specta(type = String))]
    pub started_at: Timestamp,
    /// When it was first connected; absent if it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "specta", specta(type = Option<String>))]
    pub connected_at: Option<Timestamp>,
    /// When it was down; absent if nobody was there to see that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "specta", specta(type = Option<String>))]
    pub ended_at: Option<Timestamp>,
    /// What ended it.
    pub stop_reason: ProviderStopReason,
    /// Why, if that was a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<DisconnectError>,
    /// What went through it; absent if nobody was there to count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<SessionTraffic>,
    /// How often a provider that died was replaced.
    pub provider_restarts: u32,
}

/// Bytes through the interfaces of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct SessionTraffic {
    /// Out of the tunnel to this machine.
    pub rx_bytes: u64,
    /// Of this machine into the tunnel.
    pub tx_bytes: u64,
}

impl Add for SessionTraffic {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            rx_bytes: self.rx_bytes.saturating_add(other.rx_bytes),
            tx_bytes: self.tx_bytes.saturating_add(other.tx_bytes),
        }
    }
}
