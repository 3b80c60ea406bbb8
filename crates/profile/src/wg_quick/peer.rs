//! A `[Peer]` section.

use std::collections::BTreeSet;

use adit_model::wireguard::{Endpoint, Key, WireGuardPeer};
use ipnet::IpNet;

use super::{
    ImportError,
    document::{Block, Entry, Read},
    key::PeerKey,
    value::{self, WrittenKey},
};
use crate::{Note, NoteCode};

/// What the section says.
pub(super) struct Peer {
    pub(super) public_key: Read<Key>,
    pub(super) preshared_key: Option<Read<WrittenKey>>,
    /// Without host bits; none twice.
    pub(super) allowed_ips: Vec<Read<IpNet>>,
    endpoint: Option<Endpoint>,
    keepalive: Option<u16>,
}

impl Peer {
    pub(super) fn read(block: &Block<PeerKey>, notes: &mut Vec<Note>) -> Result<Self, ImportError> {
        block.note_repeats(notes);
        let mut public_key = None;
        let mut preshared_key = None;
        let mut allowed_ips: Vec<Read<IpNet>> = Vec::new();
        let mut endpoint = None;
        let mut keepalive = None;
        for entry in &block.entries {
            match entry.key {
                PeerKey::PublicKey => {
                    let value = entry.parse(value::public_key)?;
                    public_key = Some(Read { line: entry.line, value });
                }
                PeerKey::PresharedKey => {
                    let value = entry.parse(value::written_key)?;
                    preshared_key = value.map(|value| Read { line: entry.line, value });
                }
                PeerKey::AllowedIps => read_networks(entry, &mut allowed_ips, notes)?,
                PeerKey::Endpoint => endpoint = Some(entry.parse(value::endpoint)?),
                PeerKey::PersistentKeepalive => keepalive = entry.parse(value::keepalive)?,
            }
        }
        let mut seen = BTreeSet::new();
        allowed_ips.retain(|network| seen.insert(network.value));
        let example = "the server’s public key";
        let public_key = public_key.ok_or_else(|| block.missing("PublicKey", example))?;
        Ok(Self { public_key, preshared_key, allowed_ips, endpoint, keepalive })
    }

    pub(super) fn into_model(self) -> WireGuardPeer {
        WireGuardPeer {
            public_key: self.public_key.value,
            endpoint: self.endpoint,
            allowed_ips: self.allowed_ips.into_iter().map(|read| read.value).collect(),
            persistent_keepalive: self.keepalive,
        }
    }
}

fn read_networks(
    entry: &Entry<PeerKey>,
    networks: &mut Vec<Read<IpNet>>,
    notes: &mut Vec<Note>,
) -> Result<(), ImportError> {
    for network in entry.parse_items(|c| c == ',', value::network) {
        let Read { line, value: written } = network?;
        let value = written.trunc();
        if value != written {
            let text = format!("{written} is taken for the network that it lies in, {value}.");
            let note = Note::notice(NoteCode::NetworkHostBits, text).about(entry.name).at(line);
            notes.push(note.with("written", &written).with("network", &value));
        }
        networks.push(Read { line, value });
    }
    Ok(())
}
