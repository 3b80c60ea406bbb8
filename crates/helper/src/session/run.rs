//! One run of a session, from the interface to its end.

mod launch;
mod settings;

use std::{collections::BTreeMap, io, sync::Arc};

use adit_api::SessionDetails;
use adit_model::{
    HealthItem, NetworkPath, PacketTunnelNetworkSettings, PathStatus, ProviderStopReason,
    VpnConfiguration,
    session::{Event, RequestId, Session},
};
use adit_network::{NetworkState, healing::Healed};
use adit_provider::{
    ManifestError,
    protocol::{PathChanged, Start, Wake},
};
use serde_json::{Map, Value};
use tokio::sync::oneshot;

pub(super) use launch::LaunchError;

use super::{
    Reporter, StartRequest,
    adoption::Adoption,
    health,
    interface::{Interface, virtual_interface, wire_device},
    network::{Applied, Job, NetworkTask},
    provider::Provider,
    record::{Established, RunRecord, SessionFolder, SessionRecord},
};
use crate::{
    kept_descriptors, provider::ProgramVersion, store::Record, surroundings::Surroundings,
};

/// What exists while a session is not disconnected.
pub(super) struct Run {
    reporter: Reporter,
    surroundings: Arc<Surroundings>,
    interface: Interface,
    /// None once it has ended.
    provider: Option<Provider>,
    network: NetworkTask,
    folder: SessionFolder,
    requests: BTreeMap<RequestId, Option<PacketTunnelNetworkSettings>>,
    /// What the provider asked for last, before the configuration had its say.
    asked: Option<PacketTunnelNetworkSettings>,
    next_request: RequestId,
    applied: Option<Applied>,
    /// What its provider last wanted a person to see.
    message: Option<String>,
    /// What others have changed.
    disturbances: Vec<HealthItem>,
    /// What was applied before the session began is in force, and nothing of the session's own.
    inherits: bool,
    /// The network on which the provider began, if it cannot follow to another one.
    bound_to: Option<NetworkPath>,
}

/// How what a provider runs compares to what is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Installed {
    /// It is what is installed, as far as anybody knows.
    Same,
    /// Another version of it is.
    Other,
    /// Nothing is that could be started in its place.
    Nothing,
}

impl Run {
    /// Goes on with what an earlier helper has left. Its network settings are applied again.
    pub(super) fn adopt(
        adoption: Adoption,
        configuration: &VpnConfiguration,
        surroundings: &Arc<Surroundings>,
        reporter: Reporter,
    ) -> Self {
        let Adoption { folder, interface, established, provider, start: _ } = adoption;
        interface.keep_for(configuration);
        let mut run = Self::new(surroundings, reporter.clone(), folder, interface);
        let Established { settings, strength, .. } = established;
        run.asked.clone_from(&settings);
        if let Some(settings) = settings.clone() {
            let state = Box::new(surroundings.state());
            run.network.submit(Job::Resume { settings: Box::new(settings), strength, state });
        }
        run.applied = Some(Applied::before(settings, strength));
        run.provider = provider.map(|provider| {
            let network = &surroundings.network;
            Provider::attend(provider.process, network, &run.interface, reporter)
        });
        let path = surroundings.state().path;
        if let Ok(manifest) = surroundings.manifest(&configuration.protocol.provider_id) {
            run.bound_to = (!manifest.roams).then(|| path.clone());
        }
        run.tell_path(path);
        run
    }

    /// Makes another interface in the place of one that somebody deleted. What led into that one leads
    /// into this one, and waits there until the next provider reads it.
    pub(super) fn restore_interface(
        &mut self,
        configuration: &VpnConfiguration,
    ) -> Result<(), LaunchError> {
        self.interface.replace()?;
        self.interface.keep_for(configuration);
        let state = Box::new(self.surroundings.state());
        if let Some(tunnel) = self.interface.tunnel() {
            self.network.submit(Job::Move { tunnel, state });
        }
        Ok(())
    }

    pub(super) fn interface(&self) -> &Interface {
        &self.interface
    }

    pub(super) fn health(&self) -> Vec<HealthItem> {
        let applied = self.applied.iter().flat_map(|applied| &applied.health);
        let message = self.message.as_deref().map(health::message);
        applied.chain(&self.disturbances).cloned().chain(message).collect()
    }

    pub(super) fn show(&mut self, message: String) {
        self.message = Some(message);
    }

