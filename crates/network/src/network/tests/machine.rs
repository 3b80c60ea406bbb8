//! A machine in the test's network namespace, and what its kernel says.

use std::fs;

use adit_model::{
    DnsSettings, Ipv4Settings, Ipv6Settings, PacketTunnelNetworkSettings, Route as ModelRoute,
};
use futures_util::{StreamExt, stream::BoxStream};
use ipnet::IpNet;
use rtnetlink::{
    MulticastGroup, new_multicast_connection,
    packet_core::{NetlinkMessage, NetlinkPayload},
    packet_route::{
        RouteNetlinkMessage,
        route::{RouteAttribute, RouteMessage, RouteProtocol},
    },
};
use tempfile::TempDir;

use super::*;
use crate::{
    netns::ip,
    plan::{Strength, plan},
    tun::{self, Layer, TunDevice, TunOptions},
};

pub(super) const RESOLV_CONF: &str = "# of the network\nnameserver 192.168.1.1\n";

/// A desktop on a network with both families, with a resolver of its own.
pub(super) struct Machine {
    pub(super) network: Network,
    places: Places,
    _folder: TempDir,
}

impl Machine {
    pub(super) fn new() -> Self {
        ip("link add eth0 type veth peer name router0");
        ip("link set eth0 addrgenmode none");
        ip("address add 192.168.1.9/24 dev eth0");
        ip("address add 2001:db8::9/64 dev eth0 nodad");
        ip("link set eth0 up");
        ip("link set router0 up");
        ip("route add default via 192.168.1.1");
        ip("-6 route add default via 2001:db8::1");
        let folder = tempfile::tempdir().unwrap();
        let resolv_conf = folder.path().join("resolv.conf");
        fs::write(&resolv_conf, RESOLV_CONF).unwrap();
        let runtime_dir = folder.path().join("run");
        let places = Places { runtime_dir, resolv_conf, bus: Bus::None };
        Self { network: Network::open(&places).unwrap(), places, _folder: folder }
    }

    /// The same machine, opened once more.
    pub(super) fn another_network(&self) -> Network {
        Network::open(&self.places).unwrap()
    }

    /// Another process takes over, which knows only what is on disk and in the kernel.
    pub(super) fn crash(&mut self) {
        self.network = Network::open(&self.places).unwrap();
    }

    pub(super) async fn plan(
        &self,
        tunnel: &Tunnel,
        settings: &PacketTunnelNetworkSettings,
    ) -> Plan {
        let state = self.network.state().await.unwrap();
        plan(tunnel, settings, Strength::default(), &state).unwrap()
    }

    pub(super) fn resolv_conf_path(&self) -> &std::path::Path {
        &self.places.resolv_conf
    }

    pub(super) fn resolv_conf(&self) -> String {
        fs::read_to_string(&self.places.resolv_conf).unwrap()
    }
}

/// The kernel's own account of what is done to routes and rules of IPv4.
pub(super) struct Account {
    messages: BoxStream<'static, NetlinkMessage<RouteNetlinkMessage>>,
}

/// Something the kernel has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Added,
    Deleted,
}

impl Account {
    pub(super) fn open() -> Self {
        let groups = [MulticastGroup::Ipv4Route, MulticastGroup::Ipv4Rule];
        let (connection, _, messages) = new_multicast_connection(&groups).unwrap();
        tokio::spawn(connection);
        Self { messages: messages.map(|(message, _)| message).boxed() }
    }

    /// What was done to objects of ours since the last time, in order.
    pub(super) async fn read(&mut self) -> Vec<Done> {
        // The kernel tells in order, so that nothing is outstanding once it tells of this.
        let end = RouteAttribute::Destination("192.0.2.255".parse::<IpAddr>().unwrap().into());
        ip("route add 192.0.2.255 dev eth0");
        ip("route del 192.0.2.255");
        let mut done = Vec::new();
        loop {
            let message = self.messages.next().await.unwrap();
            let NetlinkPayload::InnerMessage(message) = message.payload else { continue };
            match message {
                RouteNetlinkMessage::DelRoute(route) if route.attributes.contains(&end) => break,
                RouteNetlinkMessage::NewRoute(route) if is_our_route(&route) => {
                    done.push(Done::Added);
                }
                RouteNetlinkMessage::DelRoute(route) if is_our_route(&route) => {
                    done.push(Done::Deleted);
                }
                RouteNetlinkMessage::NewRule(_) => done.push(Done::Added),
                RouteNetlinkMessage::DelRule(_) => done.push(Done::Deleted),
                _ => {}
            }
        }
        done
    }
}

fn is_our_route(message: &RouteMessage) -> bool {
    message.header.protocol == RouteProtocol::Other(crate::RTPROT_ADIT)
}

