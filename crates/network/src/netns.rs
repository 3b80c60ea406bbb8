//! A network namespace for one test.

use std::{panic, process::Command, thread, time::Duration};

use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::skip::skip;

/// Runs `body` on a thread in a network namespace of its own, where only `lo` exists, within 30
/// seconds. Sockets, netlink and [`ip`] work on that namespace. Needs root; without it the test says so
/// and passes, but not where `CI` is set.
pub(crate) fn in_own_namespace<T: Future>(body: impl FnOnce() -> T + Send + 'static) {
    let test = thread::spawn(|| {
        // SAFETY: this thread shares no file descriptor table or file system state with the change:
        // only its network namespace is another.
        if let Err(error) = unsafe { unshare_unsafe(UnshareFlags::NEWNET) } {
            return skip(&format!("root is needed for a network namespace: {error}"));
        }
        ip("link set lo up");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime
            .block_on(async { tokio::time::timeout(Duration::from_secs(30), body()).await })
            .expect("the test ends in time");
    });
    if let Err(failure) = test.join() {
        panic::resume_unwind(failure);
    }
}

/// Connects this thread's namespace, by its interface `near0`, to the interface `far0` of another
/// namespace. `set_up` runs in the other one, which lives as long as a socket from there.
pub(crate) fn with_neighbour<T: Send>(set_up: impl FnOnce() -> T + Send) -> T {
    let here = rustix::thread::gettid();
    let neighbour = move || {
        // SAFETY: as above.
        unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.unwrap();
        ip(&format!("link add far0 type veth peer name near0 netns {here}"));
        ip("link set far0 up");
        set_up()
    };
    thread::scope(|scope| scope.spawn(neighbour).join())
        .unwrap_or_else(|failure| panic::resume_unwind(failure))
}

/// Runs `nft` with these arguments, separated by blanks, in this thread's namespace. Returns its output.
pub(crate) fn nft(arguments: &str) -> String {
    let output = Command::new("nft").args(arguments.split_whitespace()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "nft {arguments}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs `ip` with these arguments, separated by blanks, in this thread's namespace. Returns its output.
pub(crate) fn ip(arguments: &str) -> String {
    let output = Command::new("ip").args(arguments.split_whitespace()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
