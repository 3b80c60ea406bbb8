//! One run of a session, from the interface to the end of the provider process.

use std::{collections::BTreeMap, io, path::PathBuf, sync::Arc, time::Duration};

use adit_api::SessionDetails;
use adit_model::{
    ConnectionError, DisconnectError, HealthItem, NetworkSettingsError,
    PacketTunnelNetworkSettings, ProviderStopReason, ROOT, RouteTable, VpnConfiguration,
    session::{Event, RequestId},
};
use adit_network::{
    NetworkState, Tunnel,
    healing::Healed,
    tun::{self, TunDevice, TunError, TunOptions},
};
use adit_provider::{
    Kind, ManifestError,
    protocol::{
        ConfigurationChanged, HandleAppMessage, PathChanged, Start, Status, Stop,
        TunDevice as WireTun, VirtualInterface,
    },
};
use adit_varlink::{Client, Method, NoError};
use ipnet::IpNet;
use serde_json::{Map, Value};
use tokio::{
    sync::{Semaphore, oneshot},
    task::AbortHandle,
};

use super::{
    Report, Reporter,
    calls::{ProviderCalls, protocol_broken},
    host,
    network::{Applied, Job, NetworkTask},
    record::RunRecord,
};
use crate::{
    counters,
    provider::{Lifeline, ProviderProcess, duplicate},
    store::Record,
    surroundings::{SlotGuard, Surroundings},
};

/// How long a provider may take to tell its status.
const STATUS_LIMIT: Duration = Duration::from_secs(1);
/// How long a provider may take to answer an app. Spec TUN-17.
const MESSAGE_LIMIT: Duration = Duration::from_secs(10);

const MOST_MESSAGES: usize = 8;

/// What exists while a session is not disconnected.
pub(super) struct Run {
    reporter: Reporter,
    surroundings: Arc<Surroundings>,
    /// Held so that the interface outlives the provider process.
    tun: TunDevice,
    calls: ProviderCalls,
    /// Messages of apps that the provider has before it.
    messages: Arc<Semaphore>,
    /// Dropping it ends the process.
    lifeline: Option<Lifeline>,
    hosting: AbortHandle,
    network: NetworkTask,
    record: RunRecord,
    requests: BTreeMap<RequestId, Option<PacketTunnelNetworkSettings>>,
    next_request: RequestId,
    applied: Option<Applied>,
    /// What others have changed.
    disturbances: Vec<HealthItem>,
    slot: SlotGuard,
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
    pub(super) fn launch(
        configuration: &VpnConfiguration,
        surroundings: &Arc<Surroundings>,
        reporter: Reporter,
    ) -> Result<Self, LaunchError> {
        let provider_id = &configuration.protocol.provider_id;
        let manifest = surroundings.manifest(provider_id)?;
        manifest.require(Kind::PacketTunnel)?;
        let slot = surroundings.slots.take(configuration.owner).ok_or(LaunchError::NoSlot)?;
        let options = TunOptions { vnet_header: manifest.offloads, ..TunOptions::default() };
        let tun = tun::open(&options)?;
        let process =
            ProviderProcess::start(&manifest, slot.slot()).map_err(LaunchError::Process)?;
        let folder = &surroundings.sessions_dir;
        let record = RunRecord::write(folder, configuration.id, process.pid)
            .map_err(|source| LaunchError::Record { folder: folder.clone(), source })?;

        let (provider, host, lifeline, gone) = process.guard();
        let hosting = tokio::spawn(host::serve(
            host,
            host::Hosting {
                reporter: reporter.clone(),
                network: Arc::clone(&surroundings.network),
            },
        ))
        .abort_handle();
        let exited = reporter.clone();
        tokio::spawn(async move {
            gone.await;
            exited.event(Event::ProviderExited).await;
        });
        let tunnel = Tunnel { slot: slot.slot(), interface: tun.name.clone(), index: tun.index };
        Ok(Self {
            network: NetworkTask::spawn(
                tunnel,
                Arc::clone(&surroundings.network),
                reporter.clone(),
            ),
            reporter,
            surroundings: Arc::clone(surroundings),
            tun,
            calls: ProviderCalls::new(Client::from_stream(provider)),
            messages: Arc::new(Semaphore::new(MOST_MESSAGES)),
            lifeline: Some(lifeline),
            hosting,
            record,
            requests: BTreeMap::new(),
            next_request: 0,
            applied: None,
            disturbances: Vec::new(),
            slot,
        })
    }

