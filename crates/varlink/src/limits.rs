use std::time::Duration;

use crate::WireError;

/// What one connection may take from this process. Breaking a limit closes the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes in a message of the other side, without its NUL. 1 MiB by default.
    pub message: usize,
    /// Bytes in a message of ours. 16 MiB by default: whoever asks for a list takes it whole.
    pub sent: usize,
    /// File descriptors with a message. 16 by default; the kernel takes 253 at most.
    pub fds: usize,
    /// Time the other side has to take a whole message. 5 s by default.
    pub write: Duration,
    /// Time the other side has to finish a message that it began. 10 s by default.
    pub read: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            message: 1 << 20,
            sent: 16 << 20,
            fds: 16,
            write: Duration::from_secs(5),
            read: Duration::from_secs(10),
        }
    }
}

impl Limits {
    pub(crate) fn check_received(&self, message: usize, fds: usize) -> Result<(), WireError> {
        self.check(message, self.message, fds)
    }

    pub(crate) fn check_sent(&self, message: usize, fds: usize) -> Result<(), WireError> {
        self.check(message, self.sent, fds)
    }

    fn check(&self, message: usize, limit: usize, fds: usize) -> Result<(), WireError> {
        if message > limit {
            return Err(WireError::MessageTooLong { limit });
        }
        if fds > self.fds {
            return Err(WireError::TooManyFds { limit: self.fds });
        }
        Ok(())
    }
}
