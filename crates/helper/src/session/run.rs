//! One run of a session, from the interface to its end.

use std::{collections::BTreeMap, io, path::PathBuf, sync::Arc};

use adit_api::{Counters, SessionDetails};
use adit_model::{
    ConnectionError, DisconnectError, HealthItem, NetworkSettingsError,
    PacketTunnelNetworkSettings, ProviderStopReason, ROOT, RouteTable, SessionTraffic,
    VpnConfiguration,
    session::{Event, RequestId, Session},
};
use adit_network::{
    NetworkState, Tunnel,
    healing::Healed,
    tun::{self, TunDevice, TunError, TunOptions},
};
use adit_provider::{
    Kind, Manifest, ManifestError, VirtualInterface,
    protocol::{PathChanged, Start, TunDevice as WireTun, Wake},
};
use ipnet::IpNet;
use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::{
    Reporter, StartRequest,
    adoption::Adoption,
    network::{Applied, Job, NetworkTask},
    provider::Provider,
    record::{Established, SessionFolder, SessionRecord},
};
use crate::{
    counters, kept_descriptors,
    provider::ProviderProcess,
    store::Record,
    surroundings::{SlotGuard, Surroundings},
    trigger::ParkedTunnel,
};

/// What exists while a session is not disconnected.
pub(super) struct Run {
    reporter: Reporter,
    surroundings: Arc<Surroundings>,
    /// Held so that the interface outlives the provider process.
    tun: TunDevice,
    /// Whether that is the one it began with.
    first_interface: bool,
    /// None once it has ended.
    provider: Option<Provider>,
    network: NetworkTask,
    folder: SessionFolder,
    requests: BTreeMap<RequestId, Option<PacketTunnelNetworkSettings>>,
    next_request: RequestId,
    applied: Option<Applied>,
    /// What others have changed.
    disturbances: Vec<HealthItem>,
    slot: SlotGuard,
    /// What was applied before the session began is in force, and nothing of the session's own.
    inherits: bool,
}

/// Why a run could not begin. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum LaunchError {
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Taken(NetworkSettingsError),
    #[error("Too many tunnels are running. Disconnect one of them first.")]
    NoSlot,
    #[error("The tunnel's interface cannot be made: {0}.")]
    Tun(#[from] TunError),
    #[error("The tunnel provider cannot be started: {0}")]
    Process(io::Error),
    #[error(
        "{} cannot be written: {}. Check that the disk is not full.",
        .folder.display(), .source.kind()
    )]
    Record { folder: PathBuf, source: io::Error },
}

impl LaunchError {
    /// As the session's error.
    pub(super) fn to_disconnect_error(&self) -> DisconnectError {
        let kind = match self {
            Self::Manifest(_) => ConnectionError::PluginDisabled,
            Self::Taken(_) => ConnectionError::ConfigurationFailed,
            Self::NoSlot | Self::Tun(_) | Self::Process(_) | Self::Record { .. } => {
                ConnectionError::PluginFailed
            }
        };
        kind.because(self.to_string())
    }
}

impl Run {
    /// Takes the interface that waits for the session, if there is one. An error that comes before
    /// leaves it where it is.
    pub(super) fn launch(
        configuration: &VpnConfiguration,
        machine: &Session,
        start: &StartRequest,
        parked: &mut Option<ParkedTunnel>,
        surroundings: &Arc<Surroundings>,
        reporter: Reporter,
    ) -> Result<Self, LaunchError> {
        let manifest = surroundings.manifest(&configuration.protocol.provider_id)?;
        manifest.require(Kind::PacketTunnel)?;
        let sessions = &surroundings.sessions_dir;
        let folder = SessionFolder::create(sessions, configuration.id)
            .map_err(|source| LaunchError::Record { folder: sessions.clone(), source })?;
        let inherits = parked.is_some();
        let opened = match parked.take() {
            Some(ParkedTunnel { slot, tun, .. }) => Ok((slot, tun)),
            None => open_interface(configuration, &manifest, surroundings),
        };
        let (slot, tun) = opened.inspect_err(|_| folder.remove())?;
        kept_descriptors::keep(configuration.id, &tun.queues);
        let mut run = Self::new(surroundings, reporter, slot, folder, tun);
        run.inherits = inherits;
        let launched = run.begin(configuration, machine, start);
        if let Err(error) = launched {
            run.end(configuration);
            return Err(error);
        }
        Ok(run)
    }

