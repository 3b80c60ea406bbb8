//! The network without us, as the kernel tells it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::Path,
};

use adit_model::{Family, NetworkPath, PathInterface, PathStatus};
use rtnetlink::packet_route::{
    link::InfoKind,
    route::{RouteAttribute, RouteFlags, RouteMessage, RouteType},
};

use super::{Link, Netlink, address, route};
use crate::{
    error::NetworkError, interface_kind::interface_kind, route::TABLE_MAIN, state::MainRoute,
};

/// What the kernel says about the network besides our own part in it.
pub(crate) struct Surroundings {
    pub(crate) path: NetworkPath,
    pub(crate) ways_out: BTreeSet<String>,
    pub(crate) shared_bridges: BTreeSet<String>,
    pub(crate) main_routes: Vec<MainRoute>,
    pub(crate) ipv6: bool,
}

impl Netlink {
    /// The network without us: nothing that leads into one of our interfaces counts.
    pub(crate) async fn surroundings(
        &self,
        is_ours: impl Fn(&Link) -> bool,
    ) -> Result<Surroundings, NetworkError> {
        let links: BTreeMap<u32, Link> =
            self.links().await?.into_iter().map(|link| (link.index, link)).collect();
        let is_other = |message: &RouteMessage| {
            let link = route::output(message).and_then(|index| links.get(&index));
            !link.is_some_and(&is_ours)
        };
        let mut routes = self.all_routes().await?;
        routes.retain(|message| is_in_force(message) && is_other(message));

        let mut main_routes: Vec<MainRoute> =
            routes.iter().filter_map(|message| main_route(message, &links)).collect();
        main_routes.sort();
        main_routes.dedup();
        let path = self.path(&routes, &links).await?;
        let ways_out = ways_out(&routes, &links, is_ours);
        Ok(Surroundings {
            path,
            ways_out,
            shared_bridges: shared_bridges(&links),
            main_routes,
            ipv6: Path::new("/proc/sys/net/ipv6").exists(),
        })
    }

    async fn path(
        &self,
        routes: &[RouteMessage],
        links: &BTreeMap<u32, Link>,
    ) -> Result<NetworkPath, NetworkError> {
        // The kernel goes on using a route whose link has lost its carrier, so there is no network even if there is
        // another link. Whoever manages the link takes the route away in a moment.
        let best = best_default(routes, |_| true).filter(|route| has_carrier(route));
        let Some(link) = best.and_then(route::output).and_then(|index| links.get(&index)) else {
            return Ok(NetworkPath::NONE);
        };
        let gateways = Family::ALL.into_iter().filter_map(|family| {
            let leaves = |message: &RouteMessage| {
                route::output(message) == Some(link.index)
                    && route::destination(message).is_some_and(|net| Family::of(&net) == family)
            };
            route::gateway(best_default(routes, leaves)?)
        });
        let addresses = self.addresses_of(link.index).await?;
        let mut addresses: Vec<IpAddr> = addresses.iter().filter_map(address::reachable).collect();
        addresses.sort();
        let interface = PathInterface {
            name: link.name.clone(),
            index: link.index,
            kind: interface_kind(&link.name, link.hardware_type),
            mtu: link.mtu,
        };
        Ok(NetworkPath {
            status: PathStatus::Satisfied,
            interface: Some(interface),
            gateways: gateways.collect(),
            addresses,
            // Not for the kernel to say.
            expensive: None,
        })
    }
}

/// The default route that the kernel prefers. IPv4 goes first between equals.
fn best_default(
    routes: &[RouteMessage],
    matches: impl Fn(&RouteMessage) -> bool,
) -> Option<&RouteMessage> {
    routes
        .iter()
        .filter(|message| message.header.destination_prefix_length == 0)
        .filter(|message| message.header.kind == RouteType::Unicast && matches(message))
        .min_by_key(|message| route::metric(message))
}

fn has_carrier(message: &RouteMessage) -> bool {
    !message.header.flags.contains(RouteFlags::Linkdown)
}

