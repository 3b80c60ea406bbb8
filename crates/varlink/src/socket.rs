use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
    },
};
use tokio::{
    io::Interest,
    net::UnixStream,
    time::{Instant, sleep, timeout, timeout_at},
};
use zeroize::{Zeroize, Zeroizing};

use crate::{
    Limits, WireError,
    frame::{Frame, Inbox},
};

const READ_SIZE: usize = 16 * 1024;

/// How often a client that only shut down its writing is looked at.
const HALF_CLOSED_CHECK: Duration = Duration::from_millis(500);

/// A stream of frames with file descriptors, guarded by its limits in both directions.
pub(crate) struct Socket {
    stream: UnixStream,
    inbox: Inbox<OwnedFd>,
    chunk: Zeroizing<Vec<u8>>,
    limits: Limits,
    /// When the message that has begun has to be whole.
    deadline: Option<Instant>,
}

impl Socket {
    pub(crate) fn new(stream: UnixStream, limits: Limits) -> Self {
        let chunk = Zeroizing::new(vec![0; READ_SIZE]);
        Socket { stream, inbox: Inbox::new(limits), chunk, limits, deadline: None }
    }

    pub(crate) fn into_stream(self) -> UnixStream {
        self.stream
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// The next message, or `None` when the other side has closed. Cancel safe.
    pub(crate) async fn receive(&mut self) -> Result<Option<Frame<OwnedFd>>, WireError> {
        loop {
            if let Some(frame) = self.inbox.take()? {
                self.deadline = None;
                return Ok(Some(frame));
            }
            if self.inbox.is_empty() {
                self.deadline = None;
            } else {
                self.deadline.get_or_insert_with(|| Instant::now() + self.limits.read);
            }
            let (stream, chunk, limit) = (&self.stream, &mut self.chunk, self.limits.fds);
            let reading = stream.async_io(Interest::READABLE, || read(stream, chunk, limit));
            let read = match self.deadline {
                Some(deadline) => {
                    timeout_at(deadline, reading).await.map_err(|_| WireError::ReadTimeout)?
                }
                None => reading.await,
            };
            let Read { length, fds, truncated } = match read {
                // The other side closed without reading everything it was sent.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Read::end(),
                other => other?,
            };
            if truncated {
                return Err(WireError::TooManyFds { limit });
            }
            if length == 0 {
                return if self.inbox.is_empty() { Ok(None) } else { Err(WireError::Truncated) };
            }
            self.inbox.push(&self.chunk[..length], fds);
            self.chunk[..length].zeroize();
        }
    }

    /// Writes one message, which includes its NUL. The file descriptors go with its first bytes.
    pub(crate) async fn send(
        &self,
        message: &[u8],
        fds: &[BorrowedFd<'_>],
    ) -> Result<(), WireError> {
        self.limits.check_sent(message.len().saturating_sub(1), fds.len())?;
        match timeout(self.limits.write, self.write_all(message, fds)).await {
            Ok(written) => Ok(written?),
            Err(_elapsed) => Err(WireError::WriteTimeout),
        }
    }

    async fn write_all(&self, mut bytes: &[u8], mut fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let stream = &self.stream;
        while !bytes.is_empty() {
            let written = stream.async_io(Interest::WRITABLE, || write(stream, bytes, fds)).await?;
            bytes = &bytes[written..];
            fds = &[];
        }
        Ok(())
    }

    /// Waits until nobody is left to read an answer, whatever is still unread here.
    ///
    /// A client that only shut down its writing, as `nc -N` does, is not gone.
    pub(crate) async fn hangup(&self) -> io::Result<()> {
        // Of all interests only this one resolves on "read closed" without resolving on data. The
        // socket is not registered for priority events, so they never wake it.
        self.stream.ready(Interest::PRIORITY).await?;
        while !is_hung_up(&self.stream)? {
            sleep(HALF_CLOSED_CHECK).await;
        }
        Ok(())
    }
}

struct Read {
    length: usize,
    fds: Vec<OwnedFd>,
    /// The kernel dropped file descriptors that did not fit.
    truncated: bool,
}

impl Read {
    fn end() -> Self {
        Read { length: 0, fds: Vec::new(), truncated: false }
    }
}

fn read(stream: &UnixStream, chunk: &mut [u8], fd_limit: usize) -> io::Result<Read> {
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(fd_limit))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let message =
        recvmsg(stream, &mut [IoSliceMut::new(chunk)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let fds = control
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(fds) => Some(fds),
            _ => None,
        })
        .flatten()
        .collect();
    let truncated = message.flags.contains(ReturnFlags::CTRUNC);
    Ok(Read { length: message.bytes, fds, truncated })
}

fn write(stream: &UnixStream, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(fds.len()))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(fds));
    }
    Ok(sendmsg(stream, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?)
}

fn is_hung_up(stream: &UnixStream) -> io::Result<bool> {
    let mut fds = [PollFd::from_borrowed_fd(stream.as_fd(), PollFlags::empty())];
    poll(&mut fds, Some(&Timespec::default()))?;
    Ok(fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR))
}
