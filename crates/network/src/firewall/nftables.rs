//! The kernel's tables, replaced whole and read back (`linux/netfilter/nfnetlink.h`).

use std::{io, os::fd::OwnedFd};

use netlink_packet_netfilter::{
    NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily,
    nftables::NfTablesMessage, none::ControlMessage,
};
use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST,
    NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
    sockopt,
};

use super::{
    messages::{creation, question_for_elements, questions, removal},
    shown::Shown,
    table::{Table, TableFamily},
};

/// A connection to the kernel's tables, in the network namespace of the thread that opened it.
#[derive(Debug)]
pub(super) struct Nftables {
    socket: OwnedFd,
}

/// What the kernel sends at once. Not more than it has to (`NLMSG_GOODSIZE`): to parse a list takes the
/// library time that grows with the square of its length.
const BUFFER_BYTES: usize = 1 << 13;
/// How often a list is asked for when others change tables at the same time.
const ATTEMPTS: usize = 5;

impl Nftables {
    pub(super) fn open() -> Result<Self, Errno> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let family = AddressFamily::NETLINK;
        let socket = socket_with(family, SocketType::RAW, flags, Some(netlink::NETFILTER))?;
        Ok(Self { socket })
    }

    /// Puts the table in place of the one of the same name, or removes it, in one transaction: each
    /// packet meets the old table or the new one. It stays when this process ends.
    ///
    /// The kernel has done it, or nothing at all, when this returns; that takes milliseconds.
    pub(super) fn replace(&self, family: TableFamily, table: Option<&Table>) -> io::Result<()> {
        let removal = removal(family).into_iter();
        let creation = table.into_iter().flat_map(creation);
        self.transact(removal.chain(creation).collect())
    }

    /// Whether the kernel has exactly this table, or none.
    pub(super) fn shows(&self, family: TableFamily, table: Option<&Table>) -> io::Result<bool> {
        Ok(self.read(family)?.is(&table.map(Shown::of).unwrap_or_default()))
    }

    fn transact(&self, messages: Vec<NetfilterMessage>) -> io::Result<()> {
        let control = |message| {
            // The subsystem that all messages of the batch are for.
            let nftables = u16::try_from(libc::NFNL_SUBSYS_NFTABLES).unwrap_or_default();
            let header = NetfilterHeader::new(NetfilterProtoFamily::Unspec, 0, nftables);
            NetfilterMessage::new(header, message)
        };
        let last = messages.len();
        let batch = [control(ControlMessage::BatchBegin)]
            .into_iter()
            .chain(messages)
            .chain([control(ControlMessage::BatchEnd)]);
        let mut bytes = Vec::new();
        for (sequence, message) in batch.enumerate() {
            let mut flags = flags(&message);
            // The answer to the last one comes after those to all that failed before.
            if sequence == last {
                flags |= NLM_F_ACK;
            }
            bytes.extend(serialize(message, flags, sequence));
        }
        self.send(&bytes)?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            for message in self.receive(&mut buffer)? {
                let NetlinkPayload::Error(error) = message.payload else { continue };
                if error.code.is_some() {
                    return Err(error.to_io());
                }
                if usize::try_from(message.header.sequence_number) == Ok(last) {
                    return Ok(());
                }
            }
        }
    }

    fn read(&self, family: TableFamily) -> io::Result<Shown> {
        let mut shown = Shown::default();
        for question in questions(family) {
            for message in self.list(&question)? {
                shown.add(message);
            }
        }
        for set in shown.names_of_sets() {
            for message in self.list(&question_for_elements(family, &set))? {
                shown.add(message);
            }
        }
        Ok(shown)
    }

    fn list(&self, question: &NetfilterMessage) -> io::Result<Vec<NfTablesMessage>> {
        for _ in 0..ATTEMPTS {
            if let Some(list) = self.try_list(question)? {
                return Ok(list);
            }
        }
        Err(io::Error::other("it is being changed by others all the time"))
    }

    /// Nothing if it was changed while it was listed.
    fn try_list(&self, question: &NetfilterMessage) -> io::Result<Option<Vec<NfTablesMessage>>> {
        self.send(&serialize(question.clone(), NLM_F_REQUEST | NLM_F_DUMP, 0))?;
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut list = Vec::new();
        let mut is_consistent = true;
        loop {
            for message in self.receive(&mut buffer)? {
                is_consistent &= message.header.flags & NLM_F_DUMP_INTR == 0;
                match message.payload {
                    NetlinkPayload::Done(_) => return Ok(is_consistent.then_some(list)),
                    // There is no such table.
                    NetlinkPayload::Error(error)
                        if error.to_io().raw_os_error() == Some(libc::ENOENT) =>
                    {
                        return Ok(Some(list));
                    }
                    NetlinkPayload::Error(error) => return Err(error.to_io()),
                    NetlinkPayload::InnerMessage(NetfilterMessage {
                        inner: NetfilterMessageInner::NfTables(message),
                        ..
                    }) => list.push(message),
                    _ => {}
                }
            }
        }
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        // One transaction is one datagram.
        sockopt::set_socket_send_buffer_size_force(&self.socket, bytes.len() * 2)
            .or_else(|_| sockopt::set_socket_send_buffer_size(&self.socket, bytes.len() * 2))?;
        send(&self.socket, bytes, SendFlags::empty())?;
        Ok(())
    }

    /// The next messages. The kernel has answered when the question is sent, so there is no waiting.
    fn receive(&self, buffer: &mut [u8]) -> io::Result<Vec<NetlinkMessage<NetfilterMessage>>> {
        let (length, _) = recv(&self.socket, &mut *buffer, RecvFlags::empty())?;
        let mut rest = &buffer[..length];
        let mut messages = Vec::new();
        while !rest.is_empty() {
            let message = NetlinkMessage::deserialize(rest).map_err(io::Error::other)?;
            // Messages are aligned to four bytes, and a malformed length must not stop us.
            let length = usize::try_from(message.header.length).map_err(io::Error::other)?;
            rest = rest.get(length.next_multiple_of(4).max(4)..).unwrap_or_default();
            messages.push(message);
        }
        Ok(messages)
    }
}

/// What a message asks the kernel to do with it.
fn flags(message: &NetfilterMessage) -> u16 {
    let NetfilterMessageInner::NfTables(message) = &message.inner else { return NLM_F_REQUEST };
    match message {
        NfTablesMessage::NewRule(_) => NLM_F_REQUEST | NLM_F_CREATE | NLM_F_APPEND,
        NfTablesMessage::DeleteTable(_) => NLM_F_REQUEST,
        _ => NLM_F_REQUEST | NLM_F_CREATE,
    }
}

fn serialize(message: NetfilterMessage, flags: u16, sequence: usize) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = flags;
    header.sequence_number = u32::try_from(sequence).unwrap_or_default();
    let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len().next_multiple_of(4)];
    message.serialize(&mut bytes);
    bytes
}
