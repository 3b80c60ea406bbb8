use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    os::fd::OwnedFd,
    pin::{Pin, pin},
    sync::Arc,
};

use futures_util::{
    FutureExt, Stream, StreamExt,
    future::{self, BoxFuture},
    stream::{self, BoxStream, Peekable},
};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    Limits, Method, Peer, ServiceError, ServiceInfo, Signature, WireError,
    buffer::Buffer,
    idl,
    message::{Call, EndOfStream, OutgoingReply, encode, parameters},
    service::{self, GetInterfaceDescription, Info, InterfaceDescription},
};

/// The methods of a service, each with its handler and the rule for who may call it.
///
/// `S` is what handlers share, `A` what the authorisation knows of a method. There is no way to add
/// a method without a rule; only the introspection of `org.varlink.service` is open to everybody.
pub struct Router<S, A> {
    info: ServiceInfo,
    limits: Limits,
    authorise: Authorise<S, A>,
    routes: HashMap<&'static str, Route<S, A>>,
    /// `.varlink` texts by interface.
    descriptions: BTreeMap<&'static str, &'static str>,
}

/// Why a call was not allowed, for the caller: `org.varlink.service.PermissionDenied`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// A sentence that says what is needed.
    pub message: String,
}

impl Refusal {
    /// A refusal with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Refusal { message: message.into() }
    }
}

/// A message to write, and what goes with it.
pub(crate) struct Outgoing {
    pub(crate) message: Buffer,
    pub(crate) fds: Vec<OwnedFd>,
}

/// Everything a call is answered with, in order: one message, or those of a stream.
pub(crate) type Answer = BoxStream<'static, Result<Outgoing, WireError>>;

type Authorise<S, A> =
    Box<dyn Fn(S, Peer, A) -> BoxFuture<'static, Result<(), Refusal>> + Send + Sync>;

/// Reads the parameters; the future runs the handler.
type Start<S> = Box<
    dyn Fn(
            S,
            Peer,
            Option<&RawValue>,
            Vec<OwnedFd>,
        ) -> Result<BoxFuture<'static, Answer>, ServiceError>
        + Send
        + Sync,
>;

struct Route<S, A> {
    access: A,
    streams: bool,
    signature: Signature,
    start: Start<S>,
}

