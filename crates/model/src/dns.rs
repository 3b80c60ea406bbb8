//! Name resolution inside the tunnel (`NEDNSSettings`).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use url::Url;

/// Which servers answer which names while the tunnel is up. Spec DNS-1 to DNS-18.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct DnsSettings {
    /// The servers, in order of preference. Without any, encrypted ones are found by their name (D-24).
    #[serde(default)]
    pub servers: Vec<IpAddr>,
    /// How they are spoken to.
    #[serde(default)]
    pub protocol: DnsProtocol,
    /// Completes single-label names. We honour it in split mode too, unlike Apple (DNS-4).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub search_domains: Vec<String>,
    /// The search domain when `search_domains` is empty (DNS-5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain_name: Option<String>,
    /// The names these servers answer, as label suffixes; `""` means all of them, before anyone
    /// else. Absent: all names if the tunnel is the default route, else none (DNS-6 to DNS-9).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub match_domains: Option<Vec<String>>,
    /// Whether `match_domains` are kept out of the search list (DNS-10, DNS-11).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub match_domains_no_search: bool,
    /// Whether the system's own servers may answer when these fail (DNS-14).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_failover: bool,
}

/// How the servers are spoken to (`NEDNSProtocol`). Spec DNS-3.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum DnsProtocol {
    /// UDP and TCP port 53.
    #[default]
    Cleartext,
    /// DNS over TLS, RFC 7858.
    #[serde(rename_all = "camelCase")]
    Tls {
        /// The name the server's certificate must bear.
        server_name: String,
    },
    /// DNS over HTTPS, RFC 8484.
    #[serde(rename = "https", rename_all = "camelCase")]
    Https {
        /// URI template of the server, RFC 6570.
        server_url: String,
    },
}

impl DnsProtocol {
    /// Whether whoever is on the way can read what is asked.
    #[must_use]
    pub fn is_cleartext(&self) -> bool {
        *self == Self::Cleartext
    }
}

/// Where questions are posted to a server over HTTPS. The variable of its template is filled only by
/// who gets answers (RFC 8484 section 4.1). None for what is no such template.
#[must_use]
pub fn dns_post_url(template: &str) -> Option<Url> {
    let post = template.replace("{?dns}", "").replace("{&dns}", "");
    let url = Url::parse(&post).ok().filter(|url| url.scheme() == "https")?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    let is_whole = !post.contains(['{', '}']) && !has_user && url.fragment().is_none();
    (is_whole && url.host().is_some()).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: DNS-17
    #[test]
    fn a_template_leads_to_where_questions_are_posted() {
        for (template, post) in [
            ("https://dns.example/dns-query{?dns}", Some("https://dns.example/dns-query")),
            ("https://dns.example/q?user=1{&dns}", Some("https://dns.example/q?user=1")),
            ("https://[2001:db8::53]:8443/", Some("https://[2001:db8::53]:8443/")),
            ("https://dns.example", Some("https://dns.example/")),
            ("http://dns.example/dns-query", None),
            ("https://me:secret@dns.example/", None),
            ("https://dns.example/{path}", None),
            ("https://", None),
            ("dns.example", None),
        ] {
            assert_eq!(dns_post_url(template).as_ref().map(Url::as_str), post, "{template}");
        }
    }
}
