//! What a viewer knows of the helper and its sessions: a copy that follows the helper's events.

use std::collections::BTreeMap;

use adit_model::{ConfigurationId, MachineStatus, SessionStatus, VpnConfiguration};
use serde::{Deserialize, Serialize};

use crate::{ConnectError, Entry, Event, Heard, SubscriptionError};

/// One change of the copy, for whoever shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Change {
    /// How the viewer and the helper stand.
    Link {
        /// From now on.
        link: Link,
    },
    /// Everything, in place of what was known before.
    Snapshot {
        /// By name.
        entries: Vec<Entry>,
        /// The machine as a whole.
        machine: MachineStatus,
    },
    /// A configuration was created or changed.
    Saved {
        /// As it is stored.
        configuration: Box<VpnConfiguration>,
    },
    /// A configuration was removed.
    Removed {
        /// Which.
        id: ConfigurationId,
    },
    /// A session changed.
    Status {
        /// As it is.
        session: Box<SessionStatus>,
    },
    /// What the machine as a whole lets out changed.
    Machine {
        /// As it is.
        machine: MachineStatus,
    },
}

/// How the viewer and the helper stand. While they are not attached, what was known may be wrong by now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(tag = "state", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Link {
    /// The viewer has just started.
    #[default]
    Connecting,
    /// The helper tells every change.
    Attached {
        /// The helper's.
        version: String,
    },
    /// No helper is running.
    Missing,
    /// The helper and the viewer do not understand each other.
    OtherVersion {
        /// The helper's version.
        helper: String,
        /// The viewer's.
        app: String,
        /// Which of them is to be started again.
        older: Older,
    },
    /// Whoever listens is not to be trusted, or does not trust the user.
    Untrusted {
        /// A sentence.
        reason: String,
    },
    /// The helper does not answer as it should.
    Failed {
        /// A sentence with what to do.
        reason: String,
    },
}

/// The one of two programs that was started before an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum Older {
    /// The helper.
    Service,
    /// The viewer.
    Viewer,
}

/// The copy.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Viewer {
    /// Whether there is a helper to follow.
    pub link: Link,
    /// By id.
    pub entries: BTreeMap<ConfigurationId, Entry>,
    /// The machine as a whole.
    pub machine: MachineStatus,
}

impl Viewer {
    /// All that whoever begins to show it has to hear.
    #[must_use]
    pub fn changes_so_far(&self) -> Vec<Change> {
        vec![Change::Link { link: self.link.clone() }, self.snapshot()]
    }

    /// Follows the helper. Nothing is told on when nothing has changed.
    pub fn follow(&mut self, heard: Heard) -> Option<Change> {
        match heard {
            Heard::Attached { version } => self.link_becomes(Link::Attached { version }),
            Heard::Lost(error) => self.link_becomes(Link::lost(&error)),
            Heard::Event(event) => self.follow_event(event),
        }
    }

    fn follow_event(&mut self, event: Event) -> Option<Change> {
        match event {
            Event::Snapshot(snapshot) => {
                let entries = snapshot.entries.into_iter();
                self.entries = entries.map(|entry| (entry.configuration.id, entry)).collect();
                self.machine = snapshot.machine;
                Some(self.snapshot())
            }
            Event::ConfigurationSaved(saved) => {
                let configuration = saved.configuration;
                let id = configuration.id;
                let session = self.entries.remove(&id).map(|entry| entry.session);
                let session = session.unwrap_or_else(|| SessionStatus::new(id));
                let entry = Entry { configuration: configuration.clone(), session };
                self.entries.insert(id, entry);
                Some(Change::Saved { configuration: Box::new(configuration) })
            }
            Event::ConfigurationRemoved(removed) => {
                self.entries.remove(&removed.id)?;
                Some(Change::Removed { id: removed.id })
            }
            Event::StatusChanged(change) => {
                let entry = self.entries.get_mut(&change.session.id)?;
                entry.session.clone_from(&change.session);
                Some(Change::Status { session: Box::new(change.session) })
            }
            Event::MachineChanged(change) => {
                self.machine.clone_from(&change.machine);
                Some(Change::Machine { machine: change.machine })
            }
            // After a lag, a snapshot follows.
            Event::SessionEnded(_)
            | Event::NetworkChanged(_)
            | Event::Lagged(_)
            | Event::Unknown(_) => None,
        }
    }

    fn link_becomes(&mut self, link: Link) -> Option<Change> {
        if self.link == link {
            return None;
        }
        self.link = link.clone();
        Some(Change::Link { link })
    }

