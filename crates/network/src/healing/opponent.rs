//! The programs that change what is ours.

use std::{fs, path::Path};

use super::Part;

/// The program that has this port of rtnetlink(7). A process gets its own id as the port of its first
/// socket, unless it asks for another, and some number above all ids for others, netlink(7).
pub(super) fn of_port(port: u32) -> Option<String> {
    if port < MOST_PROCESSES {
        return name(port);
    }
    let table = fs::read_to_string("/proc/thread-self/net/netlink").ok()?;
    let socket = table.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [_, protocol, its_port, .., inode] = columns[..] else { return None };
        let is_it = protocol == ROUTE && its_port.parse() == Ok(port);
        is_it.then(|| format!("socket:[{inode}]"))
    })?;
    processes().find(|pid| has_open(*pid, &socket)).and_then(name)
}

/// `PID_MAX_LIMIT` of linux/threads.h.
const MOST_PROCESSES: u32 = 1 << 22;
/// `NETLINK_ROUTE`.
const ROUTE: &str = "0";

fn has_open(pid: u32, socket: &str) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut targets = descriptors.filter_map(|descriptor| fs::read_link(descriptor.path()).ok());
    targets.any(|target| target.as_os_str() == socket)
}

/// The program that has written this resolv.conf(5), by what it says about itself.
pub(super) fn of_resolv_conf(path: &Path) -> Option<String> {
    let content = fs::read_to_string(path).ok()?;
    let line = content.lines().next()?.strip_prefix('#')?.trim().to_lowercase();
    let known = RESOLV_CONF_PROGRAMS.iter().find(|(word, _)| line.contains(word));
    known.map(|(_, called)| (*called).to_owned())
}

/// A word of the first line, and what the program is called. One that works by way of another names
/// that too, so that the order matters.
const RESOLV_CONF_PROGRAMS: [(&str, &str); 6] = [
    ("networkmanager", "NetworkManager"),
    ("systemd-resolved", "systemd-resolved"),
    ("dhcpcd", "dhcpcd"),
    ("dhclient", "dhclient"),
    ("connman", "ConnMan"),
    ("resolvconf", "resolvconf"),
];

/// The programs that run here and are known to change such things of others, as a list of words.
pub(super) fn usual(part: Part) -> Option<String> {
    let known = match part {
        Part::Device | Part::Interface | Part::Addresses | Part::Rules | Part::Routes => {
            &NETWORK_PROGRAMS[..]
        }
        Part::Firewall => &FIREWALL_PROGRAMS,
        Part::KernelSettings | Part::NameResolution => return None,
    };
    let mut running: Vec<&str> = processes()
        .filter_map(name)
        .filter_map(|name| known.iter().find(|(comm, _)| *comm == name))
        .map(|(_, called)| *called)
        .collect();
    running.sort_unstable();
    running.dedup();
    (!running.is_empty()).then(|| running.join(" or "))
}

/// What the kernel has as the program's name, which is cut at 15 letters, and what it is called.
const NETWORK_PROGRAMS: [(&str, &str); 5] = [
    ("NetworkManager", "NetworkManager"),
    ("systemd-network", "systemd-networkd"),
    ("dhcpcd", "dhcpcd"),
    ("connmand", "ConnMan"),
    ("tailscaled", "Tailscale"),
];

const FIREWALL_PROGRAMS: [(&str, &str); 1] = [("firewalld", "firewalld")];

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// A program may call itself anything, and the name is shown to people.
fn name(pid: u32) -> Option<String> {
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    let name: String = comm.trim_end().chars().filter(|c| !c.is_control()).collect();
    (!name.is_empty()).then_some(name)
}
