//! A TCP connection outside the tunnel that knows the network it was made on.

use std::{
    net::SocketAddr,
    ops::{Deref, DerefMut},
    time::Duration,
};

use adit_model::{NetworkPath, PathStatus};
use tokio::{net::TcpStream, time::sleep};

use crate::{Host, HostError};

/// A connection to a server, with what it takes to make it anew on another network.
#[derive(Debug)]
pub struct TcpConnection {
    host: Host,
    remote: SocketAddr,
    path: NetworkPath,
    stream: TcpStream,
}

/// How long to wait before the next try, doubled each time up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl TcpConnection {
    /// Connects. While that fails it tells `waiting` why, waits for another network or a while, and
    /// tries again. Fails only when there is no helper any more. Spec NW-7.
    pub async fn open(
        host: &Host,
        remote: SocketAddr,
        mut waiting: impl FnMut(&HostError),
    ) -> Result<Self, HostError> {
        let mut paths = host.default_path();
        let mut pause = FIRST_PAUSE;
        loop {
            paths.mark_unchanged();
            match Self::attempt(host, remote).await {
                Err(error @ HostError::Refused(_)) => waiting(&error),
                done => return done,
            }
            tokio::select! {
                Ok(()) = paths.changed() => pause = FIRST_PAUSE,
                () = sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
        }
    }

    /// The server.
    #[must_use]
    pub fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// The network on which it was made. Spec NW-11.
    #[must_use]
    pub fn path(&self) -> &NetworkPath {
        &self.path
    }

    /// Whether data can pass at this moment: there is a network, and it is the same. Spec NW-8.
    #[must_use]
    pub fn is_viable(&self) -> bool {
        let now = self.host.default_path().borrow().clone();
        now.status == PathStatus::Satisfied && !now.is_other_network_than(&self.path)
    }

    /// Whether a connection that is made now would take another network. Spec NW-9.
    #[must_use]
    pub fn has_better_path(&self) -> bool {
        self.host.default_path().borrow().is_other_network_than(&self.path)
    }

    /// Waits until it would. Spec NW-9.
    pub async fn better_path(&self) {
        let mut paths = self.host.default_path();
        // Without a helper there is no news of paths.
        if paths.wait_for(|path| path.is_other_network_than(&self.path)).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// A connection on the better network, if there is one; this one stays until it is dropped, so
    /// that what is under way can be finished. Spec NW-10.
    pub async fn upgraded(&self) -> Result<Option<Self>, HostError> {
        if !self.has_better_path() {
            return Ok(None);
        }
        Self::attempt(&self.host, self.remote).await.map(Some)
    }

    /// The stream alone.
    #[must_use]
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    async fn attempt(host: &Host, remote: SocketAddr) -> Result<Self, HostError> {
        // That of before: should it change meanwhile, the connection counts as one on the old network.
        let path = host.default_path().borrow().clone();
        let stream = host.open_tcp(remote).await?;
        Ok(Self { host: host.clone(), remote, path, stream })
    }
}

/// What it reads and writes.
impl Deref for TcpConnection {
    type Target = TcpStream;

    fn deref(&self) -> &TcpStream {
        &self.stream
    }
}

impl DerefMut for TcpConnection {
    fn deref_mut(&mut self) -> &mut TcpStream {
        &mut self.stream
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{IpAddr, TcpListener},
        os::fd::OwnedFd,
        sync::{
            Arc,
            atomic::{AtomicBool, AtomicUsize, Ordering},
        },
    };

    use adit_model::{InterfaceKind, PathInterface};
    use adit_varlink::{Client, Router, ServiceInfo, serve_stream};
    use tokio::{
        net::UnixStream,
        sync::watch,
        time::{Duration, timeout},
    };

    use super::*;
    use crate::takeover::Standing;
    use crate::{
        host::Connection,
        protocol::{HostCallError, OpenTcp, OpenedSocket},
    };

    // spec: NW-7
    #[tokio::test]
    async fn what_cannot_be_reached_is_tried_again_on_another_network() {
        let world = World::new(ethernet(1));
        world.reachable.store(false, Ordering::Relaxed);
        let waits = Arc::new(AtomicUsize::new(0));
        let (host, remote, counted) = (world.host.clone(), world.remote, Arc::clone(&waits));
        let opening = tokio::spawn(async move {
            let waiting = |error: &HostError| {
                assert!(error.to_string().contains("no way there"), "{error}");
                counted.fetch_add(1, Ordering::Relaxed);
            };
            TcpConnection::open(&host, remote, waiting).await
        });
        let waits_once = async {
            while waits.load(Ordering::Relaxed) == 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(LIMIT, waits_once).await.unwrap();
        world.reachable.store(true, Ordering::Relaxed);
        world.path.send_replace(ethernet(2));
        let connection = timeout(LIMIT, opening).await.unwrap().unwrap().unwrap();
        assert_eq!(connection.path(), &ethernet(2));
        assert_eq!(connection.peer_addr().unwrap(), world.remote);
    }

    // spec: NW-8, NW-9, NW-10
    #[tokio::test]
    async fn a_connection_moves_to_another_network_when_there_is_one() {
        let world = World::new(ethernet(1));
        let first = TcpConnection::open(&world.host, world.remote, |_| {}).await.unwrap();
        assert!(first.is_viable() && !first.has_better_path());
        assert!(first.upgraded().await.unwrap().is_none());
        world.path.send_replace(NetworkPath::NONE);
        assert!(!first.is_viable() && !first.has_better_path());
        world.path.send_replace(ethernet(1));
        assert!(first.is_viable());

        world.path.send_replace(ethernet(2));
        timeout(LIMIT, first.better_path()).await.unwrap();
        assert!(!first.is_viable() && first.has_better_path());
        let second = first.upgraded().await.unwrap().unwrap();
        assert!(second.is_viable() && !second.has_better_path());
        // Both stand until the first is let go of.
        assert_eq!(first.peer_addr().unwrap(), second.peer_addr().unwrap());
        assert_ne!(first.local_addr().unwrap(), second.local_addr().unwrap());
    }

    const LIMIT: Duration = Duration::from_secs(20);

    fn ethernet(index: u32) -> NetworkPath {
        NetworkPath {
            status: PathStatus::Satisfied,
            interface: Some(PathInterface {
                name: format!("eth{index}"),
                index,
                kind: InterfaceKind::Ethernet,
                mtu: 1500,
            }),
            gateways: Vec::new(),
            addresses: vec![IpAddr::from([192, 0, 2, 1])],
            expensive: None,
        }
    }

    /// A helper that opens connections to a server of this computer, or says that it cannot.
    struct World {
        host: Host,
        path: watch::Sender<NetworkPath>,
        reachable: Arc<AtomicBool>,
        remote: SocketAddr,
        _server: TcpListener,
        _connection: watch::Sender<Connection>,
    }

    impl World {
        fn new(path: NetworkPath) -> Self {
            let server = TcpListener::bind("127.0.0.1:0").unwrap();
            let remote = server.local_addr().unwrap();
            let reachable = Arc::new(AtomicBool::new(true));
            let (ours, theirs) = UnixStream::pair().unwrap();
            let info = ServiceInfo {
                vendor: String::new(),
                product: String::new(),
                version: String::new(),
                url: String::new(),
            };
            let router = Router::unrestricted(info).on_fds(
                (),
                |reachable: Arc<AtomicBool>, _, call: OpenTcp, _| async move {
                    if !reachable.load(Ordering::Relaxed) {
                        let message = "no way there".into();
                        return Err(HostCallError::SocketRefused { message });
                    }
                    let stream = std::net::TcpStream::connect(call.remote).unwrap();
                    stream.set_nonblocking(true).unwrap();
                    Ok((OpenedSocket { fd_index: 0 }, vec![OwnedFd::from(stream)]))
                },
            );
            tokio::spawn(serve_stream(Arc::new(router), Arc::clone(&reachable), theirs));
            let (connection, connected) =
                watch::channel(Connection::new(Client::from_stream(ours)));
            let (path, paths) = watch::channel(path);
            Self {
                host: Host::new(connected, paths, Standing::default()),
                path,
                reachable,
                remote,
                _server: server,
                _connection: connection,
            }
        }
    }
}
