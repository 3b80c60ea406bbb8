use std::time::Duration;

use crate::WireError;

/// What one connection may take from this process. Breaking a limit closes the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes in a message, without its NUL. 1 MiB by default.
    pub message: usize,
    /// File descriptors with a message. 16 by default; the kernel takes 253 at most.
    pub fds: usize,
    /// Time the other side has to take a whole message. 5 s by default.
    pub write: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { message: 1 << 20, fds: 16, write: Duration::from_secs(5) }
    }
}

impl Limits {
    pub(crate) fn check(&self, message: usize, fds: usize) -> Result<(), WireError> {
        if message > self.message {
            return Err(WireError::MessageTooLong { limit: self.message });
        }
        if fds > self.fds {
            return Err(WireError::TooManyFds { limit: self.fds });
        }
        Ok(())
    }
}
