//! The forms of single values. Errors say what would be right and never repeat a key.

use std::{
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
};

use adit_model::{
    RouteTable, Secret,
    wireguard::{Endpoint, InvalidKey, Key},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use ipnet::IpNet;
use zeroize::Zeroizing;

use super::document::without_space;

const KEY_LENGTH: usize = 32;
/// Length of the longest IPv6 network. Of longer values only the beginning is repeated: they may
/// be a key that lost its place.
const MAX_QUOTED: usize = 43;
const BEGINNING: usize = 8;

/// What stands in place of a key in a text that is shown to people.
pub(super) const HIDDEN: &str = "(hidden)";

/// A key that must not be seen, as a text has it.
#[derive(Debug, Clone)]
pub(super) enum WrittenKey {
    /// The key itself.
    Shown(Secret),
    /// Only that there is one.
    Hidden,
}

/// One item of `DNS`.
pub(super) enum Dns {
    Server(IpAddr),
    SearchDomain(String),
}

/// As [`secret_key`], or that there is one.
pub(super) fn written_key(value: &str) -> Result<Option<WrittenKey>, InvalidKey> {
    if value == HIDDEN {
        return Ok(Some(WrittenKey::Hidden));
    }
    Ok(secret_key(value)?.map(WrittenKey::Shown))
}

/// A key that must not be seen. All zeros, which WireGuard takes for none, is `None`.
pub(super) fn secret_key(value: &str) -> Result<Option<Secret>, InvalidKey> {
    let text = Zeroizing::new(without_space(value));
    let bytes = BASE64_STANDARD.decode(text.as_bytes()).map_err(|_| InvalidKey::NotBase64)?;
    let bytes = Zeroizing::new(bytes);
    if bytes.len() != KEY_LENGTH {
        return Err(InvalidKey::WrongLength(bytes.len()));
    }
    let none = bytes.iter().all(|byte| *byte == 0);
    Ok((!none).then(|| Secret::new(text.as_str())))
}

pub(super) fn public_key(value: &str) -> Result<Key, InvalidKey> {
    without_space(value).parse()
}

/// One item of `Address`; host bits stay.
pub(super) fn address(item: &str) -> Result<IpNet, String> {
    let wrong = || format!("{} is not an address such as 10.0.0.2/32 or fd00::2/128", quoted(item));
    prefix(item).ok_or_else(wrong)
}

/// One item of `AllowedIPs`; host bits stay.
pub(super) fn network(item: &str) -> Result<IpNet, String> {
    let wrong = || format!("{} is not a network such as 10.0.0.0/8 or fd00::/64", quoted(item));
    prefix(&without_space(item)).ok_or_else(wrong)
}

/// Without a length, a prefix is a single host.
fn prefix(text: &str) -> Option<IpNet> {
    let Some((address, length)) = text.split_once('/') else {
        return text.parse::<IpAddr>().ok().map(IpNet::from);
    };
    IpNet::new(address.parse().ok()?, number(length)?).ok()
}

/// `0` is any port.
pub(super) fn listen_port(value: &str) -> Result<Option<u16>, String> {
    let wrong = || format!("{} is not a port from 0 to 65535", quoted(value));
    number(value).map(|port| (port != 0).then_some(port)).ok_or_else(wrong)
}

/// `0` and `off` are no mark.
pub(super) fn fwmark(value: &str) -> Result<Option<u32>, String> {
    let mark = if value.eq_ignore_ascii_case("off") {
        Some(0)
    } else if let Some(hex) = value.strip_prefix("0x") {
        let digits = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        digits.then(|| u32::from_str_radix(hex, 16).ok()).flatten()
    } else {
        number(value)
    };
    let wrong = || format!("{} is not a number such as 51820 or 0xca6c, nor off", quoted(value));
    mark.map(|mark| (mark != 0).then_some(mark)).ok_or_else(wrong)
}

/// `0` and `off` are no keepalive.
pub(super) fn keepalive(value: &str) -> Result<Option<u16>, String> {
    let seconds = if value.eq_ignore_ascii_case("off") { Some(0) } else { number::<u16>(value) };
    let wrong = || format!("{} is not a number of seconds up to 65535, nor off", quoted(value));
    seconds.map(|seconds| (seconds != 0).then_some(seconds)).ok_or_else(wrong)
}

pub(super) fn mtu(value: &str) -> Result<u16, String> {
    number(value).ok_or_else(|| format!("{} is not a number of bytes such as 1420", quoted(value)))
}

/// `auto`, `off`, a number or one of the names that every system has, ip-route(8).
pub(super) fn table(value: &str) -> Result<RouteTable, String> {
    match value.to_ascii_lowercase().as_str() {
        "auto" => Ok(RouteTable::Auto),
        "off" => Ok(RouteTable::Off),
        "default" => Ok(RouteTable::Table(253)),
        "main" => Ok(RouteTable::Table(254)),
        "local" => Ok(RouteTable::Table(255)),
        _ => number(value).map(RouteTable::Table).ok_or_else(|| {
            format!("{} is not auto, off, main or the number of a routing table", quoted(value))
        }),
    }
}

pub(super) fn flag(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("{} is neither true nor false", quoted(value))),
    }
}

pub(super) fn endpoint(value: &str) -> Result<Endpoint, String> {
    let endpoint: Endpoint = without_space(value).parse().map_err(|error| format!("{error}"))?;
    if is_host(&endpoint.host) {
        Ok(endpoint)
    } else {
        Err(format!("{} is neither a host name nor an address", quoted(&endpoint.host)))
    }
}

/// One item of `DNS`.
pub(super) fn dns(item: &str) -> Result<Dns, String> {
    if !is_dns_server(item) {
        return Ok(Dns::SearchDomain(item.into()));
    }
    let wrong = |_| format!("{} is not the address of a DNS server", quoted(item));
    item.parse().map(Dns::Server).map_err(wrong)
}

/// Whether wg-quick takes an item of `DNS` for a server.
pub(super) fn is_dns_server(item: &str) -> bool {
    item.contains(':') || item.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// A name or an address; one that is all digits and dots can only be an address.
pub(super) fn is_host(host: &str) -> bool {
    if host.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return host.parse::<Ipv4Addr>().is_ok();
    }
    host.chars().all(|c| c.is_alphanumeric() || "-_.:%".contains(c))
}

/// A decimal number without sign or leading zeros: ip(8), which wg-quick hands some of them to,
/// would take those for octal.
fn number<T: FromStr>(text: &str) -> Option<T> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let octal = text.len() > 1 && text.starts_with('0');
    (plain && !octal).then(|| text.parse().ok()).flatten()
}

fn quoted(value: &str) -> String {
    if value.len() <= MAX_QUOTED {
        return format!("“{value}”");
    }
    let beginning: String = value.chars().take(BEGINNING).collect();
    format!("“{beginning}…”")
}