    pub(super) fn interface(&self) -> &str {
        &self.tun.name
    }

    pub(super) fn health(&self) -> Vec<HealthItem> {
        let applied = self.applied.iter().flat_map(|applied| &applied.health);
        applied.chain(&self.disturbances).cloned().collect()
    }

    /// Whether somebody has deleted the interface.
    pub(super) fn has_lost_interface(&self) -> bool {
        !self.tun.has_interface()
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
        let queues = match duplicate(&self.tun.queues) {
            Ok(queues) => queues,
            Err(error) => {
                tracing::error!(%error, "the TUN device cannot be passed on");
                return self.fail();
            }
        };
        let start = Start {
            configuration: record.configuration.clone(),
            secrets: record.secrets.clone(),
            options,
            interface: VirtualInterface { name: self.tun.name.clone(), index: self.tun.index },
            tun: WireTun {
                queues: (0..queues.len()).collect(),
                vnet_header: self.tun.offloads.vnet_header,
                tso: self.tun.offloads.tso,
                uso: self.tun.offloads.uso,
            },
            path: self.surroundings.state().path,
        };
        let (calls, reporter) = (self.calls.clone(), self.reporter.clone());
        tokio::spawn(async move {
            if let Err(error) = calls.call_with(&start, &queues).await {
                protocol_broken(&reporter, &error).await;
            }
        });
    }

    pub(super) fn stop_provider(&self, reason: ProviderStopReason) {
        let (calls, reporter) = (self.calls.clone(), self.reporter.clone());
        tokio::spawn(async move {
            // A provider that fails to answer is given up when the limit passes, or has exited.
            if calls.call(&Stop { reason }).await.is_ok() {
                reporter.event(Event::StopAcknowledged).await;
            }
        });
    }

    pub(super) fn kill_provider(&mut self) {
        self.hosting.abort();
        self.calls.close();
        self.lifeline = None;
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
        let path = state.path.clone();
        self.network.submit(Job::Adapt(Box::new(state)));
        self.tell(PathChanged { path });
    }

    pub(super) fn configuration_changed(&self, record: &Record) {
        let call = ConfigurationChanged {
            configuration: record.configuration.clone(),
            secrets: record.secrets.clone(),
        };
        let (calls, reporter) = (self.calls.clone(), self.reporter.clone());
        tokio::spawn(async move {
            match calls.call(&call).await {
                Ok(reply) => reporter.report(Report::Followed(reply.applied)).await,
                Err(error) => protocol_broken(&reporter, &error).await,
            }
        });
    }

    pub(super) fn send_message(&self, message: String, answer: oneshot::Sender<Option<String>>) {
        let Ok(place) = Arc::clone(&self.messages).try_acquire_owned() else { return };
        let calls = self.calls.clone();
        tokio::spawn(async move {
            let call = HandleAppMessage { message };
            if let Some(reply) = calls.call_within(MESSAGE_LIMIT, call).await {
                let _ = answer.send(reply.reply);
            }
            drop(place);
        });
    }

    pub(super) fn details(&self, answer: oneshot::Sender<SessionDetails>) {
        let mut details = SessionDetails {
            settings: self.applied.as_ref().and_then(|applied| applied.settings.clone()),
            plan: self.applied.as_ref().map(|applied| applied.plan.clone()),
            counters: counters::read(&self.tun.name),
            provider: None,
        };
        let calls = self.calls.clone();
        tokio::spawn(async move {
            // A provider that is busy with another call is not asked: whoever wants its status
            // asks often, and a stop would have to wait behind all of them.
            if calls.are_idle() {
                let status = calls.call_within(STATUS_LIMIT, Status {}).await;
                details.provider = status.map(|reply| reply.status);
            }
            let _ = answer.send(details);
        });
    }

    /// Everything is down: the interface goes with the last descriptor.
    pub(super) fn end(self) {
        self.record.remove();
    }

    /// Tells the provider something that needs no answer from us.
    fn tell<M: Method<Error = NoError> + Sync>(&self, call: M) {
        let (calls, reporter) = (self.calls.clone(), self.reporter.clone());
        tokio::spawn(async move {
            if let Err(error) = calls.call(&call).await {
                protocol_broken(&reporter, &error).await;
            }
        });
    }

    fn fail(&self) {
        let reporter = self.reporter.clone();
        tokio::spawn(async move { reporter.event(Event::ProviderExited).await });
    }
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
