//! Routes as netlink messages.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use rtnetlink::packet_route::{
    AddressFamily,
    route::{
        RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteProtocol, RouteScope,
        RouteType,
    },
};

use adit_model::Family;

use crate::{
    RTPROT_ADIT, Tunnel,
    route::{Metric, Route, Target},
};

pub(super) fn to_message(route: &Route) -> RouteMessage {
    let mut message = RouteMessage::default();
    let header = &mut message.header;
    header.address_family = match route.family() {
        Family::Ipv4 => AddressFamily::Inet,
        Family::Ipv6 => AddressFamily::Inet6,
    };
    header.destination_prefix_length = route.destination.prefix_len();
    header.protocol = RouteProtocol::Other(RTPROT_ADIT);
    header.kind = match route.target {
        Target::Tunnel { .. } => RouteType::Unicast,
        Target::Throw => RouteType::Throw,
        Target::Unreachable => RouteType::Unreachable,
    };
    let attributes = &mut message.attributes;
    attributes.push(RouteAttribute::Table(route.table));
    attributes.push(RouteAttribute::Priority(route.metric.number()));
    attributes.push(RouteAttribute::Destination(route.destination.network().into()));
    match &route.target {
        Target::Tunnel { index, via, .. } => {
            attributes.push(RouteAttribute::Oif(*index));
            match via {
                Some(gateway) => {
                    attributes.push(RouteAttribute::Gateway((*gateway).into()));
                    header.flags = RouteFlags::Onlink;
                }
                None => header.scope = RouteScope::Link,
            }
        }
        // When somebody adds a route by way of a gateway, the kernel looks for the gateway's link
        // among routes of this scope only. Without ours it would find the included network around.
        Target::Throw => header.scope = RouteScope::Link,
        Target::Unreachable => {}
    }
    message
}

/// The route of a message, if it is one that we would make for this tunnel.
pub(super) fn from_message(message: &RouteMessage, tunnel: &Tunnel) -> Option<Route> {
    let metric = match metric(message) {
        number if number == Metric::Normal.number() => Metric::Normal,
        number if number == Metric::Last.number() => Metric::Last,
        _ => return None,
    };
    let target = match message.header.kind {
        RouteType::Unicast => {
            let index = output(message).filter(|index| *index == tunnel.index)?;
            Target::Tunnel { interface: tunnel.interface.clone(), index, via: gateway(message) }
        }
        RouteType::Throw => Target::Throw,
        RouteType::Unreachable => Target::Unreachable,
        _ => return None,
    };
    Some(Route { table: table(message), destination: destination(message)?, metric, target })
}

/// The question which way a packet would take.
pub(super) fn lookup(destination: IpAddr) -> RouteMessage {
    let mut message = RouteMessage::default();
    let whole = IpNet::from(destination);
    message.header.address_family = match Family::of(&whole) {
        Family::Ipv4 => AddressFamily::Inet,
        Family::Ipv6 => AddressFamily::Inet6,
    };
    message.header.destination_prefix_length = whole.prefix_len();
    message.attributes.push(RouteAttribute::Destination(destination.into()));
    message
}

/// Whether a packet goes somewhere by this route. IPv6 routes that refuse lead to `lo`.
pub(super) fn leads_on(message: &RouteMessage) -> bool {
    matches!(
        message.header.kind,
        RouteType::Unicast
            | RouteType::Local
            | RouteType::Anycast
            | RouteType::Broadcast
            | RouteType::Multicast
    )
}

pub(super) fn is_ours(message: &RouteMessage) -> bool {
    message.header.protocol == RouteProtocol::Other(RTPROT_ADIT)
}

/// The message that deletes what this message shows. The kernel's remarks are left out.
pub(super) fn deletion(mut message: RouteMessage) -> RouteMessage {
    message.header.flags = RouteFlags::empty();
    message.attributes.retain(|attribute| {
        matches!(
            attribute,
            RouteAttribute::Table(_)
                | RouteAttribute::Priority(_)
                | RouteAttribute::Destination(_)
                | RouteAttribute::Oif(_)
                | RouteAttribute::Gateway(_)
        )
    });
    message
}

pub(super) fn table(message: &RouteMessage) -> u32 {
    let long = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Table(table) => Some(*table),
        _ => None,
    });
    long.unwrap_or(message.header.table.into())
}

pub(super) fn destination(message: &RouteMessage) -> Option<IpNet> {
    let given = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(address) => Some(address),
        _ => None,
    });
    let address = match (given, message.header.address_family) {
        (Some(address), _) => ip(address)?,
        (None, AddressFamily::Inet) => Ipv4Addr::UNSPECIFIED.into(),
        (None, AddressFamily::Inet6) => Ipv6Addr::UNSPECIFIED.into(),
        _ => return None,
    };
    IpNet::new(address, message.header.destination_prefix_length).ok()
}

pub(super) fn metric(message: &RouteMessage) -> u32 {
    let given = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Priority(metric) => Some(*metric),
        _ => None,
    });
    given.unwrap_or(0)
}

/// The interface of a route, or of its first next hop.
pub(super) fn output(message: &RouteMessage) -> Option<u32> {
    message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(index) => Some(*index),
        RouteAttribute::MultiPath(hops) => hops.first().map(|hop| hop.interface_index),
        _ => None,
    })
}

/// The gateway of a route, or of its first next hop.
pub(super) fn gateway(message: &RouteMessage) -> Option<IpAddr> {
    let of = |attribute: &RouteAttribute| match attribute {
        RouteAttribute::Gateway(address) => ip(address),
        _ => None,
    };
    message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::MultiPath(hops) => hops.first()?.attributes.iter().find_map(of),
        attribute => of(attribute),
    })
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(v4) => Some((*v4).into()),
        RouteAddress::Inet6(v6) => Some((*v6).into()),
        _ => None,
    }
}
