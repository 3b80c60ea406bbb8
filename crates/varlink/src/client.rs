use std::{
    io, mem,
    os::fd::{BorrowedFd, OwnedFd},
    path::Path,
};

use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use serde_json::{Value, json};
use tokio::net::UnixStream;

use crate::{
    ApiError, Limits, Method, ServiceError, WireError,
    message::{BadParameter, OutgoingCall, Reply, decode, encode, is_empty, parameters},
    socket::Socket,
};

/// The calling end of a connection. One call at a time; a subscription needs a connection of its
/// own.
///
/// A call that is dropped before its reply came leaves the client unusable
/// ([`WireError::Abandoned`]): the reply would be taken for that of the next call.
pub struct Client {
    socket: Socket,
    /// Between two calls; false while one is under way and after one that failed half-way.
    in_step: bool,
}

/// Why a call has no reply.
#[derive(Debug, thiserror::Error)]
pub enum CallError<E> {
    /// One of the interface's own errors.
    #[error(transparent)]
    Api(E),
    /// The service refused the call as such.
    #[error(transparent)]
    Service(ServiceError),
    /// An error this version does not know.
    #[error("the service answered with an unknown error: {error}")]
    UnknownError {
        /// Its full name.
        error: String,
        /// Whatever came with it.
        parameters: Value,
    },
    /// The reply does not fit its type; the service may be of another version.
    #[error("the reply of the service does not fit, at \"{parameter}\": {message}")]
    InvalidReply {
        /// The path of the field: `tunnels[0].state`.
        parameter: String,
        /// What is wrong with it.
        message: String,
    },
    /// The other side closed the connection.
    #[error("the service closed the connection")]
    Disconnected,
    /// The connection failed otherwise.
    #[error(transparent)]
    Wire(WireError),
}

impl<E> From<WireError> for CallError<E> {
    fn from(error: WireError) -> Self {
        if error.is_disconnect() { CallError::Disconnected } else { CallError::Wire(error) }
    }
}

impl<E> From<BadParameter> for CallError<E> {
    fn from(bad: BadParameter) -> Self {
        CallError::InvalidReply { parameter: bad.parameter, message: bad.message }
    }
}

impl Client {
    /// Connects to the socket at `path`.
    pub async fn connect(path: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self::from_stream(UnixStream::connect(path).await?))
    }

    /// Calls over a stream that is connected already.
    #[must_use]
    pub fn from_stream(stream: UnixStream) -> Self {
        Client { socket: Socket::new(stream, Limits::default()), in_step: true }
    }

    /// Other limits than the default; set before the first call.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Client { socket: Socket::new(self.socket.into_stream(), limits), in_step: self.in_step }
    }

    /// Calls a method.
    pub async fn call<M: Method>(&mut self, call: &M) -> Result<M::Reply, CallError<M::Error>> {
        let (reply, _fds) = self.call_with_fds(call, &[]).await?;
        Ok(reply)
    }

    /// Calls a method that takes or returns file descriptors.
    pub async fn call_with_fds<M: Method>(
        &mut self,
        call: &M,
        fds: &[BorrowedFd<'_>],
    ) -> Result<(M::Reply, Vec<OwnedFd>), CallError<M::Error>> {
        self.send(call, Flags::default(), fds).await?;
        let received = self.receive::<M>().await?;
        if received.continues {
            let reason = "more than one reply came to a plain call".to_owned();
            return Err(CallError::Wire(WireError::Malformed(reason)));
        }
        self.in_step = true;
        let reply = match received.reply? {
            Some(reply) => reply,
            None => parameters::<M::Reply>(None)?,
        };
        Ok((reply, received.fds))
    }

    /// Sends a call that is never answered (`oneway`), not even with an error.
    pub async fn notify<M: Method>(&mut self, call: &M) -> Result<(), CallError<M::Error>> {
        self.send(call, Flags { more: false, oneway: true }, &[]).await?;
        self.in_step = true;
        Ok(())
    }

    /// Calls a method that answers with a stream (`more`). An error ends the stream; dropping it
    /// closes the connection.
    pub async fn stream<M: Method>(
        mut self,
        call: &M,
    ) -> Result<BoxStream<'static, Result<M::Reply, CallError<M::Error>>>, CallError<M::Error>>
    {
        self.send(call, Flags { more: true, oneway: false }, &[]).await?;
        let replies = stream::unfold(Some(self), |client| async {
            let mut client = client?;
            let received = match client.receive::<M>().await {
                Ok(received) => received,
                Err(error) => return Some((Err(error), None)),
            };
            match received.reply {
                Ok(None) if !received.continues => None,
                Ok(None) => Some((parameters(None).map_err(CallError::from), Some(client))),
                Ok(Some(reply)) => Some((Ok(reply), received.continues.then_some(client))),
                Err(error) => Some((Err(error), None)),
            }
        });
        Ok(replies.boxed())
    }

    async fn send<M: Method>(
        &mut self,
        call: &M,
        Flags { more, oneway }: Flags,
        fds: &[BorrowedFd<'_>],
    ) -> Result<(), WireError> {
        let message = encode(&OutgoingCall { method: M::NAME, parameters: call, more, oneway })?;
        self.socket.limits().check_sent(message.len() - 1, fds.len())?;
        if !mem::replace(&mut self.in_step, false) {
            return Err(WireError::Abandoned);
        }
        self.socket.send(&message, fds).await
    }

    /// Leaves `in_step` to the caller, who knows whether another reply may follow.
    async fn receive<M: Method>(&mut self) -> Result<Received<M>, CallError<M::Error>> {
        let Some(frame) = self.socket.receive().await? else {
            return Err(CallError::Disconnected);
        };
        let message: Reply = decode(&frame.bytes)?;
        let reply = match &message.error {
            Some(error) => Err(call_error(error, &message)),
            None if message.parameters.is_none() => Ok(None),
            None => parameters(message.parameters).map(Some).map_err(CallError::from),
        };
        Ok(Received { reply, continues: message.continues, fds: frame.fds })
    }
}

#[derive(Default)]
struct Flags {
    more: bool,
    oneway: bool,
}

struct Received<M: Method> {
    /// `None` for a reply without parameters.
    reply: Result<Option<M::Reply>, CallError<M::Error>>,
    continues: bool,
    fds: Vec<OwnedFd>,
}

fn call_error<E: ApiError>(error: &str, message: &Reply<'_>) -> CallError<E> {
    let parameters: Value = message
        .parameters
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or_else(|| json!({}));
    let mut forms = vec![json!({"error": error, "parameters": parameters})];
    // serde wants no content at all for a variant without fields.
    if is_empty(message.parameters) {
        forms.push(json!({"error": error}));
    }
    let known = forms.iter().find_map(|form| {
        let api = E::deserialize(form).map(CallError::Api);
        api.or_else(|_| serde::Deserialize::deserialize(form).map(CallError::Service)).ok()
    });
    known.unwrap_or_else(|| CallError::UnknownError { error: error.to_owned(), parameters })
}
