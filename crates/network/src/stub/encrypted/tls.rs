//! DNS over TLS, RFC 7858.

use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::{AskError, ID, Line};
use crate::stub::{read_framed, write_framed};

/// A server, with connections that nobody uses at the moment: one question at a time goes through each.
#[derive(Debug)]
pub(super) struct Tls {
    line: Line,
    idle: Mutex<Vec<TlsStream<TcpStream>>>,
}

const MOST_IDLE: usize = 4;

impl Tls {
    pub(super) fn new(line: Line) -> Self {
        Self { line, idle: Mutex::default() }
    }

    pub(super) async fn ask(&self, message: &[u8]) -> Result<Vec<u8>, AskError> {
        let idle = self.idle().pop();
        if let Some(stream) = idle {
            match self.exchange(stream, message).await {
                // The server closes what is idle, which shows only when it is asked.
                Err(AskError::Ended(_)) => {}
                outcome => return outcome,
            }
        }
        self.exchange(self.line.open(&[]).await?, message).await
    }

    /// The next question opens a new connection.
    pub(super) fn hang_up(&self) {
        self.idle().clear();
    }

    async fn exchange(
        &self,
        mut stream: TlsStream<TcpStream>,
        message: &[u8],
    ) -> Result<Vec<u8>, AskError> {
        let exchanged = async {
            write_framed(&mut stream, message).await?;
            read_framed(&mut stream).await
        };
        let exchanged: io::Result<Vec<u8>> = exchanged.await;
        let answer = exchanged.map_err(|error| AskError::Ended(error.to_string()))?;
        if answer.get(..ID) != message.get(..ID) {
            return Err(AskError::NoAnswer);
        }
        let mut idle = self.idle();
        if idle.len() < MOST_IDLE {
            idle.push(stream);
        }
        Ok(answer)
    }

    /// It is whole after every statement, so a panic elsewhere does not spoil it.
    fn idle(&self) -> MutexGuard<'_, Vec<TlsStream<TcpStream>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
