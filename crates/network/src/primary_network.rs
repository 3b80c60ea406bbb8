//! The network that the computer is in, as on-demand rules see it.

use std::{net::IpAddr, sync::Arc, time::Duration};

use adit_model::{
    InterfaceKind,
    on_demand::{Gateway, NetworkState, PrimaryNetwork},
};
use futures_util::{Stream, StreamExt, stream};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    Network, NetworkError, Places,
    burst::{Pace, burst_after},
    healing,
    link_services::{self, LinkReport},
    network::PresentNetwork,
};

/// A computer that moves loses one network, finds another, gets an address and hears of servers one
/// after the other; rules are to see the whole of it. Spec OD-14.
const PACE: Pace = Pace { quiet: Duration::from_secs(1), longest: Duration::from_secs(2) };
/// How long to wait after the network could not be read.
const RETRY: Duration = Duration::from_secs(1);
/// How long a gateway may take to say its hardware address, and how often the kernel is asked for it.
const GATEWAY_LIMIT: Duration = Duration::from_secs(1);
const GATEWAY_INTERVAL: Duration = Duration::from_millis(50);

/// Follows the network that the computer is in, with `kernel`, what [`monitor`](crate::monitor)
/// follows. Nothing while it changes: what was found out in the network of before is void then.
/// A generation is that of one network; our own tunnels make no new one (spec OD-14).
///
/// Closes when the monitor does. Dropping the last receiver ends everything. To be called in the
/// network namespace that `network` was opened in.
pub fn watch(
    network: Arc<Network>,
    kernel: watch::Receiver<crate::NetworkState>,
) -> watch::Receiver<Option<NetworkState>> {
    let Places { resolv_conf, bus, .. } = network.places();
    let changes = stream::select(
        healing::name_resolution_changes(resolv_conf, bus),
        link_services::changes(bus),
    );
    let (publisher, receiver) = watch::channel(None);
    tokio::spawn(async move {
        let read = |before| read(&network, before);
        tokio::select! {
            () = publish(&publisher, read, kernel, changes) => {}
            () = publisher.closed() => {}
        }
    });
    receiver
}

/// Reads at first and after each burst of changes, until `kernel` ends.
async fn publish<K, E, F>(
    publisher: &watch::Sender<Option<NetworkState>>,
    read: impl Fn(Option<PrimaryNetwork>) -> F,
    mut kernel: watch::Receiver<K>,
    changes: impl Stream<Item = ()>,
) where
    E: std::error::Error,
    F: Future<Output = Result<Option<PrimaryNetwork>, E>>,
{
    let kernel_changes = stream::unfold(kernel.clone(), |mut kernel| async {
        kernel.changed().await.ok()?;
        Some(((), kernel))
    });
    let mut changes = Box::pin(until_first_ends(kernel_changes, changes));
    let mut known = NetworkState::default();
    loop {
        kernel.mark_unchanged();
        let primary = loop {
            match read(known.primary.clone()).await {
                Ok(primary) => break primary,
                Err(error) => tracing::warn!(%error, "the network could not be read"),
            }
            sleep(RETRY).await;
        };
        let is_new = primary != known.primary;
        known.primary = primary;
        known.generation += u64::from(is_new);
        if is_new {
            tracing::debug!(network = ?known, "the computer is in another network");
        }
        publisher.send_replace(Some(known.clone()));
        if changes.next().await.is_none() {
            return;
        }
        publisher.send_replace(None);
        if burst_after(&mut changes, PACE, drop).await.is_none() {
            return;
        }
        // Also one that was left and come back to: what was found out in between is void.
        known.generation += u64::from(kernel.has_changed().unwrap_or(true));
    }
}

/// What both tell, as long as the first does.
fn until_first_ends(
    first: impl Stream<Item = ()>,
    other: impl Stream<Item = ()>,
) -> impl Stream<Item = ()> {
    let end = stream::iter([None]);
    stream::select(first.map(Some).chain(end), other.map(Some))
        .take_while(|item| std::future::ready(item.is_some()))
        .map(|_| ())
}

async fn read(
    network: &Network,
    before: Option<PrimaryNetwork>,
) -> Result<Option<PrimaryNetwork>, NetworkError> {
    let Some(present) = network.present().await? else { return Ok(None) };
    let PresentNetwork { interface, gateways, dns } = present;
    let mut found = Vec::new();
    for address in gateways {
        found.push(gateway(network, interface.index, address).await);
    }
    let report = link_services::report(&network.places().bus, &interface.name).await;
    // Who manages a link leaves it as it is when it starts anew, as in an upgrade.
    let before = before.filter(|it| it.interface == interface.name && it.gateways == found);
    let report = report.or_else(|| before.as_ref().map(LinkReport::of)).unwrap_or_default();
    let LinkReport { access_point, metered, connection_id, captive_portal } = report;
    // Whoever is connected to an access point is on Wi-Fi, whatever its driver shows.
    let kind = if access_point.is_some() { InterfaceKind::WiFi } else { interface.kind };
    Ok(Some(PrimaryNetwork {
        ssid: access_point.as_ref().map(|it| it.ssid.clone()),
        bssid: access_point.and_then(|it| it.bssid),
        dns_servers: dns.servers,
        search_domains: dns.search,
        gateways: found,
        metered,
        connection_id,
        captive_portal,
        ..PrimaryNetwork::new(interface.name, kind)
    }))
}

