//! Whether anybody still uses a tunnel.

use std::time::Duration;

use jiff::Timestamp;

/// A tunnel that ends when nothing has gone through it for a time. Spec ODP-16.
#[derive(Debug, Clone)]
pub(super) struct Idleness {
    timeout: Duration,
    packets: u64,
    since: Timestamp,
    looked_at: Timestamp,
}

/// It is looked at four times in the time, so that it ends at most a quarter late.
const LOOKS: u32 = 4;
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

impl Idleness {
    /// `packets` counts those in both directions since the interface exists.
    pub(super) fn new(timeout: Duration, packets: u64, now: Timestamp) -> Self {
        Self { timeout, packets, since: now, looked_at: now }
    }

    /// When to look again.
    pub(super) fn next_look(&self) -> Timestamp {
        self.looked_at + (self.timeout / LOOKS).max(SHORTEST_INTERVAL)
    }

    /// Takes the count at `now`, and says whether the tunnel was idle for too long.
    pub(super) fn look(&mut self, packets: u64, now: Timestamp) -> bool {
        self.looked_at = now;
        if packets != self.packets {
            self.packets = packets;
            self.since = now;
        }
        now >= self.since + self.timeout
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    // spec: ODP-16
    #[test]
    fn it_is_over_when_nothing_went_through_for_the_whole_time() {
        let start = Timestamp::UNIX_EPOCH;
        let mut idleness = Idleness::new(60 * SECOND, 7, start);
        assert_eq!(idleness.next_look(), start + 15 * SECOND);
        assert!(!idleness.look(7, start + 15 * SECOND));
        assert!(!idleness.look(9, start + 30 * SECOND));
        assert_eq!(idleness.next_look(), start + 45 * SECOND);
        assert!(!idleness.look(9, start + 75 * SECOND));
        assert!(idleness.look(9, start + 90 * SECOND));
        assert_eq!(Idleness::new(SECOND, 0, start).next_look(), start + SECOND);
    }
}