    /// Goes on with what an earlier helper has left. Its network settings are applied again.
    pub(super) fn adopt(
        adoption: Adoption,
        configuration: &VpnConfiguration,
        surroundings: &Arc<Surroundings>,
        reporter: Reporter,
    ) -> Self {
        let Adoption { folder, slot, tun, first_interface, established, provider, start: _ } =
            adoption;
        kept_descriptors::keep(configuration.id, &tun.queues);
        let mut run = Self::new(surroundings, reporter.clone(), slot, folder, tun);
        run.first_interface = first_interface;
        let Established { settings, strength, .. } = established;
        if let Some(settings) = settings.clone() {
            let state = Box::new(surroundings.state());
            run.network.submit(Job::Resume { settings: Box::new(settings), strength, state });
        }
        run.applied = Some(Applied::before(settings, strength));
        run.provider = provider
            .map(|provider| Provider::attend(provider.process, &surroundings.network, reporter));
        run.tell_path(&surroundings.state());
        run
    }

    /// Starts another provider in the place of one that died.
    pub(super) fn relaunch(
        &mut self,
        configuration: &VpnConfiguration,
        reporter: Reporter,
    ) -> Result<(), LaunchError> {
        if let Some(mut last) = self.provider.take() {
            last.kill();
        }
        self.requests.clear();
        self.start_process(configuration, reporter)
    }

    /// Makes another interface in the place of one that somebody deleted. What led into that one leads
    /// into this one, and waits there until the next provider reads it.
    pub(super) fn restore_interface(
        &mut self,
        configuration: &VpnConfiguration,
    ) -> Result<(), LaunchError> {
        let options = TunOptions {
            name: self.tun.name.clone(),
            vnet_header: self.tun.offloads.vnet_header,
            ..TunOptions::default()
        };
        let tun = match tun::open(&options) {
            Err(TunError::NameTaken(_)) => {
                tun::open(&TunOptions { name: tun::NAME_TEMPLATE.into(), ..options })
            }
            opened => opened,
        }?;
        kept_descriptors::keep(configuration.id, &tun.queues);
        self.tun = tun;
        self.first_interface = false;
        let state = Box::new(self.surroundings.state());
        self.network.submit(Job::Move { tunnel: tunnel(&self.slot, &self.tun), state });
        Ok(())
    }

    pub(super) fn interface(&self) -> &str {
        &self.tun.name
    }

    /// All that went through it, unless there were interfaces before whose counters are gone.
    pub(super) fn traffic(&self) -> Option<SessionTraffic> {
        let counters = counters::read(&self.tun.name).filter(|_| self.first_interface)?;
        let Counters { rx_bytes, tx_bytes, .. } = counters;
        Some(SessionTraffic { rx_bytes, tx_bytes })
    }

    pub(super) fn health(&self) -> Vec<HealthItem> {
        let applied = self.applied.iter().flat_map(|applied| &applied.health);
        applied.chain(&self.disturbances).cloned().collect()
    }

    /// Whether somebody has deleted the interface.
    pub(super) fn has_lost_interface(&self) -> bool {
        !self.tun.has_interface()
    }

    /// Whether it is among these, and to be made anew.
    pub(super) fn is_to_restore_interface(&self, healed: &Healed) -> bool {
        healed.lost.contains(&self.tun.index)
    }

    /// Takes what others have changed. Returns whether that is news.
    pub(super) fn healed(&mut self, healed: &Healed) -> bool {
        let latest = healed.health.get(&self.slot.slot()).cloned().unwrap_or_default();
        let is_news = self.disturbances != latest;
        self.disturbances = latest;
        is_news
    }

    /// Hands the interface to the provider and tells it to start.
    pub(super) fn start_provider(&self, record: &Record, options: Option<Map<String, Value>>) {
        let start = Start {
            configuration: record.configuration.clone(),
            secrets: record.secrets.clone(),
            options,
            interface: self.virtual_interface(),
            tun: WireTun {
                queues: (0..self.tun.queues.len()).collect(),
                vnet_header: self.tun.offloads.vnet_header,
                tso: self.tun.offloads.tso,
                uso: self.tun.offloads.uso,
            },
            path: self.surroundings.state().path,
        };
        let Some(provider) = &self.provider else { return };
        if let Err(error) = provider.start(start, &self.tun.queues) {
            tracing::error!(%error, "the TUN device cannot be passed on");
            let reporter = self.reporter.clone();
            tokio::spawn(async move { reporter.event(Event::ProviderExited).await });
        }
    }

