//! A provider process: started for one session under a user of its own, without capabilities,
//! without a network and in a sandbox, and ended with it. It outlives a helper that dies; the next one takes it over.
//! Spec ENT-16, PRV-11, PRV-13.

mod confinement;
mod process;
mod program;
mod sandbox;
mod system_calls;

use std::{
    io,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd, RawFd},
        unix::{
            net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream},
            process::CommandExt,
        },
    },
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use adit_network::Slot;
use adit_provider::{
    Manifest,
    protocol::{ATTACH_FD, Attach, Attached, HOST_FD, PROVIDER_FD},
};
use adit_varlink::{CallError, Client, NoError};
use rustix::process::{Pid, Signal};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::{UnixStream, unix::pipe},
    sync::oneshot,
    time::timeout,
};
use tracing::Instrument;

use self::sandbox::Sandbox;
pub(crate) use self::{
    confinement::{
        Confinement, FIRST_FREE_FD, end_all_processes, is_provider, reserve_descriptors,
    },
    process::{Process, ProcessName, start_time},
    program::ProgramVersion,
};

/// A process that runs, with the two connections to it.
pub(crate) struct ProviderProcess {
    /// The helper calls the provider on this one.
    pub(crate) provider: Client,
    /// The provider calls the helper on this one.
    pub(crate) host: UnixStream,
    pub(crate) process: Process,
    /// What it runs; none if nobody knows.
    pub(crate) program: Option<ProgramVersion>,
    confinement: Confinement,
}

/// Ends a process; dropping it does so too.
pub(crate) struct Lifeline {
    _end: oneshot::Sender<()>,
}

/// Why a provider cannot be taken over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TakeoverError {
    #[error("it does not listen: {0}")]
    Unreachable(#[from] io::Error),
    #[error("it does not answer")]
    Silent,
    #[error("it does not know how: {0}")]
    Refused(#[from] CallError<NoError>),
    #[error("its tunnel is not established")]
    NotEstablished,
}

/// A process that is told to end has this time, or is killed.
const GRACE: Duration = Duration::from_millis(500);

/// A provider that does not answer within this time while a new helper starts is not going to.
const TAKEOVER_LIMIT: Duration = Duration::from_secs(3);

impl ProviderProcess {
    /// Starts the provider's program. A later helper finds it at `listener`.
    pub(crate) fn start(
        manifest: &Manifest,
        slot: Slot,
        listener: &StdUnixListener,
    ) -> io::Result<Self> {
        let (provider, theirs) = StdUnixStream::pair()?;
        let (host, their_host) = StdUnixStream::pair()?;
        let log = log(&manifest.id)?;
        let mut command = Command::new(&manifest.executable);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LANG", "C.UTF-8")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        if let Some(filter) = std::env::var_os("ADIT_LOG") {
            command.env("ADIT_LOG", filter);
        }
        let descriptors = [
            (theirs.as_raw_fd(), PROVIDER_FD),
            (their_host.as_raw_fd(), HOST_FD),
            (listener.as_raw_fd(), ATTACH_FD),
        ];
        let confinement = Confinement::for_slot(slot);
        let sandbox = Sandbox::new(manifest, confinement.user())?;
        // SAFETY: the closure runs between fork and exec and only makes system calls.
        unsafe {
            command.pre_exec(move || {
                place(&descriptors)?;
                confinement.enter(&sandbox)
            });
        }
        // Looked at before: what comes meanwhile is another version.
        let program = ProgramVersion::of(&manifest.executable);
        // Dropping a child does not end it.
        let mut child = command.spawn()?;
        let pid = Pid::from_raw(child.id().cast_signed()).ok_or(io::ErrorKind::NotFound)?;
        let process = Process::child(pid).inspect_err(|_| drop(child.kill()))?;
        Ok(Self {
            provider: Client::from_stream(connection(provider)?),
            host: connection(host)?,
            process,
            program,
            confinement,
        })
    }

    /// Takes a process over that an earlier helper started and that listens at `socket`; ends it if
    /// that fails. Returns what it says of its tunnel, and the descriptors with that.
    pub(crate) async fn take_over(
        process: Process,
        program: Option<ProgramVersion>,
        id: &str,
        slot: Slot,
        socket: &Path,
    ) -> Result<(Self, Attached, Vec<OwnedFd>), TakeoverError> {
        match attach(id, socket).await {
            Ok((provider, host, attached, fds)) => {
                let confinement = Confinement::for_slot(slot);
                Ok((Self { provider, host, process, program, confinement }, attached, fds))
            }
            Err(error) => {
                end_process(&process).await;
                Err(error)
            }
        }
    }

    /// Splits off what ends the process. The future is done when the process and all that it
    /// started are gone.
    pub(crate) fn guard(
        self,
    ) -> (Client, UnixStream, Lifeline, impl Future<Output = ()> + Send + 'static) {
        let (end, ending) = oneshot::channel();
        let Self { provider, host, process, program: _, confinement } = self;
        let gone = async move {
            tokio::select! {
                () = process.ended() => {}
                _ = ending => end_process(&process).await,
            }
            // It leads a process group of its own, so this reaches its children too.
            process.kill_group();
            process.ended().await;
            // Its user is the slot's, and the next provider must not share it with anybody.
            // Looking through all processes takes a while, and this is not the place to wait.
            let _ = tokio::task::spawn_blocking(move || confinement.end_processes()).await;
        };
        (provider, host, Lifeline { _end: end }, gone)
    }
}

