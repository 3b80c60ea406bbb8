//! What a person should know about a session or the machine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::codes::codes;

/// Something that a person should know. `title`, `text` and `action` say all of it in English; `code` and `arguments`
/// are for those who say it in another language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct HealthItem {
    /// Which of all items it is, a [`HealthCode`] unless a later version has others.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// A few words.
    pub title: String,
    /// What happened and why, in a sentence or two.
    pub text: String,
    /// What to do about it, when there is something to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// What differs from one such item to the other.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, String>,
}

impl HealthItem {
    /// Something about which there is nothing to do.
    #[must_use]
    pub fn new(
        code: HealthCode,
        severity: Severity,
        title: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        Self {
            code: code.as_str().into(),
            severity,
            title: title.into(),
            text: text.into(),
            action: None,
            arguments: BTreeMap::new(),
        }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn to_do(self, action: impl Into<String>) -> Self {
        Self { action: Some(action.into()), ..self }
    }

    /// Adds an argument of its sentences.
    #[must_use]
    pub fn with(mut self, name: &str, value: &(impl ToString + ?Sized)) -> Self {
        self.arguments.insert(name.into(), value.to_string());
        self
    }
}

/// How bad a health item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// Good to know.
    Notice,
    /// Works, but not as asked.
    Warning,
    /// Does not work.
    Problem,
}

codes! {
    /// Every item that there is. Whoever speaks another language has words for each.
    HealthCode;
    AddressPending = "address.pending",
    AppsNamesOutside = "apps.names-outside",
    AppsWithoutDns = "apps.without-dns",
    BlockedConnecting = "blocked.connecting",
    BlockedDisconnecting = "blocked.disconnecting",
    BlockedEnded = "blocked.ended",
    BlockedFailed = "blocked.failed",
    BlockedLockdown = "blocked.lockdown",
    BlockedReasserting = "blocked.reasserting",
    BridgeShared = "bridge.shared",
    ChangedAddresses = "changed.addresses",
    ChangedDevice = "changed.device",
    ChangedDns = "changed.dns",
    ChangedFirewall = "changed.firewall",
    ChangedInterface = "changed.interface",
    ChangedRoutes = "changed.routes",
    ChangedRules = "changed.rules",
    ChangedSettings = "changed.settings",
    ConfigurationBehind = "configuration.behind",
    ContestedAddresses = "contested.addresses",
    ContestedDevice = "contested.device",
    ContestedDns = "contested.dns",
    ContestedFirewall = "contested.firewall",
    ContestedInterface = "contested.interface",
    ContestedRoutes = "contested.routes",
    ContestedRules = "contested.rules",
    ContestedSettings = "contested.settings",
    DnsAskedElsewhere = "dns.asked-elsewhere",
    DnsFailedOver = "dns.failed-over",
    DnsNotApplied = "dns.not-applied",
    DnsSecondInLine = "dns.second-in-line",
    DnsSplitUnavailable = "dns.split-unavailable",
    DnsUnanswered = "dns.unanswered",
    FirewallPacketSockets = "firewall.packet-sockets",
    FirewallUnavailable = "firewall.unavailable",
    ForeignTunnel = "foreign.tunnel",
    Ipv6Unavailable = "ipv6.unavailable",
    LeakIpv4 = "leak.ipv4",
    LeakIpv6 = "leak.ipv6",
    LockdownNotBlocking = "lockdown.not-blocking",
    LockdownNotOpened = "lockdown.not-opened",
    LockdownUnreadable = "lockdown.unreadable",
    ManagedFile = "managed.file",
    NetworkNotFollowed = "network.not-followed",
    PathDead = "path.dead",
    PathNone = "path.none",
    ProviderMessage = "provider.message",
    ProviderRestarting = "provider.restarting",
    RouteShadowed = "route.shadowed",
    SecretsWanted = "secrets.wanted",
    SysctlRefused = "sysctl.refused",
}
