//! What becomes of the sessions that an earlier helper has left.
//!
//! A tunnel that was established goes on: with its provider, or if that is gone with another one on
//! the same interface. A session that was being established starts again, and so does one whose owner was
//! being asked for secrets. One that was ending is over.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::fd::OwnedFd,
    time::Duration,
};

use adit_model::{ConfigurationId, VpnConfiguration};
use adit_network::{
    Slot,
    tun::{self, TunDevice, TunError, TunOptions},
};
use adit_provider::{Kind, VirtualInterface};
use adit_varlink::Descriptors;
use futures_util::future::join_all;
use ipnet::IpNet;
use tokio::time::sleep;
use tracing::Instrument;

use super::{
    StartRequest,
    interface::{self, Interface},
    record::{Established, RunRecord, SessionFolder, SessionRecord},
    span,
};
use crate::{
    configurations::Configurations,
    kept_descriptors::KeptDescriptors,
    provider::{Confinement, Process, ProviderProcess, end_all_processes, end_process},
    surroundings::{SlotGuard, Surroundings},
};

/// A tunnel that goes on.
pub(crate) struct Adoption {
    pub(super) folder: SessionFolder,
    pub(super) interface: Interface,
    pub(super) established: Established,
    pub(super) start: StartRequest,
    /// None if another one has to be started.
    pub(super) provider: Option<TakenProvider>,
}

/// A provider that goes on.
pub(super) struct TakenProvider {
    pub(super) process: ProviderProcess,
    pub(super) reasserting: bool,
    /// The TUN device, as the provider says.
    queues: Vec<OwnedFd>,
}

impl Adoption {
    /// The tunnel's destinations.
    pub(super) fn routes(&self, configuration: &VpnConfiguration) -> Vec<IpNet> {
        let expected = || configuration.claimed_routes().to_vec();
        let settings = self.established.settings.as_ref();
        settings.map_or_else(expected, |settings| configuration.taken_routes(settings))
    }
}

/// What an earlier helper has left.
#[derive(Default)]
pub(crate) struct Left {
    pub(crate) adoptions: BTreeMap<ConfigurationId, Adoption>,
    /// Those to start again, with what they were started with.
    pub(crate) again: Vec<(ConfigurationId, StartRequest)>,
    /// Whether there were providers that nothing could be done with.
    pub(crate) ended: bool,
}

/// An established session on its way to being adopted.
struct Candidate {
    id: ConfigurationId,
    provider_id: String,
    folder: SessionFolder,
    slot: SlotGuard,
    start: StartRequest,
    interface: VirtualInterface,
    run: RunRecord,
    established: Established,
}

/// How often, and after which pause, an interface is opened anew: the last process that had it may
/// still be letting go of it.
const ROUNDS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(10);

impl Left {
    /// Takes over what can be, and ends the providers of everything else.
    pub(crate) async fn take_over(
        surroundings: &Surroundings,
        configurations: &Configurations,
        mut kept: KeptDescriptors,
    ) -> Self {
        let mut left = Self::default();
        let mut candidates = Vec::new();
        for mut folder in SessionFolder::left_in(&surroundings.sessions_dir) {
            let found = folder.read().and_then(|(id, record)| {
                let configuration = &configurations.get(id)?.configuration;
                (configuration.owner == record.owner)
                    .then(|| (id, record, configuration.protocol.provider_id.clone()))
            });
            let Some((id, record, provider_id)) = found else {
                folder.remove();
                continue;
            };
            let SessionRecord { owner, start, wanted, run } = record;
            let Some(run) = run else {
                folder.remove();
                if wanted {
                    left.again.push((id, start));
                }
                continue;
            };
            let slot = Slot::new(run.slot);
            let slot = slot.and_then(|slot| surroundings.slots.reserve(slot, owner));
            let is_sound = slot.is_some();
            let tunnel = run.established.clone().zip(run.interface.clone());
            match (slot, tunnel) {
                (Some(slot), Some((established, interface))) if wanted => {
                    candidates.push(Candidate {
                        id,
                        provider_id,
                        folder,
                        slot,
                        start,
                        interface,
                        run,
                        established,
                    });
                }
                (Some(_) | None, Some(_) | None) => {
                    left.let_go(&run).await;
                    folder.remove();
                    if is_sound && wanted {
                        left.again.push((id, start));
                    }
                }
            }
        }
        let taking = candidates.iter().map(|it| it.take_provider().instrument(span(it.id)));
        let providers = join_all(taking).await;
        let has_provider = candidates.iter().zip(&providers).filter(|(_, found)| found.is_some());
        let keep: BTreeSet<Slot> =
            has_provider.map(|(candidate, _)| candidate.slot.slot()).collect();
        // They might hold the interfaces that are opened next.
        left.ended |= end_all_processes(&keep);
        for (candidate, provider) in candidates.into_iter().zip(providers) {
            let queues = kept.take(candidate.id);
            left.adopt(candidate, provider, queues, surroundings).await;
        }
        left
    }