/// The kernel learns a neighbour's hardware address when somebody wants it. Nothing is sent to the gateway for it: even an
/// empty packet would be one that leaves past a tunnel for everything.
async fn gateway(network: &Network, link: u32, address: IpAddr) -> Gateway {
    let learn = async {
        let mut is_asked = false;
        loop {
            match network.neighbour(link, address).await {
                Ok(Some(mac)) => return Some(mac),
                Ok(None) if is_asked => {}
                Ok(None) => {
                    is_asked = true;
                    if let Err(error) = network.resolve_neighbour(link, address).await {
                        tracing::debug!(%error, "the gateway’s hardware address stays unknown");
                        return None;
                    }
                }
                Err(_) => return None,
            }
            sleep(GATEWAY_INTERVAL).await;
        }
    };
    Gateway { address, mac: timeout(GATEWAY_LIMIT, learn).await.ok().flatten() }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, fs, io, net::UdpSocket};

    use futures_util::future::join;
    use tokio::time::Instant;

    use super::*;
    use crate::{
        Bus, monitor,
        netns::{in_own_namespace, ip, with_neighbour},
        tun::{self, TunOptions},
    };

    // spec: OD-14
    #[tokio::test(start_paused = true)]
    async fn a_network_is_told_of_when_it_is_quiet_and_none_while_it_changes() {
        let found = RefCell::new("home0");
        let read = async |_| Ok::<_, io::Error>(Some(wired(*found.borrow())));
        let (kernel, kernel_receiver) = watch::channel(0);
        let (publisher, mut told) = watch::channel(None);
        let publishing = publish(&publisher, &read, kernel_receiver, stream::pending());
        let story = async {
            let is_at = |interface: &'static str| {
                move |state: &Option<NetworkState>| {
                    state.as_ref().is_some_and(|it| it.primary == Some(wired(interface)))
                }
            };
            let home = told.wait_for(is_at("home0")).await.unwrap().clone().unwrap();
            let start = Instant::now();
            kernel.send_replace(1);
            told.wait_for(Option::is_none).await.unwrap();
            found.replace("away0");
            sleep(PACE.quiet / 2).await;
            kernel.send_replace(2);
            let away = told.wait_for(is_at("away0")).await.unwrap().clone().unwrap();
            assert_eq!(start.elapsed(), PACE.quiet / 2 + PACE.quiet);
            assert!(away.generation > home.generation);

            // The same one after a change is not what it was before.
            kernel.send_replace(3);
            told.wait_for(Option::is_none).await.unwrap();
            let again = told.wait_for(Option::is_some).await.unwrap().clone().unwrap();
            assert_eq!(again.primary, away.primary);
            assert!(again.generation > away.generation);
            drop(kernel);
        };
        join(publishing, story).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_changes_nothing_about_the_network_is_the_same_generation() {
        let read = async |_| Ok::<_, io::Error>(Some(wired("home0")));
        let (kernel, kernel_receiver) = watch::channel(0);
        let (publisher, mut told) = watch::channel(None);
        let servers_were_written = stream::once(Box::pin(sleep(RETRY))).chain(stream::pending());
        let publishing = publish(&publisher, &read, kernel_receiver, servers_were_written);
        let story = async {
            let first = told.wait_for(Option::is_some).await.unwrap().clone();
            told.wait_for(Option::is_none).await.unwrap();
            assert_eq!(*told.wait_for(Option::is_some).await.unwrap(), first);
            drop(kernel);
        };
        join(publishing, story).await;
    }

    // spec: OD-7, OD-14
    #[test]
    fn the_kernel_and_the_resolvers_file_say_which_network_it_is_and_a_tunnel_is_none() {
        in_own_namespace(|| async {
            let _far = with_neighbour(|| {
                ip("link set far0 address 02:00:00:00:00:01");
                ip("address add 192.0.2.1/24 dev far0");
                UdpSocket::bind("192.0.2.1:0").unwrap()
            });
            ip("link set near0 up");
            ip("address add 192.0.2.2/24 dev near0");
            ip("route add default via 192.0.2.1");
            let folder = tempfile::tempdir().unwrap();
            let resolv_conf = folder.path().join("resolv.conf");
            fs::write(&resolv_conf, "nameserver 192.0.2.53\nsearch lan.example\n").unwrap();
            let places =
                Places { bus: Bus::None, resolv_conf, ..Places::new(folder.path().join("run")) };
            let network = Arc::new(Network::open(&places).unwrap());
            let kernel = monitor::watch(Arc::clone(&network)).await.unwrap();
            let mut told = watch(network, kernel);
            let there = PrimaryNetwork {
                dns_servers: vec!["192.0.2.53".parse().unwrap()],
                search_domains: vec!["lan.example".into()],
                gateways: vec![Gateway {
                    address: "192.0.2.1".parse().unwrap(),
                    mac: Some("02:00:00:00:00:01".parse().unwrap()),
                }],
                ..wired("near0")
            };
            let is_there = |state: &Option<NetworkState>| {
                state.as_ref().is_some_and(|it| it.primary.as_ref() == Some(&there))
            };
            let first = told.wait_for(is_there).await.unwrap().clone().unwrap();

            let _tunnel = tun::open(&TunOptions::default()).unwrap();
            ip("address add 10.9.0.1/24 dev adit0");
            ip("link set adit0 up");
            ip("route add default dev adit0 metric 5");
            sleep(PACE.longest).await;
            assert_eq!(told.borrow().as_ref(), Some(&first));

            ip("link set near0 down");
            let is_offline = |state: &Option<NetworkState>| {
                state.as_ref().is_some_and(|it| it.primary.is_none())
            };
            told.wait_for(is_offline).await.unwrap();
        });
    }

    fn wired(interface: &str) -> PrimaryNetwork {
        PrimaryNetwork::new(interface, InterfaceKind::Ethernet)
    }
}
