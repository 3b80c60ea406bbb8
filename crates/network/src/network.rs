//! Making the system equal to the sessions' plans, and back again.

mod apps;
mod description;
mod explanation;
mod probes;
mod reconcile;
mod repair;
mod stubs;
#[cfg(test)]
mod tests;
mod underlying_names;
mod wanted;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::IpAddr,
    num::NonZeroU32,
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use adit_model::{
    Check, DnsSettings, HealthItem, MacAddress, NameLookup, NetworkDescription, NetworkPath,
    PathInterface, Resolver, RouteExplanation, TransportPort,
};
use tokio::sync::Mutex;
use zbus::connection;

use crate::{
    Slot, Tunnel,
    dns::{Dns, UnderlyingDns},
    error::{ApplyError, NetworkError},
    fetch::{FetchError, fetch},
    firewall::{Firewall, Lockdown},
    healing::{Fights, Suspicion},
    journal::Journal,
    netlink::Netlink,
    plan::Plan,
    resolver::ResolveError,
    state::NetworkState,
};
use reconcile::{Reconciler, Session};
pub(crate) use repair::Repaired;
use stubs::Stubs;
pub(crate) use underlying_names::UnderlyingNames;

/// The network of the namespace it was opened in. Whatever is done to it is done whole, one thing
/// after the other.
#[derive(Debug)]
pub struct Network {
    reconciler: Arc<Mutex<Reconciler>>,
    stubs: Stubs,
    places: Places,
}

/// Where the network keeps and finds things.
#[derive(Debug, Clone)]
pub struct Places {
    /// Folder of the journal, which must not outlive a boot.
    pub runtime_dir: PathBuf,
    /// The resolver's configuration, resolv.conf(5); `nsswitch.conf` is beside it.
    pub resolv_conf: PathBuf,
    /// Where systemd-resolved is.
    pub bus: Bus,
}

/// A message bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bus {
    /// The system's, or `DBUS_SYSTEM_BUS_ADDRESS`.
    System,
    /// The one with this address, in the form of the D-Bus specification.
    Address(String),
    /// There is none.
    None,
}

/// What the kernel and the system's name resolution say of the network that the computer is in.
#[derive(Debug)]
pub(crate) struct PresentNetwork {
    pub(crate) interface: PathInterface,
    pub(crate) gateways: Vec<IpAddr>,
    pub(crate) dns: UnderlyingDns,
}

/// What a crash had left and is gone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovered {
    /// How many policy rules.
    pub rules: usize,
    /// How many routes.
    pub routes: usize,
    /// Which kernel settings have their old value again.
    pub sysctls: Vec<String>,
    /// Whether name resolution is as before.
    pub dns: bool,
    /// Whether the firewall no longer holds back what a session wanted.
    pub firewall: bool,
}

impl Places {
    /// The usual ones, with the journal in this folder.
    pub fn new(runtime_dir: impl Into<PathBuf>) -> Self {
        Self {
            runtime_dir: runtime_dir.into(),
            resolv_conf: "/etc/resolv.conf".into(),
            bus: Bus::System,
        }
    }
}

impl Bus {
    /// How to connect to it.
    pub(crate) fn builder(&self) -> Option<connection::Builder<'static>> {
        match self {
            Self::System => Some(connection::Builder::system()),
            Self::Address(address) => Some(connection::Builder::address(address.as_str())),
            Self::None => None,
        }
    }
}

impl Network {
    /// Opens the network of the calling thread's namespace. Nothing is changed by this.
    ///
    /// Needs a tokio runtime.
    pub fn open(places: &Places) -> Result<Self, NetworkError> {
        let reconciler = Reconciler {
            netlink: Netlink::open()?,
            journal: Journal::open(&places.runtime_dir)?,
            dns: Dns::new(places.bus.clone(), &places.resolv_conf),
            firewall: Firewall::open(),
            sessions: BTreeMap::new(),
            fights: Fights::default(),
            lost_interfaces: BTreeSet::new(),
            service_away_since: None,
        };
        let reconciler = Arc::new(Mutex::new(reconciler));
        let stubs = Stubs::new(UnderlyingNames::of(&reconciler));
        Ok(Self { reconciler, stubs, places: places.clone() })
    }

