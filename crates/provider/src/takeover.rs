//! How a session goes on when its helper is gone and the next one takes it over.
//!
//! The tunnel needs no helper to carry packets. When the connections close while a session is under
//! way, the helper is dead: one that ends a session ends the process by a signal. The next one
//! connects to the listening socket that the process was given, and calls `Attach`.

use std::{
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream},
    },
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use adit_varlink::{Client, Descriptors};
use rustix::fs::{Mode, OFlags};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::watch,
    time::timeout,
};

use crate::{
    host::Connection,
    protocol::{Attach, Attached},
};

/// How long a tunnel stands that nobody is in charge of.
const PATIENCE: Duration = Duration::from_secs(60);

/// The session that is under way, as the next helper finds it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing(Arc<Mutex<Option<Session>>>);

#[derive(Debug)]
struct Session {
    established: bool,
    /// Duplicates, so that a helper that knows nothing gets the interface back.
    queues: Vec<OwnedFd>,
}

impl Standing {
    /// A session was started on these queues.
    pub(crate) fn begin(&self, queues: &[OwnedFd]) -> io::Result<()> {
        let queues = duplicate(queues)?;
        *self.session() = Some(Session { established: false, queues });
        Ok(())
    }

    /// Its device came later, or once more.
    pub(crate) fn hold(&self, queues: &[OwnedFd]) -> io::Result<()> {
        let queues = duplicate(queues)?;
        if let Some(session) = self.session().as_mut() {
            session.queues = queues;
        }
        Ok(())
    }

    /// It has its tunnel.
    pub(crate) fn establish(&self) {
        if let Some(session) = self.session().as_mut() {
            session.established = true;
        }
    }

    /// It is over.
    pub(crate) fn end(&self) {
        *self.session() = None;
    }

    pub(crate) fn is_under_way(&self) -> bool {
        self.session().is_some()
    }

    fn is_established(&self) -> bool {
        self.session().as_ref().is_some_and(|session| session.established)
    }

    fn queues(&self) -> io::Result<Vec<OwnedFd>> {
        self.session().as_ref().map_or_else(|| Ok(Vec::new()), |session| duplicate(&session.queues))
    }

    /// The session is whole after every statement, so a panic elsewhere does not spoil it.
    fn session(&self) -> MutexGuard<'_, Option<Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for a helper; none if it does not come in time.
pub(crate) async fn next_helper(listener: Option<&UnixListener>) -> Option<UnixStream> {
    let listener = listener?;
    // Nobody reads what is printed, and a full pipe or a broken one must not stop the tunnel.
    if let Ok(nowhere) = rustix::fs::open("/dev/null", OFlags::RDWR, Mode::empty()) {
        redirect_output(&nowhere);
    }
    let (stream, _) = timeout(PATIENCE, listener.accept()).await.ok()?.ok()?;
    Some(stream)
}

/// Hands the session over to the helper that asks for it.
pub(crate) fn attach(
    call: &Attach,
    fds: Vec<OwnedFd>,
    standing: &Standing,
    reasserting: bool,
    host: &watch::Sender<Connection>,
) -> (Attached, Vec<OwnedFd>) {
    let taken = take_over(call, fds, host).and_then(|()| standing.queues());
    match taken {
        Ok(queues) => {
            let established = standing.is_established();
            let queue_indexes = (0..queues.len()).collect();
            (Attached { established, reasserting, queues: queue_indexes }, queues)
        }
        Err(error) => {
            tracing::error!(%error, "the session cannot be handed over");
            (Attached { established: false, reasserting, queues: Vec::new() }, Vec::new())
        }
    }
}

/// Speaks to this helper from here on.
fn take_over(call: &Attach, fds: Vec<OwnedFd>, host: &watch::Sender<Connection>) -> io::Result<()> {
    let mut fds = Descriptors::from(fds);
    let mut take = |index: usize| {
        let missing = || io::Error::new(io::ErrorKind::InvalidInput, "a descriptor is missing");
        fds.take(index).ok_or_else(missing)
    };
    let stream = StdUnixStream::from(take(call.host)?);
    redirect_output(&take(call.log)?);
    stream.set_nonblocking(true)?;
    host.send_replace(Connection::new(Client::from_stream(UnixStream::from_std(stream)?)));
    Ok(())
}

/// The socket for the next helper. A provider that was given none ends with its helper.
pub(crate) fn listener(inherited: OwnedFd) -> io::Result<UnixListener> {
    let listener = StdUnixListener::from(inherited);
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

/// Where everything goes that is printed. It fails only for descriptors that are not open.
fn redirect_output(to: impl AsFd) {
    let _ = rustix::stdio::dup2_stdout(&to);
    let _ = rustix::stdio::dup2_stderr(to);
}

fn duplicate(fds: &[OwnedFd]) -> io::Result<Vec<OwnedFd>> {
    fds.iter().map(OwnedFd::try_clone).collect()
}
