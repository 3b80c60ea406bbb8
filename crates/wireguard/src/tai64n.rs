//! When a handshake was begun, as its initiator says (TAI64N, whitepaper section 5.4.2).

use std::time::{Duration, SystemTime};

/// The TAI64 label of the Unix epoch: 2^62 and the ten seconds of 1970.
const EPOCH: u64 = 0x4000_0000_0000_000a;

/// Nanoseconds are cut to this, lest a clock be read by strangers.
const GRAIN: u32 = 1 << 24;

/// Later ones compare greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tai64N([u8; Tai64N::LENGTH]);

impl Tai64N {
    pub(crate) const LENGTH: usize = 12;

    pub(crate) fn new(wall: SystemTime) -> Self {
        let since = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self::from_parts(EPOCH.saturating_add(since.as_secs()), since.subsec_nanos() & !(GRAIN - 1))
    }

    pub(crate) fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// The next that is greater.
    pub(crate) fn successor(self) -> Self {
        let (seconds, nanoseconds) = self.parts();
        match nanoseconds.checked_add(GRAIN).filter(|nanoseconds| *nanoseconds < 1_000_000_000) {
            Some(nanoseconds) => Self::from_parts(seconds, nanoseconds),
            None => Self::from_parts(seconds.saturating_add(1), 0),
        }
    }

    fn from_parts(seconds: u64, nanoseconds: u32) -> Self {
        let mut bytes = [0; Self::LENGTH];
        bytes[..8].copy_from_slice(&seconds.to_be_bytes());
        bytes[8..].copy_from_slice(&nanoseconds.to_be_bytes());
        Self(bytes)
    }

    fn parts(self) -> (u64, u32) {
        let (mut seconds, mut nanoseconds) = ([0; 8], [0; 4]);
        seconds.copy_from_slice(&self.0[..8]);
        nanoseconds.copy_from_slice(&self.0[8..]);
        (u64::from_be_bytes(seconds), u32::from_be_bytes(nanoseconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_is_greater() {
        let at = |millis| Tai64N::new(SystemTime::UNIX_EPOCH + Duration::from_millis(millis));
        assert_eq!(at(0).as_bytes(), &[0x40, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0]);
        assert!(at(1000) > at(999) && at(999) > at(900));
        for millis in [0, 500, 999] {
            assert!(at(millis).successor() > at(millis));
        }
        assert!(at(999).successor() <= at(1000));
    }
}
