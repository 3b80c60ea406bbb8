//! Merges packets of a flow for the system, which takes them as one (generic receive offload). They
//! stay where they are: what is written is gathered from all of them.

use super::PacketFlow;

const TCP: u8 = 6;
const UDP: u8 = 17;
const UDP_HEADER: usize = 8;
const IPV6_HEADER: usize = 40;

/// Flags of a TCP header, RFC 9293 section 3.1.
const ACK: u8 = 0x10;
const PSH: u8 = 0x08;

/// `struct virtio_net_hdr`, Documentation/networking/tuntap.rst.
const NEEDS_CHECKSUM: u8 = 1;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;
const GSO_UDP_L4: u8 = 5;

/// `UDP_MAX_SEGMENTS` of the kernel.
const MAX_DATAGRAMS: usize = 64;

/// How many runs back a packet's flow is looked for.
const REACH: usize = 16;

/// Sorts the packets of a batch into runs, in the order of their first packets.
#[derive(Debug, Default)]
pub(super) struct Merger {
    runs: Vec<Run>,
    /// For each packet, the one that follows it in its run.
    next: Vec<Option<usize>>,
}

/// One packet, or several that are one to the system.
#[derive(Debug, Clone, Copy)]
struct Run {
    first: usize,
    last: usize,
    count: usize,
    /// Of the packet that it becomes, in bytes.
    length: usize,
    /// Absent: the packet belongs to no flow.
    flow: Option<Flow>,
    /// Nothing is appended any more.
    closed: bool,
    /// The checksum of its only packet is known to be right.
    verified: bool,
    pushed: bool,
    next_sequence: u32,
}

/// What was read from the headers of a TCP or UDP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Flow {
    protocol: u8,
    is_ipv6: bool,
    /// Length of the IP header.
    network: usize,
    /// Length of both headers.
    headers: usize,
    /// Bytes of content.
    segment: usize,
    sequence: u32,
    push: bool,
    /// It says nothing beyond its content.
    plain: bool,
}

impl Merger {
    /// Plans what is written of packets that follow the first `offset` bytes of each buffer, and
    /// fills in their virtio headers before them. The kernel takes merged datagrams if `uso`.
    pub(super) fn merge<B: AsRef<[u8]> + AsMut<[u8]>>(
        &mut self,
        buffers: &mut [B],
        offset: usize,
        uso: bool,
    ) {
        self.runs.clear();
        self.next.clear();
        self.next.resize(buffers.len(), None);
        for index in 0..buffers.len() {
            let packet = &buffers[index].as_ref()[offset..];
            let flow = Flow::of(packet).filter(|flow| flow.protocol == TCP || uso);
            if !flow.is_some_and(|flow| self.append(buffers, offset, index, flow)) {
                self.runs.push(Run::new(index, packet.len(), flow));
            }
        }
        for run in &self.runs {
            let buffer = buffers[run.first].as_mut();
            let (header, packet) = buffer.split_at_mut(offset);
            let header = &mut header[offset - PacketFlow::HEADROOM..];
            match run.flow {
                Some(flow) if run.count > 1 => complete(run, flow, header, packet),
                Some(_) | None => header.fill(0),
            }
        }
    }

    /// The messages to be written, as the indices of their packets; and how many bytes of headers
    /// all of them but the first have in vain.
    pub(super) fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        self.runs.iter().map(|run| Message { merger: self, run: *run })
    }

    /// Appends a packet to the latest run of its flow, if that can be.
    fn append<B: AsRef<[u8]>>(
        &mut self,
        buffers: &[B],
        offset: usize,
        index: usize,
        flow: Flow,
    ) -> bool {
        let packet = &buffers[index].as_ref()[offset..];
        let latest = self.runs.iter_mut().rev().take(REACH).find_map(|run| {
            let first = &buffers[run.first].as_ref()[offset..];
            run.flow.filter(|of| of.has_ends_of(first, &flow, packet)).map(|of| (run, of, first))
        });
        let Some((run, of, first)) = latest else { return false };
        if !run.takes(&of, first, &flow, packet) {
            run.closed = true;
            return false;
        }
        run.verified = true;
        run.closed = flow.push || flow.segment < of.segment;
        run.pushed |= flow.push;
        run.length += flow.segment;
        run.count += 1;
        run.next_sequence = run.next_sequence.wrapping_add(length_u32(flow.segment));
        self.next[run.last] = Some(index);
        run.last = index;
        true
    }
}

