//! The kernel's network objects, read and changed over rtnetlink.

mod address;
mod changes;
mod main_table;
mod neighbour;
mod policy;
mod route;
mod rule;

pub(crate) use changes::changes;

use std::{io, net::IpAddr};

use adit_model::MacAddress;
use futures_util::{Stream, TryStreamExt};
use ipnet::IpNet;
use rtnetlink::{
    Handle, IpVersion, LinkMessageBuilder, LinkUnspec, MulticastGroup,
    packet_route::{
        AddressFamily,
        address::AddressMessage,
        link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage},
        route::RouteMessage,
        rule::RuleMessage,
    },
    sys::AsyncSocket,
};
use tokio::task::JoinHandle;

use crate::{Tunnel, error::NetworkError, route::Route, rule::Rule};

/// Everything that the network consists of: links, addresses, routes and rules.
pub(crate) const CHANGES: [MulticastGroup; 7] = [
    MulticastGroup::Link,
    MulticastGroup::Ipv4Ifaddr,
    MulticastGroup::Ipv4Route,
    MulticastGroup::Ipv4Rule,
    MulticastGroup::Ipv6Ifaddr,
    MulticastGroup::Ipv6Route,
    MulticastGroup::Ipv6Rule,
];

/// A connection to the kernel, in the network namespace of the thread that opened it.
#[derive(Debug)]
pub(crate) struct Netlink {
    handle: Handle,
    connection: JoinHandle<()>,
    port: u32,
}

/// A rule of ours that the kernel has.
#[derive(Debug, Clone)]
pub(crate) struct FoundRule {
    message: RuleMessage,
}

/// A route of ours that the kernel has.
#[derive(Debug, Clone)]
pub(crate) struct FoundRoute {
    message: RouteMessage,
}

/// An address of an interface.
#[derive(Debug, Clone)]
pub(crate) struct FoundAddress {
    message: AddressMessage,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: String,
    pub(crate) mtu: u32,
    /// Whether it was switched on, with a carrier or without.
    pub(crate) up: bool,
    /// Absent where there is none, as on a TUN device.
    pub(crate) address: Option<MacAddress>,
    /// `ARPHRD_*` of `linux/if_arp.h`.
    pub(crate) hardware_type: u16,
    /// What the kernel made it as; devices have none.
    pub(crate) kind: Option<InfoKind>,
    /// The index of the bridge or the like that it is a port of.
    pub(crate) master: Option<u32>,
}

impl Netlink {
    pub(crate) fn open() -> Result<Self, NetworkError> {
        let (mut connection, handle, _) =
            rtnetlink::new_connection().map_err(NetworkError::Netlink)?;
        let socket = connection.socket_mut().socket_mut();
        let port = socket.bind_auto().map_err(NetworkError::Netlink)?.port_number();
        Ok(Self { handle, connection: tokio::spawn(connection), port })
    }

    /// The kernel's name for this connection; it is in what the kernel tells about its changes.
    pub(crate) fn port(&self) -> u32 {
        self.port
    }

    /// All rules of ours.
    pub(crate) async fn rules(&self) -> Result<Vec<FoundRule>, NetworkError> {
        let mut found = Vec::new();
        for version in [IpVersion::V4, IpVersion::V6] {
            let messages = dump("rules", self.handle.rule().get(version).execute()).await?;
            found.extend(messages.into_iter().filter(rule::is_ours));
        }
        Ok(found.into_iter().map(|message| FoundRule { message }).collect())
    }

    /// Adds a rule. It is no error if it is there.
    pub(crate) async fn add_rule(&self, wanted: &Rule) -> Result<(), NetworkError> {
        let mut request = self.handle.rule().add();
        *request.message_mut() = rule::to_message(wanted);
        done(wanted, request.execute().await, &[libc::EEXIST])
    }

    pub(crate) async fn delete_rule(&self, found: FoundRule) -> Result<(), NetworkError> {
        let message = rule::deletion(found.message);
        let deleted = self.handle.rule().del(message).execute().await;
        done("delete a rule", deleted, &[libc::ENOENT])
    }

