//! What is measured of a tunnel, with iperf3 and ping.

use std::net::IpAddr;
use std::thread::{scope, sleep};
use std::time::Duration;

use adit_tests::usage::{Usage, family_cpu, total_and_idle_cpu};
use adit_tests::{Lab, Machine};
use clap::ValueEnum;
use serde_json::Value;

use crate::contender::Client;
use crate::loss::Counters;
use crate::table::{Figure, Topic};

/// A group of measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measure {
    Tcp,
    Udp,
    Ping,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

/// Length of the datagrams' contents, in bytes.
const DATAGRAMS: [usize; 2] = [64, 1200];
const STREAMS: [usize; 2] = [1, 4];
const IDLE_PINGS: usize = 1000;
/// iperf3 lets go of one client a little after that has ended.
const TRIES: u32 = 5;

/// One contender between the machines of a lab, for one round.
pub(crate) struct Session<'a> {
    pub(crate) lab: &'a Lab,
    pub(crate) client: &'a Client,
    pub(crate) seconds: u64,
    /// Shares of the computer that others used meanwhile, one a measurement, in per cent.
    others: Vec<f64>,
}

impl<'a> Session<'a> {
    pub(crate) fn new(lab: &'a Lab, client: &'a Client, seconds: u64) -> Self {
        Self { lab, client, seconds, others: Vec::new() }
    }

    pub(crate) fn measure(mut self, measures: &[Measure]) -> Vec<Figure> {
        let mut figures = Vec::new();
        let idle = self.client.pid.map(Usage::of);
        for measure in measures {
            match measure {
                Measure::Tcp => STREAMS.into_iter().for_each(|streams| {
                    for direction in Direction::BOTH {
                        figures.extend(self.tcp(streams, direction));
                    }
                }),
                Measure::Udp => DATAGRAMS.into_iter().for_each(|length| {
                    for direction in Direction::BOTH {
                        figures.extend(self.udp(length, direction));
                    }
                }),
                Measure::Ping => {
                    figures.extend(self.idle_ping());
                    for direction in Direction::BOTH {
                        figures.extend(self.loaded_ping(direction));
                    }
                }
            }
        }
        if let (Some(idle), Some(now)) = (idle, self.client.pid.map(Usage::of)) {
            for (when, kib) in [
                ("before", idle.resident_kib),
                ("after", now.resident_kib),
                ("at most", now.peak_kib),
            ] {
                let what = format!("resident {when}, MiB");
                figures.push(Figure::new(Topic::Cost, what, mebibytes(kib)));
            }
        }
        let worst = self.others.into_iter().fold(0.0, f64::max);
        figures.push(Figure::new(
            Topic::Computer,
            "other work, at most during a measurement, %",
            worst,
        ));
        figures
    }

    fn tcp(&mut self, streams: usize, direction: Direction) -> Vec<Figure> {
        let seconds = self.seconds;
        let options = format!("-C cubic -O 1 -t {seconds} -P {streams} {}", direction.option());
        let Some(run) = self.observe(&options) else { return Vec::new() };
        let name = format!("TCP {streams} {}", direction.name());
        let mut figures = Vec::new();
        if let Some(rate) = number(&run.report, "/end/sum_received/bits_per_second") {
            figures.push(Figure::new(Topic::Rate, format!("{name}, Gbit/s"), rate / 1e9));
        }
        let bytes = match direction {
            Direction::Up => run.client.sent_bytes,
            Direction::Down => run.client.received_bytes,
        };
        let mut cost = |what: String, cpu: f64| {
            figures.push(Figure::new(Topic::Cost, what, cpu / bytes * 1e9));
        };
        if let Some(cpu) = run.client_cpu {
            cost(format!("{name}, CPU s/GB"), cpu);
        }
        cost(format!("{name}, with server and iperf3, CPU s/GB"), run.all_cpu);
        let what = format!("{name}: idle, %");
        figures.push(Figure::new(Topic::Computer, what, run.idle_share * 100.0));
        figures
    }