pub(super) fn open_tunnel(slot: u8) -> (Tunnel, TunDevice) {
    open_tunnel_of(Layer::Ip, slot)
}

pub(super) fn open_tunnel_of(layer: Layer, slot: u8) -> (Tunnel, TunDevice) {
    let interface = format!("adit{slot}");
    let vnet_header = layer == Layer::Ip;
    let options =
        TunOptions { layer, name: interface.clone(), vnet_header, ..TunOptions::default() };
    let device = tun::open(&options).unwrap();
    let tunnel = Tunnel { slot: Slot::new(slot).unwrap(), interface, index: device.index };
    (tunnel, device)
}

pub(super) fn settings(ipv4: &str, ipv6: Option<&str>) -> PacketTunnelNetworkSettings {
    let mut settings = PacketTunnelNetworkSettings::new("203.0.113.1".parse().unwrap());
    settings.ipv4 = Some(Ipv4Settings::new([ipv4.parse().unwrap()]));
    settings.ipv6 = ipv6.map(|address| Ipv6Settings::new([address.parse().unwrap()]));
    settings
}

pub(super) fn include(settings: &mut PacketTunnelNetworkSettings, routes: &[&str]) {
    for route in routes {
        match route.parse().unwrap() {
            IpNet::V4(net) => {
                settings.ipv4.as_mut().unwrap().included_routes.push(ModelRoute::to(net));
            }
            IpNet::V6(net) => {
                settings.ipv6.as_mut().unwrap().included_routes.push(ModelRoute::to(net));
            }
        }
    }
}

pub(super) fn exclude(settings: &mut PacketTunnelNetworkSettings, routes: &[&str]) {
    let ipv4 = settings.ipv4.as_mut().unwrap();
    ipv4.excluded_routes = routes.iter().map(|net| ModelRoute::to(net.parse().unwrap())).collect();
}

pub(super) fn all_names(server: &str) -> DnsSettings {
    DnsSettings {
        servers: vec![server.parse().unwrap()],
        match_domains: Some(vec![String::new()]),
        ..DnsSettings::default()
    }
}

/// The routes and rules of a plan, a line each, sorted.
pub(super) fn routing_text(plan: &Plan) -> String {
    let routes = plan.routes.iter().map(ToString::to_string);
    sorted(routes.chain(plan.rules.iter().map(ToString::to_string)))
}

/// The same of the kernel, as ip(8) shows it.
pub(super) fn kernel_text() -> String {
    let mut lines = Vec::new();
    for family in ["-4", "-6"] {
        let rules = ip(&format!("{family} rule show"));
        for rule in rules.lines().filter(|rule| rule.contains(" proto 173")) {
            let rule = rule.replace(" proto 173", "").replace('\t', " ");
            lines.push(format!("rule {family} {}", rule.trim()));
        }
        let routes = ip(&format!("{family} route show table all proto 173"));
        for route in routes.lines() {
            let mut words: Vec<&str> = route.split_whitespace().collect();
            let table = take_pair(&mut words, "table").unwrap_or("254");
            take_pair(&mut words, "scope");
            take_pair(&mut words, "pref");
            take_pair(&mut words, "proto");
            words.retain(|word| *word != "linkdown");
            let words = words.join(" ").replace(" dev lo", "").replace(" metric 1024", "");
            lines.push(format!("route {family} table {table} {words}"));
        }
    }
    sorted(lines.into_iter())
}

/// Removes a word with the one that follows it, which is returned.
pub(super) fn take_pair<'a>(words: &mut Vec<&'a str>, name: &str) -> Option<&'a str> {
    let place = words.iter().position(|word| *word == name)?;
    words.drain(place..place + 2).nth(1)
}

pub(super) fn sorted(lines: impl Iterator<Item = String>) -> String {
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines.join("\n")
}

/// All that a session changes in the kernel, but for the tunnel's interface itself.
pub(super) fn everything() -> String {
    ["-4 rule show", "-6 rule show", "-4 route show table all", "-6 route show table all"]
        .map(ip)
        .concat()
        + &rp_filter("eth0")
}

pub(super) fn rp_filter(interface: &str) -> String {
    let path = format!("/proc/sys/net/ipv4/conf/{interface}/rp_filter");
    fs::read_to_string(path).unwrap().trim_end().to_owned()
}

/// What `ip route get` says, also when it says that there is no way.
pub(super) fn routed(destination: &str) -> String {
    let mut command = std::process::Command::new("ip");
    let output = command.args(["route", "get"]).args(destination.split(' ')).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).to_lowercase()
}

pub(super) fn is_refused(destination: &str) -> bool {
    let answer = routed(destination);
    answer.contains("no route to host") || answer.contains("unreachable")
}
