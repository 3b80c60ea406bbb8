use std::{os::fd::AsFd, sync::Arc};

use futures_util::StreamExt;
use tokio::net::UnixStream;

use crate::{
    Peer, Router, WireError,
    frame::Frame,
    message::{Call, decode},
    router::Answer,
    socket::Socket,
};

/// Serves one connected stream: calls are answered one after the other, in order.
///
/// `Ok` once the other side has closed. A running call is dropped then, with everything it awaits,
/// unless it is a oneway call: nobody ever waited for that.
///
/// An error means that the other side broke the protocol or does not read; close on it, nothing
/// else is owed.
pub async fn serve_stream<S, A>(
    router: Arc<Router<S, A>>,
    state: S,
    stream: UnixStream,
) -> Result<(), WireError>
where
    S: Clone + Send + Sync + 'static,
    A: Clone + Send + Sync + 'static,
{
    let peer = Peer::of(&stream)?;
    let mut socket = Socket::new(stream, router.limits());
    loop {
        let Frame { bytes, fds } = match socket.receive().await {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(()),
            Err(error) if error.is_disconnect() => return Ok(()),
            Err(error) => return Err(error),
        };
        let call: Call = decode(&bytes)?;
        let oneway = call.oneway;
        let answer = router.answer(state.clone(), peer.clone(), &call, fds);
        // The parameters may hold secrets: no copy outlives their parsing.
        drop(call);
        drop(bytes);

        if oneway {
            answer.for_each(async |_unsent| {}).await;
            continue;
        }
        tokio::select! {
            biased;
            // What else is in the inbox may be oneway calls: on to the end of it.
            hangup = socket.hangup() => hangup?,
            written = write(&socket, answer) => match written {
                Err(error) if error.is_disconnect() => {}
                other => other?,
            },
        }
    }
}

async fn write(socket: &Socket, mut answer: Answer) -> Result<(), WireError> {
    while let Some(outgoing) = answer.next().await {
        let outgoing = outgoing?;
        let fds: Vec<_> = outgoing.fds.iter().map(AsFd::as_fd).collect();
        socket.send(&outgoing.message, &fds).await?;
    }
    Ok(())
}