    /// The network as it is without us: the input of a plan.
    pub async fn state(&self) -> Result<NetworkState, NetworkError> {
        self.reconciler.lock().await.state().await
    }

    /// Makes a session's part of the system equal to `plan`.
    ///
    /// All of it is in force when this returns, and nothing of the session's last plan; in between,
    /// at least one of the two is (TUN-9). On an error the last plan is in force again, and the
    /// error names what failed. To apply the same plan again repairs what others have changed, and
    /// flushes the resolver's cache (TUN-12).
    ///
    /// If the future is dropped halfway, the next call for the slot puts things right. A tunnel with
    /// another interface than before has lost that one.
    pub async fn apply(&self, tunnel: &Tunnel, plan: &Plan) -> Result<Vec<HealthItem>, ApplyError> {
        let session = Session { tunnel: tunnel.clone(), plan: plan.clone() };
        let stub = plan.stub();
        // Before anybody is told to ask it.
        let former = self.stubs.prepare(tunnel, stub).await?;
        match self.reconciler.lock().await.apply(session).await {
            Ok(health) => {
                tracing::debug!("applied in slot {}:\n{plan}", tunnel.slot);
                // Last, so that somebody answers as long as it is asked.
                if stub.is_none() {
                    self.stubs.end(tunnel.slot).await;
                }
                Ok(health)
            }
            Err(error) => {
                tracing::warn!("network settings were not applied: {error}");
                self.stubs.restore(tunnel.slot, former).await;
                Err(error.into())
            }
        }
    }

    /// Puts back what others have changed of what is in force, and says what there is to tell about
    /// it.
    pub(crate) async fn repair(
        &self,
        suspicion: &Suspicion,
        now: Instant,
    ) -> Result<Repaired, NetworkError> {
        let mut repaired = self.reconciler.lock().await.repair(suspicion, now).await?;
        for (slot, health) in &mut repaired.health {
            health.extend(self.stubs.health(*slot));
        }
        Ok(repaired)
    }

    /// Waits until there is something else to tell of a stub that answers names.
    pub(crate) async fn stub_news(&self) {
        self.stubs.news().await;
    }

    pub(crate) fn places(&self) -> &Places {
        &self.places
    }

    /// The port of the netlink socket by which all changes of ours are made.
    pub(crate) async fn port(&self) -> u32 {
        self.reconciler.lock().await.netlink.port()
    }

    /// Takes everything of a session back (TUN-18). Its interface may be gone already. What fails
    /// does not keep the rest from being taken back; the first failure is returned.
    pub async fn revert(&self, slot: Slot) -> Result<(), NetworkError> {
        let taken_back = self.reconciler.lock().await.take_back(slot).await;
        self.stubs.end(slot).await;
        taken_back
    }

    /// Undoes what a crash has left, but for the sessions in `keep`, which are still running and will
    /// be applied again. Without any, nothing that is ours remains.
    ///
    /// What fails does not keep the rest from being undone; the first failure is returned.
    pub async fn recover(&self, keep: &BTreeSet<Slot>) -> Result<Recovered, NetworkError> {
        self.reconciler.lock().await.recover(keep).await
    }

    /// Lets nothing leave the machine but through a tunnel, with or without sessions; without a
    /// lockdown, what the sessions ask for is in force. It outlives this process, whatever ends it.
    ///
    /// All of it is in force when this returns, but for what there is to tell. To be called again when
    /// the network has changed, also without a lockdown, so that the local networks and the interfaces
    /// that packets leave by are those of the present one.
    pub async fn lock_down(
        &self,
        lockdown: Option<Lockdown>,
    ) -> Result<Vec<HealthItem>, NetworkError> {
        self.reconciler.lock().await.lock_down(lockdown).await
    }

    /// Who answers a name on this computer, and why: the names that are looked up for it, in order,
    /// until one exists. Nobody is asked for the name by this.
    pub async fn explain_dns(
        &self,
        name: &str,
    ) -> Result<(Resolver, Vec<NameLookup>), NetworkError> {
        self.reconciler.lock().await.explain_dns(name).await
    }