    pub(super) fn stop_provider(&self, reason: ProviderStopReason) {
        if let Some(provider) = &self.provider {
            provider.stop(reason);
        }
    }

    pub(super) fn kill_provider(&mut self) {
        if let Some(provider) = &mut self.provider {
            provider.kill();
        }
    }

    /// Numbers a request and keeps what it asks for until it is applied.
    pub(super) fn remember_request(
        &mut self,
        settings: Option<PacketTunnelNetworkSettings>,
    ) -> RequestId {
        self.next_request += 1;
        self.requests.insert(self.next_request, settings);
        self.next_request
    }

    pub(super) fn apply(&mut self, id: RequestId, record: &Record) {
        let Some(settings) = self.requests.remove(&id) else { return };
        // From here on it is for the session to revert.
        self.inherits = false;
        // A request before this one was cancelled.
        self.requests.clear();
        let routes = settings.iter().flat_map(PacketTunnelNetworkSettings::included).collect();
        let granted = may_use_table(&record.configuration, settings.as_ref())
            .and_then(|()| self.surroundings.claims.widen(&record.configuration, routes));
        match granted {
            Ok(()) => {
                let strength = (&record.configuration.protocol).into();
                self.network.submit(Job::Apply { id, settings: settings.map(Box::new), strength });
            }
            Err(conflict) => {
                let reporter = self.reporter.clone();
                tokio::spawn(
                    async move { reporter.event(Event::SettingsFailed(id, conflict)).await },
                );
            }
        }
    }

    /// The destinations of the settings in force.
    pub(super) fn applied_routes(&self) -> Option<Vec<IpNet>> {
        let settings = self.applied.as_ref()?.settings.as_ref()?;
        Some(settings.included().collect())
    }

    pub(super) fn applied(&mut self, applied: Applied) {
        self.applied = Some(applied);
    }

    pub(super) fn revert(&mut self) {
        self.applied = None;
        self.network.submit(Job::Revert);
    }

    pub(super) fn network_changed(&self, state: NetworkState) {
        self.tell_path(&state);
        self.network.submit(Job::Adapt(Box::new(state)));
    }

    /// Answers `false` when the provider is ready for the machine to sleep, or there is none.
    pub(super) fn sleep(&self, answer: oneshot::Sender<bool>) {
        if let Some(provider) = &self.provider {
            provider.sleep(answer);
        }
    }

    pub(super) fn wake(&self) {
        if let Some(provider) = &self.provider {
            provider.tell(Wake {});
        }
    }

    pub(super) fn configuration_changed(&self, record: &Record) {
        if let Some(provider) = &self.provider {
            provider.configuration_changed(record);
        }
    }

    pub(super) fn send_message(&self, message: String, answer: oneshot::Sender<Option<String>>) {
        if let Some(provider) = &self.provider {
            provider.send_message(message, answer);
        }
    }

    pub(super) fn details(&self, answer: oneshot::Sender<SessionDetails>) {
        let mut details = SessionDetails {
            settings: self.applied.as_ref().and_then(|applied| applied.settings.clone()),
            plan: self.applied.as_ref().map(|applied| applied.plan.clone()),
            counters: counters::read(&self.tun.name),
            provider: None,
        };
        let status = self.provider.as_ref().map(Provider::status);
        tokio::spawn(async move {
            if let Some(status) = status {
                details.provider = status.await;
            }
            let _ = answer.send(details);
        });
    }

    /// Writes down what the next helper needs, should this one die.
    pub(super) fn save(
        &mut self,
        configuration: &VpnConfiguration,
        machine: &Session,
        start: &StartRequest,
    ) -> io::Result<()> {
        let record = self.record(configuration, machine, start);
        self.folder.save(&record)
    }

