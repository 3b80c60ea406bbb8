//! What others do to name resolution: they write the file that programs read, or start anew.

use std::{
    ffi::OsStr,
    io,
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
};

use futures_util::{Stream, StreamExt, stream};
use rustix::{
    fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags},
    io::Errno,
};
use tokio::{io::unix::AsyncFd, sync::mpsc};
use zbus::{
    Connection,
    fdo::{DBusProxy, NameOwnerChanged},
};

use super::{Change, Culprit, Part, opponent};
use crate::{bus, network::Bus};

/// Services that have to be told anew when they start, and what they are called.
const SERVICES: [(&str, &str); 2] = [
    ("org.freedesktop.resolve1", "systemd-resolved"),
    ("org.freedesktop.NetworkManager", "NetworkManager"),
];

/// Follows what others do to name resolution. Never ends by itself; where something cannot be
/// watched, the rest is.
pub(super) fn changes(resolv_conf: &Path, bus: &Bus) -> impl Stream<Item = Change> + use<> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(watch_file(resolv_conf.to_owned(), sender.clone()));
    tokio::spawn(bus::keep_following(bus.clone(), sender, follow));
    stream::unfold(receiver, |mut receiver| async {
        match receiver.recv().await {
            Some(change) => Some((change, receiver)),
            None => std::future::pending().await,
        }
    })
}

/// Until nobody listens any more.
async fn watch_file(resolv_conf: PathBuf, changes: mpsc::Sender<Change>) {
    let mut file = match WatchedFile::open(resolv_conf) {
        Ok(file) => file,
        Err(error) => return tracing::warn!("resolv.conf cannot be watched: {error}"),
    };
    loop {
        tokio::select! {
            written = file.changed() => if let Err(error) = written {
                return tracing::warn!("resolv.conf is no longer watched: {error}");
            },
            () = changes.closed() => return,
        }
        let by = opponent::of_resolv_conf(&file.path).map_or(Culprit::Unknown, Culprit::Program);
        let _ = changes.send(Change { part: Some(Part::NameResolution), by }).await;
    }
}

/// A file that others replace, or the target of a symbolic link.
struct WatchedFile {
    path: PathBuf,
    inotify: AsyncFd<OwnedFd>,
    /// The watch of the folder that the path names; the other watches are of the file alone.
    folder: Option<i32>,
}

impl WatchedFile {
    fn open(path: PathBuf) -> io::Result<Self> {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        // SAFETY: an OwnedFd is the same descriptor as long as it lives, and is closed with this.
        let inotify = unsafe { AsyncFd::register(inotify) }?;
        let mut file = Self { path, inotify, folder: None };
        file.watch();
        Ok(file)
    }

    /// The file may be another one each time. What is watched already is watched once.
    fn watch(&mut self) {
        let replaced = WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::CLOSE_WRITE;
        let add = |path: &Path, flags| inotify::add_watch(&self.inotify, path, flags).ok();
        let folder = self.path.parent().and_then(|folder| add(folder, replaced));
        // Also where it leads, and where it is bound from somewhere else.
        let target = self.path.canonicalize().ok();
        if let Some(target) = &target {
            add(target, WatchFlags::CLOSE_WRITE);
        }
        if let Some(target) = target.filter(|target| *target != self.path) {
            target.parent().and_then(|folder| add(folder, replaced));
        }
        self.folder = folder;
    }

    async fn changed(&mut self) -> io::Result<()> {
        loop {
            let mut guard = self.inotify.readable().await?;
            let read = guard.try_io(|inotify| Ok(self.is_concerned(inotify.get_ref())?));
            match read {
                Ok(Ok(false)) | Err(_) => {}
                Ok(Ok(true)) => {
                    self.watch();
                    return Ok(());
                }
                Ok(Err(error)) => return Err(error),
            }
        }
    }

    /// Reads all that there is and says whether any of it is about the file.
    fn is_concerned(&self, inotify: &OwnedFd) -> rustix::io::Result<bool> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(inotify, &mut buffer);
        let mut is_concerned = false;
        loop {
            match reader.next() {
                Ok(event) => {
                    let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
                    let other = Some(event.wd()) == self.folder && name != self.path.file_name();
                    is_concerned |= !other || event.events().contains(ReadFlags::QUEUE_OVERFLOW);
                }
                Err(Errno::WOULDBLOCK) if is_concerned => return Ok(true),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Until the connection to the bus ends.
async fn follow(connection: Connection, changes: mpsc::Sender<Change>) -> zbus::Result<()> {
    let proxy = DBusProxy::new(&connection).await?;
    let mut owners = Vec::new();
    for (service, _) in SERVICES {
        owners.push(proxy.receive_name_owner_changed_with_args(&[(0, service)]).await?);
    }
    let mut owners = stream::select_all(owners);
    while let Some(owner) = owners.next().await {
        let by = Culprit::Program(called(&owner)?.to_owned());
        let _ = changes.send(Change { part: Some(Part::NameResolution), by }).await;
    }
    Ok(())
}

/// What a person calls the service.
fn called(owner: &NameOwnerChanged) -> zbus::Result<&'static str> {
    let args = owner.args()?;
    let known = SERVICES.iter().find(|(service, _)| *service == args.name().as_str());
    Ok(known.map_or("a service", |(_, called)| called))
}
