//! What others do to the kernel's tables, as it tells it.

use std::io;

use futures_util::{Stream, stream};
use netlink_packet_netfilter::{
    NetfilterMessage, NetfilterMessageInner,
    nftables::{GenAttribute, NfTablesMessage},
};
use rtnetlink::{
    packet_core::{NetlinkMessage, NetlinkPayload},
    sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket, protocols::NETLINK_NETFILTER},
};

use crate::healing::{Change, Culprit, Part};

/// `NFNLGRP_NFTABLES` (`linux/netfilter/nfnetlink.h`).
const GROUP: u32 = 7;

/// Follows transactions on tables, ours as well, in the namespace of the calling thread. The stream
/// ends when the kernel ends the subscription.
pub(super) fn changes() -> io::Result<impl Stream<Item = Change>> {
    let mut socket = TokioSocket::new(NETLINK_NETFILTER)?;
    socket.socket_mut().bind(&SocketAddr::new(0, 0))?;
    socket.socket_mut().add_membership(GROUP)?;
    Ok(stream::unfold(socket, |socket| async {
        let by = match socket.recv_from_full().await {
            Ok((datagram, _)) => culprit_of(&datagram),
            // Messages were lost.
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Culprit::Unknown,
            Err(error) => {
                tracing::debug!("the firewall is no longer watched: {error}");
                return None;
            }
        };
        Some((Change { part: Some(Part::Firewall), by }, socket))
    }))
}

/// Who made the transaction that ends with this datagram, if one does (`NFT_MSG_NEWGEN`). Other
/// messages are not looked into: after each change all is read anew.
fn culprit_of(mut datagram: &[u8]) -> Culprit {
    while let Some(header) = datagram.get(..NLMSG_HEADER) {
        let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]);
        // Messages are aligned to four bytes, and a malformed length must not stop us.
        let length = usize::try_from(length).unwrap_or(usize::MAX).max(NLMSG_HEADER);
        if u16::from_ne_bytes([header[4], header[5]]) == NEW_GENERATION
            && let Ok(message) = NetlinkMessage::<NetfilterMessage>::deserialize(datagram)
            && let NetlinkPayload::InnerMessage(message) = message.payload
            && let NetfilterMessageInner::NfTables(NfTablesMessage::NewGen(generation)) =
                message.inner
        {
            return culprit(&generation.attributes);
        }
        datagram = datagram.get(length.saturating_add(3) & !3..).unwrap_or_default();
    }
    Culprit::Unknown
}

/// Length of `struct nlmsghdr` (`linux/netlink.h`).
const NLMSG_HEADER: usize = 16;
/// `NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN`.
const NEW_GENERATION: u16 = (10 << 8) | 15;

/// The kernel names the thread, and ours are named like those of others.
fn culprit(attributes: &[GenAttribute]) -> Culprit {
    let name = attributes.iter().find_map(|attribute| match attribute {
        GenAttribute::ProcName(name) => Some(name.chars().filter(|c| !c.is_control()).collect()),
        _ => None,
    });
    match name {
        Some(name) if name != OWN_THREADS => Culprit::Program(name),
        Some(_) | None => Culprit::Unknown,
    }
}

/// What tokio calls the threads of a program that does not say otherwise, cut at 15 letters.
const OWN_THREADS: &str = "tokio-rt-worker";
