//! Waiting by the wall clock, which goes on while the machine sleeps: tokio's stands still then. Spec X-10.

use std::{io, time::Duration};

use jiff::Timestamp;
use rustix::{
    fd::OwnedFd,
    io::Errno,
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    },
};
use tokio::{io::unix::AsyncFd, time::sleep};

/// A timer on the wall clock.
pub(crate) struct WallTimer {
    timer: AsyncFd<OwnedFd>,
}

/// Why a wait is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rang {
    /// It is that time.
    InTime,
    /// The clock was set, which the kernel also does at each waking (`TFD_TIMER_CANCEL_ON_SET`,
    /// `timerfd_create(2)`).
    ClockSet,
}

/// Waits until it is this time, be it that the machine sleeps meanwhile or the clock is set.
pub(crate) async fn reach(at: Timestamp) {
    if let Err(error) = reach_by_timer(at).await {
        tracing::debug!("the time asleep is not counted: {error}");
        let left = at.duration_since(Timestamp::now());
        sleep(Duration::try_from(left).unwrap_or_default()).await;
    }
}

async fn reach_by_timer(at: Timestamp) -> io::Result<()> {
    let timer = WallTimer::new()?;
    while Timestamp::now() < at {
        timer.wait(at).await?;
    }
    Ok(())
}

impl WallTimer {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Realtime, flags)?;
        // SAFETY: an OwnedFd is the same descriptor as long as it lives, and is closed with this.
        let timer = unsafe { AsyncFd::register(timer) }?;
        Ok(Self { timer })
    }

    /// Waits until it is this time or the clock was set.
    pub(crate) async fn wait(&self, until: Timestamp) -> io::Result<Rang> {
        let until =
            Timespec { tv_sec: until.as_second(), tv_nsec: until.subsec_nanosecond().into() };
        let once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
        let setting = Itimerspec { it_interval: once, it_value: until };
        timerfd_settime(self.timer.get_ref(), flags, &setting)?;
        loop {
            let mut guard = self.timer.readable().await?;
            let read = guard.try_io(|timer| {
                rustix::io::read(timer.get_ref(), &mut [0; 8]).map_err(io::Error::from)
            });
            match read {
                Ok(Ok(_)) => return Ok(Rang::InTime),
                Ok(Err(error)) if error.raw_os_error() == Some(Errno::CANCELED.raw_os_error()) => {
                    return Ok(Rang::ClockSet);
                }
                Ok(Err(error)) => return Err(error),
                Err(_would_block) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::fd::AsRawFd, time::Duration};

    use tokio::time::timeout;

    use super::*;

    // spec: X-10
    #[tokio::test]
    async fn a_wait_goes_by_the_clock_that_does_not_stand_still_in_sleep() {
        let timer = WallTimer::new().unwrap();
        let soon = Timestamp::now() + Duration::from_millis(20);
        assert_eq!(timer.wait(soon).await.unwrap(), Rang::InTime);
        assert!(Timestamp::now() >= soon);
        reach(Timestamp::UNIX_EPOCH).await;
        let far = reach(Timestamp::now() + Duration::from_secs(3600));
        assert!(timeout(Duration::from_millis(50), far).await.is_err());
        // proc_pid_fdinfo(5): CLOCK_REALTIME is 0, and CLOCK_MONOTONIC, which stands still, is 1.
        let info = format!("/proc/self/fdinfo/{}", timer.timer.get_ref().as_raw_fd());
        let info = fs::read_to_string(info).unwrap();
        assert!(info.contains("clockid: 0\n"), "{info}");
    }
}
