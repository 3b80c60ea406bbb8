//! When a helper may have come.

use std::{io, path::Path, time::Duration};

use futures_util::StreamExt;
use inotify::{EventMask, EventStream, Inotify, WatchMask};
use tokio::time::{sleep, timeout};

use crate::ConnectError;

/// A helper that is there and cannot be talked to is tried again after this time.
const LONG_PAUSE: Duration = Duration::from_secs(10);
/// Where the system has no watch to give, a helper is looked for after this time.
const PAUSE: Duration = Duration::from_secs(1);

/// Notices what comes to be at the helper's socket, which helpers put there whole, by renaming.
pub struct Arrival(io::Result<EventStream<[u8; 1024]>>);

impl Arrival {
    /// Notices it from now on. Connect after this, so that a helper that comes meanwhile is not missed.
    #[must_use]
    pub fn watch(socket: &Path) -> Self {
        Self(watch(socket))
    }

    /// Waits until connecting may not fail as it did. A helper that is missing is not looked for: it is noticed.
    pub async fn after(self, error: &ConnectError) {
        let limit = match error {
            ConnectError::NotRunning(_) => Duration::MAX,
            ConnectError::NotPermitted(_)
            | ConnectError::NotTrusted(..)
            | ConnectError::NoAnswer
            | ConnectError::OtherVersion { .. }
            | ConnectError::Failed(_) => LONG_PAUSE,
        };
        let coming = async { come(self.0?).await };
        if let Ok(Err(_)) = timeout(limit, coming).await {
            sleep(PAUSE).await;
        }
    }
}

fn watch(socket: &Path) -> io::Result<EventStream<[u8; 1024]>> {
    let inotify = Inotify::init()?;
    let mut watches = inotify.watches();
    let comes = WatchMask::CREATE | WatchMask::MOVED_TO | WatchMask::ATTRIB;
    let goes = WatchMask::DELETE_SELF | WatchMask::MOVE_SELF;
    let way: Vec<&Path> = socket.ancestors().skip(1).collect();
    let mut nearest = None;
    // Where a folder is missing, the one above sees it come. That is let go of only when the one below is watched, or
    // something could come in between.
    for folder in way.into_iter().rev() {
        let Ok(found) = watches.add(folder, comes | goes | WatchMask::ONLYDIR) else {
            continue;
        };
        if let Some(above) = nearest.replace(found) {
            watches.remove(above)?;
        }
    }
    nearest.ok_or(io::ErrorKind::NotFound)?;
    inotify.into_event_stream([0; 1024])
}

async fn come(mut events: EventStream<[u8; 1024]>) -> io::Result<()> {
    while let Some(event) = events.next().await {
        // That is said of folders that are not watched any more.
        if event?.mask != EventMask::IGNORED {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs, future::Future, pin::pin, task::Poll};

    use super::*;

    #[tokio::test]
    async fn a_socket_is_noticed_even_when_its_folder_comes_first() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("adit");
        let socket = folder.join("helper.sock");
        let missing = ConnectError::NotRunning(socket.clone());
        let first = Arrival::watch(&socket);
        fs::create_dir(&folder).unwrap();
        first.after(&missing).await;

        let second = Arrival::watch(&socket);
        fs::write(root.path().join("another"), "").unwrap();
        let mut second = pin!(second.after(&missing));
        let early = std::future::poll_fn(|context| Poll::Ready(second.as_mut().poll(context)));
        assert!(early.await.is_pending(), "nothing has come yet");
        let unnamed = folder.join("helper.sock.1");
        fs::write(&unnamed, "").unwrap();
        fs::rename(&unnamed, &socket).unwrap();
        second.await;

        let third = Arrival::watch(&socket);
        fs::remove_dir_all(&folder).unwrap();
        third.after(&missing).await;
    }
}