/// What is written at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    merger: &'a Merger,
    run: Run,
}

impl Message<'_> {
    /// How many packets it is made of.
    pub(super) fn count(&self) -> usize {
        self.run.count
    }

    /// The first packet, of which everything is written.
    pub(super) fn first(&self) -> usize {
        self.run.first
    }

    /// The others, of which everything beyond this many bytes is written.
    pub(super) fn others(&self) -> (impl Iterator<Item = usize>, usize) {
        let next = |index: &usize| self.merger.next[*index];
        let others = std::iter::successors(next(&self.run.first), next);
        (others, self.run.flow.map_or(0, |flow| flow.headers))
    }
}

impl Run {
    fn new(index: usize, length: usize, flow: Option<Flow>) -> Self {
        Self {
            first: index,
            last: index,
            count: 1,
            length,
            flow,
            closed: flow.is_none_or(|flow| !flow.plain || flow.push),
            verified: false,
            pushed: false,
            next_sequence: flow
                .map_or(0, |flow| flow.sequence.wrapping_add(length_u32(flow.segment))),
        }
    }

    /// Whether a packet of the same flow is what comes next. Merging vouches for checksums, so they
    /// are verified.
    fn takes(&self, of: &Flow, first: &[u8], flow: &Flow, packet: &[u8]) -> bool {
        let fits = match flow.protocol {
            TCP => flow.sequence == self.next_sequence,
            _ => self.count < MAX_DATAGRAMS,
        };
        !self.closed
            && fits
            && flow.plain
            && flow.segment <= of.segment
            && self.length + flow.segment <= PacketFlow::MAX_PACKET
            && of.looks_like(first, flow, packet)
            && (self.verified || of.has_valid_checksum(first))
            && flow.has_valid_checksum(packet)
    }
}

impl Flow {
    fn of(packet: &[u8]) -> Option<Self> {
        let (is_ipv6, network, protocol) = match packet.first()? >> 4 {
            4 => {
                let header = packet.get(..20)?;
                let whole = usize::from(number(header, 2)) == packet.len();
                // Neither a fragment nor its beginning.
                let fragment = number(header, 6) & 0x3fff != 0;
                let length = usize::from(header[0] & 15) * 4;
                (
                    false,
                    Some(length).filter(|length| whole && !fragment && *length >= 20)?,
                    header[9],
                )
            }
            6 => {
                let header = packet.get(..IPV6_HEADER)?;
                let whole = usize::from(number(header, 4)) + IPV6_HEADER == packet.len();
                (true, Some(IPV6_HEADER).filter(|_| whole)?, header[6])
            }
            _ => return None,
        };
        let transport = packet.get(network..)?;
        let flow = Self {
            protocol,
            is_ipv6,
            network,
            headers: network + UDP_HEADER,
            segment: 0,
            sequence: 0,
            push: false,
            plain: true,
        };
        let flow = match protocol {
            TCP => {
                let header = transport.get(..20)?;
                let flags = header[13];
                Self {
                    headers: network
                        + Some(usize::from(header[12] >> 4) * 4).filter(|n| *n >= 20)?,
                    sequence: u32::from(number(header, 4)) << 16 | u32::from(number(header, 6)),
                    push: flags & PSH != 0,
                    plain: flags & !PSH == ACK,
                    ..flow
                }
            }
            // A datagram without a checksum cannot be vouched for.
            UDP => {
                let header = transport.get(..UDP_HEADER)?;
                let whole = usize::from(number(header, 4)) == transport.len();
                Self { plain: whole && number(header, 6) != 0, ..flow }
            }
            _ => return None,
        };
        let segment = packet.len().checked_sub(flow.headers)?;
        Some(Self { segment, plain: flow.plain && segment > 0, ..flow })
    }

