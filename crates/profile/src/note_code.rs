//! All that an import or a check may have to say.

use serde::{Deserialize, Serialize};

/// Which sentence a [`Note`](crate::Note) is. Whoever speaks another language has words for each.
#[expect(missing_docs, reason = "the name on the wire says it")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum NoteCode {
    #[serde(rename = "archive.kept")]
    ArchiveKept,
    #[serde(rename = "archive.left-out")]
    ArchiveLeftOut,
    #[serde(rename = "command.not-run")]
    CommandNotRun,
    #[serde(rename = "dns.domains-without-server")]
    DnsDomainsWithoutServer,
    #[serde(rename = "dns.none")]
    DnsNone,
    #[serde(rename = "dns.unrouted")]
    DnsUnrouted,
    #[serde(rename = "family.blocked")]
    FamilyBlocked,
    #[serde(rename = "family.leaks")]
    FamilyLeaks,
    #[serde(rename = "ipv6.blocked")]
    Ipv6Blocked,
    #[serde(rename = "key.repeated")]
    KeyRepeated,
    #[serde(rename = "network.host-bits")]
    NetworkHostBits,
    #[serde(rename = "peer.waiting")]
    PeerWaiting,
    #[serde(rename = "profile.allow")]
    ProfileAllow,
    #[serde(rename = "profile.apple-only")]
    ProfileAppleOnly,
    #[serde(rename = "profile.domains-always")]
    ProfileDomainsAlways,
    #[serde(rename = "profile.ignored")]
    ProfileIgnored,
    #[serde(rename = "profile.left-out")]
    ProfileLeftOut,
    #[serde(rename = "profile.provider")]
    ProfileProvider,
    #[serde(rename = "profile.removal")]
    ProfileRemoval,
    #[serde(rename = "profile.signature")]
    ProfileSignature,
    #[serde(rename = "profile.unknown")]
    ProfileUnknown,
    #[serde(rename = "route.all")]
    RouteAll,
    #[serde(rename = "route.all-ipv4")]
    RouteAllIpv4,
    #[serde(rename = "route.all-ipv6")]
    RouteAllIpv6,
    #[serde(rename = "route.nothing")]
    RouteNothing,
    #[serde(rename = "route.per-app")]
    RoutePerApp,
    #[serde(rename = "route.some")]
    RouteSome,
    #[serde(rename = "routes.enforced")]
    RoutesEnforced,
    #[serde(rename = "routes.enforced-but-local")]
    RoutesEnforcedButLocal,
    #[serde(rename = "table.number")]
    TableNumber,
    #[serde(rename = "table.off")]
    TableOff,
    #[serde(rename = "unused.fwmark")]
    UnusedFwmark,
    #[serde(rename = "unused.save-config")]
    UnusedSaveConfig,
}
