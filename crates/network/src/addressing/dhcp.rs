//! An address by DHCP. The protocol is smoltcp's; frames go in and out, and nothing here reads a clock.

use std::{
    collections::VecDeque,
    fmt,
    hash::{BuildHasher, RandomState},
    net::Ipv4Addr,
};

use adit_model::MacAddress;
use ipnet::Ipv4Net;
use smoltcp::{
    iface::{Config, Interface, SocketHandle, SocketSet},
    phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken},
    socket::dhcpv4::{Event, Socket},
    time::Instant,
    wire::{EthernetAddress, IpCidr, Ipv4Cidr},
};

use super::Time;

/// The client of one interface.
pub(super) struct Dhcp {
    interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
    frames: Frames,
    lease: Option<Lease>,
}

/// What the server has assigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease {
    /// Absent once it is over.
    pub(super) address: Option<Ipv4Net>,
    pub(super) router: Option<Ipv4Addr>,
}

/// The interface's network leads into the tunnel too, and nobody has a wider one. With a shorter prefix a
/// server would take what no route has asked for.
const WIDEST_NETWORK: u8 = 8;
/// Who sends more than this at once is not listened to.
const MOST_FRAMES: usize = 16;

impl Dhcp {
    pub(super) fn new(ethernet: MacAddress, mtu: u32, now: Time) -> Self {
        let mut config = Config::new(EthernetAddress(ethernet.0).into());
        // Of its transaction numbers.
        config.random_seed = RandomState::new().hash_one(now);
        let mtu = usize::try_from(mtu).unwrap_or(usize::MAX);
        let mut frames = Frames { mtu, incoming: VecDeque::new(), outgoing: Vec::new() };
        let interface = Interface::new(config, &mut frames, instant(now));
        let mut sockets = SocketSet::new(Vec::new());
        let socket = sockets.add(Socket::new());
        Self { interface, sockets, socket, frames, lease: None }
    }

    /// What was assigned last; none before the first time.
    pub(super) fn lease(&self) -> Option<Lease> {
        self.lease
    }

    /// Takes a frame of a server, or one that says where it is.
    pub(super) fn hear(&mut self, frame: &[u8]) {
        if self.frames.incoming.len() < MOST_FRAMES {
            self.frames.incoming.push_back(frame.to_vec());
        }
    }

    /// Does what is to be done by now. Returns when there is something to do again.
    pub(super) fn act(&mut self, now: Time, outgoing: &mut Vec<Vec<u8>>) -> Time {
        let timestamp = instant(now);
        self.interface.poll(timestamp, &mut self.frames, &mut self.sockets);
        let lease =
            self.sockets.get_mut::<Socket<'_>>(self.socket).poll().map(|event| match event {
                Event::Configured(config) => {
                    let net = Ipv4Net::new(config.address.address(), config.address.prefix_len());
                    Lease {
                        address: net.ok().filter(|net| net.prefix_len() >= WIDEST_NETWORK),
                        router: config.router.filter(|router| is_of_one_machine(*router)),
                    }
                }
                Event::Deconfigured => Lease { address: None, router: None },
            });
        // That there is none yet is told too, and no news.
        if let Some(lease) = lease.filter(|lease| lease.address.is_some() || self.lease.is_some()) {
            self.be_known_as(lease);
            self.lease = Some(lease);
        }
        outgoing.append(&mut self.frames.outgoing);
        let delay = self.interface.poll_delay(timestamp, &self.sockets);
        delay.map_or(Time::MAX, |delay| now + Time::from(delay))
    }

    /// A lease is renewed with its own address, and the server may be behind the router.
    fn be_known_as(&mut self, lease: Lease) {
        self.interface.update_ip_addrs(|addresses| {
            addresses.clear();
            let own = lease.address.map(|net| Ipv4Cidr::new(net.addr(), net.prefix_len()));
            // There is room for one.
            let _ = own.map(|own| addresses.push(IpCidr::Ipv4(own)));
        });
        let routes = self.interface.routes_mut();
        routes.remove_default_ipv4_route();
        let _ = lease.router.map(|router| routes.add_default_ipv4_route(router));
    }
}

impl fmt::Debug for Dhcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dhcp").field("lease", &self.lease).finish_non_exhaustive()
    }
}

fn is_of_one_machine(address: Ipv4Addr) -> bool {
    !(address.is_unspecified() || address.is_multicast() || address.is_broadcast())
}

fn instant(time: Time) -> Instant {
    Instant::from_millis(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

/// Frames on their way into the client and out of it.
struct Frames {
    mtu: usize,
    incoming: VecDeque<Vec<u8>>,
    outgoing: Vec<Vec<u8>>,
}

struct Incoming(Vec<u8>);

struct Outgoing<'a>(&'a mut Vec<Vec<u8>>);

impl Device for Frames {
    type RxToken<'a> = Incoming;
    type TxToken<'a> = Outgoing<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Incoming, Outgoing<'_>)> {
        let frame = self.incoming.pop_front()?;
        Some((Incoming(frame), Outgoing(&mut self.outgoing)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Outgoing<'_>> {
        Some(Outgoing(&mut self.outgoing))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        const HEADER: usize = 14;
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = self.mtu + HEADER;
        capabilities
    }
}

impl RxToken for Incoming {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

impl TxToken for Outgoing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let mut frame = vec![0; length];
        let written = write(&mut frame);
        self.0.push(frame);
        written
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_asks_at_once_and_knows_nothing_before_it_is_answered() {
        let now = Duration::from_secs(1000);
        let mut dhcp = Dhcp::new(MacAddress([2, 0, 0, 0x12, 0x34, 0x56]), 1400, now);
        let mut sent = Vec::new();
        let due = dhcp.act(now, &mut sent);
        assert!(due > now, "{due:?}");
        let [discover] = &sent[..] else { panic!("one frame: {sent:?}") };
        assert_eq!(discover[..12], [&[0xff; 6][..], &[2, 0, 0, 0x12, 0x34, 0x56]].concat());
        assert_eq!(discover[34..38], [0, 68, 0, 67], "its ports");
        assert_eq!(dhcp.lease(), None);

        for length in 0..discover.len() {
            dhcp.hear(&discover[..length]);
            dhcp.act(now, &mut Vec::new());
        }
        assert_eq!(dhcp.lease(), None);
    }
}