    /// Which way a packet takes to `destination` that a program sends from a socket which is bound to
    /// nothing, and why; without a port it is one that has none. Other programs' firewalls are not
    /// asked. Nothing is sent by this.
    pub async fn explain_route(
        &self,
        destination: IpAddr,
        port: Option<TransportPort>,
    ) -> Result<RouteExplanation, NetworkError> {
        self.reconciler.lock().await.explain_route(destination, port).await
    }

    /// Tries out whether what is promised holds: sends harmless packets, as programs do that obey the
    /// routes and that do not, and finds out who is asked for names. Without a network there is nothing
    /// to try.
    pub async fn self_test(&self) -> Result<Vec<Check>, NetworkError> {
        self.reconciler.lock().await.self_test().await
    }

    /// All that the kernel has of the network, as text.
    pub async fn describe(&self) -> Result<NetworkDescription, NetworkError> {
        self.reconciler.lock().await.describe().await
    }

    /// The network that the computer is in, if it is in any.
    pub(crate) async fn present(&self) -> Result<Option<PresentNetwork>, NetworkError> {
        let reconciler = self.reconciler.lock().await;
        let NetworkPath { interface, gateways, .. } = reconciler.state().await?.path;
        let Some(interface) = interface else { return Ok(None) };
        let dns = reconciler.dns.underlying(Some(interface.index), &reconciler.journal).await;
        Ok(Some(PresentNetwork { interface, gateways, dns }))
    }

    /// The hardware address of a neighbour on a link, once the kernel knows it.
    pub(crate) async fn neighbour(
        &self,
        link: u32,
        address: IpAddr,
    ) -> Result<Option<MacAddress>, NetworkError> {
        self.reconciler.lock().await.netlink.neighbour(link, address).await
    }

    /// Has the kernel ask for the hardware address of a neighbour.
    pub(crate) async fn resolve_neighbour(
        &self,
        link: u32,
        address: IpAddr,
    ) -> Result<(), NetworkError> {
        self.reconciler.lock().await.netlink.resolve_neighbour(link, address).await
    }

    /// Whether this system can be told which servers answer which names. If not, there is one list of
    /// servers for all names.
    pub async fn can_split_names(&self) -> bool {
        self.reconciler.lock().await.dns.can_split().await
    }

    /// The addresses of `host`, asked of the network below the tunnels, also while the tunnels' servers
    /// are in force (DNS-23).
    pub async fn resolve_outside(&self, host: &str) -> Result<Vec<IpAddr>, ResolveError> {
        self.underlying_names().resolve(host).await
    }

    /// A small file, fetched through the tunnel with this interface and this name resolution, and in no
    /// other way: no packet and no question for it goes outside. Takes 15 seconds at most.
    pub async fn fetch_through(
        &self,
        interface: &str,
        dns: Option<&DnsSettings>,
        url: &str,
    ) -> Result<Vec<u8>, FetchError> {
        fetch(self, interface, dns, url).await
    }

    /// The interface by which programs reach an address.
    pub(crate) async fn way_to(&self, address: IpAddr) -> Option<u32> {
        self.reconciler.lock().await.netlink.way_to(address).await
    }

    pub(crate) fn underlying_names(&self) -> UnderlyingNames {
        UnderlyingNames::of(&self.reconciler)
    }

    /// The physical link and the DNS servers below the tunnels. None if nobody knows any.
    pub async fn underlying_dns(&self) -> (Option<NonZeroU32>, Vec<IpAddr>) {
        self.underlying_names().servers().await
    }
}

impl Recovered {
    /// Whether there was nothing to undo.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A sentence.
impl fmt::Display for Recovered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("There was nothing to undo.");
        }
        let count = |number: usize, noun: &str| {
            let plural = if number == 1 { "" } else { "s" };
            (number > 0).then(|| format!("{number} {noun}{plural}"))
        };
        let parts = [
            count(self.rules, "routing rule"),
            count(self.routes, "route"),
            count(self.sysctls.len(), "kernel setting"),
            self.dns.then(|| "name resolution".to_owned()),
            self.firewall.then(|| "firewall rules".to_owned()),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        write!(f, "Undone: {}.", parts.join(", "))
    }
}
