//! A sleep, as the clocks tell it afterwards: one of them stands still meanwhile.

use std::{io, time::Duration};

use rustix::{
    fd::OwnedFd,
    io::Errno,
    time::{
        ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec,
        clock_gettime, timerfd_create, timerfd_settime,
    },
};
use tokio::{io::unix::AsyncFd, sync::mpsc};

use super::Suspend;

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
    let alarm = Alarm::new()?;
    let mut before = time_asleep();
    loop {
        alarm.clock_was_set().await?;
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

/// A timer that never runs out. The kernel cancels it when the wall clock jumps, which it also does
/// at each waking, `timerfd_create(2)`. So nothing has to look at the clocks every now and then.
struct Alarm {
    timer: AsyncFd<OwnedFd>,
}

impl Alarm {
    fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Realtime, flags)?;
        // SAFETY: an OwnedFd is the same descriptor as long as it lives, and is closed with this.
        let timer = unsafe { AsyncFd::register(timer) }?;
        Ok(Self { timer })
    }

    async fn clock_was_set(&self) -> io::Result<()> {
        self.arm()?;
        loop {
            let mut guard = self.timer.readable().await?;
            let read = guard.try_io(|timer| {
                rustix::io::read(timer.get_ref(), &mut [0; 8]).map_err(io::Error::from)
            });
            match read {
                Ok(Err(error)) if error.raw_os_error() == Some(Errno::CANCELED.raw_os_error()) => {
                    return Ok(());
                }
                // It has run out, in the far future.
                Ok(Ok(_)) => self.arm()?,
                Ok(Err(error)) => return Err(error),
                Err(_) => {}
            }
        }
    }

    fn arm(&self) -> io::Result<()> {
        let far = Timespec { tv_sec: i64::MAX / 2_000_000_000, tv_nsec: 0 };
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
        let until = Itimerspec { it_interval: never, it_value: far };
        timerfd_settime(self.timer.get_ref(), flags, &until)?;
        Ok(())
    }
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
        let alarm = Alarm::new().unwrap();
        let was_set = tokio::time::timeout(Duration::from_millis(50), alarm.clock_was_set()).await;
        assert!(was_set.is_err(), "nobody has set the clock: {was_set:?}");
        assert!(!has_slept(time_asleep(), time_asleep()));
    }
}