    /// Everything is down: the interface goes with the last descriptor.
    pub(super) fn end(self, configuration: &VpnConfiguration) {
        kept_descriptors::forget(configuration.id);
        self.folder.remove();
        if self.inherits {
            let network = Arc::clone(&self.surroundings.network);
            tokio::spawn(ParkedTunnel::of_session(self.slot, self.tun, network).clear());
        }
    }

    fn new(
        surroundings: &Arc<Surroundings>,
        reporter: Reporter,
        slot: SlotGuard,
        folder: SessionFolder,
        tun: TunDevice,
    ) -> Self {
        let network = Arc::clone(&surroundings.network);
        Self {
            network: NetworkTask::spawn(tunnel(&slot, &tun), network, reporter.clone()),
            reporter,
            surroundings: Arc::clone(surroundings),
            tun,
            first_interface: true,
            provider: None,
            folder,
            requests: BTreeMap::new(),
            next_request: 0,
            applied: None,
            disturbances: Vec::new(),
            slot,
            inherits: false,
        }
    }

    /// The record comes first: what cannot be written down is not started.
    fn begin(
        &mut self,
        configuration: &VpnConfiguration,
        machine: &Session,
        start: &StartRequest,
    ) -> Result<(), LaunchError> {
        let saved = self.save(configuration, machine, start);
        saved.map_err(|source| self.unwritable(source))?;
        self.start_process(configuration, self.reporter.clone())
    }

    fn start_process(
        &mut self,
        configuration: &VpnConfiguration,
        reporter: Reporter,
    ) -> Result<(), LaunchError> {
        let manifest = self.surroundings.manifest(&configuration.protocol.provider_id)?;
        manifest.require(Kind::PacketTunnel)?;
        let listener = self.folder.listen().map_err(|source| self.unwritable(source))?;
        let process = ProviderProcess::start(&manifest, self.slot.slot(), &listener);
        let process = process.map_err(LaunchError::Process)?;
        self.provider = Some(Provider::attend(process, &self.surroundings.network, reporter));
        Ok(())
    }

    fn unwritable(&self, source: io::Error) -> LaunchError {
        LaunchError::Record { folder: self.surroundings.sessions_dir.clone(), source }
    }

    fn record(
        &self,
        configuration: &VpnConfiguration,
        machine: &Session,
        start: &StartRequest,
    ) -> SessionRecord {
        let established = machine.connected_at().zip(self.applied.as_ref());
        SessionRecord {
            owner: configuration.owner,
            slot: self.slot.slot().number(),
            interface: self.virtual_interface(),
            first_interface: self.first_interface,
            provider: self.provider.as_ref().and_then(Provider::name),
            start: start.clone(),
            wanted: machine.is_wanted(),
            established: established.map(|(connected_at, applied)| Established {
                connected_at,
                settings: applied.settings.clone(),
                strength: applied.strength,
            }),
        }
    }

    fn virtual_interface(&self) -> VirtualInterface {
        VirtualInterface { name: self.tun.name.clone(), index: self.tun.index }
    }

    fn tell_path(&self, state: &NetworkState) {
        if let Some(provider) = &self.provider {
            provider.tell(PathChanged { path: state.path.clone() });
        }
    }
}

fn tunnel(slot: &SlotGuard, tun: &TunDevice) -> Tunnel {
    Tunnel { slot: slot.slot(), interface: tun.name.clone(), index: tun.index }
}

fn open_interface(
    configuration: &VpnConfiguration,
    manifest: &Manifest,
    surroundings: &Surroundings,
) -> Result<(SlotGuard, TunDevice), LaunchError> {
    let slot = surroundings.slots.take(configuration.owner).ok_or(LaunchError::NoSlot)?;
    let options = TunOptions { vnet_header: manifest.offloads, ..TunOptions::default() };
    Ok((slot, tun::open(&options)?))
}

/// A route in a table of somebody's own may lead anybody's packets away.
fn may_use_table(
    configuration: &VpnConfiguration,
    settings: Option<&PacketTunnelNetworkSettings>,
) -> Result<(), NetworkSettingsError> {
    let table = settings.map_or(RouteTable::Auto, |settings| settings.route_table);
    match table {
        RouteTable::Table(_) if configuration.owner != ROOT => Err(NetworkSettingsError::Invalid(
            "only a configuration of root may write to another routing table".into(),
        )),
        RouteTable::Table(_) | RouteTable::Auto | RouteTable::Off => Ok(()),
    }
}
