//! What a running engine tells about itself.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
};

use adit_model::wireguard::Key;
use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The state of an interface and its peers, as `wg show` has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Local UDP port; 0 if there is no socket.
    pub listen_port: u16,
    /// In the order of the configuration.
    pub peers: Vec<PeerStatus>,
    /// Packets that were dropped since the start, by cause.
    pub drops: BTreeMap<DropCause, u64>,
}

/// The state of one peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerStatus {
    /// Who it is.
    pub public_key: Key,
    /// Where it is at present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<SocketAddr>,
    /// When both sides last agreed on keys; absent: not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handshake: Option<Timestamp>,
    /// Bytes received in authenticated messages of any kind.
    pub rx_bytes: u64,
    /// Bytes sent in messages of any kind.
    pub tx_bytes: u64,
    /// What it may send and what is sent to it.
    pub allowed_ips: Vec<IpNet>,
    /// Seconds between keepalives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent_keepalive: Option<u16>,
}

/// Why a packet was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DropCause {
    /// From the system: it goes where no peer is.
    NoPeer,
    /// From the system: it is not known where the peer is.
    NoEndpoint,
    /// From the system: it waited in vain for the peer to agree on keys.
    NoSession,
    /// From the system: more came than can be sent on.
    Congested,
    /// From either side: it is no IP packet.
    NotIp,
    /// From the network: it claims a source that its peer may not use.
    SourceNotAllowed,
    /// From the network: it is no WireGuard message, or not from a peer, or its session is over.
    Unauthentic,
    /// From the network: it was here before, or is far too late.
    Replayed,
    /// From the network: a handshake among too many, answered with a cookie.
    UnderLoad,
    /// To the network: the system did not send it.
    NotSent,
    /// From or to the system: the virtual interface is down or full, or the packet malformed.
    Interface,
}

/// Counts drops. Shared by all threads.
#[derive(Debug, Default)]
pub(crate) struct Drops([AtomicU64; DropCause::ALL.len()]);

impl DropCause {
    /// All causes.
    pub const ALL: [Self; 11] = [
        Self::NoPeer,
        Self::NoEndpoint,
        Self::NoSession,
        Self::Congested,
        Self::NotIp,
        Self::SourceNotAllowed,
        Self::Unauthentic,
        Self::Replayed,
        Self::UnderLoad,
        Self::NotSent,
        Self::Interface,
    ];
}

impl Drops {
    pub(crate) fn count(&self, cause: DropCause, packets: usize) {
        self.0[cause as usize].fetch_add(packets as u64, Ordering::Relaxed);
    }

    pub(crate) fn totals(&self) -> BTreeMap<DropCause, u64> {
        let total = |cause: DropCause| (cause, self.0[cause as usize].load(Ordering::Relaxed));
        DropCause::ALL.into_iter().map(total).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_told_by_name() {
        let drops = Drops::default();
        drops.count(DropCause::SourceNotAllowed, 2);
        let json = serde_json::to_value(drops.totals()).unwrap();
        assert_eq!(json["sourceNotAllowed"], 2);
        assert_eq!(json.as_object().unwrap().len(), DropCause::ALL.len());
    }
}