    /// Whose sessions are not over.
    pub(crate) fn going_on(&self) -> BTreeSet<ConfigurationId> {
        let again = self.again.iter().map(|(id, _)| *id);
        self.adoptions.keys().copied().chain(again).collect()
    }

    /// The slots that are still in use.
    pub(crate) fn slots(&self) -> BTreeSet<Slot> {
        self.adoptions.values().map(|adoption| adoption.interface.slot()).collect()
    }

    async fn adopt(
        &mut self,
        candidate: Candidate,
        provider: Option<TakenProvider>,
        kept: Vec<OwnedFd>,
        surroundings: &Surroundings,
    ) {
        let manifest = surroundings.manifest(&candidate.provider_id);
        let (kind, offloads) =
            manifest.map_or((Kind::PacketTunnel, false), |it| (it.kind, it.offloads));
        let Candidate { id, folder, slot, start, interface, run, established, .. } = candidate;
        let options =
            TunOptions { name: interface.name.clone(), ..interface::options(kind, offloads) };
        match take_device(&interface, provider, kept, options).await {
            Ok((tun, provider)) => {
                let is_first = run.first_interface && tun.index == interface.index;
                let interface = Interface::adopted(slot, tun, is_first);
                let adoption = Adoption { folder, interface, established, start, provider };
                self.adoptions.insert(id, adoption);
            }
            Err(error) => {
                tracing::warn!(
                    "the interface of a tunnel is lost and cannot be made again: {error}"
                );
                folder.remove();
                self.again.push((id, start));
            }
        }
    }

    /// Ends the provider of a session whose tunnel does not go on.
    async fn let_go(&mut self, run: &RunRecord) {
        if let Some(process) = run.provider.and_then(Process::find) {
            end_process(&process).await;
            self.ended = true;
        }
    }
}

impl Candidate {
    /// The provider, if it still runs and speaks. One that does not speak is ended.
    async fn take_provider(&self) -> Option<TakenProvider> {
        let slot = self.slot.slot();
        let process = self.run.provider.and_then(Process::find)?;
        if !Confinement::for_slot(slot).holds(process.pid()) {
            return None;
        }
        let socket = self.folder.socket();
        let taken =
            ProviderProcess::take_over(process, self.run.program, &self.provider_id, slot, &socket)
                .await;
        let (process, attached, fds) = taken
            .inspect_err(|error| tracing::warn!("a tunnel provider cannot be taken over: {error}"))
            .ok()?;
        let mut fds = Descriptors::from(fds);
        let queues = attached.queues.iter().filter_map(|index| fds.take(*index));
        Some(TakenProvider { process, reasserting: attached.reasserting, queues: queues.collect() })
    }
}

/// The interface of a session: the one that systemd or the provider kept, or one of the same name if
/// that is gone. Then its provider is of no use any more.
async fn take_device(
    interface: &VirtualInterface,
    mut provider: Option<TakenProvider>,
    kept: Vec<OwnedFd>,
    options: TunOptions,
) -> Result<(TunDevice, Option<TakenProvider>), TunError> {
    let VirtualInterface { name, index } = interface;
    let from_provider = provider.as_mut().map(|provider| std::mem::take(&mut provider.queues));
    for queues in [Some(kept), from_provider].into_iter().flatten() {
        match tun::adopt(queues, name, *index) {
            Ok(tun) => return Ok((tun, provider)),
            Err(error) => tracing::debug!("an interface is not what it should be: {error}"),
        }
    }
    if let Some(TakenProvider { process, .. }) = provider {
        let (_, _, lifeline, gone) = process.guard();
        drop(lifeline);
        gone.await;
    }
    let mut opened = tun::open(&options);
    for _ in 0..ROUNDS {
        if !matches!(opened, Err(TunError::NameTaken(_))) {
            break;
        }
        sleep(PAUSE).await;
        opened = tun::open(&options);
    }
    Ok((opened?, None))
}