    /// As much as the sender can.
    fn udp(&mut self, length: usize, direction: Direction) -> Vec<Figure> {
        let seconds = (self.seconds * 2).div_ceil(3);
        let options = format!("-u -b 0 -l {length} -t {seconds} {}", direction.option());
        let Some(run) = self.observe(&options) else { return Vec::new() };
        let values = ["packets", "lost_packets", "seconds"]
            .map(|key| number(&run.report, &format!("/end/sum/{key}")));
        let [Some(packets), Some(lost), Some(time)] = values else { return Vec::new() };
        let name = format!("UDP {length} {}", direction.name());
        let rate = (packets - lost) / time / 1e3;
        let mut figures = vec![Figure::new(Topic::Rate, format!("{name}, kpackets/s"), rate)];
        let (sender, receiver) = match direction {
            Direction::Up => (run.client, run.server),
            Direction::Down => (run.server, run.client),
        };
        let at_sender = sender.dropped_by_interface;
        let (at_socket, at_application) =
            (receiver.dropped_by_socket, receiver.application_drops());
        if let Some(cpu) = run.client_cpu {
            let carried = match direction {
                Direction::Up => packets - at_sender,
                Direction::Down => packets - lost + at_application,
            };
            let what = format!("{name}, CPU µs/packet");
            figures.push(Figure::new(Topic::Cost, what, cpu * 1e6 / carried));
        }
        let elsewhere = (lost - at_sender - at_socket - at_application).max(0.0);
        for (place, count) in [
            ("in all", lost),
            ("in the sender's queue", at_sender),
            ("at the tunnel's socket", at_socket),
            ("in the application's buffer", at_application),
            ("elsewhere", elsewhere),
        ] {
            let what = format!("{name}: {place}, %");
            figures.push(Figure::new(Topic::Loss, what, count / packets * 100.0));
        }
        if let Some(late) = number(&run.report, "/end/streams/0/udp/out_of_order") {
            figures.push(Figure::new(Topic::Loss, format!("{name}: out of order, packets"), late));
        }
        figures
    }

    fn idle_ping(&mut self) -> Vec<Figure> {
        let before = Processors::now();
        let times = ping(&self.lab.client, self.client.target, IDLE_PINGS, 0.002);
        self.others.push(before.until_now().others_share() * 100.0);
        latency("idle", &times)
    }

    /// Beside one TCP stream, which is first left alone for as long.
    fn loaded_ping(&mut self, direction: Direction) -> Vec<Figure> {
        let (client, seconds) = (&self.lab.client, self.seconds);
        let options = format!("-C cubic -O 1 -i 0.5 -t {} {}", 2 * seconds, direction.option());
        let before = Processors::now();
        let (report, times) = scope(|scope| {
            let load = scope.spawn(|| iperf(client, self.client.target, &options));
            sleep(Duration::from_secs(1 + seconds));
            let count = usize::try_from(seconds * 90).unwrap_or_default();
            let times = ping(client, self.client.target, count, 0.01);
            (load.join().ok().flatten(), times)
        });
        self.others.push(before.until_now().others_share() * 100.0);
        let load = format!("TCP {}", direction.name());
        let mut figures = latency(&format!("beside {load}"), &times);
        if let Some(share) = report.as_ref().and_then(share_of_second_half) {
            let what = format!("{load} beside ping, % of itself alone");
            figures.push(Figure::new(Topic::Latency, what, share * 100.0));
        }
        figures
    }

    /// Runs iperf3, and looks at everything before and after.
    fn observe(&mut self, options: &str) -> Option<Run> {
        let cpu = || self.client.pid.map(|pid| Usage::of(pid).cpu);
        let counters = || {
            let client = Counters::read(&self.lab.client, &self.client.interface);
            (client, Counters::read(&self.lab.server, "wg0"))
        };
        let (client, server) = counters();
        let (processors, spent) = (Processors::now(), cpu());
        let report = iperf(&self.lab.client, self.client.target, options)?;
        let client_cpu = cpu().zip(spent).map(|(after, before)| after - before);
        let processors = processors.until_now();
        let (client_after, server_after) = counters();
        self.others.push(processors.others_share() * 100.0);
        Some(Run {
            report,
            client_cpu,
            all_cpu: processors.ours,
            idle_share: processors.idle / processors.total,
            client: client_after.since(&client),
            server: server_after.since(&server),
        })
    }
}

