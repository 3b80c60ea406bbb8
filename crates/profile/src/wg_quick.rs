//! The files of wg-quick(8) and wg(8).

mod document;
mod draft;
mod error;
mod export;
mod interface;
mod key;
mod nearest;
mod peer;
mod text;
mod value;

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

use adit_model::{
    ConfigurationId, InvalidSettings, Secret, Secrets, VpnConfiguration,
    wireguard::{InvalidKey, PRIVATE_KEY, WireGuardConfiguration, preshared_key},
};

use self::{
    document::{Document, Read},
    interface::Interface,
    peer::Peer,
    value::WrittenKey,
};
use crate::{Imported, Note, configuration::wireguard_configuration};

pub use self::{
    draft::{Draft, read_draft, write_draft},
    error::{ExportError, ImportError},
    export::{export_wg_quick, is_said_by_wg_quick},
    text::MAX_SIZE,
};

/// Any address: the settings are checked before the server's is known.
pub(crate) const UNKNOWN_REMOTE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Reads a file of wg-quick(8): UTF-8, at most [`MAX_SIZE`] bytes. A file that wg-quick accepts as
/// well means the same to both, except that commands are kept and never run. What wg-quick would
/// stumble over later, such as an address that is none, is refused at once and named with its line.
pub fn import_wg_quick(
    bytes: &[u8],
    name: &str,
    id: ConfigurationId,
) -> Result<Imported, ImportError> {
    let File { configuration, keys, notes } = File::read(bytes, name, id)?;
    let secrets = keys.into_iter().map(FoundKey::shown).collect::<Result<Secrets, _>>()?;
    Ok(Imported { configuration, secrets, notes })
}

/// A file whose keys may be hidden.
struct File {
    configuration: VpnConfiguration,
    keys: Vec<FoundKey>,
    notes: Vec<Note>,
}

/// A key that must not be seen, and where it stands.
struct FoundKey {
    /// Its name among the secrets.
    name: String,
    /// Its name in the file.
    key: &'static str,
    read: Read<WrittenKey>,
}

impl File {
    fn read(bytes: &[u8], name: &str, id: ConfigurationId) -> Result<Self, ImportError> {
        let document = Document::parse(text::decode(bytes)?)?;
        let mut notes = Vec::new();
        let (interface, private_key) = Interface::read(&document.interface, &mut notes)?;
        let peers = document
            .peers
            .iter()
            .map(|block| Peer::read(block, &mut notes))
            .collect::<Result<Vec<_>, _>>()?;
        if peers.is_empty() {
            return Err(ImportError::NoPeer);
        }
        check_peers(&peers)?;

        let keys = keys(private_key, &peers);
        let wireguard = WireGuardConfiguration {
            peers: peers.into_iter().map(Peer::into_model).collect(),
            ..interface.to_model()
        };
        check_settings(&wireguard, &interface)?;
        let configuration = wireguard_configuration(id, name, &wireguard);
        configuration.validate().map_err(ImportError::Configuration)?;
        notes.sort_by_key(|note| note.line);
        Ok(Self { configuration, keys, notes })
    }
}

impl FoundKey {
    /// Its name and itself. Outside an editor nothing knows a key that is hidden.
    fn shown(self) -> Result<(String, Secret), ImportError> {
        let Self { name, key, read: Read { line, value } } = self;
        match value {
            WrittenKey::Shown(secret) => Ok((name, secret)),
            WrittenKey::Hidden => {
                let reason = InvalidKey::NotBase64.to_string();
                Err(ImportError::Value { line, key, reason })
            }
        }
    }
}

fn keys(private_key: Read<WrittenKey>, peers: &[Peer]) -> Vec<FoundKey> {
    let private = FoundKey { name: PRIVATE_KEY.to_owned(), key: "PrivateKey", read: private_key };
    let preshared = peers.iter().filter_map(|peer| {
        let read = peer.preshared_key.clone()?;
        Some(FoundKey { name: preshared_key(&peer.public_key.value), key: "PresharedKey", read })
    });
    std::iter::once(private).chain(preshared).collect()
}

/// wg lets the last peer have what two peers claim, which is never what the file means.
fn check_peers(peers: &[Peer]) -> Result<(), ImportError> {
    let mut keys = BTreeMap::new();
    let mut networks = BTreeMap::new();
    for peer in peers {
        let Read { line, value: key } = peer.public_key;
        if let Some(first) = keys.insert(key, line) {
            return Err(ImportError::DuplicatePeer { line, first });
        }
        for &Read { line, value: network } in &peer.allowed_ips {
            if let Some(first) = networks.insert(network, line) {
                return Err(ImportError::DuplicateNetwork { line, network, first });
            }
        }
    }
    Ok(())
}

/// What the helper would refuse at the start is refused here, where the line is known.
fn check_settings(
    wireguard: &WireGuardConfiguration,
    interface: &Interface,
) -> Result<(), ImportError> {
    let Err(fault) = wireguard.network_settings(UNKNOWN_REMOTE).validate() else { return Ok(()) };
    let (key, line) = match &fault {
        InvalidSettings::UnusableAddress(address) => {
            ("Address", line_of(&interface.addresses, |net| net.addr() == *address))
        }
        InvalidSettings::BadDnsServerName(_) | InvalidSettings::BadDnsServerUrl(_) => ("DNS", None),
        InvalidSettings::UnusableDnsServer(server) => {
            ("DNS", line_of(&interface.dns_servers, |address| address == server))
        }
        InvalidSettings::BadDomain(domain) => {
            ("DNS", line_of(&interface.search_domains, |name| name == domain))
        }
        InvalidSettings::MtuTooSmall { .. } | InvalidSettings::MtuTooLarge { .. } => {
            ("MTU", interface.mtu.map(|read| read.line))
        }
        InvalidSettings::ReservedTable(_) => ("Table", interface.table.map(|read| read.line)),
        InvalidSettings::NoAddress => ("Address", None),
        InvalidSettings::RouteWithoutAddress { .. } | InvalidSettings::Contradiction(_) => {
            ("AllowedIPs", None)
        }
        // The sentence says of what there are too many. The others are not of such a file.
        InvalidSettings::TooMany { .. }
        | InvalidSettings::Proxy(_)
        | InvalidSettings::UnusableEthernetAddress(_)
        | InvalidSettings::NoMtu
        | InvalidSettings::AutomaticWithoutEthernet
        | InvalidSettings::UnusableRouter(_) => ("Interface", None),
    };
    let line = line.unwrap_or(interface.line);
    Err(ImportError::Value { line, key, reason: fault.to_string() })
}

fn line_of<T>(values: &[Read<T>], wanted: impl Fn(&T) -> bool) -> Option<usize> {
    values.iter().find(|read| wanted(&read.value)).map(|read| read.line)
}
