//! Interfaces with routes and nobody behind them.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use adit_model::{
    Admission, Claim, ConfigurationId, PacketTunnelNetworkSettings, VpnConfiguration, admit,
};
use adit_network::{
    Network, NetworkState, Plan, Strength, Tunnel, WaitingQueue, plan,
    tun::{self, TunDevice, TunOptions},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use super::{
    ArmError, Wanted, expected,
    names::{self, Deciding, Stub},
};
use crate::surroundings::{SlotGuard, Surroundings};

/// The interfaces that wait, each for the session of its configuration.
#[derive(Debug, Default)]
pub(crate) struct Parking {
    places: Mutex<Places>,
    /// What each tunnel asked for the last time that it was up.
    last_settings: Mutex<BTreeMap<ConfigurationId, PacketTunnelNetworkSettings>>,
}

#[derive(Debug, Default)]
struct Places {
    taken: BTreeMap<ConfigurationId, Place>,
    last_number: u64,
    /// How many want nothing to be parked.
    closers: usize,
}

#[derive(Debug)]
struct Place {
    /// Tells it from one that came instead.
    number: u64,
    parked: Parked,
}

/// An interface with whoever watches it.
#[derive(Debug)]
pub(super) struct Parked {
    tunnel: ParkedTunnel,
    claim: Claim,
    attendant: JoinHandle<()>,
    stub: Option<Stub>,
}

/// An interface that nobody watches. What is applied to it has to be reverted.
#[derive(Debug)]
pub(crate) struct ParkedTunnel {
    pub(crate) slot: SlotGuard,
    pub(crate) tun: TunDevice,
    network: Arc<Network>,
}

/// What becomes of the packets that come to an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attendance {
    /// The first is told, and all wait.
    Keep,
    /// The first is told, and all are refused: they could not be answered in the tunnel.
    NoticeAndRefuse,
    /// All are refused.
    Refuse,
    /// None is looked at.
    Ignore,
}

/// Keeps interfaces from being parked.
#[must_use]
pub(crate) struct Closed<'a>(&'a Parking);

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.places().closers -= 1;
    }
}

impl Parking {
    /// Takes the interface of a configuration for its session. From here on nobody else reads it.
    pub(crate) async fn take(&self, id: ConfigurationId) -> Option<ParkedTunnel> {
        let place = self.places().taken.remove(&id)?;
        Some(place.parked.hand_over().await)
    }

    /// Clears away what leads to destinations that another tunnel is going to have.
    pub(crate) async fn make_room(&self, configuration: &VpnConfiguration) {
        let claim = claim(configuration, configuration.claimed_routes().to_vec());
        let in_the_way: Vec<Place> = {
            let mut places = self.places();
            let is_in_the_way = |place: &Place| {
                let others = std::slice::from_ref(&place.parked.claim);
                match admit(&claim, others) {
                    Admission::Free => false,
                    Admission::Conflict { .. } | Admission::Supersedes(_) => true,
                }
            };
            let others = places.taken.iter().filter(|(id, _)| **id != configuration.id);
            let found = others.filter(|(_, place)| is_in_the_way(place)).map(|(id, _)| *id);
            let found: Vec<ConfigurationId> = found.collect();
            found.iter().filter_map(|id| places.taken.remove(id)).collect()
        };
        for place in in_the_way {
            place.parked.clear().await;
        }
    }

    /// Remembers what a tunnel that is up has asked for.
    pub(crate) fn remember(&self, id: ConfigurationId, settings: PacketTunnelNetworkSettings) {
        locked(&self.last_settings).insert(id, settings);
    }

    /// Forgets a configuration that was removed.
    pub(crate) fn forget(&self, id: ConfigurationId) {
        locked(&self.last_settings).remove(&id);
    }

    pub(super) fn last_settings(&self, id: ConfigurationId) -> Option<PacketTunnelNetworkSettings> {
        locked(&self.last_settings).get(&id).cloned()
    }

