//! A client that writes whatever it likes.

use std::{
    io::{self, IoSlice, Read, Write},
    mem::MaybeUninit,
    net::Shutdown,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde_json::Value;
use tokio::time::timeout;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Raw {
    stream: UnixStream,
    inbox: Vec<u8>,
}

impl Raw {
    pub(crate) fn connect(path: &Path) -> Self {
        Raw::try_connect(path).unwrap()
    }

    pub(crate) fn try_connect(path: &Path) -> io::Result<Self> {
        UnixStream::connect(path).map(Self::of)
    }

    pub(crate) fn of(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Raw { stream, inbox: Vec::new() }
    }

    pub(crate) fn call(&mut self, method: &str, parameters: &str) -> Value {
        self.send(&message(method, parameters));
        self.receive().expect("a reply")
    }

    /// Whether this connection still answers.
    pub(crate) fn is_served(&mut self) -> bool {
        self.try_send(message("Mark", "{}").as_bytes()).is_ok() && self.receive().is_some()
    }

    pub(crate) fn send(&mut self, bytes: &str) {
        self.try_send(bytes.as_bytes()).unwrap();
    }

    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub(crate) fn send_with_fds(&mut self, bytes: &str, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(fds.len()))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(fds)));
        let bytes = IoSlice::new(bytes.as_bytes());
        let sent = sendmsg(self.stream.as_fd(), &[bytes], &mut control, SendFlags::NOSIGNAL)?;
        assert_eq!(sent, bytes.len());
        Ok(())
    }

    /// The next message, `None` once the other side has closed.
    pub(crate) fn receive(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.inbox.iter().position(|byte| *byte == 0) {
                let rest = self.inbox.split_off(end + 1);
                let message = std::mem::replace(&mut self.inbox, rest);
                return Some(serde_json::from_slice(&message[..end]).unwrap());
            }
            let mut chunk = [0; 16384];
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return None,
                read => self.inbox.extend_from_slice(&chunk[..read.unwrap()]),
            }
        }
    }

    pub(crate) fn shut_down_writing(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }
}

/// What a future yields, but not for ever.
pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("the test takes too long")
}

/// Whether this comes true in time.
pub(crate) fn eventually(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if condition() {
            return true;
        }
        sleep(Duration::from_millis(1));
    }
    false
}

/// A call of the store, with its NUL.
pub(crate) fn message(method: &str, parameters: &str) -> String {
    format!("{{\"method\":\"org.example.Store.{method}\",\"parameters\":{parameters}}}\0")
}
