//! Harmless packets that try out whether what is promised holds.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use adit_model::{Check, CheckCode, CheckOutcome, Family, PathInterface};
use ipnet::IpNet;
use socket2::{Domain, Protocol, Socket, Type};

use super::reconcile::Reconciler;
use crate::{
    Slot,
    error::NetworkError,
    firewall::{Packet, Transport, Way, refuses},
    plan::Plan,
    route::{Metric, Target},
    self_test::{Went, names, ordinary, past},
    state::NetworkState,
};

/// Addresses that nobody has (RFC 5737, RFC 3849).
const NOBODY: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
];
/// Whatever comes there is thrown away (RFC 863).
const DISCARD: u16 = 9;
const DNS: u16 = 53;
/// Which servers the root zone has, a question that tells nothing about who asks (RFC 1035 section 4).
const QUESTION: &[u8] = &[0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1];
/// A name that no domain claims (RFC 2606).
const NAME: &str = "example.com.";

impl Reconciler {
    pub(super) async fn self_test(&self) -> Result<Vec<Check>, NetworkError> {
        let state = self.state().await?;
        let Some(link) = &state.path.interface else {
            let outcome = CheckOutcome::NotApplicable;
            let none = Check::new(CheckCode::NetworkNone, "Network", outcome, "There is none.");
            return Ok(vec![none]);
        };
        let mut checks = Vec::new();
        for nobody in NOBODY {
            let has_family = |address: &IpAddr| address.is_ipv4() == nobody.is_ipv4();
            if state.path.addresses.iter().any(has_family) {
                let probe = Probe { to: SocketAddr::new(nobody, DISCARD), payload: b"adit" };
                checks.push(self.past(family(nobody), &probe, link));
            }
            checks.push(self.ordinary(nobody, link, &state));
        }
        let servers = self.dns.underlying(Some(link.index), &self.journal).await.servers;
        if let Some(server) = servers.into_iter().find(|server| !server.is_loopback()) {
            let probe = Probe { to: SocketAddr::new(server, DNS), payload: QUESTION };
            checks.push(self.past("DNS", &probe, link));
        }
        checks.push(self.names().await?);
        Ok(checks)
    }

    fn past(&self, what: &str, probe: &Probe, link: &PathInterface) -> Check {
        let sent = probe.send(Some(&link.name)).map(drop).map_err(|error| error.to_string());
        past(what, &link.name, self.is_refused(probe.to, link), sent)
    }

    fn ordinary(&self, nobody: IpAddr, link: &PathInterface, state: &NetworkState) -> Check {
        let probe = Probe { to: SocketAddr::new(nobody, DISCARD), payload: b"adit" };
        let went = match probe.send(None) {
            Err(error) => Went::Nowhere(error.to_string()),
            Ok(source) => {
                let is_source = |net: &IpNet| net.addr() == source;
                let mut sessions = self.sessions.values();
                match sessions.find(|session| session.plan.addresses.iter().any(is_source)) {
                    Some(session) => Went::Inside(session.tunnel.interface.clone()),
                    None => Went::Outside,
                }
            }
        };
        let is_wanted = self.sessions.values().any(|session| wants(&session.plan, nobody));
        let is_systems = state
            .main_routes
            .iter()
            .any(|it| it.destination.prefix_len() > 0 && it.destination.contains(&nobody));
        let is_held = is_wanted && !is_systems || self.is_refused(probe.to, link);
        ordinary(family(nobody), nobody, is_held, went)
    }

    async fn names(&self) -> Result<Check, NetworkError> {
        let plans = self.sessions.values().filter_map(|session| session.plan.dns.as_ref());
        let all: Vec<_> = plans.filter(|dns| dns.default_route).collect();
        let servers: Vec<IpAddr> = all.iter().flat_map(|dns| dns.servers.clone()).collect();
        let (_, lookups) = self.explain_dns(NAME).await?;
        let asked: Vec<_> = lookups.into_iter().flat_map(|lookup| lookup.servers).collect();
        Ok(names((!all.is_empty()).then_some(servers.as_slice()), &asked))
    }

    /// Whether what is in force says that this may not leave by the physical link, whatever the kernel
    /// has of it.
    fn is_refused(&self, to: SocketAddr, link: &PathInterface) -> bool {
        let way = Way::Out(link.name.clone());
        let packet = Packet::new(way, to.ip(), Some((Transport::Udp, to.port())));
        refuses(&self.journal.entries().firewall, &packet)
    }
}

/// A datagram.
struct Probe {
    to: SocketAddr,
    payload: &'static [u8],
}

impl Probe {
    /// Sends it, by this interface if there is one, and gives the address that it came from. An error
    /// is how the system says that it does not leave.
    fn send(&self, interface: Option<&str>) -> io::Result<IpAddr> {
        let kind = Type::DGRAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::for_address(self.to), kind, Some(Protocol::UDP))?;
        socket.bind_device(interface.map(str::as_bytes))?;
        socket.connect(&self.to.into())?;
        socket.send(self.payload)?;
        let source = socket.local_addr()?.as_socket();
        source.map(|source| source.ip()).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

/// Whether a session's routes lead it into the tunnel, or keep it from going anywhere.
fn wants(plan: &Plan, destination: IpAddr) -> bool {
    let is_asked = |table| Slot::of_table(table).is_some();
    let best = plan
        .routes
        .iter()
        .filter(|route| is_asked(route.table) && route.metric == Metric::Normal)
        .filter(|route| route.destination.contains(&destination))
        .max_by_key(|route| route.destination.prefix_len());
    best.is_some_and(|route| match route.target {
        Target::Tunnel { .. } | Target::Unreachable => true,
        Target::Throw => false,
    })
}

fn family(address: IpAddr) -> &'static str {
    match Family::of(&IpNet::from(address)) {
        Family::Ipv4 => "IPv4",
        Family::Ipv6 => "IPv6",
    }
}
