//! What a person should know about settings on the network that they are applied to.

use adit_model::{
    Family, HealthCode, HealthItem, IpSettings, PacketTunnelNetworkSettings, RouteTable, Severity,
};
use ipnet::IpNet;

use crate::{
    destinations::{Verdict, wanted},
    plan::Strength,
    state::NetworkState,
};

/// What can be said before anything is applied.
pub(crate) fn of_settings(
    settings: &PacketTunnelNetworkSettings,
    strength: Strength,
    state: &NetworkState,
) -> Vec<HealthItem> {
    let mut items: Vec<HealthItem> = no_ipv6(settings, state).into_iter().collect();
    items.extend(Family::ALL.into_iter().filter_map(|family| pending(family, settings, state)));
    if settings.route_table == RouteTable::Auto {
        items.extend(Family::ALL.into_iter().filter_map(|family| leak(family, settings, state)));
        items.extend(shadow(settings, strength, state));
        items.extend(beside(settings, state));
    }
    items
}

/// A warning or the like.
pub(crate) fn item(
    code: HealthCode,
    severity: Severity,
    title: impl Into<String>,
    text: impl Into<String>,
    action: impl Into<String>,
) -> HealthItem {
    HealthItem::new(code, severity, title, text).to_do(action)
}

fn no_ipv6(settings: &PacketTunnelNetworkSettings, state: &NetworkState) -> Option<HealthItem> {
    (settings.ipv6.is_some() && !state.ipv6).then(|| {
        item(
            HealthCode::Ipv6Unavailable,
            Severity::Notice,
            "IPv6 is off on this computer",
            "The tunnel offers IPv6, but the kernel runs without it. Only IPv4 is used.",
            "Nothing, unless you need IPv6: then remove ipv6.disable=1 from the kernel's command line.",
        )
    })
}

/// An address is asked for and not assigned yet.
fn pending(
    family: Family,
    settings: &PacketTunnelNetworkSettings,
    state: &NetworkState,
) -> Option<HealthItem> {
    let is_pending = match family {
        Family::Ipv4 => settings.ipv4.as_ref().is_some_and(IpSettings::is_pending),
        Family::Ipv6 => state.ipv6 && settings.ipv6.as_ref().is_some_and(IpSettings::is_pending),
    };
    let name = family.name();
    is_pending.then(|| {
        HealthItem::new(
            HealthCode::AddressPending,
            Severity::Warning,
            format!("The tunnel has no {name} address yet"),
            format!(
                "The network behind it has not assigned one. Adit keeps asking; until then, what \
                 belongs into the tunnel over {name} goes nowhere."
            ),
        )
        .with("family", name)
    })
}

/// SET-6, SET-7: a full tunnel of one family only, on a network that has both.
fn leak(
    family: Family,
    settings: &PacketTunnelNetworkSettings,
    state: &NetworkState,
) -> Option<HealthItem> {
    let verdict = |family: Family| wanted(family, settings).get(&family.default_route()).copied();
    let other = match family {
        Family::Ipv4 => Family::Ipv6,
        Family::Ipv6 => Family::Ipv4,
    };
    let reachable =
        state.main_routes.iter().any(|route| route.destination == family.default_route());
    if !reachable || verdict(family).is_some() || !verdict(other).is_some_and(Verdict::is_tunnel) {
        return None;
    }
    let (name, inside) = (family.name(), other.name());
    let code = match family {
        Family::Ipv4 => HealthCode::LeakIpv4,
        Family::Ipv6 => HealthCode::LeakIpv6,
    };
    Some(item(
        code,
        Severity::Warning,
        format!("{name} goes around the tunnel"),
        format!(
            "All {inside} traffic is in the tunnel, but {name} is not, and this network has it."
        ),
        format!("Add {name} to the tunnel, or block {name} while it is up."),
    ))
}

/// RTE-C1: a network can pull traffic out of a full tunnel by handing out routes (`TunnelVision`,
/// CVE-2024-3661). Private ranges are what such routes are meant for.
fn shadow(
    settings: &PacketTunnelNetworkSettings,
    strength: Strength,
    state: &NetworkState,
) -> Option<HealthItem> {
    if strength.enforces() {
        return None;
    }
    let route = state.main_routes.iter().find(|route| {
        !route.connected
            && route.interface.is_some()
            && route.destination.prefix_len() > 0
            && takes_all(Family::of(&route.destination), settings)
            && !is_private(&route.destination)
    })?;
    Some(item(
        HealthCode::RouteShadowed,
        Severity::Warning,
        "The network takes traffic out of the tunnel",
        format!(
            "A route of this network sends {} outside, although all traffic should be in the tunnel.",
            route.destination
        ),
        "If you do not trust this network, let the tunnel's routes be enforced.",
    )
    .with("destination", &route.destination))
}

/// what a guest on a bridge sends is never routed here, so no tunnel can take it.
fn beside(settings: &PacketTunnelNetworkSettings, state: &NetworkState) -> Option<HealthItem> {
    let bridge = state.shared_bridges.first()?;
    if !Family::ALL.into_iter().any(|family| takes_all(family, settings)) {
        return None;
    }
    Some(
        item(
            HealthCode::BridgeShared,
            Severity::Notice,
            format!("Guests on {bridge} are not in the tunnel"),
            format!(
                "Virtual machines or containers share the network with this computer by the bridge {bridge}. What \
                 they send does not pass through this computer."
            ),
            "To have them in the tunnel, give them a network of this computer (NAT) instead of the bridge.",
        )
        .with("bridge", bridge),
    )
}

/// Whether the tunnel has the default route of a family.
fn takes_all(family: Family, settings: &PacketTunnelNetworkSettings) -> bool {
    wanted(family, settings).get(&family.default_route()).is_some_and(|v| v.is_tunnel())
}

fn is_private(prefix: &IpNet) -> bool {
    match prefix {
        IpNet::V4(net) => {
            let address = net.network();
            let shared = address.octets()[0] == 100 && (64..128).contains(&address.octets()[1]);
            let whole = address.is_private() && net.broadcast().is_private();
            whole || shared || address.is_link_local() || address.is_loopback()
        }
        IpNet::V6(net) => {
            let address = net.network();
            address.is_unique_local() || address.is_unicast_link_local() || address.is_multicast()
        }
    }
}
