//! What programs write.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsRawFd as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};

/// A file in memory that a program writes to.
pub(crate) struct Output(File);

impl Output {
    pub(crate) fn create() -> Self {
        Self(memfd_create("output", MemfdFlags::CLOEXEC).expect("a file in memory").into())
    }

    pub(crate) fn writer(&self) -> File {
        self.0.try_clone().expect("a duplicate of the file")
    }

    /// Opened again, so that reading moves no writer.
    pub(crate) fn text(&self) -> String {
        let bytes = fs::read(format!("/proc/self/fd/{}", self.0.as_raw_fd()));
        String::from_utf8_lossy(&bytes.expect("a file in memory")).into_owned()
    }
}

/// What comes out of a pipe, collected by a thread so that the writer never blocks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<(Mutex<Collected>, Condvar)>);

#[derive(Debug, Default)]
struct Collected {
    bytes: Vec<u8>,
    closed: bool,
}

impl Log {
    pub(crate) fn collect(mut reader: impl Read + Send + 'static) -> Self {
        let log = Self::default();
        let collector = log.clone();
        thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                collector.update(|collected| collected.bytes.extend_from_slice(&buffer[..length]));
            }
            collector.update(|collected| collected.closed = true);
        });
        log
    }

    fn update(&self, change: impl FnOnce(&mut Collected)) {
        change(&mut lock(&self.0.0));
        self.0.1.notify_all();
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&lock(&self.0.0).bytes).into_owned()
    }

    /// Waits until `enough` of the text so far, or the end of it; says whether it was enough.
    pub(crate) fn wait(&self, limit: Duration, enough: impl Fn(&str) -> bool) -> bool {
        let enough = |collected: &Collected| enough(&String::from_utf8_lossy(&collected.bytes));
        let collected = lock(&self.0.0);
        let (collected, _) = self
            .0
            .1
            .wait_timeout_while(collected, limit, |now| !now.closed && !enough(now))
            .unwrap_or_else(PoisonError::into_inner);
        enough(&collected)
    }
}

/// A panic elsewhere in the test must not hide its cause behind a poisoned lock.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
