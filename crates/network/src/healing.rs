//! Watching over what is in force: what others change is put back, and told.

mod change;
mod fights;
mod name_resolution;
mod opponent;

pub(crate) use change::{Change, Culprit, Suspicion};
pub(crate) use fights::{Fights, Opponent, Part, Verdict};

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use adit_model::HealthItem;
use futures_util::{Stream, StreamExt, future, stream};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::{
    Network, NetworkError, Places, Slot,
    burst::{Pace, burst_after},
    firewall::Firewall,
    netlink,
    network::{Bus, Repaired},
};

/// What there is to tell about the tunnels that are up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Healed {
    /// What others have changed, for each session.
    pub health: BTreeMap<Slot, Vec<HealthItem>>,
    /// The indexes of tunnels' interfaces that were deleted, and in whose place others are to be made
    /// now; one that is deleted over and over is not here before its time.
    pub lost: BTreeSet<u32>,
}

/// Follows what others do to name resolution. Never ends by itself.
pub(crate) fn name_resolution_changes(
    resolv_conf: &Path,
    bus: &Bus,
) -> impl Stream<Item = ()> + use<> {
    name_resolution::changes(resolv_conf, bus).map(drop)
}

/// How long the kernel has to be quiet before anything is put back: who takes away one thing of ours
/// is likely to take away more. All is to be in place within a second.
const PACE: Pace = Pace { quiet: Duration::from_millis(30), longest: Duration::from_millis(200) };
/// After which a repair that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Puts back what others change, from now on. The receiver has what there is to tell. It closes when
/// the kernel ends the subscription; dropping the last receiver ends everything. To be called in the
/// network namespace that `network` was opened in.
pub async fn watch(network: Arc<Network>) -> Result<watch::Receiver<Healed>, NetworkError> {
    let kernel = netlink::changes(network.port().await)?;
    let Places { resolv_conf, bus, .. } = network.places();
    let names = name_resolution::changes(resolv_conf, bus);
    let network_changes = until_either_ends(kernel, names);
    let changes = until_either_ends(network_changes, Firewall::changes());
    let (healed, receiver) = watch::channel(Healed::default());
    tokio::spawn(async move {
        tokio::select! {
            () = keep(&network, changes, &healed) => {
                tracing::warn!("the kernel no longer tells who changes the tunnels’ settings");
            }
            () = healed.closed() => {}
        }
    });
    Ok(receiver)
}

async fn keep(
    network: &Network,
    changes: impl Stream<Item = Change>,
    healed: &watch::Sender<Healed>,
) {
    let mut changes = pin!(changes);
    let mut again: Option<Instant> = None;
    loop {
        let suspicion = tokio::select! {
            change = changes.next() => {
                let Some(first) = change else { return };
                let Some(suspicion) = rest_of_burst(first, &mut changes).await else { return };
                suspicion
            }
            () = network.stub_news() => Suspicion::of_everything(),
            () = sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => {
                Suspicion::of_everything()
            }
        };
        let now = Instant::now();
        again = match network.repair(&suspicion, now.into_std()).await {
            Ok(repaired) => publish(healed, repaired),
            Err(error) => {
                tracing::warn!(%error, "what others changed could not be looked for");
                Some(now + RETRY)
            }
        };
    }
}

/// What both tell, as long as both do.
pub(crate) fn until_either_ends<T>(
    one: impl Stream<Item = T>,
    other: impl Stream<Item = T>,
) -> impl Stream<Item = T> {
    let end = || stream::iter([None]);
    stream::select(one.map(Some).chain(end()), other.map(Some).chain(end()))
        .take_while(|item| future::ready(item.is_some()))
        .filter_map(future::ready)
}

/// What a burst of changes is about, or `None` when there will be no more.
async fn rest_of_burst(
    first: Change,
    changes: &mut (impl Stream<Item = Change> + Unpin),
) -> Option<Suspicion> {
    let mut suspicion = Suspicion::default();
    suspicion.note(first);
    burst_after(changes, PACE, |change| suspicion.note(change)).await?;
    Some(suspicion)
}

fn publish(healed: &watch::Sender<Healed>, repaired: Repaired) -> Option<Instant> {
    let Repaired { health, lost, again } = repaired;
    let latest = Healed { health, lost };
    healed.send_if_modified(|healed| {
        let differs = *healed != latest;
        *healed = latest;
        differs
    });
    again.map(Instant::from_std)
}
