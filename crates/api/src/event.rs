//! What a watcher hears.

use adit_model::{
    ConfigurationId, MachineStatus, PastSession, SessionStatus, VpnConfiguration,
    on_demand::NetworkState,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Entry;

/// One change. On the wire it is an object with exactly one field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Event {
    /// Everything, first of all and after a lag.
    Snapshot(Snapshot),
    /// A configuration was created or changed.
    ConfigurationSaved(Box<Saved>),
    /// A configuration was deleted.
    ConfigurationRemoved(Removed),
    /// A session changed.
    StatusChanged(Box<StatusChange>),
    /// A session is over and can be read in the history.
    SessionEnded(Box<SessionEnd>),
    /// What the machine as a whole lets out changed.
    MachineChanged(MachineChange),
    /// The computer is in another network, or more is known of the one it is in.
    NetworkChanged(Box<NetworkChange>),
    /// Events were missed; a snapshot follows.
    Lagged(Lagged),
    /// Something that this version does not know.
    #[serde(untagged)]
    Unknown(Value),
}

/// Everything that the watcher may see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// By name.
    pub entries: Vec<Entry>,
    /// The machine as a whole.
    pub machine: MachineStatus,
}

/// A configuration was created or changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// As it is stored.
    pub configuration: VpnConfiguration,
}

/// A configuration was deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Removed {
    /// Which.
    pub id: ConfigurationId,
}

/// A session changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusChange {
    /// As it is.
    pub session: SessionStatus,
}

/// A session is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionEnd {
    /// What is kept of it.
    pub session: PastSession,
}

/// What the machine as a whole lets out changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MachineChange {
    /// As it is.
    pub machine: MachineStatus,
}

/// The computer is in another network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkChange {
    /// As rules see it.
    pub network: NetworkState,
}

/// Events were missed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lagged {
    /// How many.
    pub missed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_of_a_later_version_is_skipped_and_not_an_error() {
        let later: Event = serde_json::from_str(r#"{"moonPhase":{"full":true}}"#).unwrap();
        assert!(matches!(later, Event::Unknown(_)));
        let lagged: Event = serde_json::from_str(r#"{"lagged":{"missed":2}}"#).unwrap();
        assert_eq!(lagged, Event::Lagged(Lagged { missed: 2 }));
    }
}
