//! When something in a folder may have changed.

use std::{
    fs, io,
    mem::MaybeUninit,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    fs::inotify::{self, CreateFlags, WatchFlags},
    io::Errno,
};
use tokio::{io::unix::AsyncFd, time::timeout};

/// A file is often written in several steps. It has to be left alone for this long.
const QUIET: Duration = Duration::from_millis(300);
/// Somebody who writes all the time is not waited for any longer.
const MOST_STEPS: u32 = 20;

/// Hears of changes in a folder that may come and go.
pub(crate) struct FolderWatch {
    folder: PathBuf,
    /// What lies in its folders counts too.
    is_deep: bool,
    inotify: AsyncFd<OwnedFd>,
}

impl FolderWatch {
    /// Of what lies in the folder itself.
    pub(crate) fn open(folder: PathBuf) -> io::Result<Self> {
        Self::new(folder, false)
    }

    /// And of what lies in the folders in it.
    pub(crate) fn open_deep(folder: PathBuf) -> io::Result<Self> {
        Self::new(folder, true)
    }

    fn new(folder: PathBuf, is_deep: bool) -> io::Result<Self> {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        // SAFETY: an OwnedFd is the same descriptor as long as it lives, and is closed with this.
        let inotify = unsafe { AsyncFd::register(inotify) }?;
        let watch = Self { folder, is_deep, inotify };
        watch.watch();
        Ok(watch)
    }

    /// Waits until something may have changed, and then until it is quiet.
    pub(crate) async fn changed(&mut self) -> io::Result<()> {
        self.event().await?;
        for _ in 0..MOST_STEPS {
            // It may be the folder itself that came.
            self.watch();
            match timeout(QUIET, self.event()).await {
                Ok(event) => event?,
                Err(_) => break,
            }
        }
        Ok(())
    }

    /// The folder, and the way to it, where it may appear. What is watched already is watched once.
    fn watch(&self) {
        let flags = WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::ATTRIB
            | WatchFlags::ONLYDIR;
        let add = |folder: &Path| inotify::add_watch(self.inotify.get_ref(), folder, flags);
        for folder in self.folder.ancestors().take(2) {
            if add(folder).is_err() && folder != self.folder {
                // The nearest that exists.
                let _ = folder.ancestors().skip(1).find(|folder| add(folder).is_ok());
            }
        }
        let inner = self.is_deep.then(|| fs::read_dir(&self.folder));
        for entry in inner.into_iter().flatten().flatten().flatten() {
            // What is no folder is watched by the folder that it is in.
            let _ = add(&entry.path());
        }
    }

    async fn event(&self) -> io::Result<()> {
        loop {
            let mut guard = self.inotify.readable().await?;
            match guard.try_io(|inotify| Ok(drain(inotify.get_ref())?)) {
                Ok(drained) => return drained,
                Err(_would_block) => {}
            }
        }
    }
}

/// Reads all that there is; an error if there is nothing.
fn drain(inotify: &OwnedFd) -> rustix::io::Result<()> {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut reader = inotify::Reader::new(inotify, &mut buffer);
    let mut any = false;
    loop {
        match reader.next() {
            Ok(_) => any = true,
            Err(Errno::WOULDBLOCK) if any => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_is_watched_before_it_exists() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("adit").join("profiles.d");
        let mut watch = FolderWatch::open(folder.clone()).unwrap();
        fs::create_dir_all(&folder).unwrap();
        watch.changed().await.unwrap();
        fs::write(folder.join("a.conf"), "x").unwrap();
        watch.changed().await.unwrap();
        fs::remove_file(folder.join("a.conf")).unwrap();
        watch.changed().await.unwrap();
    }

    #[tokio::test]
    async fn a_folder_is_watched_with_those_in_it() {
        let root = tempfile::tempdir().unwrap();
        let mut watch = FolderWatch::open_deep(root.path().to_owned()).unwrap();
        let inner = root.path().join("org.example");
        fs::create_dir(&inner).unwrap();
        watch.changed().await.unwrap();
        fs::write(inner.join("run"), "x").unwrap();
        watch.changed().await.unwrap();
    }
}
