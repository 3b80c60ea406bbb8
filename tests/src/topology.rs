//! The cables of the lab: who is connected to whom, and which way packets go.
//!
//! ```text
//! client ── client0 ┐                ┌ internet0 ── internet
//!                   ├─ lan  router ──┼ server0 ──── server
//! lan ───── lan0 ───┘                └ server1 ──── server2
//! ```
//! Every machine calls its own end `eth0`. The router does not translate addresses: whom a server sees is who sent.

use std::fmt::Write as _;
use std::io::{Seek as _, Write as _};

use crate::address::{self, Host};
use crate::machine::Machine;
use crate::requirements::tool;

/// The client's second way out.
#[derive(Debug)]
#[non_exhaustive]
pub struct Uplink {
    /// The client's interface.
    pub interface: &'static str,
    /// The router's end, where a capture sees what uses this uplink.
    pub router_port: &'static str,
    /// The client's addresses there.
    pub host: Host,
}

/// The machines behind the router, with the router's port for each.
pub(crate) struct Ports<'a> {
    /// On one bridge, the home network.
    pub(crate) home: [(&'static str, &'a Machine); 2],
    /// Each in a network of its own.
    pub(crate) far: [(&'static str, &'a Machine); 3],
}

#[track_caller]
pub(crate) fn connect(router: &Machine, ports: &Ports) {
    let mut script = "link add lan type bridge forward_delay 0 mcast_snooping 0\n".to_owned();
    for (port, machine) in ports.home {
        script += &cable(port, machine, "eth0");
        _ = writeln!(script, "link set {port} master lan");
    }
    script += &interface("lan", address::ROUTER);
    for (port, machine) in ports.far {
        script += &cable(port, machine, "eth0");
        script += &interface(port, machine.host().gateway());
    }
    script += &default_route(address::SITE, "internet0", 100);
    ip(router, &script);
    router.sh("echo 1 | tee /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding");

    for (_, machine) in ports.home.iter().chain(&ports.far) {
        let host = machine.host();
        ip(machine, &(interface("eth0", host) + &default_route(host.gateway(), "eth0", 100)));
    }
}

#[track_caller]
pub(crate) fn add_uplink(router: &Machine, client: &Machine) -> Uplink {
    let uplink = Uplink { interface: "wifi0", router_port: "client1", host: address::CLIENT_WIFI };
    let Uplink { interface: name, router_port, host } = uplink;
    ip(router, &(cable(router_port, client, name) + &interface(router_port, host.gateway())));
    ip(client, &(interface(name, host) + &default_route(host.gateway(), name, 600)));
    uplink
}

/// As container engines do it: a network of its own, forwarded and translated.
#[track_caller]
pub(crate) fn add_container(client: &Machine, container: &Machine) {
    let (host, port, bridge) = (container.host(), "container0", "containers");
    ip(client, &format!("link add {bridge} type bridge forward_delay 0\n"));
    ip(client, &(cable(port, container, "eth0") + &format!("link set {port} master {bridge}\n")));
    ip(client, &interface(bridge, host.gateway()));
    ip(container, &(interface("eth0", host) + &default_route(host.gateway(), "eth0", 100)));
    client.sh(&format!(
        "echo 1 | tee /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding
         nft add table inet containers
         nft 'add chain inet containers out {{ type nat hook postrouting priority srcnat; }}'
         nft add rule inet containers out iifname {bridge} oifname != {bridge} masquerade"
    ));
}

/// Runs `ip -batch`. In the test's own pid namespace, so that `netns PID` means what the test calls it.
#[track_caller]
pub(crate) fn ip(machine: &Machine, script: &str) {
    let memory = rustix::fs::memfd_create("ip", rustix::fs::MemfdFlags::CLOEXEC);
    let mut input = std::fs::File::from(memory.expect("a file in memory"));
    input.write_all(script.as_bytes()).and_then(|()| input.rewind()).expect("a file in memory");
    let mut command = tool("nsenter");
    command.arg(format!("--net=/proc/{}/ns/net", machine.pid())).args(["ip", "-batch", "-"]);
    let output = command.stdin(input).output().expect("nsenter");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "on {}: {error}{script}", machine.name());
}

/// A virtual Ethernet cable between the router's `port` and `name` on `machine`.
fn cable(port: &str, machine: &Machine, name: &str) -> String {
    let pid = machine.pid();
    format!("link add {port} type veth peer name {name} netns {pid}\nlink set {port} up\n")
}

/// Duplicate address detection would keep an IPv6 address unusable for a second.
fn interface(name: &str, Host { v4, v6 }: Host) -> String {
    format!(
        "address add {v4}/24 brd + dev {name}\n\
         address add {v6}/64 dev {name} nodad\n\
         link set {name} up\n"
    )
}

/// Marked as what DHCP and router advertisements would have set, so that nobody takes it for a route set by hand.
fn default_route(Host { v4, v6 }: Host, device: &str, metric: u32) -> String {
    format!(
        "route add default via {v4} dev {device} proto dhcp metric {metric}\n\
         route add default via {v6} dev {device} proto ra metric {metric}\n"
    )
}