    /// All routes of ours, in whatever table.
    pub(crate) async fn routes(&self) -> Result<Vec<FoundRoute>, NetworkError> {
        let messages = self.all_routes().await?.into_iter().filter(route::is_ours);
        Ok(messages.map(|message| FoundRoute { message }).collect())
    }

    /// The index of the interface by which a packet without a mark leaves for `destination`; absent
    /// if the kernel refuses it.
    pub(crate) async fn way_to(&self, destination: IpAddr) -> Option<u32> {
        let request = route::lookup(destination);
        let answer = self.handle.route().get(request).execute().try_next().await;
        answer.ok().flatten().filter(route::leads_on).as_ref().and_then(route::output)
    }

    /// Adds a route to a table of ours, in place of one with the same destination and metric.
    pub(crate) async fn replace_route(&self, wanted: &Route) -> Result<(), NetworkError> {
        let request = self.handle.route().add(route::to_message(wanted)).replace();
        done(wanted, request.execute().await, &[])
    }

    /// Adds a route to somebody else's table, where nothing may be replaced.
    pub(crate) async fn add_route(&self, wanted: &Route) -> Result<(), NetworkError> {
        let added = self.handle.route().add(route::to_message(wanted)).execute().await;
        done(wanted, added, &[])
    }

    /// Deletes a route. It is no error if the kernel was faster.
    pub(crate) async fn delete_route(&self, found: FoundRoute) -> Result<(), NetworkError> {
        let message = route::deletion(found.message);
        let deleted = self.handle.route().del(message).execute().await;
        done("delete a route", deleted, &[libc::ESRCH, libc::ENOENT, libc::ENODEV])
    }

    /// Sets an interface's MTU, and its hardware address if it has one, and brings it up.
    pub(crate) async fn set_link(
        &self,
        tunnel: &Tunnel,
        mtu: u32,
        address: Option<MacAddress>,
    ) -> Result<(), NetworkError> {
        let mut link = LinkMessageBuilder::<LinkUnspec>::new()
            .index(tunnel.index)
            .mtu(mtu)
            .append_extra_attribute(LinkAttribute::GsoMaxSize(gso_max_size(mtu)))
            .up();
        if let Some(MacAddress(octets)) = address {
            link = link.address(octets.into());
        }
        let set = self.handle.link().set(link.build()).execute().await;
        done(format_args!("link {} mtu {mtu} up", tunnel.interface), set, &[])
    }

    /// The addresses of a tunnel's interface.
    pub(crate) async fn addresses(
        &self,
        tunnel: &Tunnel,
    ) -> Result<Vec<FoundAddress>, NetworkError> {
        let messages = self.addresses_of(tunnel.index).await?;
        Ok(messages.into_iter().map(|message| FoundAddress { message }).collect())
    }

    /// Adds an address. It is no error if it is there.
    pub(crate) async fn add_address(
        &self,
        tunnel: &Tunnel,
        net: IpNet,
    ) -> Result<(), NetworkError> {
        let mut request = self.handle.address().add(tunnel.index, net.addr(), net.prefix_len());
        *request.message_mut() = address::to_message(tunnel.index, net);
        let added = request.execute().await;
        done(format_args!("address {net}"), added, &[libc::EEXIST])
    }

    pub(crate) async fn delete_address(&self, found: FoundAddress) -> Result<(), NetworkError> {
        let deleted = self.handle.address().del(found.message).execute().await;
        done("delete an address", deleted, &[libc::EADDRNOTAVAIL, libc::ENODEV])
    }

    pub(crate) async fn links(&self) -> Result<Vec<Link>, NetworkError> {
        let messages = dump("interfaces", self.handle.link().get().execute()).await?;
        Ok(messages.iter().filter_map(Link::from_message).collect())
    }

    /// The addresses of all interfaces, with the interface's index.
    pub(crate) async fn all_addresses(&self) -> Result<Vec<(u32, IpNet)>, NetworkError> {
        let messages = dump("addresses", self.handle.address().get().execute()).await?;
        let found = |message: &AddressMessage| Some((message.header.index, address::net(message)?));
        Ok(messages.iter().filter_map(found).collect())
    }

