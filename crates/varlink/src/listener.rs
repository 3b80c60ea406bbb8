use std::{
    collections::HashMap,
    convert::Infallible,
    ffi::OsString,
    fs, io,
    os::{
        fd::OwnedFd,
        unix::fs::{FileTypeExt, PermissionsExt},
        unix::net,
    },
    path::{Path, PathBuf},
    process,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::{
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with, sockopt},
};
use tokio::{
    net::{UnixListener, UnixStream},
    task::JoinSet,
    time::sleep,
};
use tracing::{debug, warn};

use crate::{Router, serve_stream};

const CONNECTIONS_PER_UID: usize = 32;

/// Of all users together, far fewer than a process may have descriptors.
const CONNECTIONS: usize = 256;

/// Whom nobody keeps out: the connections of root do not count among those of all.
const ROOT: u32 = 0;

/// How long to wait when no connection can be accepted, as when file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A Unix socket that clients connect to.
#[derive(Debug)]
pub struct Listener {
    socket: UnixListener,
    connections_per_uid: usize,
    connections: usize,
}

/// Why a socket cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another process answers there.
    #[error("another instance is already running: something answers on {}", path.display())]
    AlreadyRunning {
        /// The socket.
        path: PathBuf,
    },
    /// What is there is not ours to replace.
    #[error("{} exists and is not a socket; remove it or choose another path", path.display())]
    NotASocket {
        /// The path asked for.
        path: PathBuf,
    },
    /// The inherited file descriptor is something else.
    #[error("the inherited file descriptor is not a listening Unix stream socket")]
    NotListening,
    /// The system refused.
    #[error("cannot listen on {}: {source}", path.display())]
    Io {
        /// The path asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Listener {
    /// Listens on `path`, which gets the permission bits `mode`. A socket that nobody answers on is
    /// replaced.
    ///
    /// Needs a tokio runtime, as all of this type.
    pub fn bind(path: impl AsRef<Path>, mode: u32) -> Result<Self, ListenError> {
        let path = path.as_ref();
        let io = |source: io::Error| ListenError::Io { path: path.to_owned(), source };
        match occupant(path).map_err(io)? {
            Occupant::Nothing | Occupant::StaleSocket => {}
            Occupant::LiveSocket => {
                return Err(ListenError::AlreadyRunning { path: path.to_owned() });
            }
            Occupant::OtherFile => return Err(ListenError::NotASocket { path: path.to_owned() }),
        }
        let socket = bind_and_rename(path, mode).map_err(io)?;
        Ok(Self::new(socket))
    }

    /// Listens on a socket that was opened for us, such as systemd's fd 3.
    pub fn inherited(fd: OwnedFd) -> Result<Self, ListenError> {
        let suits = sockopt::socket_acceptconn(&fd) == Ok(true)
            && sockopt::socket_domain(&fd) == Ok(AddressFamily::UNIX)
            && sockopt::socket_type(&fd) == Ok(SocketType::STREAM);
        if !suits {
            return Err(ListenError::NotListening);
        }
        let socket = net::UnixListener::from(fd);
        let registered = socket.set_nonblocking(true).and_then(|()| UnixListener::from_std(socket));
        registered.map(Self::new).map_err(|_refused| ListenError::NotListening)
    }

    /// How many connections one user may have at a time; 32 by default. Further ones are closed at
    /// once.
    #[must_use]
    pub fn connections_per_uid(mut self, cap: usize) -> Self {
        self.connections_per_uid = cap;
        self
    }

    /// How many connections all users but root may have together; 256 by default. Further ones are
    /// closed at once.
    #[must_use]
    pub fn connections(mut self, cap: usize) -> Self {
        self.connections = cap;
        self
    }

    /// Serves every client in a task of its own, for ever: nothing that a client does or that
    /// `accept` says ends it.
    ///
    /// Dropping the future closes the socket and every connection.
    pub async fn serve<S, A>(self, router: Arc<Router<S, A>>, state: S) -> Infallible
    where
        S: Clone + Send + Sync + 'static,
        A: Clone + Send + Sync + 'static,
    {
        let seats = Seats::new(self.connections_per_uid, self.connections);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                Some(_ended) = connections.join_next() => {}
                accepted = self.socket.accept() => match accepted {
                    Ok((stream, _address)) => {
                        if let Some(seat) = seat_for(&seats, &stream) {
                            let (router, state) = (Arc::clone(&router), state.clone());
                            connections.spawn(serve_client(router, state, stream, seat));
                        }
                    }
                    Err(error) => {
                        warn!(%error, "cannot accept a connection");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
    }

    fn new(socket: UnixListener) -> Self {
        Listener { socket, connections_per_uid: CONNECTIONS_PER_UID, connections: CONNECTIONS }
    }
}

enum Occupant {
    Nothing,
    StaleSocket,
    LiveSocket,
    OtherFile,
}

fn occupant(path: &Path) -> io::Result<Occupant> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Occupant::Nothing),
        other => other?,
    };
    if !metadata.file_type().is_socket() {
        return Ok(Occupant::OtherFile);
    }
    // Non-blocking: a service whose backlog is full is alive, and says EAGAIN.
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let probe = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match connect(&probe, &SocketAddrUnix::new(path)?) {
        Ok(()) | Err(Errno::AGAIN) => Ok(Occupant::LiveSocket),
        Err(Errno::CONNREFUSED) => Ok(Occupant::StaleSocket),
        Err(Errno::NOENT) => Ok(Occupant::Nothing),
        Err(other) => Err(other.into()),
    }
}