/// Ends a process that nothing more is expected of.
pub(crate) async fn end_process(process: &Process) {
    process.signal(Signal::TERM);
    if timeout(GRACE, process.ended()).await.is_err() {
        tracing::warn!("a provider did not end by itself and is killed");
        process.kill_group();
        process.ended().await;
    }
}

async fn attach(
    id: &str,
    socket: &Path,
) -> Result<(Client, UnixStream, Attached, Vec<OwnedFd>), TakeoverError> {
    let mut provider = Client::connect(socket).await?;
    let (host, theirs) = StdUnixStream::pair()?;
    let log = log(id)?;
    let attach = Attach { host: 0, log: 1 };
    let descriptors = [theirs.as_fd(), log.as_fd()];
    let attaching = provider.call_with_fds(&attach, &descriptors);
    let answer = timeout(TAKEOVER_LIMIT, attaching).await;
    let (attached, fds) = answer.map_err(|_| TakeoverError::Silent)??;
    if !attached.established {
        return Err(TakeoverError::NotEstablished);
    }
    Ok((provider, connection(host)?, attached, fds))
}

fn connection(stream: StdUnixStream) -> io::Result<UnixStream> {
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

/// Puts descriptors into their places, first out of the way of each other. Runs after fork.
fn place(descriptors: &[(RawFd, RawFd); 3]) -> io::Result<()> {
    const OUT_OF_THE_WAY: libc::c_int = 100;
    const FIRST_OTHER: libc::c_uint = FIRST_FREE_FD.cast_unsigned();
    const CLOSE_RANGE_CLOEXEC: libc::c_int = libc::CLOSE_RANGE_CLOEXEC.cast_signed();
    let mut moved = [0; 3];
    for (index, (from, _)) in descriptors.iter().enumerate() {
        // SAFETY: duplicates a descriptor that is open.
        moved[index] = unsafe { libc::fcntl(*from, libc::F_DUPFD_CLOEXEC, OUT_OF_THE_WAY) };
        if moved[index] < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    // Whatever whoever started the helper left open is not for providers.
    // SAFETY: only sets flags of descriptors.
    unsafe { libc::close_range(FIRST_OTHER, libc::c_uint::MAX, CLOSE_RANGE_CLOEXEC) };
    for (from, (_, to)) in moved.into_iter().zip(descriptors) {
        // SAFETY: `to` is reserved since the start of the helper, so nothing of the standard
        // library's own is overwritten.
        if unsafe { libc::dup2(from, *to) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// The writing end of a pipe whose content is logged. What a provider prints may hold addresses,
/// anything at all, and never end.
fn log(id: &str) -> io::Result<OwnedFd> {
    const LONGEST: u64 = 4096;
    let (output, writer) = io::pipe()?;
    let mut output = BufReader::new(pipe::Receiver::from_owned_fd(output.into())?);
    let id = id.to_owned();
    tokio::spawn(
        async move {
            let mut line = Vec::new();
            while let Ok(1..) = (&mut output).take(LONGEST).read_until(b'\n', &mut line).await {
                let text = String::from_utf8_lossy(&line);
                tracing::debug!(provider = %id, "{}", text.trim_end().escape_debug());
                line.clear();
            }
        }
        .in_current_span(),
    );
    Ok(writer.into())
}

/// Duplicates descriptors for a message that carries them.
pub(crate) fn duplicate(fds: &[OwnedFd]) -> io::Result<Vec<OwnedFd>> {
    fds.iter().map(OwnedFd::try_clone).collect()
}
