//! The `[Interface]` section.

use std::net::IpAddr;

use adit_model::{
    DnsProtocol, RouteTable,
    wireguard::{Scripts, WireGuardConfiguration},
};
use ipnet::IpNet;

use super::{
    ImportError,
    document::{Block, Entry, Read},
    key::InterfaceKey,
    value::{self, Dns, WrittenKey},
};
use crate::{Note, NoteCode};

/// What the section says besides the private key, with the lines of what may still turn out to be
/// wrong.
#[derive(Default)]
pub(super) struct Interface {
    /// Line of the header.
    pub(super) line: usize,
    pub(super) addresses: Vec<Read<IpNet>>,
    pub(super) dns_servers: Vec<Read<IpAddr>>,
    pub(super) search_domains: Vec<Read<String>>,
    pub(super) mtu: Option<Read<u16>>,
    pub(super) table: Option<Read<RouteTable>>,
    listen_port: Option<u16>,
    fwmark: Option<u32>,
    save_config: bool,
    scripts: Scripts,
}

impl Interface {
    /// The section and its private key.
    pub(super) fn read(
        block: &Block<InterfaceKey>,
        notes: &mut Vec<Note>,
    ) -> Result<(Self, Read<WrittenKey>), ImportError> {
        block.note_repeats(notes);
        let mut interface = Self { line: block.line, ..Self::default() };
        let mut private_key = None;
        for entry in &block.entries {
            match entry.key {
                InterfaceKey::PrivateKey => private_key = Some(read_private_key(entry)?),
                InterfaceKey::ListenPort => {
                    interface.listen_port = entry.parse(value::listen_port)?;
                }
                InterfaceKey::FwMark => interface.fwmark = entry.parse(value::fwmark)?,
                InterfaceKey::Address => interface.read_addresses(entry)?,
                InterfaceKey::Dns => interface.read_dns(entry)?,
                InterfaceKey::Mtu => interface.mtu = read_unless_empty(entry, value::mtu)?,
                InterfaceKey::Table => interface.table = read_unless_empty(entry, value::table)?,
                InterfaceKey::SaveConfig => interface.save_config = entry.parse(value::flag)?,
                InterfaceKey::PreUp => keep_script(entry, &mut interface.scripts.pre_up, notes),
                InterfaceKey::PostUp => keep_script(entry, &mut interface.scripts.post_up, notes),
                InterfaceKey::PreDown => keep_script(entry, &mut interface.scripts.pre_down, notes),
                InterfaceKey::PostDown => {
                    keep_script(entry, &mut interface.scripts.post_down, notes);
                }
            }
        }
        interface.note_unused(block, notes);
        let example = "the key that “wg genkey” prints";
        let private_key = private_key.ok_or_else(|| block.missing("PrivateKey", example))?;
        if interface.addresses.is_empty() {
            return Err(block.missing("Address", "10.0.0.2/32"));
        }
        Ok((interface, private_key))
    }

    /// The model's form, without peers.
    pub(super) fn to_model(&self) -> WireGuardConfiguration {
        WireGuardConfiguration {
            addresses: values(&self.addresses),
            dns_servers: values(&self.dns_servers),
            search_domains: values(&self.search_domains),
            match_domains: None,
            dns_protocol: DnsProtocol::Cleartext,
            mtu: self.mtu.map(|read| read.value),
            listen_port: self.listen_port,
            fwmark: self.fwmark,
            table: self.table.map_or(RouteTable::Auto, |read| read.value),
            save_config: self.save_config,
            block_ipv6: false,
            scripts: self.scripts.clone(),
            peers: Vec::new(),
        }
    }

    fn read_addresses(&mut self, entry: &Entry<InterfaceKey>) -> Result<(), ImportError> {
        for address in entry.parse_items(is_separator, value::address) {
            self.addresses.push(address?);
        }
        Ok(())
    }

    fn read_dns(&mut self, entry: &Entry<InterfaceKey>) -> Result<(), ImportError> {
        for item in entry.parse_items(is_separator, value::dns) {
            let Read { line, value } = item?;
            match value {
                Dns::Server(value) => self.dns_servers.push(Read { line, value }),
                Dns::SearchDomain(value) => self.search_domains.push(Read { line, value }),
            }
        }
        Ok(())
    }

    fn note_unused(&self, block: &Block<InterfaceKey>, notes: &mut Vec<Note>) {
        let mut note = |key, code, text| {
            let entry = block.entries.iter().rev().find(|entry| entry.key == key);
            let note = |entry: &Entry<_>| Note::notice(code, text).about(entry.name).at(entry.line);
            notes.extend(entry.map(note));
        };
        if self.fwmark.is_some() {
            let text =
                "FwMark is kept for export only: Adit marks its packets with a number of its own.";
            note(InterfaceKey::FwMark, NoteCode::UnusedFwmark, text);
        }
        if self.save_config {
            let text = "SaveConfig is kept for export only: Adit does not write back to the file.";
            note(InterfaceKey::SaveConfig, NoteCode::UnusedSaveConfig, text);
        }
    }
}

fn read_private_key(entry: &Entry<InterfaceKey>) -> Result<Read<WrittenKey>, ImportError> {
    let value = entry.parse(value::written_key)?;
    let value = value.ok_or_else(|| entry.wrong("it is all zeros, which is no key"))?;
    Ok(Read { line: entry.line, value })
}

/// wg-quick takes an empty value for none.
fn read_unless_empty<T>(
    entry: &Entry<InterfaceKey>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<Read<T>>, ImportError> {
    if entry.value.is_empty() {
        return Ok(None);
    }
    Ok(Some(Read { line: entry.line, value: entry.parse(read)? }))
}

fn keep_script(entry: &Entry<InterfaceKey>, scripts: &mut Vec<String>, notes: &mut Vec<Note>) {
    if entry.value.is_empty() {
        return;
    }
    let text = format!("The {} command will not be run: {}", entry.name, entry.value);
    let note = Note::warning(NoteCode::CommandNotRun, text).about(entry.name).at(entry.line);
    notes.push(note.with("command", &entry.value));
    scripts.push(entry.value.into());
}

/// wg-quick leaves the splitting of these lists to the shell.
fn is_separator(c: char) -> bool {
    c == ',' || c.is_whitespace()
}

fn values<T: Clone>(read: &[Read<T>]) -> Vec<T> {
    read.iter().map(|read| read.value.clone()).collect()
}