/// Interfaces of containers and virtual machines have a kind and no default route; what goes to those
/// does not leave.
fn ways_out(
    routes: &[RouteMessage],
    links: &BTreeMap<u32, Link>,
    is_ours: impl Fn(&Link) -> bool,
) -> BTreeSet<String> {
    let with_default_route: BTreeSet<u32> = routes
        .iter()
        .filter(|message| message.header.destination_prefix_length == 0)
        .filter_map(route::output)
        .collect();
    let is_bridge =
        |index| links.get(&index).is_some_and(|link: &Link| link.kind == Some(InfoKind::Bridge));
    let is_device = |link: &Link| {
        let is_port = link.master.is_some_and(is_bridge);
        link.kind.is_none() && link.hardware_type != libc::ARPHRD_LOOPBACK && !is_port
    };
    let others = links.values().filter(|link| !is_ours(link));
    let leave = others.filter(|link| is_device(link) || with_default_route.contains(&link.index));
    leave.map(|link| link.name.clone()).collect()
}

/// Routes of the system's table that somebody configured. Copies that the kernel caches are not.
fn is_in_force(message: &RouteMessage) -> bool {
    let is_real = !message.header.flags.intersects(RouteFlags::Cloned | RouteFlags::Dead);
    is_real && route::table(message) == TABLE_MAIN && !route::is_ours(message)
}

/// Whether nothing but what runs on this computer is behind a link: a bridge, as container engines and
/// hypervisors make them, with guests alone on it.
fn leads_inside(link: &Link, links: &BTreeMap<u32, Link>) -> bool {
    link.kind == Some(InfoKind::Bridge) && ports(link, links).all(is_of_a_guest)
}

fn shared_bridges(links: &BTreeMap<u32, Link>) -> BTreeSet<String> {
    let is_shared = |bridge: &&Link| {
        bridge.kind == Some(InfoKind::Bridge)
            && ports(bridge, links).any(is_of_a_guest)
            && !ports(bridge, links).all(is_of_a_guest)
    };
    links.values().filter(is_shared).map(|bridge| bridge.name.clone()).collect()
}

/// A virtual machine has a TAP device, a container one end of a veth pair, and a dummy holds the place of either.
/// Whatever else is on a bridge leads to others: a device, or a bond, a VLAN or a tunnel upon one.
fn is_of_a_guest(port: &Link) -> bool {
    matches!(port.kind, Some(InfoKind::Tun | InfoKind::Veth | InfoKind::Dummy))
}

fn ports<'a>(link: &Link, links: &'a BTreeMap<u32, Link>) -> impl Iterator<Item = &'a Link> {
    let index = link.index;
    links.values().filter(move |port| port.master == Some(index))
}

fn main_route(message: &RouteMessage, links: &BTreeMap<u32, Link>) -> Option<MainRoute> {
    let destination = route::destination(message)?.trunc();
    match message.header.kind {
        RouteType::Unicast => {
            let link = links.get(&route::output(message)?)?;
            let has_gateway = route::gateway(message).is_some()
                || message.attributes.iter().any(|a| matches!(a, RouteAttribute::Via(_)));
            let interface = Some(link.name.clone());
            let inner = leads_inside(link, links);
            Some(MainRoute { destination, interface, connected: !has_gateway, inner })
        }
        RouteType::BlackHole | RouteType::Unreachable | RouteType::Prohibit => {
            Some(MainRoute { destination, interface: None, connected: false, inner: false })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: X-7
    #[test]
    fn a_bridge_is_shared_when_a_device_and_a_guest_are_on_it() {
        let bridge = |ports: &[Option<InfoKind>]| {
            let ports =
                ports.iter().zip(2..).map(|(kind, index)| link(index, kind.clone(), Some(1)));
            let links = ports.chain([link(1, Some(InfoKind::Bridge), None)]);
            let links: BTreeMap<u32, Link> = links.map(|link| (link.index, link)).collect();
            (shared_bridges(&links).len() == 1, leads_inside(&links[&1], &links))
        };
        let (device, machine, container) = (None, Some(InfoKind::Tun), Some(InfoKind::Veth));
        assert_eq!(bridge(&[device.clone(), machine.clone()]), (true, false));
        assert_eq!(bridge(&[device.clone(), container.clone()]), (true, false));
        assert_eq!(bridge(&[machine, container]), (false, true));
        assert_eq!(bridge(&[Some(InfoKind::Bond), Some(InfoKind::Veth)]), (true, false));
        assert_eq!(bridge(&[Some(InfoKind::Vxlan)]), (false, false));
        assert_eq!(bridge(&[device]), (false, false));
    }

    fn link(index: u32, kind: Option<InfoKind>, master: Option<u32>) -> Link {
        let hardware_type = libc::ARPHRD_ETHER;
        Link {
            index,
            address: None,
            name: format!("link{index}"),
            mtu: 1500,
            up: true,
            hardware_type,
            kind,
            master,
        }
    }
}
