//! The `DNS` of a VPN (spec MDM-20 to MDM-22).

use std::net::{AddrParseError, IpAddr};

use adit_model::{DnsProtocol, DnsSettings};
use plist::{Dictionary, Value};

use super::{ProfileError, export::set, reader::Reader};
use crate::{Note, NoteCode};

/// The key of a payload that has it.
pub(super) const DNS: &str = "DNS";

pub(super) fn read(dns: &Reader<'_>, notes: &mut Vec<Note>) -> Result<DnsSettings, ProfileError> {
    let protocol = match dns.text("DNSProtocol")? {
        Some("Cleartext") | None => DnsProtocol::Cleartext,
        Some("TLS") => DnsProtocol::Tls { server_name: dns.required_text("ServerName")?.into() },
        Some("HTTPS") => DnsProtocol::Https { server_url: dns.required_text("ServerURL")?.into() },
        Some(_) => return Err(dns.wrong("DNSProtocol", "must be Cleartext, TLS or HTTPS")),
    };
    let addresses = dns.texts("ServerAddresses")?.unwrap_or_default();
    // Encrypted servers are found by their name too (D-24).
    if addresses.is_empty() && protocol.is_cleartext() {
        return Err(ProfileError::Missing { path: dns.path_of("ServerAddresses") });
    }
    let servers: Result<Vec<IpAddr>, AddrParseError> =
        addresses.iter().map(|address| address.trim().parse()).collect();
    let servers =
        servers.map_err(|_| dns.wrong("ServerAddresses", "must be a list of IP addresses"))?;
    if dns.has("PayloadCertificateUUID") {
        dns.skip(&["PayloadCertificateUUID"]);
        let path = dns.path_of("PayloadCertificateUUID");
        let text = format!("{path} counts for nothing: Adit shows DNS servers no certificate.");
        notes.push(Note::warning(NoteCode::ProfileIgnored, text).about(&path));
    }
    let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect();
    Ok(DnsSettings {
        servers,
        protocol,
        search_domains: dns.texts("SearchDomains")?.map(owned).unwrap_or_default(),
        domain_name: dns.text("DomainName")?.map(str::to_owned),
        match_domains: dns.texts("SupplementalMatchDomains")?.map(owned),
        match_domains_no_search: dns.flag("SupplementalMatchDomainsNoSearch")?.unwrap_or_default(),
        allow_failover: dns.flag("AllowFailover")?.unwrap_or_default(),
    })
}

/// What `read` reads, beside what `kept` has.
pub(super) fn write(settings: &DnsSettings, kept: Dictionary) -> Dictionary {
    let mut dns = kept;
    let texts = |texts: &[String]| Value::Array(texts.iter().cloned().map(Value::from).collect());
    match &settings.protocol {
        DnsProtocol::Cleartext => set(&mut dns, "DNSProtocol", "Cleartext"),
        DnsProtocol::Tls { server_name } => {
            set(&mut dns, "DNSProtocol", "TLS");
            set(&mut dns, "ServerName", server_name.as_str());
        }
        DnsProtocol::Https { server_url } => {
            set(&mut dns, "DNSProtocol", "HTTPS");
            set(&mut dns, "ServerURL", server_url.as_str());
        }
    }
    let servers: Vec<String> = settings.servers.iter().map(ToString::to_string).collect();
    for (key, list) in [
        ("ServerAddresses", Some(&servers)),
        ("SearchDomains", Some(&settings.search_domains)),
        ("SupplementalMatchDomains", settings.match_domains.as_ref()),
    ] {
        let matters = |list: &&Vec<String>| !list.is_empty() || key == "SupplementalMatchDomains";
        if let Some(list) = list.filter(matters) {
            set(&mut dns, key, texts(list));
        }
    }
    if let Some(name) = &settings.domain_name {
        set(&mut dns, "DomainName", name.as_str());
    }
    for (key, is_set) in [
        ("SupplementalMatchDomainsNoSearch", settings.match_domains_no_search),
        ("AllowFailover", settings.allow_failover),
    ] {
        if is_set {
            set(&mut dns, key, 1);
        }
    }
    dns
}
