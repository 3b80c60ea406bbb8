//! The changes that the helper tells of.

use std::path::Path;

use adit_api::{Event, Snapshot};
use adit_model::{ConfigurationId, SessionStatus};

use crate::failure::Failure;

/// Hears of every change, also when the helper is replaced by another one meanwhile.
pub(crate) struct Subscription {
    events: adit_api::Subscription,
}

impl Subscription {
    /// Everything as it is, and the changes from there on.
    pub(crate) async fn open(socket: &Path) -> Result<(Snapshot, Self), Failure> {
        let mut subscription = Self { events: adit_api::Subscription::open(socket).await? };
        loop {
            if let Event::Snapshot(snapshot) = subscription.next().await? {
                return Ok((snapshot, subscription));
            }
        }
    }

    /// The next change. May be dropped while it waits.
    pub(crate) async fn next(&mut self) -> Result<Event, Failure> {
        Ok(self.events.next().await?)
    }

    /// What the next change that concerns it makes of the session of `id`; none when the
    /// configuration is gone. May be dropped while it waits.
    pub(crate) async fn next_of(
        &mut self,
        id: ConfigurationId,
    ) -> Result<Option<SessionStatus>, Failure> {
        loop {
            match self.next().await? {
                Event::StatusChanged(change) if change.session.id == id => {
                    return Ok(Some(change.session));
                }
                Event::ConfigurationRemoved(removed) if removed.id == id => return Ok(None),
                Event::Snapshot(Snapshot { entries, .. }) => {
                    let entry = entries.into_iter().find(|entry| entry.configuration.id == id);
                    return Ok(entry.map(|entry| entry.session));
                }
                Event::StatusChanged(_)
                | Event::ConfigurationRemoved(_)
                | Event::ConfigurationSaved(_)
                | Event::SessionEnded(_)
                | Event::MachineChanged(_)
                | Event::NetworkChanged(_)
                | Event::Lagged(_)
                | Event::Unknown(_) => {}
            }
        }
    }
}