impl<S, A> Router<S, A>
where
    S: Clone + Send + Sync + 'static,
    A: Clone + Send + Sync + 'static,
{
    /// A router without methods.
    ///
    /// `authorise` decides every call: after its parameters were read, so that nobody is asked for
    /// a password for a call that cannot succeed, and before its handler starts. It may take its
    /// time, and is dropped if the caller leaves.
    pub fn new<F>(
        info: ServiceInfo,
        authorise: impl Fn(S, Peer, A) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), Refusal>> + Send + 'static,
    {
        Router {
            info,
            limits: Limits::default(),
            authorise: Box::new(move |state, peer, access| authorise(state, peer, access).boxed()),
            routes: HashMap::new(),
            descriptions: BTreeMap::from([(service::INTERFACE, service::DESCRIPTION)]),
        }
    }

    /// Other limits than the default for the connections served.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Serves a `.varlink` text as the description of its interface.
    #[must_use]
    pub fn describe(mut self, description: &'static str) -> Self {
        let name = idl::interface_name(description);
        debug_assert!(name.is_some(), "the description does not name its interface");
        self.descriptions.extend(name.map(|name| (name, description)));
        self
    }

    /// Adds a method. File descriptors that come with a call are closed.
    #[must_use]
    pub fn on<M, F>(
        self,
        access: A,
        handler: impl Fn(S, Peer, M) -> F + Send + Sync + 'static,
    ) -> Self
    where
        M: Method,
        F: Future<Output = Result<M::Reply, M::Error>> + Send + 'static,
    {
        self.on_fds(access, move |state, peer, call, _fds| {
            let reply = handler(state, peer, call);
            async move { Ok((reply.await?, Vec::new())) }
        })
    }

    /// Adds a method that takes or returns file descriptors.
    #[must_use]
    pub fn on_fds<M, F>(
        self,
        access: A,
        handler: impl Fn(S, Peer, M, Vec<OwnedFd>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        M: Method,
        F: Future<Output = Result<(M::Reply, Vec<OwnedFd>), M::Error>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        self.add::<M>(access, false, move |state, peer, call, fds| {
            let handler = Arc::clone(&handler);
            async move {
                match handler(state, peer, call, fds).await {
                    Ok((reply, fds)) => {
                        once(&OutgoingReply { parameters: &reply, continues: false }, fds)
                    }
                    Err(error) => once(&error, Vec::new()),
                }
            }
            .boxed()
        })
    }

    /// Adds a method that answers with a stream; an error in the stream ends it.
    ///
    /// Called without `more` it answers `ExpectedMore`: a caller that expects one reply would miss
    /// the rest. The last reply has no `continues`. If the stream was not known to end when its
    /// last item was written, a reply without parameters follows.
    #[must_use]
    pub fn on_stream<M, F, T>(
        self,
        access: A,
        handler: impl Fn(S, Peer, M) -> F + Send + Sync + 'static,
    ) -> Self
    where
        M: Method,
        F: Future<Output = Result<T, M::Error>> + Send + 'static,
        T: Stream<Item = Result<M::Reply, M::Error>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        self.add::<M>(access, true, move |state, peer, call, _fds| {
            let handler = Arc::clone(&handler);
            async move {
                match handler(state, peer, call).await {
                    Ok(items) => messages(items).boxed(),
                    Err(error) => once(&error, Vec::new()),
                }
            }
            .boxed()
        })
    }

    /// What is registered, sorted by name.
    #[must_use]
    pub fn signatures(&self) -> Vec<Signature> {
        let mut signatures: Vec<_> =
            self.routes.values().map(|route| route.signature.clone()).collect();
        signatures.sort_by_key(|signature| signature.name);
        signatures
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    pub(crate) fn answer(
        &self,
        state: S,
        peer: Peer,
        call: &Call<'_>,
        fds: Vec<OwnedFd>,
    ) -> Answer {
        let answer = match &*call.method {
            service::GET_INFO => Ok(self.info()),
            service::GET_INTERFACE_DESCRIPTION => self.description(call.parameters),
            method => self.start(state, peer, method, call, fds),
        };
        answer.unwrap_or_else(|error| once(&error, Vec::new()))
    }

    fn add<M: Method>(
        mut self,
        access: A,
        streams: bool,
        run: impl Fn(S, Peer, M, Vec<OwnedFd>) -> BoxFuture<'static, Answer> + Send + Sync + 'static,
    ) -> Self {
        let start = move |state, peer, raw: Option<&RawValue>, fds| {
            let call = parameters::<M>(raw)?;
            Ok(run(state, peer, call, fds))
        };
        let signature = Signature::of::<M>();
        let route = Route { access, streams, signature, start: Box::new(start) };
        let earlier = self.routes.insert(M::NAME, route);
        debug_assert!(earlier.is_none(), "{} has two handlers", M::NAME);
        self
    }

    fn start(
        &self,
        state: S,
        peer: Peer,
        method: &str,
        call: &Call<'_>,
        fds: Vec<OwnedFd>,
    ) -> Result<Answer, ServiceError> {
        let Some(route) = self.routes.get(method) else {
            return Err(ServiceError::MethodNotFound { method: method.to_owned() });
        };
        // A stream to nobody would never end.
        if route.streams && (!call.more || call.oneway) {
            return Err(ServiceError::ExpectedMore {});
        }
        let answer = (route.start)(state.clone(), peer.clone(), call.parameters, fds)?;
        let permission = (self.authorise)(state, peer, route.access.clone());
        let guarded = async move {
            match permission.await {
                Ok(()) => answer.await,
                Err(Refusal { message }) => {
                    once(&ServiceError::PermissionDenied { message }, Vec::new())
                }
            }
        };
        Ok(guarded.flatten_stream().boxed())
    }

    fn info(&self) -> Answer {
        let called = self.routes.keys().filter_map(|name| Some(name.rsplit_once('.')?.0));
        let interfaces: BTreeSet<_> = self.descriptions.keys().copied().chain(called).collect();
        let interfaces = interfaces.into_iter().collect();
        let info = Info { service: &self.info, interfaces };
        once(&OutgoingReply { parameters: &info, continues: false }, Vec::new())
    }

    fn description(&self, raw: Option<&RawValue>) -> Result<Answer, ServiceError> {
        let GetInterfaceDescription { interface } = parameters(raw)?;
        let Some(description) = self.descriptions.get(&*interface) else {
            return Err(ServiceError::InterfaceNotFound { interface });
        };
        let reply = InterfaceDescription { description };
        Ok(once(&OutgoingReply { parameters: &reply, continues: false }, Vec::new()))
    }
}

impl<S: Clone + Send + Sync + 'static> Router<S, ()> {
    /// A router that allows every call: for a stream whose other end is known.
    #[must_use]
    pub fn unrestricted(info: ServiceInfo) -> Self {
        Router::new(info, |_, _, ()| future::ready(Ok(())))
    }
}

