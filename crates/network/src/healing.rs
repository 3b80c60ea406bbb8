//! Watching over what is in force: what others change is put back, and told.

mod fights;
mod opponent;

pub(crate) use fights::{Fights, Opponent, Part, Verdict};

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use adit_model::HealthItem;
use futures_util::{Stream, StreamExt};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout_at},
};

use crate::{
    Network, NetworkError, Slot,
    netlink::{Change, changes},
    network::Repaired,
};

/// What there is to tell about the tunnels that are up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Healed {
    /// What others have changed, for each session.
    pub health: BTreeMap<Slot, Vec<HealthItem>>,
    /// The indexes of tunnels' interfaces that were deleted. Nothing can bring one back.
    pub lost: BTreeSet<u32>,
}

/// How long the kernel has to be quiet before anything is put back: who takes away one thing of ours
/// is likely to take away more.
const QUIET: Duration = Duration::from_millis(30);
/// How long at most, as all is to be in place within a second.
const LONGEST_BURST: Duration = Duration::from_millis(200);
/// After which a repair that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Puts back what others change, from now on. The receiver has what there is to tell. It closes when
/// the kernel ends the subscription; dropping the last receiver ends everything. To be called in the
/// network namespace that `network` was opened in.
pub async fn watch(network: Arc<Network>) -> Result<watch::Receiver<Healed>, NetworkError> {
    let changes = changes(network.port().await)?;
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
    let mut suspects = Suspects::default();
    let mut again = None;
    loop {
        tokio::select! {
            change = changes.next() => {
                let Some(change) = change else { return };
                suspects.note(change);
                if burst(&mut changes, &mut suspects).await.is_none() {
                    return;
                }
            }
            () = sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => {}
        }
        let now = Instant::now();
        let opponent = |part| suspects.opponent(part);
        again = match network.repair(opponent, now.into_std()).await {
            Ok(repaired) => publish(healed, repaired),
            Err(error) => {
                tracing::warn!(%error, "what others changed could not be looked for");
                Some(now + RETRY)
            }
        };
        suspects = Suspects::default();
    }
}

/// Returns when the burst of changes is over, or `None` when there will be no more.
async fn burst(
    changes: &mut (impl Stream<Item = Change> + Unpin),
    suspects: &mut Suspects,
) -> Option<()> {
    let end = Instant::now() + LONGEST_BURST;
    while Instant::now() < end {
        match timeout_at(end.min(Instant::now() + QUIET), changes.next()).await {
            Ok(change) => suspects.note(change?),
            Err(_) => break,
        }
    }
    Some(())
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

/// Who may have done it, from the messages of one burst.
#[derive(Debug, Default)]
struct Suspects {
    by_part: BTreeMap<Part, String>,
    /// Ports that were looked up in this burst.
    asked: BTreeSet<u32>,
}

impl Suspects {
    /// Asked at once, as many a culprit ends within milliseconds.
    fn note(&mut self, change: Change) {
        let Change { part: Some(part), port } = change else { return };
        if port != 0
            && self.asked.insert(port)
            && let Some(name) = opponent::of_port(port)
        {
            self.by_part.insert(part, name);
        }
    }

    fn opponent(&self, part: Part) -> Opponent {
        if let Some(name) = self.by_part.get(&part) {
            return Opponent::Known(name.clone());
        }
        opponent::usual(part).map_or(Opponent::Unknown, Opponent::Likely)
    }
}
