//! Noticing that the network below the tunnels has changed.

use std::{sync::Arc, time::Duration};

use futures_util::Stream;
use rtnetlink::new_multicast_connection;
use tokio::{sync::watch, time::sleep};
use tracing::{debug, warn};

use crate::{
    Network, NetworkError, NetworkState,
    burst::{Pace, burst},
    netlink,
};

/// The kernel tells of a change of network in a burst of messages.
const PACE: Pace = Pace { quiet: Duration::from_millis(150), longest: Duration::from_secs(1) };
/// How long to wait after the network could not be read.
const RETRY: Duration = Duration::from_secs(1);

/// Follows the network. The receiver has the present state at once, and within about a second each
/// later one that differs (spec NW-6); our own interfaces and routes are no part of it (spec PRV-6).
/// It closes when the kernel ends the subscription. Dropping the last receiver ends everything. To be
/// called in the network namespace that `network` was opened in.
pub async fn watch(network: Arc<Network>) -> Result<watch::Receiver<NetworkState>, NetworkError> {
    // The subscription comes before the first reading, so that no change falls between them.
    let (connection, handle, mut changes) =
        new_multicast_connection(&netlink::CHANGES).map_err(NetworkError::Netlink)?;
    let connection = tokio::spawn(connection);
    let (state, receiver) = watch::channel(network.state().await?);
    tokio::spawn(async move {
        tokio::select! {
            () = publish(&state, || network.state(), &mut changes) => {
                warn!("the kernel reports no more changes of the network");
            }
            () = state.closed() => {}
        }
        drop(handle);
        connection.abort();
    });
    Ok(receiver)
}

/// Reads after each burst of changes, until there are no more changes.
async fn publish<S, E, F>(
    state: &watch::Sender<S>,
    read: impl Fn() -> F,
    changes: &mut (impl Stream + Unpin),
) where
    S: PartialEq,
    E: std::error::Error,
    F: Future<Output = Result<S, E>>,
{
    while burst(changes, PACE).await.is_some() {
        let latest = loop {
            match read().await {
                Ok(latest) => break latest,
                Err(error) => warn!(%error, "the network could not be read"),
            }
            sleep(RETRY).await;
        };
        let differs = state.send_if_modified(|state| {
            let differs = *state != latest;
            if differs {
                *state = latest;
            }
            differs
        });
        if differs {
            debug!("the network has changed");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        net::IpAddr,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use futures_util::{StreamExt, stream};

    use super::*;
    use crate::{
        Bus, Places,
        netns::{in_own_namespace, ip},
        tun::{self, TunOptions},
    };

    // spec: NW-6, PRV-6
    #[test]
    fn another_way_out_is_seen_and_a_tunnel_of_ours_is_not() {
        in_own_namespace(|| async {
            ip("link add eth0 type veth peer name far0");
            ip("link set eth0 addrgenmode none");
            ip("link set far0 up");
            ip("link set eth0 up");
            ip("address add 192.0.2.2/24 dev eth0");
            let runtime_dir = tempfile::tempdir().unwrap();
            let places = Places { bus: Bus::None, ..Places::new(runtime_dir.path()) };
            let mut network = watch(Arc::new(Network::open(&places).unwrap())).await.unwrap();
            assert!(network.borrow_and_update().path.gateways.is_empty());

            ip("route add default via 192.0.2.1");
            let gateway: IpAddr = "192.0.2.1".parse().unwrap();
            network.wait_for(|state| state.path.gateways == [gateway]).await.unwrap();

            let _tunnel = tun::open(&TunOptions::default()).unwrap();
            ip("address add 10.9.0.1/24 dev adit0");
            ip("link set adit0 up");
            ip("route add default dev adit0 metric 5");
            sleep(PACE.longest + PACE.quiet).await;
            assert!(!network.has_changed().unwrap());
        });
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_reading_is_tried_again() {
        let (state, mut receiver) = watch::channel(0);
        let attempts = AtomicUsize::new(0);
        let read = || async {
            match attempts.fetch_add(1, Ordering::SeqCst) {
                0 => Err(io::Error::other("busy")),
                _ => Ok(7),
            }
        };
        let mut one = Box::pin(stream::iter([()]).chain(stream::pending()));
        tokio::select! {
            () = publish(&state, read, &mut one) => unreachable!("the stream does not end"),
            changed = receiver.changed() => changed.unwrap(),
        }
        assert_eq!(*receiver.borrow(), 7);
    }
}
