//! Noticing that the machine goes to sleep and that it woke. Spec PRV-2, PRV-3.
//!
//! logind tells both, and waits for whoever holds a delay inhibitor. Where there is no logind, or it
//! was too late, a sleep is seen afterwards by the clocks; nothing runs meanwhile to look at them.

mod clocks;
mod logind;

use tokio::sync::mpsc;
use zbus::OwnedFd;

/// What the machine does.
#[derive(Debug)]
pub(crate) enum Suspend {
    /// It goes to sleep as soon as this is dropped, or after some seconds.
    Begins(Inhibitor),
    /// It woke. May come several times for one sleep, and before any network is there.
    Ended,
}

/// Holds the machine's sleep back for as long as it lives.
#[derive(Debug)]
pub(crate) struct Inhibitor {
    _fd: Option<OwnedFd>,
}

/// Few things happen, and each is waited for.
const INBOX: usize = 4;

/// Follows the machine's sleep from now on.
pub(crate) fn watch() -> mpsc::Receiver<Suspend> {
    let (sender, receiver) = mpsc::channel(INBOX);
    tokio::spawn(logind::follow(sender.clone()));
    tokio::spawn(clocks::follow(sender));
    receiver
}
