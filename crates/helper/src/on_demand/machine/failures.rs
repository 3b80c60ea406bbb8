//! When a start that failed is tried again.

use std::time::Duration;

use jiff::Timestamp;

/// Starts that failed one after the other. Spec OD-25.
#[derive(Debug, Clone, Default)]
pub(super) struct Failures {
    count: u32,
    last: Option<Timestamp>,
}

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

impl Failures {
    /// A session that was up for longer than the longest pause begins a new series.
    pub(super) fn add(&mut self, now: Timestamp) {
        if self.last.is_some_and(|last| now > last + self.pause() + LONGEST_PAUSE) {
            self.count = 0;
        }
        self.count += 1;
        self.last = Some(now);
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Before when there is no other start; absent when there may be one.
    pub(super) fn retry_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.last.map(|last| last + self.pause()).filter(|at| *at > now)
    }

    /// Doubled with each failure.
    fn pause(&self) -> Duration {
        let doublings = self.count.saturating_sub(1).min(u32::BITS - 1);
        FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: OD-25
    #[test]
    fn pauses_double_from_a_second_to_five_minutes_and_begin_anew_after_success() {
        let start = Timestamp::UNIX_EPOCH;
        let mut failures = Failures::default();
        assert_eq!(failures.retry_at(start), None);
        let mut now = start;
        let mut pauses = Vec::new();
        for _ in 0..40 {
            failures.add(now);
            let at = failures.retry_at(now).unwrap();
            pauses.push(at.duration_since(now).as_secs());
            assert_eq!(failures.retry_at(at), None);
            now = at;
        }
        assert_eq!(pauses[..10], [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert!(pauses[10..].iter().all(|pause| *pause == 300));

        now += Duration::from_secs(3600);
        failures.add(now);
        assert_eq!(failures.retry_at(now), Some(now + FIRST_PAUSE));
        failures.forget();
        assert_eq!(failures.retry_at(now), None);
    }
}
