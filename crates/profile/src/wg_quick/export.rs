//! Writing a wg-quick file.

use std::{collections::BTreeSet, fmt::Display};

use adit_model::{
    DnsProtocol, RouteTable, Secrets, VpnConfiguration,
    wireguard::{PRIVATE_KEY, WireGuardConfiguration, WireGuardPeer, preshared_key},
};
use zeroize::Zeroizing;

use super::{
    ExportError,
    value::{self, HIDDEN},
};
use crate::wireguard_of;

/// Writes a file for wg-quick(8). Importing it again yields the same configuration and secrets.
pub fn export_wg_quick(
    configuration: &WireGuardConfiguration,
    secrets: &Secrets,
) -> Result<Zeroizing<String>, ExportError> {
    if !secrets.contains_key(PRIVATE_KEY) {
        return Err(ExportError::NoPrivateKey);
    }
    write(configuration, Keys::Shown(secrets))
}

/// Whether a file of wg-quick can say whom the tunnel asks for which names, and how: who uses it would
/// ask in the clear what is to be encrypted, or ask for other names than are to be asked.
pub fn is_said_by_wg_quick(configuration: &VpnConfiguration) -> Result<(), ExportError> {
    let unsaid = |what| Err(ExportError::Dns { what });
    let Some(wireguard) = wireguard_of(configuration) else { return Ok(()) };
    if configuration.protocol.dns.is_some() {
        return unsaid("another DNS than the file's is used, as a profile says");
    }
    match wireguard.dns_protocol {
        DnsProtocol::Cleartext if wireguard.match_domains.is_none() => Ok(()),
        DnsProtocol::Cleartext => unsaid("the DNS servers answer some names only"),
        DnsProtocol::Tls { .. } => unsaid("the DNS servers are asked over TLS"),
        DnsProtocol::Https { .. } => unsaid("the DNS servers are asked over HTTPS"),
    }
}

/// The keys that a file is written with.
#[derive(Clone, Copy)]
pub(super) enum Keys<'a> {
    /// They stand in it.
    Shown(&'a Secrets),
    /// It says that there are those of these names.
    Hidden(&'a BTreeSet<String>),
}

pub(super) fn write(
    configuration: &WireGuardConfiguration,
    keys: Keys<'_>,
) -> Result<Zeroizing<String>, ExportError> {
    let mut lines = Lines::default();
    lines.interface(configuration, keys)?;
    for peer in &configuration.peers {
        lines.peer(peer, keys)?;
    }
    Ok(lines.join())
}

/// The lines so far, each wiped on drop.
#[derive(Default)]
struct Lines(Vec<Zeroizing<String>>);

impl Lines {
    fn interface(
        &mut self,
        configuration: &WireGuardConfiguration,
        keys: Keys<'_>,
    ) -> Result<(), ExportError> {
        self.header("[Interface]");
        self.key("PrivateKey", keys, PRIVATE_KEY)?;
        self.optional("ListenPort", configuration.listen_port)?;
        self.optional("FwMark", configuration.fwmark.map(|mark| format!("{mark:#x}")))?;
        self.list("Address", &configuration.addresses)?;
        let servers = configuration.dns_servers.iter().map(ToString::to_string);
        let domains = configuration.search_domains.iter().cloned();
        if configuration.search_domains.iter().any(|domain| value::is_dns_server(domain)) {
            return Err(ExportError::Inexpressible { key: "DNS" });
        }
        self.list("DNS", &servers.chain(domains).collect::<Vec<_>>())?;
        self.optional("MTU", configuration.mtu)?;
        self.optional("Table", table(configuration.table))?;
        self.optional("SaveConfig", configuration.save_config.then_some(true))?;
        for (key, command) in configuration.scripts.iter() {
            self.setting(key, command)?;
        }
        Ok(())
    }

    fn peer(&mut self, peer: &WireGuardPeer, keys: Keys<'_>) -> Result<(), ExportError> {
        self.header("");
        self.header("[Peer]");
        self.setting("PublicKey", peer.public_key)?;
        self.key("PresharedKey", keys, &preshared_key(&peer.public_key))?;
        self.list("AllowedIPs", &peer.allowed_ips)?;
        if let Some(endpoint) = &peer.endpoint {
            if !value::is_host(&endpoint.host) {
                return Err(ExportError::Inexpressible { key: "Endpoint" });
            }
            self.setting("Endpoint", endpoint)?;
        }
        self.optional("PersistentKeepalive", peer.persistent_keepalive)
    }

    fn header(&mut self, line: &str) {
        self.0.push(Zeroizing::new(line.into()));
    }

    fn optional(
        &mut self,
        key: &'static str,
        value: Option<impl Display>,
    ) -> Result<(), ExportError> {
        value.map_or(Ok(()), |value| self.setting(key, value))
    }

    fn list(&mut self, key: &'static str, items: &[impl Display]) -> Result<(), ExportError> {
        let items: Vec<String> = items.iter().map(ToString::to_string).collect();
        if items.is_empty() {
            return Ok(());
        }
        let separator = |c: char| c == ',' || c.is_whitespace();
        if items.iter().any(|item| item.is_empty() || item.contains(separator)) {
            return Err(ExportError::Inexpressible { key });
        }
        self.setting(key, items.join(", "))
    }

    fn key(&mut self, key: &'static str, keys: Keys<'_>, name: &str) -> Result<(), ExportError> {
        let secret = match keys {
            Keys::Shown(secrets) => secrets.get(name),
            Keys::Hidden(names) if names.contains(name) => return self.setting(key, HIDDEN),
            Keys::Hidden(_) => None,
        };
        let Some(secret) = secret else { return Ok(()) };
        match value::secret_key(secret.expose()) {
            Ok(Some(secret)) => self.setting(key, secret.expose()),
            Ok(None) | Err(_) => Err(ExportError::BadKey { key }),
        }
    }

    /// A value that would not be read back as it is must not be written: it could become a
    /// command that somebody else's wg-quick runs.
    fn setting(&mut self, key: &'static str, value: impl Display) -> Result<(), ExportError> {
        let line = Zeroizing::new(format!("{key} = {value}"));
        let value = &line[key.len() + " = ".len()..];
        let breaks = |c: char| c == '#' || (c.is_control() && c != '\t');
        if value.is_empty() || value.trim() != value || value.contains(breaks) {
            return Err(ExportError::Inexpressible { key });
        }
        self.0.push(line);
        Ok(())
    }

    /// Reserves before it writes: growing would leave copies of the keys in freed memory.
    fn join(self) -> Zeroizing<String> {
        let length = self.0.iter().map(|line| line.len() + 1).sum();
        let mut text = Zeroizing::new(String::with_capacity(length));
        for line in self.0 {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }
}

fn table(table: RouteTable) -> Option<String> {
    match table {
        RouteTable::Auto => None,
        RouteTable::Off => Some("off".into()),
        RouteTable::Table(number) => Some(number.to_string()),
    }
}