/// The socket appears at `path` in one step, listening and with its permissions.
fn bind_and_rename(path: &Path, mode: u32) -> io::Result<UnixListener> {
    let mut name = OsString::from(path);
    name.push(format!(".{}", process::id()));
    let unnamed = PathBuf::from(name);
    match fs::remove_file(&unnamed) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = UnixListener::bind(&unnamed)?;
    fs::set_permissions(&unnamed, fs::Permissions::from_mode(mode))?;
    fs::rename(&unnamed, path)?;
    Ok(socket)
}

async fn serve_client<S, A>(router: Arc<Router<S, A>>, state: S, stream: UnixStream, seat: Seat)
where
    S: Clone + Send + Sync + 'static,
    A: Clone + Send + Sync + 'static,
{
    if let Err(error) = serve_stream(router, state, stream).await {
        debug!(uid = seat.uid, %error, "closed a connection");
    }
}

fn seat_for(seats: &Arc<Seats>, stream: &UnixStream) -> Option<Seat> {
    let uid = match stream.peer_cred() {
        Ok(credentials) => credentials.uid(),
        Err(error) => {
            debug!(%error, "closed a connection from an unknown user");
            return None;
        }
    };
    let seat = seats.take(uid);
    if seat.is_none() {
        debug!(uid, "closed a connection: the user has too many, or all users together");
    }
    seat
}

/// Counts the connections of each user.
struct Seats {
    of_each: usize,
    of_all: usize,
    taken: Mutex<HashMap<u32, usize>>,
}

impl Seats {
    fn new(of_each: usize, of_all: usize) -> Arc<Self> {
        Arc::new(Seats { of_each, of_all, taken: Mutex::default() })
    }

    fn take(self: &Arc<Self>, uid: u32) -> Option<Seat> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let others = || taken.iter().filter(|(uid, _)| **uid != ROOT).map(|(_, count)| count);
        if uid != ROOT && others().sum::<usize>() >= self.of_all {
            return None;
        }
        let own = taken.get(&uid).copied().unwrap_or(0);
        if own >= self.of_each {
            return None;
        }
        taken.insert(uid, own + 1);
        Some(Seat { seats: Arc::clone(self), uid })
    }
}

/// One connection of a user; given back on drop.
struct Seat {
    seats: Arc<Seats>,
    uid: u32,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.uid) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.uid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_counted_for_each_user_and_given_back() {
        let seats = Seats::new(2, 9);
        let first = seats.take(1000);
        let second = seats.take(1000);
        assert!(first.is_some() && second.is_some());
        assert!(seats.take(1000).is_none());
        assert!(seats.take(1001).is_some());
        drop(first);
        assert!(seats.take(1000).is_some());
        drop(second);
        assert!(seats.taken.lock().unwrap().is_empty());
    }

    #[test]
    fn all_users_together_do_not_keep_root_out() {
        let seats = Seats::new(2, 3);
        let taken: Vec<_> = [1000, 1000, 1001].map(|uid| seats.take(uid)).into();
        assert!(taken.iter().all(Option::is_some));
        assert!(seats.take(1001).is_none() && seats.take(1002).is_none());
        let root = [seats.take(ROOT), seats.take(ROOT)];
        assert!(root.iter().all(Option::is_some) && seats.take(ROOT).is_none());
        drop(taken);
        assert!(seats.take(1002).is_some());
    }
}