    /// Clears everything away, and lets nothing come as long as what this returns lives.
    pub(crate) async fn close(&self) -> Closed<'_> {
        let places = {
            let mut places = self.places();
            places.closers += 1;
            std::mem::take(&mut places.taken)
        };
        for place in places.into_values() {
            place.parked.clear().await;
        }
        Closed(self)
    }

    /// Gives an interface, or nothing, the place of a configuration, and clears what was there. Returns
    /// the number of the place.
    pub(super) async fn replace(
        &self,
        id: ConfigurationId,
        parked: Option<Parked>,
    ) -> Result<u64, ArmError> {
        let (number, obsolete) = {
            let mut places = self.places();
            places.last_number += 1;
            let number = places.last_number;
            let obsolete = match parked {
                Some(parked) if places.closers > 0 => Err(parked),
                Some(parked) => Ok(places.taken.insert(id, Place { number, parked })),
                None => Ok(places.taken.remove(&id)),
            };
            (number, obsolete)
        };
        match obsolete {
            Ok(Some(before)) => before.parked.clear().await,
            Ok(None) => {}
            Err(parked) => {
                parked.clear().await;
                return Err(ArmError::Closed);
            }
        }
        Ok(number)
    }

    /// Empties the place, unless something else is there now.
    pub(super) fn remove(&self, id: ConfigurationId, number: u64) -> Option<Parked> {
        let mut places = self.places();
        places.taken.get(&id).filter(|place| place.number == number)?;
        places.taken.remove(&id).map(|place| place.parked)
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        locked(&self.places)
    }
}

impl Parked {
    /// Opens an interface, brings its routes and names into force and attends to it.
    pub(super) async fn for_packets(
        surroundings: &Arc<Surroundings>,
        configuration: &VpnConfiguration,
        settings: PacketTunnelNetworkSettings,
        attendance: Attendance,
        wanted: mpsc::Sender<Wanted>,
    ) -> Result<Self, ArmError> {
        let tunnel = ParkedTunnel::open(surroundings, configuration)?;
        let strength = (&configuration.protocol).into();
        let claim = claim(configuration, settings.included().collect());
        let following = Following::new(&tunnel, settings, strength);
        Self::attended(tunnel, claim, following, attendance, wanted, surroundings).await
    }

    /// Opens an interface that leads nowhere, and has a stub asked for the names that the rules are
    /// about, or for all where the system cannot tell them apart.
    pub(super) async fn for_names(
        surroundings: &Arc<Surroundings>,
        configuration: &VpnConfiguration,
        settings: &PacketTunnelNetworkSettings,
        deciding: Deciding,
    ) -> Result<Self, ArmError> {
        let tunnel = ParkedTunnel::open(surroundings, configuration)?;
        let (address, server) =
            names::listen(tunnel.slot.slot()).await.map_err(ArmError::NameServer)?;
        let can_split = tunnel.network.can_split_names().await;
        let domains = can_split.then(|| names::domains(&deciding.rules));
        let settings = expected::of_names(settings, address, domains);
        let wanted = deciding.wanted.clone();
        // Before anybody is told to ask it.
        let stub = Stub::start(server, tunnel.slot.slot(), deciding);
        // While nothing needs the tunnel, nothing is held back for it.
        let following = Following::new(&tunnel, settings, Strength::default());
        let (claim, attendance) = (claim(configuration, Vec::new()), Attendance::Ignore);
        let parked =
            Self::attended(tunnel, claim, following, attendance, wanted, surroundings).await?;
        Ok(Self { stub: Some(stub), ..parked })
    }

    async fn attended(
        tunnel: ParkedTunnel,
        claim: Claim,
        mut following: Following,
        attendance: Attendance,
        wanted: mpsc::Sender<Wanted>,
        surroundings: &Surroundings,
    ) -> Result<Self, ArmError> {
        let queue = WaitingQueue::of(&tunnel.tun)?;
        let state = surroundings.watch_state();
        if let Err(error) = following.follow(&surroundings.state()).await {
            tunnel.clear().await;
            return Err(error);
        }
        let attendant = tokio::spawn(attend(queue, attendance, following, state, wanted));
        Ok(Self { tunnel, claim, attendant, stub: None })
    }

    /// Gives the interface to a session when nobody reads it or changes its routes any more.
    async fn hand_over(self) -> ParkedTunnel {
        let Self { tunnel, claim: _, attendant, stub } = self;
        end(attendant).await;
        if let Some(stub) = stub {
            stub.retire();
        }
        tunnel
    }

    /// Takes everything back.
    pub(super) async fn clear(self) {
        let Self { tunnel, claim: _, attendant, stub } = self;
        end(attendant).await;
        tunnel.clear().await;
        // Last, so that somebody answers as long as it is asked.
        drop(stub);
    }
}

