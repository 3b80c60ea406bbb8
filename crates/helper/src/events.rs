//! Changes on their way to those who watch.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use adit_api::{Event, Lagged, MachineChange, NetworkChange, Snapshot};
use adit_model::{MachineStatus, VpnConfiguration, on_demand::NetworkState};
use futures_util::{Stream, stream};
use tokio::sync::broadcast;

use crate::access;

/// A change.
#[derive(Debug, Clone)]
enum Notice {
    /// Of one configuration, which decides who may hear of it.
    Of(Box<VpnConfiguration>, Box<Event>),
    /// The computer is in another network.
    Network(NetworkState),
    /// Of the machine as a whole, as far as it is not of a configuration.
    Machine,
}

/// Where changes are announced.
#[derive(Debug, Clone)]
pub(crate) struct Events {
    sender: broadcast::Sender<Notice>,
    watchers: Watchers,
}

/// The users of those who watch.
type Watchers = Arc<Mutex<Vec<u32>>>;

/// A watcher that is this far behind reads everything again; it never makes the helper grow.
const CAPACITY: usize = 64;

impl Events {
    pub(crate) fn new() -> Self {
        Self { sender: broadcast::Sender::new(CAPACITY), watchers: Watchers::default() }
    }

    /// Whether somebody watches who hears of this configuration.
    pub(crate) fn are_heard_of(&self, about: &VpnConfiguration) -> bool {
        locked(&self.watchers).iter().any(|uid| access::may_see(*uid, about))
    }

    pub(crate) fn announce(&self, about: &VpnConfiguration, event: Event) {
        // Nobody may be watching.
        let _ = self.sender.send(Notice::Of(Box::new(about.clone()), Box::new(event)));
    }

    /// Tells everybody who watches which network the computer is in.
    pub(crate) fn announce_network(&self, network: NetworkState) {
        let _ = self.sender.send(Notice::Network(network));
    }

    /// Has everybody who watches look at the machine again.
    pub(crate) fn announce_machine(&self) {
        let _ = self.sender.send(Notice::Machine);
    }

    /// A snapshot, then every change that `uid` may hear of, and a snapshot again after a lag.
    ///
    /// The machine is looked at after each change: what it lets out follows from all of them.
    pub(crate) fn watch<S, M>(
        &self,
        uid: u32,
        snapshot: S,
        machine: M,
    ) -> impl Stream<Item = Event> + Send + use<S, M>
    where
        S: Fn() -> Snapshot + Send + 'static,
        M: Fn() -> MachineStatus + Send + 'static,
    {
        // Subscribed before the first snapshot, so that no change falls between the two.
        let notices = self.sender.subscribe();
        let told = MachineStatus::default();
        let watching = Watching::begin(uid, &self.watchers);
        let watcher = Watcher { watching, notices, snapshot, machine, told, behind: true };
        stream::unfold(watcher, |mut watcher| async {
            let event = watcher.next().await?;
            Some((event, watcher))
        })
    }
}

struct Watcher<S, M> {
    watching: Watching,
    notices: broadcast::Receiver<Notice>,
    snapshot: S,
    machine: M,
    /// The machine as it was last told of.
    told: MachineStatus,
    behind: bool,
}

/// Counts a watcher among those who watch.
struct Watching {
    uid: u32,
    watchers: Watchers,
}

impl Watching {
    fn begin(uid: u32, watchers: &Watchers) -> Self {
        locked(watchers).push(uid);
        Self { uid, watchers: Arc::clone(watchers) }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut watchers = locked(&self.watchers);
        if let Some(own) = watchers.iter().position(|uid| *uid == self.uid) {
            watchers.swap_remove(own);
        }
    }
}