    /// Whether the interface is among those that are to be made anew.
    pub(super) fn is_to_restore_interface(&self, healed: &Healed) -> bool {
        healed.lost.iter().any(|index| self.interface.is(*index))
    }

    /// Takes what others have changed. Returns whether that is news.
    pub(super) fn healed(&mut self, healed: &Healed) -> bool {
        let latest = healed.health.get(&self.interface.slot()).cloned().unwrap_or_default();
        let is_news = self.disturbances != latest;
        self.disturbances = latest;
        is_news
    }

    /// Hands the interface to the provider and tells it to start.
    pub(super) fn start_provider(&self, record: &Record, options: Option<Map<String, Value>>) {
        let tun = self.interface.tun();
        let start = Start {
            configuration: record.configuration.clone(),
            secrets: record.secrets.clone(),
            options,
            interface: tun.map(virtual_interface),
            tun: tun.map(wire_device),
            path: self.surroundings.state().path,
        };
        let Some(provider) = &self.provider else { return };
        let queues = tun.map_or(&[][..], |device| &device.queues[..]);
        if let Err(error) = provider.start(start, queues) {
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

    /// What is installed now of what its provider runs.
    pub(super) fn installed(&self, configuration: &VpnConfiguration) -> Installed {
        let running = self.provider.as_ref().and_then(Provider::program);
        match self.surroundings.manifest(&configuration.protocol.provider_id) {
            Ok(manifest) => match (running, ProgramVersion::of(&manifest.executable)) {
                (Some(running), Some(found)) if running != found => Installed::Other,
                (Some(_) | None, Some(_) | None) => Installed::Same,
            },
            Err(ManifestError::NotInstalled(_) | ManifestError::NotExecutable(_)) => {
                Installed::Nothing
            }
            // It runs, and whoever repairs that repairs it for the next start.
            Err(
                ManifestError::Unreadable { .. }
                | ManifestError::WrongId { .. }
                | ManifestError::Writable(_)
                | ManifestError::WrongKind { .. },
            ) => Installed::Same,
        }
    }

    /// Whether the network is another one than that to which its provider is bound. One that began
    /// without a network is bound to the first that comes.
    pub(super) fn is_left_behind(&mut self, path: &NetworkPath) -> bool {
        let Some(bound) = &mut self.bound_to else { return false };
        if bound.status == PathStatus::Unsatisfied {
            bound.clone_from(path);
        }
        path.is_other_network_than(bound)
    }

    pub(super) fn revert(&mut self) {
        self.applied = None;
        self.network.submit(Job::Revert);
    }

    pub(super) fn network_changed(&self, state: NetworkState) {
        self.tell_path(state.path.clone());
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
        self.overrule(&record.configuration);
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
            counters: self.interface.counters(),
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
        let parked = self.inherits.then(|| self.interface.parked(&self.surroundings));
        if let Some(parked) = parked.flatten() {
            tokio::spawn(parked.clear());
        }
    }

    fn new(
        surroundings: &Arc<Surroundings>,
        reporter: Reporter,
        folder: SessionFolder,
        interface: Interface,
    ) -> Self {
        let network = Arc::clone(&surroundings.network);
        Self {
            network: NetworkTask::spawn(
                interface.slot(),
                interface.tunnel(),
                network,
                reporter.clone(),
            ),
            reporter,
            surroundings: Arc::clone(surroundings),
            interface,
            provider: None,
            folder,
            requests: BTreeMap::new(),
            asked: None,
            next_request: 0,
            applied: None,
            message: None,
            disturbances: Vec::new(),
            inherits: false,
            bound_to: None,
        }
    }

    fn record(
        &self,
        configuration: &VpnConfiguration,
        machine: &Session,
        start: &StartRequest,
    ) -> SessionRecord {
        let established = machine.connected_at().zip(self.applied.as_ref());
        let run = RunRecord {
            slot: self.interface.slot().number(),
            interface: self.interface.virtual_interface(),
            first_interface: self.interface.is_first,
            provider: self.provider.as_ref().and_then(Provider::name),
            program: self.provider.as_ref().and_then(Provider::program),
            established: established.map(|(connected_at, applied)| Established {
                connected_at,
                settings: applied.settings.clone(),
                strength: applied.strength,
            }),
        };
        SessionRecord {
            owner: configuration.owner,
            start: start.clone(),
            wanted: machine.is_wanted(),
            run: Some(run),
        }
    }

    fn tell_path(&self, path: NetworkPath) {
        if let Some(provider) = &self.provider {
            provider.tell(PathChanged { path });
        }
    }
}
