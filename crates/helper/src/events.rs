//! Changes on their way to those who watch.

use adit_api::{Event, Lagged, Snapshot};
use adit_model::VpnConfiguration;
use futures_util::{Stream, stream};
use tokio::sync::broadcast;

use crate::access;

/// A change, with the configuration it is about, which decides who may hear of it.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    pub(crate) about: VpnConfiguration,
    pub(crate) event: Event,
}

/// Where changes are announced.
#[derive(Debug, Clone)]
pub(crate) struct Events {
    sender: broadcast::Sender<Notice>,
}

/// A watcher that is this far behind reads everything again; it never makes the helper grow.
const CAPACITY: usize = 64;

impl Events {
    pub(crate) fn new() -> Self {
        Self { sender: broadcast::Sender::new(CAPACITY) }
    }

    pub(crate) fn announce(&self, about: &VpnConfiguration, event: Event) {
        // Nobody may be watching.
        let _ = self.sender.send(Notice { about: about.clone(), event });
    }

    /// A snapshot, then every change that `uid` may hear of, and a snapshot again after a lag.
    pub(crate) fn watch<F>(
        &self,
        uid: u32,
        snapshot: F,
    ) -> impl Stream<Item = Event> + Send + use<F>
    where
        F: Fn() -> Snapshot + Send + 'static,
    {
        // Subscribed before the first snapshot, so that no change falls between the two.
        let notices = self.sender.subscribe();
        let watcher = Watcher { uid, notices, snapshot, behind: true };
        stream::unfold(watcher, |mut watcher| async {
            let event = watcher.next().await?;
            Some((event, watcher))
        })
    }
}

struct Watcher<F> {
    uid: u32,
    notices: broadcast::Receiver<Notice>,
    snapshot: F,
    behind: bool,
}

impl<F: Fn() -> Snapshot> Watcher<F> {
    async fn next(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.behind) {
            return Some(Event::Snapshot((self.snapshot)()));
        }
        loop {
            match self.notices.recv().await {
                Ok(notice) if access::may_see(self.uid, &notice.about) => {
                    return Some(notice.event);
                }
                Ok(_) => {}
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
    use std::pin::pin;

    use adit_api::Removed;
    use adit_model::{ConfigurationId, TunnelProviderProtocol};
    use futures_util::StreamExt;

    use super::*;

    // spec: ENT-14
    #[tokio::test]
    async fn a_watcher_hears_its_own_changes_and_catches_up_after_a_lag() {
        let events = Events::new();
        let mut watch = pin!(events.watch(1000, || Snapshot { entries: vec![] }));
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

    fn configuration(owner: u32) -> VpnConfiguration {
        let protocol = TunnelProviderProtocol::new("org.example.vpn", "vpn.example");
        let mut configuration = VpnConfiguration::new(ConfigurationId::random(), "x", protocol);
        configuration.owner = owner;
        configuration
    }
}
