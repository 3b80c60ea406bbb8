//! What a session asks of the firewall.

use std::net::IpAddr;

use adit_model::{Family, PacketTunnelNetworkSettings, RouteTable};
use ipnet::IpNet;

use super::{Plan, Strength};
use crate::{
    Tunnel,
    destinations::{EVERYBODY, Verdict, destinations},
    dns::DnsPlan,
    firewall::{Guard, Reach, Through, ranges},
    local_networks::outside,
    state::NetworkState,
};

/// The guard of settings whose `plan` is made but for this.
pub(super) fn guard(
    tunnel: &Tunnel,
    settings: &PacketTunnelNetworkSettings,
    plan: &Plan,
    strength: Strength,
    state: &NetworkState,
) -> Guard {
    let through = Through {
        interface: tunnel.interface.clone(),
        addresses: plan.addresses.iter().map(IpNet::addr).filter(is_guarded).collect(),
        dns_servers: settings.dns.as_ref().zip(plan.dns.as_ref()).and_then(|(settings, dns)| {
            let is_only = answers_all_names(dns, settings.allow_failover);
            is_only.then(|| dns.servers_at_dns_ports()).flatten()
        }),
        apps: None,
    };
    let reach = match settings.route_table {
        _ if strength.include_all_networks => {
            Reach::Everything(outside(strength.exclude_local_networks, state))
        }
        RouteTable::Auto => reach_of_routes(settings, strength, state),
        // Who does policy routing decides what goes where.
        RouteTable::Off | RouteTable::Table(_) => Reach::Nothing,
    };
    Guard { reach, through: Some(through) }
}

/// That of an Ethernet for its link follows from the hardware address, and may be that of another link too.
fn is_guarded(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => true,
        IpAddr::V6(address) => !address.is_unicast_link_local(),
    }
}

/// Whether nobody but these servers is to be asked for any name.
fn answers_all_names(dns: &DnsPlan, allow_failover: bool) -> bool {
    dns.default_route && !dns.servers.is_empty() && !allow_failover
}

fn reach_of_routes(
    settings: &PacketTunnelNetworkSettings,
    strength: Strength,
    state: &NetworkState,
) -> Reach {
    let (mut inside, mut refused) = (Vec::new(), Vec::new());
    for family in Family::ALL {
        let destinations = destinations(family, settings, strength, state);
        let mut verdicts = destinations.verdicts(family, strength, state);
        // What is for all on the link is for nobody in the tunnel.
        let everybody = EVERYBODY.into_iter().filter(|net| Family::of(net) == family);
        verdicts.extend(everybody.map(|net| (net, Verdict::Outside)));
        if strength.enforces() {
            inside.extend(ranges(family, &verdicts, Verdict::is_tunnel));
        }
        refused.extend(ranges(family, &verdicts, |verdict| verdict == Verdict::Refused));
    }
    if inside.is_empty() && refused.is_empty() {
        return Reach::Nothing;
    }
    Reach::Destinations { inside, refused }
}
