//! DNS over HTTPS, RFC 8484.

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http2::{self, SendRequest},
    header::{ACCEPT, CONTENT_TYPE, HeaderValue},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use url::Url;

use super::{AskError, ID, Line};
use crate::stub::LONGEST_MESSAGE;

/// A server, with the one connection that all questions share.
#[derive(Debug)]
pub(super) struct Https {
    url: String,
    line: Line,
    connection: Mutex<Option<Opening>>,
}

/// A connection that is open or being opened, or why there is none.
type Opening = Shared<BoxFuture<'static, Result<Sender, AskError>>>;
type Sender = SendRequest<Full<Bytes>>;

const MESSAGE: &str = "application/dns-message";
/// The least that is recommended for DNS (RFC 8484 section 5.2).
const HTTP_2: &[u8] = b"h2";

impl Https {
    pub(super) fn new(url: &Url, line: Line) -> Self {
        Self { url: url.as_str().to_owned(), line, connection: Mutex::default() }
    }

    pub(super) async fn ask(&self, message: &[u8]) -> Result<Vec<u8>, AskError> {
        let (id, rest) = message.split_at_checked(ID).ok_or(AskError::NoAnswer)?;
        // Without an ID, equal questions are equal messages (RFC 8484 section 4.1).
        let question = Bytes::from([&[0; ID], rest].concat());
        let response = match self.post(question.clone()).await {
            // The server closes what is idle, which shows only when it is asked.
            Err(AskError::Ended(_)) => self.post(question).await?,
            outcome => outcome?,
        };
        if response.status() != StatusCode::OK {
            return Err(AskError::Status(response.status().as_u16()));
        }
        let kind = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        if kind != Some(MESSAGE.as_bytes()) {
            return Err(AskError::NoAnswer);
        }
        let body = Limited::new(response.into_body(), LONGEST_MESSAGE).collect().await;
        let body = body.map_err(|error| AskError::Ended(error.to_string()))?.to_bytes();
        let answer = body.get(ID..).ok_or(AskError::NoAnswer)?;
        Ok([id, answer].concat())
    }

    /// The next question opens a new connection.
    pub(super) fn hang_up(&self) {
        *self.connection() = None;
    }

    async fn post(&self, question: Bytes) -> Result<Response<Incoming>, AskError> {
        let mut sender = self.opening().await?;
        let request = Request::post(&self.url)
            .header(ACCEPT, MESSAGE)
            .header(CONTENT_TYPE, MESSAGE)
            .body(Full::new(question))
            .map_err(|error| AskError::Ended(error.to_string()))?;
        sender.send_request(request).await.map_err(|error| AskError::Ended(error.to_string()))
    }

    fn opening(&self) -> Opening {
        let mut connection = self.connection();
        let is_usable = |known: &&Opening| match known.peek() {
            Some(Ok(sender)) => !sender.is_closed(),
            Some(Err(_)) => false,
            None => true,
        };
        if let Some(known) = connection.as_ref().filter(is_usable) {
            return known.clone();
        }
        let opening = open(self.line.clone()).boxed().shared();
        *connection = Some(opening.clone());
        opening
    }

    /// It is whole after every statement, so a panic elsewhere does not spoil it.
    fn connection(&self) -> MutexGuard<'_, Option<Opening>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn open(line: Line) -> Result<Sender, AskError> {
    let stream = TokioIo::new(line.open(&[HTTP_2]).await?);
    let opened = http2::handshake(TokioExecutor::new(), stream).await;
    let (sender, connection) = opened.map_err(|error| AskError::Ended(error.to_string()))?;
    // It ends when nobody has the sender any more.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to a DNS server has ended");
        }
    });
    Ok(sender)
}
