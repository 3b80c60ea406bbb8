//! Addresses as netlink messages.

use std::net::IpAddr;

use ipnet::IpNet;
use rtnetlink::packet_route::{
    AddressFamily,
    address::{AddressAttribute, AddressFlags, AddressMessage, AddressScope},
};

/// No duplicate detection: nobody else is on the link, or somebody who has given the address to us. And
/// no route by the kernel: those to the interface's networks are ours to make (V4-3), but for that of
/// the link itself.
pub(super) fn to_message(index: u32, net: IpNet) -> AddressMessage {
    let flags = match net.addr() {
        IpAddr::V6(address) if address.is_unicast_link_local() => AddressFlags::Nodad,
        IpAddr::V4(_) | IpAddr::V6(_) => AddressFlags::Nodad | AddressFlags::Noprefixroute,
    };
    let mut message = AddressMessage::default();
    message.header.family = match net {
        IpNet::V4(_) => AddressFamily::Inet,
        IpNet::V6(_) => AddressFamily::Inet6,
    };
    message.header.prefix_len = net.prefix_len();
    message.header.scope = AddressScope::Universe;
    message.header.index = index;
    message.attributes = vec![
        AddressAttribute::Local(net.addr()),
        AddressAttribute::Address(net.addr()),
        AddressAttribute::Flags(flags),
    ];
    message
}

/// The address with the length of the network it is on. On a point-to-point link `Address` is the
/// peer's.
pub(super) fn net(message: &AddressMessage) -> Option<IpNet> {
    let local = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    let address = local.or_else(|| {
        message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        })
    });
    IpNet::new(address?, message.header.prefix_len).ok()
}

/// An address that others can reach, as opposed to one of the link or the host itself.
pub(super) fn reachable(message: &AddressMessage) -> Option<IpAddr> {
    match message.header.scope {
        AddressScope::Universe | AddressScope::Site => Some(net(message)?.addr()),
        _ => None,
    }
}
