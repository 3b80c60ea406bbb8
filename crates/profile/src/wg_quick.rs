//! The files of wg-quick(8) and wg(8).

mod document;
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
    ConfigurationId, InvalidSettings, Secret, Secrets,
    wireguard::{PRIVATE_KEY, WireGuardConfiguration, preshared_key},
};

use self::{
    document::{Document, Read},
    interface::Interface,
    peer::Peer,
};
use crate::{Imported, configuration::wireguard_configuration};

pub use self::{
    error::{ExportError, ImportError},
    export::export_wg_quick,
    text::MAX_SIZE,
};

/// Any address: the settings are checked before the server's is known.
const UNKNOWN_REMOTE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Reads a file of wg-quick(8): UTF-8, at most [`MAX_SIZE`] bytes. A file that wg-quick accepts as
/// well means the same to both, except that commands are kept and never run. What wg-quick would
/// stumble over later, such as an address that is none, is refused at once and named with its line.
pub fn import_wg_quick(
    bytes: &[u8],
    name: &str,
    id: ConfigurationId,
) -> Result<Imported, ImportError> {
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

    let secrets = secrets(private_key, &peers);
    let wireguard = WireGuardConfiguration {
        peers: peers.into_iter().map(Peer::into_model).collect(),
        ..interface.to_model()
    };
    check_settings(&wireguard, &interface)?;
    let configuration = wireguard_configuration(id, name, &wireguard);
    configuration.validate().map_err(ImportError::Configuration)?;
    notes.sort_by_key(|note| note.line);
    Ok(Imported { configuration, secrets, notes })
}

fn secrets(private_key: Secret, peers: &[Peer]) -> Secrets {
    let private = (PRIVATE_KEY.to_owned(), private_key);
    let preshared = peers.iter().filter_map(|peer| {
        peer.preshared_key.clone().map(|secret| (preshared_key(&peer.public_key.value), secret))
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
        InvalidSettings::UnusableDnsServer(server) => {
            ("DNS", line_of(&interface.dns_servers, |address| address == server))
        }
        InvalidSettings::BadDomain(domain) => {
            ("DNS", line_of(&interface.search_domains, |name| name == domain))
        }
        InvalidSettings::MtuTooSmall { .. } => ("MTU", interface.mtu.map(|read| read.line)),
        InvalidSettings::ReservedTable(_) => ("Table", interface.table.map(|read| read.line)),
        InvalidSettings::NoAddress => ("Address", None),
        InvalidSettings::RouteWithoutAddress { .. } | InvalidSettings::Contradiction(_) => {
            ("AllowedIPs", None)
        }
        // The sentence says of what there are too many.
        InvalidSettings::TooMany { .. } | InvalidSettings::Proxy(_) => ("Interface", None),
    };
    let line = line.unwrap_or(interface.line);
    Err(ImportError::Value { line, key, reason: fault.to_string() })
}

fn line_of<T>(values: &[Read<T>], wanted: impl Fn(&T) -> bool) -> Option<usize> {
    values.iter().find(|read| wanted(&read.value)).map(|read| read.line)
}
