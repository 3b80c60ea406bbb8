//! A sleep, as the clocks tell it afterwards: one of them stands still meanwhile.

use std::{io, time::Duration};

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::mpsc;

use super::Suspend;
use crate::wall_clock::{Rang, WallTimer};

/// What the clocks differ by without a sleep, when one is read after the other.
const SLIP: Duration = Duration::from_secs(1);

/// Until nobody listens any more, or the kernel lacks what is needed.
pub(super) async fn follow(events: mpsc::Sender<Suspend>) {
    let followed = tokio::select! {
        followed = follow_clocks(&events) => followed,
        () = events.closed() => return,
    };
    if let Err(error) = followed {
        tracing::debug!("a sleep that nobody tells of is not noticed: {error}");
    }
}

async fn follow_clocks(events: &mpsc::Sender<Suspend>) -> io::Result<()> {
    // It never runs out, so nothing has to look at the clocks every now and then.
    let timer = WallTimer::new()?;
    let mut before = time_asleep();
    loop {
        match timer.wait(Timestamp::MAX).await? {
            Rang::InTime => continue,
            Rang::ClockSet => {}
        }
        let now = time_asleep();
        if has_slept(before, now) {
            tracing::debug!("the computer slept for {} s", now.saturating_sub(before).as_secs());
            let _ = events.send(Suspend::Ended).await;
        }
        before = now;
    }
}

fn has_slept(before: Duration, now: Duration) -> bool {
    now.saturating_sub(before) > SLIP
}

/// How long the machine has slept since it was booted: `CLOCK_BOOTTIME` counts that, and
/// `CLOCK_MONOTONIC` does not, `clock_gettime(2)`.
fn time_asleep() -> Duration {
    let awake = since_boot(ClockId::Monotonic);
    since_boot(ClockId::Boottime).saturating_sub(awake)
}

fn since_boot(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_is_what_one_clock_counts_and_the_other_does_not() {
        let seconds = Duration::from_secs;
        assert!(!has_slept(seconds(0), seconds(0)));
        assert!(!has_slept(seconds(3600), seconds(3600) + Duration::from_millis(3)));
        assert!(has_slept(seconds(0), seconds(10)));
        assert!(has_slept(seconds(3600), seconds(7200)));
        // Reading one after the other may look like less than before.
        assert!(!has_slept(seconds(10), seconds(9)));
    }

    #[tokio::test]
    async fn the_clocks_can_be_watched_on_this_kernel() {
        let timer = WallTimer::new().unwrap();
        let was_set =
            tokio::time::timeout(Duration::from_millis(50), timer.wait(Timestamp::MAX)).await;
        assert!(was_set.is_err(), "nobody has set the clock: {was_set:?}");
        assert!(!has_slept(time_asleep(), time_asleep()));
    }
}