fn once(message: &impl Serialize, fds: Vec<OwnedFd>) -> Answer {
    let outgoing = outgoing(message, fds);
    stream::once(future::ready(outgoing)).boxed()
}

fn outgoing(message: &impl Serialize, fds: Vec<OwnedFd>) -> Result<Outgoing, WireError> {
    Ok(Outgoing { message: encode(message)?, fds })
}

/// The messages of a stream, where the last one says so.
fn messages<T, R, E>(items: T) -> impl Stream<Item = Result<Outgoing, WireError>> + Send
where
    T: Stream<Item = Result<R, E>> + Send + 'static,
    R: Serialize + Send + 'static,
    E: Serialize + Send + 'static,
{
    stream::unfold(Some(Box::pin(items.peekable())), |items| async {
        let mut items = items?;
        match items.next().await {
            Some(Ok(item)) => {
                let continues = !is_known_to_end(items.as_mut());
                let reply = OutgoingReply { parameters: &item, continues };
                Some((outgoing(&reply, Vec::new()), continues.then_some(items)))
            }
            Some(Err(error)) => Some((outgoing(&error, Vec::new()), None)),
            None => Some((outgoing(&EndOfStream {}, Vec::new()), None)),
        }
    })
}

/// Never waits: an item that is ready must not be held back until the next one exists.
fn is_known_to_end<T: Stream>(items: Pin<&mut Peekable<T>>) -> bool {
    matches!(pin!(items.peek()).now_or_never(), Some(None))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Empty, NoError};

    #[test]
    fn the_last_reply_of_a_stream_has_no_continues() {
        let known = stream::iter([Ok::<_, NoError>(Empty {}), Ok(Empty {})]);
        assert_eq!(
            texts(known),
            [json!({"parameters": {}, "continues": true}), json!({"parameters": {}})]
        );

        // Between its items this stream is pending, so its end cannot be foreseen.
        let unknown = stream::iter([Ok::<_, NoError>(Empty {})])
            .chain(stream::once(yield_once()).filter_map(|()| future::ready(None)));
        assert_eq!(texts(unknown), [json!({"parameters": {}, "continues": true}), json!({})]);

        assert_eq!(texts(stream::empty::<Result<Empty, NoError>>()), [json!({})]);
    }

    #[test]
    fn an_error_ends_a_stream() {
        let error = ServiceError::ExpectedMore {};
        let items = stream::iter([Ok(Empty {}), Err(error), Ok(Empty {})]);
        assert_eq!(
            texts(items),
            [
                json!({"parameters": {}, "continues": true}),
                json!({"error": "org.varlink.service.ExpectedMore", "parameters": {}})
            ]
        );
    }

    fn texts<E: Serialize + Send + 'static>(
        items: impl Stream<Item = Result<Empty, E>> + Send + 'static,
    ) -> Vec<serde_json::Value> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let all = runtime.block_on(messages(items).collect::<Vec<_>>());
        all.into_iter()
            .map(|outgoing| {
                let message = outgoing.unwrap().message;
                serde_json::from_slice(message.strip_suffix(&[0]).unwrap()).unwrap()
            })
            .collect()
    }

    async fn yield_once() {
        tokio::task::yield_now().await;
    }
}