    async fn addresses_of(&self, index: u32) -> Result<Vec<AddressMessage>, NetworkError> {
        let request = self.handle.address().get().set_link_index_filter(index);
        dump("addresses", request.execute()).await
    }

    async fn all_routes(&self) -> Result<Vec<RouteMessage>, NetworkError> {
        let mut messages = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut request = RouteMessage::default();
            request.header.address_family = family;
            messages.extend(dump("routes", self.handle.route().get(request).execute()).await?);
        }
        Ok(messages)
    }
}

impl Drop for Netlink {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl FoundRule {
    /// What it is, if it is one that we would make.
    pub(crate) fn rule(&self) -> Option<Rule> {
        rule::from_message(&self.message)
    }
}

impl FoundRoute {
    /// What it is, if it is one that we would make for this tunnel.
    pub(crate) fn route(&self, tunnel: &Tunnel) -> Option<Route> {
        route::from_message(&self.message, tunnel)
    }

    pub(crate) fn table(&self) -> u32 {
        route::table(&self.message)
    }

    /// The index of the interface it leads out of.
    pub(crate) fn output(&self) -> Option<u32> {
        route::output(&self.message)
    }
}

impl FoundAddress {
    pub(crate) fn net(&self) -> Option<IpNet> {
        address::net(&self.message)
    }
}

impl Link {
    fn from_message(message: &LinkMessage) -> Option<Self> {
        let (mut name, mut mtu, mut address, mut kind, mut master) = (None, None, None, None, None);
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(found) => name = Some(found.clone()),
                LinkAttribute::Mtu(found) => mtu = Some(*found),
                LinkAttribute::Address(found) => {
                    address = found.as_slice().try_into().ok().map(MacAddress);
                }
                LinkAttribute::Controller(found) => master = Some(*found),
                LinkAttribute::LinkInfo(found) => {
                    kind = found.iter().find_map(|info| match info {
                        LinkInfo::Kind(kind) => Some(kind.clone()),
                        _ => None,
                    });
                }
                _ => {}
            }
        }
        Some(Self {
            index: message.header.index,
            name: name?,
            mtu: mtu?,
            address,
            up: message.header.flags.contains(LinkFlags::Up),
            hardware_type: message.header.link_layer_type.into(),
            kind,
            master,
        })
    }
}

async fn dump<T>(
    what: &'static str,
    messages: impl Stream<Item = Result<T, rtnetlink::Error>>,
) -> Result<Vec<T>, NetworkError> {
    let failed = |error| NetworkError::Read { what, source: io_error(error) };
    messages.try_collect().await.map_err(failed)
}

/// The outcome of a change, where these error numbers mean that it was not necessary.
fn done(
    item: impl std::fmt::Display,
    outcome: Result<(), rtnetlink::Error>,
    unnecessary: &[i32],
) -> Result<(), NetworkError> {
    let Err(error) = outcome else { return Ok(()) };
    let source = io_error(error);
    match source.raw_os_error() {
        Some(number) if unnecessary.contains(&number) => Ok(()),
        _ => Err(NetworkError::Change { item: item.to_string(), source }),
    }
}

fn io_error(error: rtnetlink::Error) -> io::Error {
    match error {
        rtnetlink::Error::NetlinkError(message) => message.to_io(),
        error => io::Error::other(error),
    }
}

/// How much TCP may leave whole, so that its segments fit into one UDP datagram that the kernel
/// segments (`UDP_SEGMENT`), each after the header of a tunnel. A few that do not fit would cost a
/// system call of their own. The kernel's default is 64 KiB (include/linux/netdevice.h).
fn gso_max_size(mtu: u32) -> u32 {
    const MAX_DATAGRAM: u32 = 65_507;
    const TUNNEL_HEADER: u32 = 32;
    const LEAST_HEADERS: u32 = 40;
    let segments = MAX_DATAGRAM / (mtu + TUNNEL_HEADER);
    (segments * mtu.saturating_sub(LEAST_HEADERS)).clamp(mtu, 65_536)
}
