//! When the thread that runs the timers wakes.

use std::{
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    thread::Thread,
    time::Instant,
};

/// Rings for one thread.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    next: Mutex<Option<Instant>>,
    sleeper: OnceLock<Thread>,
}

impl Alarm {
    /// Sees that the thread is awake at that time, at the latest.
    pub(crate) fn set(&self, at: Instant) {
        let mut next = self.lock();
        if next.is_some_and(|next| next <= at) {
            return;
        }
        *next = Some(at);
        drop(next);
        if let Some(sleeper) = self.sleeper.get() {
            sleeper.unpark();
        }
    }

    /// Sleeps until the earliest time that was set or is given, or wakes at random before. Only one
    /// thread may sleep.
    pub(crate) fn sleep(&self, until: Option<Instant>) {
        // Set once.
        let _ = self.sleeper.set(std::thread::current());
        let mut next = self.lock();
        *next = next.iter().chain(&until).min().copied();
        let wake_at = *next;
        drop(next);
        match wake_at {
            Some(at) => std::thread::park_timeout(at.saturating_duration_since(Instant::now())),
            None => std::thread::park(),
        }
        self.lock().take();
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