/// What happened while iperf3 ran.
struct Run {
    report: Value,
    /// Seconds.
    client_cpu: Option<f64>,
    /// Seconds, of everything that was started for the measurement.
    all_cpu: f64,
    idle_share: f64,
    client: Counters,
    server: Counters,
}

/// What all processors did until a time or between two, in seconds.
struct Processors {
    total: f64,
    idle: f64,
    /// For what we started.
    ours: f64,
}

impl Processors {
    fn now() -> Self {
        let (total, idle) = total_and_idle_cpu();
        Self { total, idle, ours: family_cpu() }
    }

    fn until_now(&self) -> Self {
        let now = Self::now();
        Self {
            total: now.total - self.total,
            idle: now.idle - self.idle,
            ours: now.ours - self.ours,
        }
    }

    /// The share of what was neither idle nor ours.
    fn others_share(&self) -> f64 {
        ((self.total - self.idle - self.ours) / self.total).max(0.0)
    }
}

impl Direction {
    const BOTH: [Self; 2] = [Self::Up, Self::Down];

    fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }

    /// For iperf3, whose client sends unless told.
    fn option(self) -> &'static str {
        match self {
            Self::Up => "",
            Self::Down => "-R",
        }
    }
}

fn iperf(client: &Machine, target: IpAddr, options: &str) -> Option<Value> {
    let command = format!("iperf3 -J -c {target} {options}");
    for _ in 0..TRIES {
        let outcome = client.try_run(command.split_whitespace());
        let report: Value = serde_json::from_str(&outcome.stdout).ok()?;
        match report["error"].as_str() {
            None => return Some(report),
            Some(error) if error.contains("busy") => sleep(Duration::from_millis(200)),
            Some(error) => {
                eprintln!("{command}: {error}");
                return None;
            }
        }
    }
    None
}

/// The times that it took, in microseconds, sorted.
fn ping(client: &Machine, target: IpAddr, count: usize, interval: f64) -> Vec<f64> {
    let command = format!("ping -n -W 1 -c {count} -i {interval} {target}");
    let output = client.try_run(command.split_whitespace()).stdout;
    let times = output.lines().filter_map(|line| line.split_once("time=")?.1.split(' ').next());
    let mut times: Vec<f64> = times.filter_map(|time| time.parse().ok()).collect();
    times.sort_by(f64::total_cmp);
    times.iter().map(|milliseconds| milliseconds * 1e3).collect()
}

fn latency(when: &str, sorted: &[f64]) -> Vec<Figure> {
    let at = |share: usize| sorted.get(sorted.len().saturating_sub(1) * share / 100).copied();
    let figure = |share: usize| {
        Some(Figure::new(Topic::Latency, format!("ping {when}, p{share}, µs"), at(share)?))
    };
    [50, 99].into_iter().filter_map(figure).collect()
}

/// The rate of the second half, as a share of the first's.
fn share_of_second_half(report: &Value) -> Option<f64> {
    let intervals = report["intervals"].as_array()?.iter().map(|interval| &interval["sum"]);
    let counted = intervals.filter(|sum| sum["omitted"] == false);
    let rates: Vec<f64> = counted.filter_map(|sum| sum["bits_per_second"].as_f64()).collect();
    let (first, second) = rates.split_at(rates.len() / 2);
    Some(mean(second)? / mean(first)?)
}

#[expect(clippy::cast_precision_loss, reason = "a few")]
fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn number(report: &Value, path: &str) -> Option<f64> {
    report.pointer(path)?.as_f64()
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn mebibytes(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
