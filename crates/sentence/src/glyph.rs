//! The shapes of the states. The shape comes first; colour only repeats it.

use serde::{Deserialize, Serialize};

/// A state as a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum Glyph {
    /// Hollow circle.
    Disconnected,
    /// Hollow circle with a dot: not connected, but connects by itself.
    Waiting,
    /// Ring with a gap.
    Connecting,
    /// Filled disc.
    Connected,
    /// Filled disc with a gap.
    Reasserting,
    /// Disc with a bar: connected, and yet it does not work.
    Impaired,
    /// Filled polygon.
    Blocked,
    /// Triangle.
    Problem,
    /// Dashed circle.
    ServiceMissing,
}

impl Glyph {
    /// For terminals.
    #[must_use]
    pub fn shape(self) -> &'static str {
        match self {
            Self::Disconnected => "○",
            Self::Waiting => "⊙",
            Self::Connecting => "↻",
            Self::Connected => "●",
            Self::Reasserting => "◕",
            Self::Impaired => "⊖",
            Self::Blocked => "⬣",
            Self::Problem => "▲",
            Self::ServiceMissing => "◌",
        }
    }

    /// The parameter of ECMA-48 SGR.
    #[must_use]
    pub fn colour(self) -> Option<&'static str> {
        const RED: &str = "31";
        const GREEN: &str = "32";
        const YELLOW: &str = "33";
        match self {
            Self::Connected => Some(GREEN),
            Self::Connecting | Self::Reasserting | Self::Impaired => Some(YELLOW),
            Self::Blocked | Self::Problem => Some(RED),
            Self::Disconnected | Self::Waiting | Self::ServiceMissing => None,
        }
    }
}
