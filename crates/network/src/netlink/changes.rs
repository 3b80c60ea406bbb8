//! What others do to what is ours, as the kernel tells it.

use std::io;

use futures_util::{Stream, StreamExt, future, stream};
use rtnetlink::{
    new_multicast_connection,
    packet_core::{NetlinkMessage, NetlinkPayload},
    packet_route::{
        RouteNetlinkMessage,
        link::{LinkAttribute, LinkMessage},
    },
    sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket, protocols::NETLINK_ROUTE},
};
use tokio::task::JoinHandle;

use super::{CHANGES, route, rule};
use crate::{
    Slot,
    error::NetworkError,
    healing::{Change, Culprit, Part, until_either_ends},
    tun::NAME_PREFIX,
};

/// `RTNLGRP_IPV4_NETCONF` and `RTNLGRP_IPV6_NETCONF`: some kernel settings of interfaces, the
/// reverse path filter among them.
const SETTINGS_GROUPS: [u32; 2] = [24, 25];

/// Follows changes in the namespace of the calling thread that were not made by way of `own_port`.
/// The stream ends when the kernel ends a subscription.
pub(crate) fn changes(own_port: u32) -> Result<impl Stream<Item = Change>, NetworkError> {
    let (connection, handle, messages) =
        new_multicast_connection(&CHANGES).map_err(NetworkError::Netlink)?;
    let connection = Connection(tokio::spawn(connection));
    let objects = messages.filter_map(move |(message, _)| {
        let _alive = (&handle, &connection);
        future::ready(change(&message).filter(|change| change.by != Culprit::Port(own_port)))
    });
    let settings = settings_changes().map_err(NetworkError::Netlink)?;
    Ok(until_either_ends(objects, settings))
}

/// Ends together with its task's stream.
struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn change(message: &NetlinkMessage<RouteNetlinkMessage>) -> Option<Change> {
    match &message.payload {
        NetlinkPayload::InnerMessage(inner) => {
            let by = match message.header.port_number {
                // The kernel itself, as a consequence of something else.
                0 => Culprit::Unknown,
                port => Culprit::Port(port),
            };
            Some(Change { part: Some(part(inner)?), by })
        }
        // Messages were lost: anything may have changed.
        _ => Some(Change { part: None, by: Culprit::Unknown }),
    }
}

/// The part of ours that may be damaged by what the message tells.
fn part(message: &RouteNetlinkMessage) -> Option<Part> {
    match message {
        RouteNetlinkMessage::NewLink(link) => is_tunnel(link).then_some(Part::Interface),
        RouteNetlinkMessage::DelLink(link) => is_tunnel(link).then_some(Part::Device),
        RouteNetlinkMessage::DelAddress(_) => Some(Part::Addresses),
        RouteNetlinkMessage::DelRule(found) => rule::is_ours(found).then_some(Part::Rules),
        RouteNetlinkMessage::DelRoute(found) => route::is_ours(found).then_some(Part::Routes),
        // It may have taken the place of one of ours.
        RouteNetlinkMessage::NewRoute(found) => {
            let in_our_table = Slot::of_table(route::table(found)).is_some();
            (in_our_table && !route::is_ours(found)).then_some(Part::Routes)
        }
        _ => None,
    }
}

fn is_tunnel(link: &LinkMessage) -> bool {
    link.attributes.iter().any(|attribute| match attribute {
        LinkAttribute::IfName(name) => name.starts_with(NAME_PREFIX),
        _ => false,
    })
}

/// The message itself does not matter, as all that can be read is read after each.
fn settings_changes() -> io::Result<impl Stream<Item = Change>> {
    let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
    socket.socket_mut().bind(&SocketAddr::new(0, 0))?;
    for group in SETTINGS_GROUPS {
        socket.socket_mut().add_membership(group)?;
    }
    Ok(stream::unfold(socket, |socket| async {
        match socket.recv_from_full().await {
            Ok(_) => {}
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
            Err(error) => {
                tracing::debug!("kernel settings are no longer watched: {error}");
                return None;
            }
        }
        let change = Change { part: Some(Part::KernelSettings), by: Culprit::Unknown };
        Some((change, socket))
    }))
}
