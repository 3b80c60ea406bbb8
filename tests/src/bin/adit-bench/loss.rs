//! What the kernel of a machine counted: bytes of an interface, and packets that it dropped on their way.

use std::collections::HashMap;

use adit_tests::Machine;

/// Counters at a time, or what came to them since.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counters {
    pub(crate) sent_bytes: f64,
    pub(crate) received_bytes: f64,
    /// What the system had for the interface and its queue did not take.
    pub(crate) dropped_by_interface: f64,
    /// What came for sockets that were there the whole time, the tunnel's, and found their buffers full.
    pub(crate) dropped_by_socket: f64,
    by_socket: HashMap<String, f64>,
    by_all_sockets: f64,
}

impl Counters {
    pub(crate) fn read(machine: &Machine, interface: &str) -> Self {
        let interface = format!("{interface}:");
        let devices = machine.run(["cat", "/proc/net/dev"]);
        let line = devices.lines().find_map(|line| line.trim_start().strip_prefix(&interface));
        let fields: Vec<f64> = line
            .unwrap_or_default()
            .split_whitespace()
            .filter_map(|one| one.parse().ok())
            .collect();
        let field = |index: usize| fields.get(index).copied().unwrap_or_default();
        let by_socket = sockets(&machine.run(["cat", "/proc/net/udp", "/proc/net/udp6"]));
        Self {
            received_bytes: field(0),
            sent_bytes: field(8),
            dropped_by_interface: field(11),
            dropped_by_socket: by_socket.values().sum(),
            by_socket,
            by_all_sockets: full_buffers(&machine.run([
                "cat",
                "/proc/net/snmp",
                "/proc/net/snmp6",
            ])),
        }
    }

    /// What happened since an earlier time.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let lasting =
            |(socket, drops): (&String, &f64)| Some(drops - before.by_socket.get(socket)?);
        Self {
            sent_bytes: self.sent_bytes - before.sent_bytes,
            received_bytes: self.received_bytes - before.received_bytes,
            dropped_by_interface: self.dropped_by_interface - before.dropped_by_interface,
            dropped_by_socket: self.by_socket.iter().filter_map(lasting).sum(),
            by_socket: HashMap::new(),
            by_all_sockets: self.by_all_sockets - before.by_all_sockets,
        }
    }

    /// What came out of the tunnel and found the application's buffer full.
    pub(crate) fn application_drops(&self) -> f64 {
        (self.by_all_sockets - self.dropped_by_socket).max(0.0)
    }
}

/// Drops of each socket, by inode.
fn sockets(table: &str) -> HashMap<String, f64> {
    let lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let drops =
        |fields: Vec<&str>| Some((fields.get(9)?.to_string(), fields.last()?.parse().ok()?));
    lines.filter_map(drops).collect()
}

/// `RcvbufErrors` of UDP over both families. One line has the names, and the next the values.
fn full_buffers(snmp: &str) -> f64 {
    let mut rows = snmp.lines().filter_map(|line| line.strip_prefix("Udp: "));
    let (names, values) = (rows.next().unwrap_or_default(), rows.next().unwrap_or_default());
    let mut fields = names.split_whitespace().zip(values.split_whitespace());
    let ipv4 = fields.find_map(|(name, value)| (name == "RcvbufErrors").then_some(value));
    let ipv6 = snmp.lines().find_map(|line| line.strip_prefix("Udp6RcvbufErrors"));
    let counts = [ipv4, ipv6].into_iter().flatten();
    counts.filter_map(|value| value.trim().parse::<f64>().ok()).sum()
}
