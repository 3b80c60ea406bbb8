//! A provider process: started for one session under a user of its own, without capabilities and
//! without a network, and ended with it. Spec ENT-16, PRV-11, PRV-13.

mod confinement;

use std::{
    io,
    os::{
        fd::{AsRawFd, OwnedFd, RawFd},
        unix::{net::UnixStream as StdUnixStream, process::CommandExt},
    },
    process::{Command, Stdio},
    time::Duration,
};

use adit_network::Slot;
use adit_provider::{
    Manifest,
    protocol::{HOST_FD, PROVIDER_FD},
};
use rustix::process::{Pid, Signal};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader},
    net::UnixStream,
    process::Child,
    sync::oneshot,
    time::timeout,
};

pub(crate) use confinement::{end_all_processes, is_provider, reserve_descriptors};

use self::confinement::Confinement;

/// A process that was started, with the two connections to it.
pub(crate) struct ProviderProcess {
    /// The helper calls the provider on this one.
    pub(crate) provider: UnixStream,
    /// The provider calls the helper on this one.
    pub(crate) host: UnixStream,
    pub(crate) pid: Pid,
    child: Child,
    confinement: Confinement,
}

/// Ends a process; dropping it does so too.
pub(crate) struct Lifeline {
    _end: oneshot::Sender<()>,
}

/// A process whose connections are closed ends by itself within this time, or is killed.
const GRACE: Duration = Duration::from_millis(500);

impl ProviderProcess {
    /// Starts the provider's program.
    pub(crate) fn start(manifest: &Manifest, slot: Slot) -> io::Result<Self> {
        let (provider, theirs) = StdUnixStream::pair()?;
        let (host, their_host) = StdUnixStream::pair()?;
        let mut command = Command::new(&manifest.executable);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LANG", "C.UTF-8")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(filter) = std::env::var_os("ADIT_LOG") {
            command.env("ADIT_LOG", filter);
        }
        let descriptors = [(theirs.as_raw_fd(), PROVIDER_FD), (their_host.as_raw_fd(), HOST_FD)];
        let confinement = Confinement::for_slot(slot);
        // SAFETY: the closure runs between fork and exec and only makes system calls.
        unsafe {
            command.pre_exec(move || {
                place(&descriptors)?;
                confinement.enter()
            });
        }
        let mut child = tokio::process::Command::from(command).kill_on_drop(true).spawn()?;
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let pid = pid.ok_or_else(|| io::Error::other("the process ended at once"))?;
        log_lines(&manifest.id, child.stdout.take());
        log_lines(&manifest.id, child.stderr.take());
        Ok(Self {
            provider: connection(provider)?,
            host: connection(host)?,
            pid,
            child,
            confinement,
        })
    }

    /// Splits off what ends the process. The future is done when the process and all that it
    /// started are gone.
    pub(crate) fn guard(
        self,
    ) -> (UnixStream, UnixStream, Lifeline, impl Future<Output = ()> + Send + 'static) {
        let (end, ending) = oneshot::channel();
        let Self { provider, host, pid, mut child, confinement } = self;
        let gone = async move {
            tokio::select! {
                _ = child.wait() => {}
                _ = ending => {
                    if timeout(GRACE, child.wait()).await.is_err() {
                        tracing::warn!("a provider did not end by itself and is killed");
                    }
                }
            }
            // It leads a process group of its own, so this reaches its children too.
            let _ = rustix::process::kill_process_group(pid, Signal::KILL);
            let _ = child.wait().await;
            // Its user is the slot's, and the next provider must not share it with anybody.
            // Looking through all processes takes a while, and this is not the place to wait.
            let _ = tokio::task::spawn_blocking(move || confinement.end_processes()).await;
        };
        (provider, host, Lifeline { _end: end }, gone)
    }
}

fn connection(stream: StdUnixStream) -> io::Result<UnixStream> {
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

/// Puts descriptors into their places, first out of the way of each other. Runs after fork.
fn place(descriptors: &[(RawFd, RawFd); 2]) -> io::Result<()> {
    const OUT_OF_THE_WAY: libc::c_int = 100;
    const FIRST_OTHER: libc::c_uint = HOST_FD.cast_unsigned() + 1;
    const CLOSE_RANGE_CLOEXEC: libc::c_int = libc::CLOSE_RANGE_CLOEXEC.cast_signed();
    let mut moved = [0; 2];
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

/// What a provider prints may hold addresses, anything at all, and never end.
fn log_lines(id: &str, output: Option<impl AsyncRead + Unpin + Send + 'static>) {
    const LONGEST: u64 = 4096;
    let Some(output) = output else { return };
    let id = id.to_owned();
    tokio::spawn(async move {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while let Ok(1..) = (&mut output).take(LONGEST).read_until(b'\n', &mut line).await {
            let text = String::from_utf8_lossy(&line);
            tracing::debug!(provider = %id, "{}", text.trim_end().escape_debug());
            line.clear();
        }
    });
}

/// Duplicates descriptors for a message that carries them.
pub(crate) fn duplicate(fds: &[OwnedFd]) -> io::Result<Vec<OwnedFd>> {
    fds.iter().map(OwnedFd::try_clone).collect()
}
