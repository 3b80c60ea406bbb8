//! What a session reports (`NEVPNConnection`).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ConfigurationId, DisconnectError, HealthItem, StartCause, on_demand::OnDemandStatus};

/// The state of a session (`NEVPNStatus`). Raw values are Apple's. Spec STAT-0 to STAT-5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
#[repr(u8)]
pub enum VpnStatus {
    /// The configuration is not stored. Spec D-19.
    Invalid = 0,
    /// Down.
    Disconnected = 1,
    /// Coming up; ends when the provider says that it is established.
    Connecting = 2,
    /// Established.
    Connected = 3,
    /// Established, but re-establishing the way to the server.
    Reasserting = 4,
    /// Going down.
    Disconnecting = 5,
}

/// Everything a viewer shows of one session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct SessionStatus {
    /// Whose session this is.
    pub id: ConfigurationId,
    /// The state.
    pub status: VpnStatus,
    /// Counts changes of this session; a gap tells a viewer that it missed one. Spec SES-8.
    pub sequence: u64,
    /// When it became connected after being disconnected; reasserting keeps it. Spec SES-6, D-20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "specta", specta(type = Option<String>))]
    pub connected_at: Option<Timestamp>,
    /// Why it was started, while it is not down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_cause: Option<StartCause>,
    /// The tunnel's network interface while there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// Whether traffic is being dropped on purpose.
    pub blocking: bool,
    /// Why the last session ended; absent after a clean stop. Spec SES-9.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<DisconnectError>,
    /// How on demand stands; absent while it is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_demand: Option<OnDemandStatus>,
    /// What deserves attention.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub health: Vec<HealthItem>,
}

impl SessionStatus {
    /// The session of a configuration that is not stored.
    #[must_use]
    pub fn new(id: ConfigurationId) -> Self {
        Self {
            id,
            status: VpnStatus::Invalid,
            sequence: 0,
            connected_at: None,
            start_cause: None,
            interface: None,
            blocking: false,
            last_error: None,
            on_demand: None,
            health: Vec::new(),
        }
    }
}

impl VpnStatus {
    /// All states, in the order of their raw values.
    pub const ALL: [Self; 6] = [
        Self::Invalid,
        Self::Disconnected,
        Self::Connecting,
        Self::Connected,
        Self::Reasserting,
        Self::Disconnecting,
    ];

    /// Whether a session exists: a provider may be running and settings may be applied.
    #[must_use]
    pub fn is_active(self) -> bool {
        match self {
            Self::Connecting | Self::Connected | Self::Reasserting | Self::Disconnecting => true,
            Self::Invalid | Self::Disconnected => false,
        }
    }

    /// Whether the session may change from this state to `next`. Spec STAT-0 to STAT-5.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Invalid => next == Self::Disconnected,
            Self::Disconnected => matches!(next, Self::Invalid | Self::Connecting),
            Self::Connecting => matches!(next, Self::Connected | Self::Disconnecting),
            Self::Connected => matches!(next, Self::Reasserting | Self::Disconnecting),
            Self::Reasserting => matches!(next, Self::Connected | Self::Disconnecting),
            Self::Disconnecting => matches!(next, Self::Disconnected | Self::Invalid),
        }
    }
}