fn locked(watchers: &Watchers) -> MutexGuard<'_, Vec<u32>> {
    // Whole after every statement.
    watchers.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S: Fn() -> Snapshot, M: Fn() -> MachineStatus> Watcher<S, M> {
    async fn next(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.behind) {
            let snapshot = (self.snapshot)();
            self.told = snapshot.machine.clone();
            return Some(Event::Snapshot(snapshot));
        }
        loop {
            let machine = (self.machine)();
            if machine != self.told {
                self.told = machine.clone();
                return Some(Event::MachineChanged(MachineChange { machine }));
            }
            match self.notices.recv().await {
                Ok(Notice::Of(about, event)) if access::may_see(self.watching.uid, &about) => {
                    return Some(*event);
                }
                Ok(Notice::Network(network)) => {
                    let change = NetworkChange { network };
                    return Some(Event::NetworkChanged(Box::new(change)));
                }
                Ok(Notice::Of(..) | Notice::Machine) => {}
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    self.behind = true;
                    return Some(Event::Lagged(Lagged { missed }));
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::atomic::{AtomicBool, Ordering},
    };

    use adit_api::Removed;
    use adit_model::{ConfigurationId, TunnelProviderProtocol};
    use futures_util::StreamExt;

    use super::*;

    // spec: ENT-14
    #[tokio::test]
    async fn a_watcher_hears_its_own_changes_and_catches_up_after_a_lag() {
        let events = Events::new();
        let machine = MachineStatus::default;
        let snapshot = move || Snapshot { entries: vec![], machine: machine() };
        let mut watch = pin!(events.watch(1000, snapshot, machine));
        let theirs = configuration(1001);
        let mine = configuration(1000);
        let removed =
            |about: &VpnConfiguration| Event::ConfigurationRemoved(Removed { id: about.id });

        assert!(matches!(watch.next().await, Some(Event::Snapshot(_))));
        events.announce(&theirs, removed(&theirs));
        events.announce(&mine, removed(&mine));
        assert_eq!(watch.next().await, Some(removed(&mine)));
        for _ in 0..=CAPACITY {
            events.announce(&mine, removed(&mine));
        }
        assert_eq!(watch.next().await, Some(Event::Lagged(Lagged { missed: 1 })));
        assert!(matches!(watch.next().await, Some(Event::Snapshot(_))));
    }

    #[tokio::test]
    async fn a_watcher_hears_what_the_machine_lets_out_when_that_changes() {
        let events = Events::new();
        let blocking = Arc::new(AtomicBool::new(false));
        let machine = {
            let blocking = Arc::clone(&blocking);
            move || MachineStatus {
                blocking: blocking.load(Ordering::Relaxed),
                ..MachineStatus::default()
            }
        };
        let snapshot = || Snapshot { entries: vec![], machine: MachineStatus::default() };
        let mut watch = pin!(events.watch(1000, snapshot, machine.clone()));
        assert!(matches!(watch.next().await, Some(Event::Snapshot(_))));
        blocking.store(true, Ordering::Relaxed);
        events.announce_machine();
        let changed = Event::MachineChanged(MachineChange { machine: machine() });
        assert_eq!(watch.next().await, Some(changed));
        // Also of a change that is not the watcher's to hear.
        blocking.store(false, Ordering::Relaxed);
        let theirs = configuration(1001);
        events.announce(&theirs, Event::ConfigurationRemoved(Removed { id: theirs.id }));
        let changed = Event::MachineChanged(MachineChange { machine: machine() });
        assert_eq!(watch.next().await, Some(changed));
    }

    // spec: PRV-7
    #[test]
    fn a_configuration_is_heard_of_while_somebody_watches_who_may_see_it() {
        let events = Events::new();
        let machine = MachineStatus::default;
        let snapshot = move || Snapshot { entries: vec![], machine: machine() };
        let (mine, theirs) = (configuration(1000), configuration(1001));
        let heard = || (events.are_heard_of(&mine), events.are_heard_of(&theirs));
        assert_eq!(heard(), (false, false));
        let first = events.watch(1000, snapshot, machine);
        let second = events.watch(1000, snapshot, machine);
        assert_eq!(heard(), (true, false));
        drop(first);
        assert_eq!(heard(), (true, false));
        drop(second);
        assert_eq!(heard(), (false, false));
    }

    fn configuration(owner: u32) -> VpnConfiguration {
        let protocol = TunnelProviderProtocol::new("org.example.vpn", "vpn.example");
        let mut configuration = VpnConfiguration::new(ConfigurationId::random(), "x", protocol);
        configuration.owner = owner;
        configuration
    }
}