impl ParkedTunnel {
    fn open(
        surroundings: &Surroundings,
        configuration: &VpnConfiguration,
    ) -> Result<Self, ArmError> {
        let manifest = surroundings.manifest(&configuration.protocol.provider_id)?;
        let slot = surroundings.slots.take(configuration.owner).ok_or(ArmError::NoSlot)?;
        let options = TunOptions { vnet_header: manifest.offloads, ..TunOptions::default() };
        let tun = tun::open(&options)?;
        Ok(Self { slot, tun, network: Arc::clone(&surroundings.network) })
    }

    /// A session's interface that has nothing but what was applied before the session began.
    pub(crate) fn of_session(slot: SlotGuard, tun: TunDevice, network: Arc<Network>) -> Self {
        Self { slot, tun, network }
    }

    /// Takes back what is applied, and then the interface. Whoever waits there fails at once.
    pub(crate) async fn clear(self) {
        if let Ok(mut queue) = WaitingQueue::of(&self.tun) {
            queue.refuse_waiting();
        }
        if let Err(error) = self.network.revert(self.slot.slot()).await {
            tracing::error!(%error, "the routes of a waiting tunnel could not be undone completely");
        }
    }

    fn tunnel(&self) -> Tunnel {
        Tunnel { slot: self.slot.slot(), interface: self.tun.name.clone(), index: self.tun.index }
    }
}

/// What is applied to an interface while it waits.
struct Following {
    tunnel: Tunnel,
    network: Arc<Network>,
    settings: PacketTunnelNetworkSettings,
    strength: Strength,
    in_force: Plan,
}

impl Following {
    fn new(
        tunnel: &ParkedTunnel,
        settings: PacketTunnelNetworkSettings,
        strength: Strength,
    ) -> Self {
        let network = Arc::clone(&tunnel.network);
        Self { tunnel: tunnel.tunnel(), network, settings, strength, in_force: Plan::empty() }
    }

    /// Applies the settings as they are to be on this network.
    async fn follow(&mut self, state: &NetworkState) -> Result<(), ArmError> {
        let plan = plan(&self.tunnel, &self.settings, self.strength, state)?;
        if plan != self.in_force {
            self.network.apply(&self.tunnel, &plan).await?;
            self.in_force = plan;
        }
        Ok(())
    }
}

/// Attends to an interface until a session takes it or nothing is waited for.
async fn attend(
    mut queue: WaitingQueue,
    attendance: Attendance,
    mut following: Following,
    mut state: watch::Receiver<NetworkState>,
    wanted: mpsc::Sender<Wanted>,
) {
    let watching = attend_queue(&mut queue, attendance, &wanted);
    tokio::pin!(watching);
    loop {
        tokio::select! {
            Err(error) = &mut watching => {
                tracing::warn!("the interface of a waiting tunnel is lost: {error}");
                return;
            }
            Ok(()) = state.changed() => {
                let now = state.borrow_and_update().clone();
                if let Err(error) = following.follow(&now).await {
                    tracing::warn!("the routes of a waiting tunnel are those of the last network: {error}");
                }
            }
            else => return,
        }
    }
}

/// Returns only if the interface is lost.
async fn attend_queue(
    queue: &mut WaitingQueue,
    attendance: Attendance,
    wanted: &mpsc::Sender<Wanted>,
) -> io::Result<()> {
    let first = match attendance {
        Attendance::Keep | Attendance::NoticeAndRefuse => Some(queue.wanted().await?),
        Attendance::Refuse | Attendance::Ignore => None,
    };
    if let Some(destination) = first {
        tracing::debug!(%destination, "a program wants to reach the network");
        let cause = "a program wanted to reach the network".into();
        // Nobody listens while it is being disarmed.
        let _ = wanted.send(Wanted { cause }).await;
    }
    match attendance {
        Attendance::Keep | Attendance::Ignore => std::future::pending().await,
        Attendance::NoticeAndRefuse | Attendance::Refuse => match queue.refuse().await? {},
    }
}

/// Returns when the task does nothing any more.
async fn end(task: JoinHandle<()>) {
    task.abort();
    // It is cancelled, or was over before.
    let _ = task.await;
}

fn claim(configuration: &VpnConfiguration, routes: Vec<ipnet::IpNet>) -> Claim {
    Claim {
        id: configuration.id,
        name: configuration.name.clone(),
        owner: configuration.owner,
        routes,
    }
}

/// The data behind these locks is whole after every statement, so a panic elsewhere does not spoil
/// it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
