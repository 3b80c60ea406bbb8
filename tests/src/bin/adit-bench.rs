//! Our provider beside others in the lab: one table of medians and ratios.
//!
//! `ADIT_BENCH_PEERS` names further programs, separated by semicolons: `name=/path/to/program -f {iface}`.
//! `ADIT_BENCH_ROUNDS` and `ADIT_BENCH_SECONDS` are 5 and 5 unless told.

use std::collections::BTreeMap;
use std::env;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use adit_tests::{Adit, Lab, Peer, Process, WireGuardServer};

const OURS: &str = "adit";
const INTERFACE: &str = "bench0";
const CONF: &str = "/run/bench.conf";

/// What iperf3 measures, and with which options.
const TRAFFIC: [(&str, &str); 8] = [
    ("TCP 1 up", "-C cubic -O 1"),
    ("TCP 1 down", "-C cubic -O 1 -R"),
    ("TCP 4 up", "-C cubic -O 1 -P 4"),
    ("TCP 4 down", "-C cubic -O 1 -P 4 -R"),
    ("UDP 64 up", "-u -b 0 -l 64"),
    ("UDP 64 down", "-u -b 0 -l 64 -R"),
    ("UDP 1200 up", "-u -b 0 -l 1200"),
    ("UDP 1200 down", "-u -b 0 -l 1200 -R"),
];

/// Of each measure and each client, a figure a round.
type Figures = BTreeMap<String, BTreeMap<String, Vec<f64>>>;

fn main() -> ExitCode {
    let rounds = setting("ADIT_BENCH_ROUNDS", 5);
    let seconds = setting("ADIT_BENCH_SECONDS", 5);
    let clients = clients();
    let mut figures = Figures::new();
    for round in 1..=rounds {
        for (name, command) in &clients {
            eprintln!("round {round} of {rounds}: {name}");
            let Some(lab) = Lab::new() else { return ExitCode::FAILURE };
            let server = WireGuardServer::build(&lab.server).on_adit().start();
            let peer = server.peer().ipv4_only().no_dns().allowed_ips("10.64.0.0/24").add();
            let client = match command {
                Some(command) => Client::start(&lab, &peer, &server, command),
                None => Client::start_ours(&lab, &peer),
            };
            for (measure, value) in client.measure(&lab, &server, seconds) {
                figures.entry(measure).or_default().entry(name.clone()).or_default().push(value);
            }
        }
    }
    print_table(&clients.into_iter().map(|(name, _)| name).collect::<Vec<_>>(), &figures);
    ExitCode::SUCCESS
}

/// Us, the system's `wireguard-go` and whatever else is named; with the command if it is not us.
fn clients() -> Vec<(String, Option<String>)> {
    let mut clients = vec![
        (OURS.to_owned(), None),
        ("wireguard-go".to_owned(), Some("wireguard-go -f {iface}".to_owned())),
    ];
    let named = env::var("ADIT_BENCH_PEERS").unwrap_or_default();
    for (name, command) in named.split(';').filter_map(|one| one.split_once('=')) {
        clients.push((name.trim().to_owned(), Some(command.to_owned())));
    }
    clients
}

/// The client's end of the tunnel.
struct Client {
    /// As the machine sees it.
    pid: String,
    _adit: Option<Adit>,
    _process: Option<Process>,
}

impl Client {
    fn start_ours(lab: &Lab, peer: &Peer) -> Self {
        let adit = Adit::start(&lab.client);
        adit.import("bench", &peer.conf());
        adit.connect("bench");
        let pid = adit.providers().remove(0);
        Self { pid, _adit: Some(adit), _process: None }
    }

    fn start(lab: &Lab, peer: &Peer, server: &WireGuardServer, command: &str) -> Self {
        let command = command.replace("{iface}", INTERFACE);
        let process = lab.client.spawn(command.split_whitespace());
        let key = &peer.private_key;
        let conf = format!("[Interface]\nPrivateKey = {key}\n{}", peer.peer_section());
        lab.client.write_file(CONF, conf);
        let socket = format!("/run/wireguard/{INTERFACE}.sock");
        let limit = Instant::now() + Duration::from_secs(10);
        while !lab.client.has_file(&socket) && Instant::now() < limit {
            sleep(Duration::from_millis(20));
        }
        sleep(Duration::from_millis(200));
        let address = peer.ipv4;
        lab.client.sh(&format!(
            "wg setconf {INTERFACE} {CONF}
             ip address add {address} dev {INTERFACE}
             ip link set {INTERFACE} mtu 1420 up
             ip route add {}/32 dev {INTERFACE}",
            server.inner_ipv4()
        ));
        let found = lab.client.run(["pgrep", "-f", &format!("{INTERFACE}$")]);
        let pid = found.lines().next().unwrap_or_default().to_owned();
        Self { pid, _adit: None, _process: Some(process) }
    }

