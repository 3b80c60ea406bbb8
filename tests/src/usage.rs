//! What processes have used of the computer, from `/proc` (proc(5)).

use std::collections::HashMap;
use std::fs;

/// `USER_HZ`, which is 100 on every architecture that Linux still has.
const TICKS: f64 = 100.0;

/// What a process holds and has used.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Seconds of CPU, of all threads, user and system.
    pub cpu: f64,
    /// Resident memory in KiB.
    pub resident_kib: u64,
    /// The most resident memory so far, in KiB.
    pub peak_kib: u64,
    /// How often a thread went to sleep.
    pub switches: u64,
    /// Open descriptors.
    pub descriptors: usize,
}

impl Usage {
    /// Of the process with this id; all zero when it has ended.
    #[must_use]
    pub fn of(pid: u32) -> Self {
        let status = read(pid, "status");
        Self {
            cpu: Stat::of(pid).map_or(0.0, |stat| stat.own),
            resident_kib: number(&status, "VmRSS:"),
            peak_kib: number(&status, "VmHWM:"),
            switches: switches(pid).values().sum(),
            descriptors: fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count),
        }
    }
}

/// How often each thread of a process went to sleep, by its id.
#[must_use]
pub fn switches(pid: u32) -> HashMap<u32, u64> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let switches = tasks.filter_map(|task| {
        let status = fs::read_to_string(task.path().join("status")).ok()?;
        let id = task.file_name().to_str()?.parse().ok()?;
        Some((id, number(&status, "voluntary_ctxt_switches:")))
    });
    switches.collect()
}

/// The processes whose parent has this id.
#[must_use]
pub fn children(pid: u32) -> Vec<u32> {
    processes().filter_map(|(child, stat)| (stat.parent == pid).then_some(child)).collect()
}

/// Seconds of CPU that this process has used and everything that it started.
#[must_use]
pub fn family_cpu() -> f64 {
    let stats: HashMap<u32, Stat> = processes().collect();
    let is_ours = |pid: u32| {
        let mut ancestors =
            std::iter::successors(Some(pid), |pid| stats.get(pid).map(|stat| stat.parent));
        ancestors.any(|pid| pid == std::process::id())
    };
    let ours = stats.iter().filter(|(pid, _)| is_ours(**pid));
    ours.map(|(_, stat)| stat.own + stat.ended_children).sum()
}

/// Seconds of CPU since the computer started, of all processors: all that passed, and idle ones.
#[must_use]
pub fn total_and_idle_cpu() -> (f64, f64) {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let words = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    // What guests use is part of user and nice.
    let times: Vec<f64> = words.take(8).filter_map(|word| word.parse().ok()).collect();
    let idle = times.iter().skip(3).take(2).sum::<f64>();
    (times.iter().sum::<f64>() / TICKS, idle / TICKS)
}

/// What `/proc/PID/stat` says, in seconds.
struct Stat {
    parent: u32,
    own: f64,
    ended_children: f64,
}

impl Stat {
    fn of(pid: u32) -> Option<Self> {
        let text = read(pid, "stat");
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
        let sum = |first: usize| Some((ticks(first)? + ticks(first + 1)?) / TICKS);
        let parent = fields.get(1)?.parse().ok()?;
        Some(Self { parent, own: sum(11)?, ended_children: sum(13)? })
    }
}

fn processes() -> impl Iterator<Item = (u32, Stat)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, Stat::of(pid)?)))
}

fn read(pid: u32, file: &str) -> String {
    fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default()
}

fn number(status: &str, key: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
