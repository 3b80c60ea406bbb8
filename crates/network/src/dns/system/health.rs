//! What a person should know about the system's name resolution.

use adit_model::{HealthCode, HealthItem, Severity};

use crate::{
    dns::{DnsError, DnsPlan},
    health,
};

pub(super) fn not_applied(error: &DnsError) -> HealthItem {
    health::item(
        HealthCode::DnsNotApplied,
        Severity::Problem,
        "The VPN's DNS servers are not used",
        format!("Names are looked up as without the VPN: {error}."),
        "Once that is mended, Adit uses them; at the latest when you connect again.",
    )
    .with("reason", error)
}

/// systemd-resolved answers the C library, but `/etc/resolv.conf` names other servers.
pub(super) fn asked_elsewhere() -> HealthItem {
    health::item(
        HealthCode::DnsAskedElsewhere,
        Severity::Warning,
        "Some programs do not ask the VPN's DNS servers",
        "Those that read /etc/resolv.conf themselves ask the servers in it, which are neither the \
         VPN's nor systemd-resolved.",
        "Make /etc/resolv.conf a link to /run/systemd/resolve/stub-resolv.conf, or let the VPN's \
         routes be enforced.",
    )
}

pub(super) fn second_in_line() -> HealthItem {
    health::item(
        HealthCode::DnsSecondInLine,
        Severity::Notice,
        "The network's DNS servers are second in line",
        "This system's resolvconf keeps them behind the VPN's. A name that the VPN's servers do not \
         answer in time is looked up outside the VPN.",
        "Install openresolv or systemd-resolved in its place, or let the VPN's routes be enforced.",
    )
}

pub(super) fn split_unavailable(plan: &DnsPlan) -> HealthItem {
    let domains: Vec<&str> = plan.domains.iter().map(|domain| domain.name.as_str()).collect();
    health::item(
        HealthCode::DnsSplitUnavailable,
        Severity::Warning,
        "The VPN's names are not resolved by the VPN",
        format!(
            "This system has a single list of DNS servers, so {} cannot be sent to the VPN's.",
            domains.join(", ")
        ),
        "Use systemd-resolved, or let the VPN answer all names.",
    )
    .with("domains", &domains.join(", "))
}