    fn measure(&self, lab: &Lab, server: &WireGuardServer, seconds: u64) -> Vec<(String, f64)> {
        let target = server.inner_ipv4().to_string();
        let _iperf = lab.server.spawn(["iperf3", "-s"]);
        sleep(Duration::from_secs(1));
        let mut figures = Vec::new();
        for (name, options) in TRAFFIC {
            let before = self.cpu_seconds(lab);
            let report = lab.client.run_within(
                Duration::from_secs(seconds + 20),
                ["sh", "-c", &format!("iperf3 -J -c {target} -t {seconds} {options}")],
            );
            let spent = self.cpu_seconds(lab) - before;
            let Ok(report) = serde_json::from_str::<serde_json::Value>(&report) else { continue };
            let number = |path| report.pointer(path).and_then(serde_json::Value::as_f64);
            if let (Some(sent), Some(lost), Some(time)) = (
                number("/end/sum/packets"),
                number("/end/sum/lost_packets"),
                number("/end/sum/seconds"),
            ) {
                figures.push((format!("{name}, kpackets/s"), (sent - lost) / time / 1e3));
            } else if let Some(rate) = number("/end/sum_received/bits_per_second") {
                figures.push((format!("{name}, Gbit/s"), rate / 1e9));
                // The omitted second is not in iperf3's sum, and costs as much as the others.
                #[expect(clippy::cast_precision_loss, reason = "a few seconds")]
                let bytes = rate / 8.0 * (seconds + 1) as f64;
                figures.push((format!("{name}, client CPU s/GB"), spent / bytes * 1e9));
            }
        }
        figures.extend(ping(lab, &target, "idle"));
        let load = lab.client.spawn(["iperf3", "-c", &target, "-t", "6", "-C", "cubic"]);
        sleep(Duration::from_secs(1));
        figures.extend(ping(lab, &target, "loaded"));
        load.kill();
        figures.push(("resident, MiB".to_owned(), self.resident(lab)));
        figures
    }

    /// Of all its threads, user and system, in seconds; the kernel counts in hundredths.
    fn cpu_seconds(&self, lab: &Lab) -> f64 {
        let stat = lab.client.run(["cat", &format!("/proc/{}/stat", self.pid)]);
        let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
        fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
    }

    fn resident(&self, lab: &Lab) -> f64 {
        let status = lab.client.run(["cat", &format!("/proc/{}/status", self.pid)]);
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kib.unwrap_or_default() / 1024.0
    }
}

fn ping(lab: &Lab, target: &str, when: &str) -> Vec<(String, f64)> {
    let output = lab.client.try_run(["ping", "-n", "-c", "200", "-i", "0.01", target]).stdout;
    let times = output.lines().filter_map(|line| line.split_once("time=")?.1.split(' ').next());
    let mut times: Vec<f64> = times.filter_map(|time| time.parse().ok()).collect();
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times.get(times.len().saturating_sub(1) * share / 100).copied();
    [(50, at(50)), (99, at(99))]
        .into_iter()
        .filter_map(|(share, time)| Some((format!("ping {when} p{share}, µs"), time? * 1e3)))
        .collect()
}

/// Medians, and of ours the ratio to each of the others.
fn print_table(clients: &[String], figures: &Figures) {
    println!("| | {} |", clients.join(" | "));
    println!("|---|{}", "---:|".repeat(clients.len()));
    for (measure, values) in figures {
        let median = |client: &String| {
            let mut values = values.get(client)?.clone();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied()
        };
        let ours = median(&clients[0]);
        let cell = |client: &String| match (median(client), ours) {
            (Some(value), Some(ours)) if client != OURS => {
                format!("{value:.2} (ours × {:.2})", ours / value)
            }
            (Some(value), _) => format!("{value:.2}"),
            (None, _) => "–".to_owned(),
        };
        println!("| {measure} | {} |", clients.iter().map(cell).collect::<Vec<_>>().join(" | "));
    }
}

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}
