//! Which numbers in the kernel belong to which session.

use std::fmt;

/// `rtm_protocol` and `FRA_PROTOCOL` of every route and rule of ours. It makes the kernel itself
/// the journal: whatever bears it may be deleted by us, and nothing else.
pub(crate) const RTPROT_ADIT: u8 = 173;

/// Mark (`SO_MARK`) of packets that must not enter a tunnel: the outer packets of the tunnels
/// themselves (PRV-11). Compared under [`BYPASS_MASK`].
pub(crate) const BYPASS_MARK: u32 = 0x0AD1_0000;

/// The bits of a packet's mark that are ours. The others may be used by anybody.
pub(crate) const BYPASS_MASK: u32 = 0xFFFF_0000;

/// A session's place among the sessions that are up at the same time. It decides the session's
/// routing tables and the priorities of its rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u8);

/// A session's virtual interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tunnel {
    /// The session's slot.
    pub slot: Slot,
    /// The kernel's name of the interface.
    pub interface: String,
    /// The kernel's index of the interface.
    pub index: u32,
}

const SPECIFIC_TABLE: u32 = 0xAD00;
const DEFAULT_TABLE: u32 = 0xAE00;

impl Slot {
    /// How many there are. The priorities of the rules leave room for exactly these.
    pub const COUNT: u8 = 50;

    /// The slot with this number, counted from 0 and below [`Self::COUNT`].
    #[must_use]
    pub fn new(number: u8) -> Option<Self> {
        (number < Self::COUNT).then_some(Self(number))
    }

    /// All slots, from the first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }

    /// The slot's number.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }

    /// The routing table with everything but the default routes.
    #[must_use]
    pub(crate) fn specific_table(self) -> u32 {
        SPECIFIC_TABLE + u32::from(self.0)
    }

    /// The routing table with the default routes and what is taken out of them.
    #[must_use]
    pub(crate) fn default_table(self) -> u32 {
        DEFAULT_TABLE + u32::from(self.0)
    }

    /// The slot that a routing table belongs to, if it is one of ours.
    #[must_use]
    pub(crate) fn of_table(table: u32) -> Option<Self> {
        let number = table.checked_sub(DEFAULT_TABLE).or(table.checked_sub(SPECIFIC_TABLE))?;
        Self::new(u8::try_from(number).ok()?)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