    /// Whether both are between the same two ends.
    fn has_ends_of(&self, first: &[u8], other: &Self, packet: &[u8]) -> bool {
        self.protocol == other.protocol
            && self.network == other.network
            && self.is_ipv6 == other.is_ipv6
            && first[self.network..][..4] == packet[self.network..][..4]
            && first[self.addresses()] == packet[self.addresses()]
    }

    /// Whether their headers differ by nothing that would be lost.
    fn looks_like(&self, first: &[u8], other: &Self, packet: &[u8]) -> bool {
        let network = if self.is_ipv6 {
            first[..4] == packet[..4] && first[6..8] == packet[6..8]
        } else {
            // All but lengths, identification and checksum, which segmentation makes anew.
            first[..2] == packet[..2]
                && first[6..9] == packet[6..9]
                && first[20..self.network] == packet[20..self.network]
        };
        let transport = self.protocol == UDP || {
            let (one, two) =
                (&first[self.network..self.headers], &packet[other.network..other.headers]);
            // Acknowledgement, length of the header, window, urgent pointer and options.
            one.len() == two.len()
                && one[8..13] == two[8..13]
                && one[14..16] == two[14..16]
                && one[18..] == two[18..]
        };
        network && transport
    }

    fn has_valid_checksum(&self, packet: &[u8]) -> bool {
        let sum = self.pseudo_header(packet, packet.len() - self.network);
        tun_rs::checksum(&packet[self.network..], sum.into()) == 0xffff
    }

    /// The sum of the pseudo header, RFC 9293 section 3.1 and RFC 8200 section 8.1.
    fn pseudo_header(&self, packet: &[u8], transport: usize) -> u16 {
        let initial = u64::from(self.protocol) + transport as u64;
        tun_rs::checksum(&packet[self.addresses()], initial)
    }

    fn addresses(&self) -> std::ops::Range<usize> {
        if self.is_ipv6 { 8..40 } else { 12..20 }
    }
}

/// Makes the first packet's headers those of all, and says in the virtio header how they were.
fn complete(run: &Run, flow: Flow, header: &mut [u8], packet: &mut [u8]) {
    let (network, transport) = (flow.network, run.length - flow.network);
    if flow.is_ipv6 {
        packet[4..6].copy_from_slice(&length_u16(run.length - IPV6_HEADER).to_be_bytes());
    } else {
        packet[2..4].copy_from_slice(&length_u16(run.length).to_be_bytes());
        packet[10..12].fill(0);
        let sum = !tun_rs::checksum(&packet[..network], 0);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    let (kind, checksum_at) = match (flow.protocol, flow.is_ipv6) {
        (TCP, false) => (GSO_TCPV4, 16_u16),
        (TCP, true) => (GSO_TCPV6, 16),
        (_, _) => (GSO_UDP_L4, 6),
    };
    if flow.protocol == UDP {
        packet[network + 4..network + 6].copy_from_slice(&length_u16(transport).to_be_bytes());
    }
    if run.pushed {
        packet[network + 13] |= PSH;
    }
    let sum = flow.pseudo_header(packet, transport);
    let checksum = network + usize::from(checksum_at);
    packet[checksum..checksum + 2].copy_from_slice(&sum.to_be_bytes());

    header[0] = NEEDS_CHECKSUM;
    header[1] = kind;
    header[2..4].copy_from_slice(&length_u16(flow.headers).to_ne_bytes());
    header[4..6].copy_from_slice(&length_u16(flow.segment).to_ne_bytes());
    header[6..8].copy_from_slice(&length_u16(network).to_ne_bytes());
    header[8..10].copy_from_slice(&checksum_at.to_ne_bytes());
}

fn number(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// Lengths of packets and their parts fit.
fn length_u16(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

fn length_u32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
