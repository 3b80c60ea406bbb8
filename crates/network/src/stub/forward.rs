//! Asking other servers, with the message as it came.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use socket2::{Domain, Socket, Type};
use tokio::{
    net::{TcpSocket, UdpSocket},
    time::timeout,
};

use super::{LIMIT, LONGEST_MESSAGE, Question, Transport, at, read_framed, write_framed};
use crate::socket::{family_of, marked};

/// Which way the servers are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Past the tunnels. Servers with a link-local address are behind this interface.
    Outside(Option<NonZeroU32>),
    /// By the routes, as programs are.
    ByRoutes,
    /// Through the tunnel with this interface, wherever the routes lead.
    Through(NonZeroU32),
}

/// After which a question that was lost is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(1500);
/// Bytes of the header that tell which question is answered.
const ID: usize = 2;

/// The answer of whichever server is first, as it is. None if none of them answers.
pub async fn forward(question: &Question, servers: &[IpAddr], way: Way) -> Option<Vec<u8>> {
    let mut asked: FuturesUnordered<_> =
        servers.iter().map(|server| timeout(LIMIT, ask(question, at(*server), way))).collect();
    while let Some(outcome) = asked.next().await {
        match outcome {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => tracing::debug!(%error, "a DNS server does not answer"),
            Err(_) => tracing::debug!("a DNS server does not answer in time"),
        }
    }
    None
}

async fn ask(question: &Question, server: SocketAddr, way: Way) -> io::Result<Vec<u8>> {
    match question.transport {
        Transport::Udp => {
            ask_by_datagram(&question.message, way.open(server, Type::DGRAM)?, server).await
        }
        Transport::Tcp => {
            let socket = TcpSocket::from_std_stream(way.open(server, Type::STREAM)?.into());
            let mut stream = socket.connect(server).await?;
            write_framed(&mut stream, &question.message).await?;
            read_framed(&mut stream).await
        }
    }
}

async fn ask_by_datagram(
    message: &[u8],
    socket: Socket,
    server: SocketAddr,
) -> io::Result<Vec<u8>> {
    let socket = UdpSocket::from_std(socket.into())?;
    // A port of its own for each question, and no answers but from this server (RFC 5452).
    socket.connect(server).await?;
    let mut buffer = vec![0; LONGEST_MESSAGE];
    loop {
        socket.send(message).await?;
        let answered = async {
            loop {
                let length = socket.recv(&mut buffer).await?;
                if length >= ID && buffer[..ID] == message[..ID] {
                    return Ok(length);
                }
            }
        };
        match timeout(ASK_AGAIN, answered).await {
            Ok(Ok(length)) => return Ok(buffer[..length].to_vec()),
            Ok(Err(error)) => return Err(error),
            Err(_) => {}
        }
    }
}

impl Way {
    fn open(self, server: SocketAddr, kind: Type) -> io::Result<Socket> {
        let unmarked =
            || Socket::new(Domain::for_address(server), kind.nonblocking().cloexec(), None);
        let link = match self {
            Self::Outside(link) => link,
            Self::ByRoutes => return unmarked(),
            Self::Through(interface) => {
                let socket = unmarked()?;
                match server {
                    SocketAddr::V4(_) => socket.bind_device_by_index_v4(Some(interface))?,
                    SocketAddr::V6(_) => socket.bind_device_by_index_v6(Some(interface))?,
                }
                return Ok(socket);
            }
        };
        let socket = marked(family_of(server), kind)?;
        if let IpAddr::V6(address) = server.ip()
            && address.is_unicast_link_local()
        {
            socket.bind_device_by_index_v6(link)?;
        }
        Ok(socket)
    }
}