    fn snapshot(&self) -> Change {
        let mut entries: Vec<Entry> = self.entries.values().cloned().collect();
        entries.sort_by_cached_key(|entry| entry.configuration.name.to_lowercase());
        Change::Snapshot { entries, machine: self.machine.clone() }
    }
}

impl Link {
    fn lost(error: &SubscriptionError) -> Self {
        let SubscriptionError::Connect(error) = error else { return Self::Missing };
        let reason = error.to_string();
        match error {
            ConnectError::NotRunning(_) => Self::Missing,
            ConnectError::NotPermitted(_) | ConnectError::NotTrusted(..) => {
                Self::Untrusted { reason }
            }
            ConnectError::OtherVersion { helper, own } => {
                let older = Older::of(helper, own);
                Self::OtherVersion { helper: helper.clone(), app: (*own).into(), older }
            }
            ConnectError::NoAnswer | ConnectError::Failed(_) => Self::Failed { reason },
        }
    }
}

impl Older {
    /// A version that cannot be read is one of the future.
    fn of(helper: &str, viewer: &str) -> Self {
        let numbers = |version: &str| -> Option<Vec<u64>> {
            let numbers = version.split(['-', '+']).next()?;
            numbers.split('.').map(|number| number.parse().ok()).collect()
        };
        match numbers(helper) {
            Some(helper) if Some(&helper) < numbers(viewer).as_ref() => Self::Service,
            Some(_) | None => Self::Viewer,
        }
    }
}

#[cfg(test)]
mod tests {
    use adit_model::{TunnelProviderProtocol, VpnStatus};

    use super::*;
    use crate::{Removed, Saved, Snapshot, StatusChange};

    #[test]
    fn a_helper_that_comes_back_replaces_all_that_was_known() {
        let mut viewer = Viewer::default();
        let attached = || Heard::Attached { version: "1.0.0".into() };
        let snapshot = |entries| {
            Heard::Event(Event::Snapshot(Snapshot { entries, machine: MachineStatus::default() }))
        };
        assert!(viewer.follow(attached()).is_some());
        assert_eq!(viewer.follow(attached()), None);
        viewer.follow(snapshot(vec![entry(1, "b"), entry(2, "A")]));
        let missing = || Heard::Lost(ConnectError::NotRunning("/run".into()).into());
        assert_eq!(viewer.follow(missing()), Some(Change::Link { link: Link::Missing }));
        assert_eq!(viewer.follow(missing()), None);
        let known = viewer.changes_so_far();
        let [Change::Link { .. }, Change::Snapshot { entries, .. }] = &known[..] else {
            panic!("{known:?}")
        };
        assert_eq!(entries[0].configuration.name, "A");
        viewer.follow(snapshot(vec![entry(3, "c")]));
        assert_eq!(viewer.entries.len(), 1);
    }

    #[test]
    fn who_was_started_before_the_update_is_the_older_one() {
        let link = |helper: &str, own: &'static str| {
            let error = ConnectError::OtherVersion { helper: helper.into(), own };
            match Link::lost(&error.into()) {
                Link::OtherVersion { older, .. } => older,
                link => panic!("{link:?}"),
            }
        };
        assert_eq!(link("0.10.0", "0.9.3"), Older::Viewer);
        assert_eq!(link("0.9.3-beta", "0.10.0"), Older::Service);
        assert_eq!(link("nonsense", "0.10.0"), Older::Viewer);
    }

    #[test]
    fn a_status_of_what_is_not_known_is_not_passed_on() {
        let mut viewer = Viewer::default();
        let Entry { configuration, session } = entry(1, "a");
        let id = session.id;
        let connected = SessionStatus { status: VpnStatus::Connected, ..session };
        let status = || {
            Heard::Event(Event::StatusChanged(Box::new(StatusChange {
                session: connected.clone(),
            })))
        };
        assert_eq!(viewer.follow(status()), None);
        viewer.follow(Heard::Event(Event::ConfigurationSaved(Box::new(Saved { configuration }))));
        let session = Box::new(connected.clone());
        assert_eq!(viewer.follow(status()), Some(Change::Status { session }));
        assert_eq!(viewer.entries[&id].session, connected);
        let removed = || Heard::Event(Event::ConfigurationRemoved(Removed { id }));
        assert_eq!(viewer.follow(removed()), Some(Change::Removed { id }));
        assert_eq!(viewer.follow(removed()), None);
    }

    fn entry(id: u8, name: &str) -> Entry {
        let id = ConfigurationId::from_random([id; 16]);
        let protocol = TunnelProviderProtocol::new("org.example.vpn", "vpn.example");
        Entry {
            configuration: VpnConfiguration::new(id, name, protocol),
            session: SessionStatus::new(id),
        }
    }
}
