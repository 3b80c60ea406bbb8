use std::io;

/// Why a connection cannot be used any further.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// A message in either direction is longer than [`Limits::message`](crate::Limits).
    #[error("a message is longer than {limit} bytes")]
    MessageTooLong {
        /// Bytes allowed.
        limit: usize,
    },
    /// A message in either direction carries more than [`Limits::fds`](crate::Limits).
    #[error("a message carries more than {limit} file descriptors")]
    TooManyFds {
        /// File descriptors allowed.
        limit: usize,
    },
    /// The connection ended within a message.
    #[error("the connection ended in the middle of a message")]
    Truncated,
    /// What came is not a Varlink message.
    #[error("what came is not a Varlink message: {0}")]
    Malformed(String),
    /// A value of ours has no JSON form.
    #[error("the message cannot be written as JSON: {0}")]
    Unencodable(String),
    /// The other side did not take a message within [`Limits::write`](crate::Limits).
    #[error("the other side does not read what it is sent")]
    WriteTimeout,
    /// The other side did not finish a message within [`Limits::read`](crate::Limits).
    #[error("the other side does not finish what it says")]
    ReadTimeout,
    /// An earlier call on this [`Client`](crate::Client) failed, or was dropped before its reply
    /// came.
    #[error("an earlier call on this connection failed or was given up; connect again")]
    Abandoned,
    /// The socket failed.
    #[error("the socket failed: {0}")]
    Io(#[from] io::Error),
}

impl WireError {
    /// Whether the other side is simply gone.
    pub(crate) fn is_disconnect(&self) -> bool {
        match self {
            WireError::Truncated => true,
            WireError::Io(error) => {
                matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
            }
            WireError::MessageTooLong { .. }
            | WireError::TooManyFds { .. }
            | WireError::Malformed(_)
            | WireError::Unencodable(_)
            | WireError::WriteTimeout
            | WireError::ReadTimeout
            | WireError::Abandoned => false,
        }
    }
}
