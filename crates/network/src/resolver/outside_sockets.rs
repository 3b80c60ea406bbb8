//! The sockets of the DNS client.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    pin::Pin,
    time::Duration,
};

use hickory_resolver::net::runtime::{
    RuntimeProvider, TokioHandle, TokioRuntimeProvider, TokioTime, iocompat::AsyncIoTokioAsStd,
};
use socket2::{Socket, Type};
use tokio::{
    net::{TcpSocket, TcpStream, UdpSocket},
    time::timeout,
};

use crate::socket::{family_of, marked};

/// How long a connection may take if the DNS client has no opinion.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Gives the DNS client sockets that bear the bypass mark.
#[derive(Clone)]
pub(super) struct OutsideSockets {
    tokio: TokioRuntimeProvider,
    link: Option<NonZeroU32>,
}

impl OutsideSockets {
    /// `link` is the interface behind which link-local servers are.
    pub(super) fn new(link: Option<NonZeroU32>) -> Self {
        Self { tokio: TokioRuntimeProvider::default(), link }
    }

    fn open(&self, server: SocketAddr, kind: Type) -> io::Result<Socket> {
        let socket = marked(family_of(server), kind)?;
        if let IpAddr::V6(address) = server.ip()
            && address.is_unicast_link_local()
        {
            socket.bind_device_by_index_v6(self.link)?;
        }
        Ok(socket)
    }
}

type BoxedIo<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

impl RuntimeProvider for OutsideSockets {
    type Handle = TokioHandle;
    type Timer = TokioTime;
    type Udp = UdpSocket;
    type Tcp = AsyncIoTokioAsStd<TcpStream>;

    fn create_handle(&self) -> Self::Handle {
        self.tokio.create_handle()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        _local: Option<SocketAddr>,
        limit: Option<Duration>,
    ) -> BoxedIo<Self::Tcp> {
        let socket = self.open(server, Type::STREAM);
        Box::pin(async move {
            let connection = TcpSocket::from_std_stream(socket?.into()).connect(server);
            let stream = timeout(limit.unwrap_or(CONNECT_TIMEOUT), connection).await??;
            Ok(AsyncIoTokioAsStd(stream))
        })
    }

    fn bind_udp(&self, local: SocketAddr, server: SocketAddr) -> BoxedIo<Self::Udp> {
        let socket = self.open(server, Type::DGRAM);
        Box::pin(async move {
            let socket = socket?;
            socket.bind(&local.into())?;
            UdpSocket::from_std(socket.into())
        })
    }
}
