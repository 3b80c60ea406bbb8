//! How sealing and opening spread over threads and peers, as a table:
//! `cargo bench -p adit-wireguard --features internals --bench scaling`.
//!
//! All threads work for all peers at once, batch by batch as the engine does: half of them seal and half open, and one
//! alone does both in turn. Where there are fewer processors than threads, the rate that was reached says nothing about
//! more of them; the processor time of a packet does, as it would grow if threads stood in each other's way.
//!
//! The second table is of one batch, of one peer, that a thread seals with the help of others.

#![allow(clippy::expect_used, reason = "a panic is how a benchmark reports")]

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use adit_wireguard::pieces::{End, Team};
use rustix::time::{ClockId, clock_gettime};

const THREADS: [usize; 4] = [1, 2, 4, 8];
const PEERS: [usize; 3] = [1, 8, 64];

/// Full packets of a tunnel with MTU 1420, as many as one super-packet has.
const LENGTH: usize = 1420;
const BATCH: usize = 47;

/// How many threads help.
const OTHERS: [usize; 4] = [0, 1, 3, 6];
const BATCHES: usize = 2000;

const TRIAL: Duration = Duration::from_millis(500);
const TRIALS: usize = 5;

fn main() {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    println!("{processors} processors; medians\n");
    println!(
        "| threads | peers | reached, Mpackets/s | CPU ns/packet | with a processor each, Mpackets/s |"
    );
    println!("|---:|---:|---:|---:|---:|");
    for threads in THREADS {
        for peers in PEERS {
            let mut trials = [(); TRIALS].map(|()| trial(threads, peers));
            trials.sort_by(|one, other| one.cpu.total_cmp(&other.cpu));
            let Trial { rate, cpu } = trials[TRIALS / 2];
            let each = f64::from(u32::try_from(threads).expect("few")) / cpu * 1e3;
            println!("| {threads} | {peers} | {:.2} | {cpu:.0} | {each:.2} |", rate / 1e6);
        }
    }
    println!("\n| others that help | a batch of {BATCH}, µs | of that, to fork and join, µs |");
    println!("|---:|---:|---:|");
    let (near, _) = End::pair().expect("sound keys");
    let stride = End::sealed_length(LENGTH);
    let mut messages = vec![7; BATCH * stride];
    for others in OTHERS {
        let team = Team::new(others);
        let sealing = median_time(|| assert!(team.seal(&near, &mut messages, stride)));
        let joining = median_time(|| team.fork_and_join(BATCH));
        println!("| {others} | {sealing:.1} | {joining:.1} |");
    }
}

/// In microseconds.
fn median_time(mut work: impl FnMut()) -> f64 {
    let time = |_| {
        let begin = Instant::now();
        work();
        begin.elapsed()
    };
    let mut times: Vec<Duration> = (0..BATCHES).map(time).collect();
    times.sort();
    times[BATCHES / 2].as_secs_f64() * 1e6
}

struct Trial {
    /// Packets a second, of all threads.
    rate: f64,
    /// Nanoseconds of a processor a packet.
    cpu: f64,
}

#[derive(Clone, Copy)]
enum Work {
    Seal,
    Open,
    Both,
}

fn trial(threads: usize, peers: usize) -> Trial {
    let pairs: Vec<(End, End)> = (0..peers).map(|_| End::pair().expect("sound keys")).collect();
    // What the far ends sealed. It is opened again and again; that it is a replay is found out after that.
    let stride = End::sealed_length(LENGTH);
    let received: Vec<Vec<u8>> = pairs
        .iter()
        .map(|(_, far)| {
            let mut messages = vec![7; BATCH * stride];
            assert!(far.seal(&mut messages, stride));
            messages
        })
        .collect();
    let start = Barrier::new(threads);
    let done: Vec<(u64, Duration, Duration)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|number| {
                let work = match (threads, number % 2) {
                    (1, _) => Work::Both,
                    (_, 0) => Work::Seal,
                    (_, _) => Work::Open,
                };
                let (pairs, received, start) = (&pairs, &received, &start);
                scope.spawn(move || {
                    start.wait();
                    run(work, number, pairs, received)
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker")).collect()
    });
    let packets = |count: u64| f64::from(u32::try_from(count).expect("a trial is short"));
    let all = packets(done.iter().map(|(count, ..)| count).sum());
    let cpu: Duration = done.iter().map(|(_, cpu, _)| *cpu).sum();
    let rate = done.iter().map(|(count, _, time)| packets(*count) / time.as_secs_f64()).sum();
    Trial { rate, cpu: cpu.as_secs_f64() * 1e9 / all }
}

/// Returns how many packets were done, in how much time of a processor and of the clock.
fn run(
    work: Work,
    number: usize,
    pairs: &[(End, End)],
    received: &[Vec<u8>],
) -> (u64, Duration, Duration) {
    let stride = End::sealed_length(LENGTH);
    let mut messages = vec![7; BATCH * stride];
    let (begin, cpu) = (Instant::now(), cpu_time());
    let mut packets = 0;
    for peer in (0..pairs.len()).cycle().skip(number) {
        let (near, _) = &pairs[peer];
        if matches!(work, Work::Seal | Work::Both) {
            assert!(near.seal(&mut messages, stride));
            packets += BATCH as u64;
        }
        if matches!(work, Work::Open | Work::Both) {
            messages.copy_from_slice(&received[peer]);
            let opened = messages.chunks_exact_mut(stride).filter_map(|message| near.open(message));
            let counters: Vec<u64> = opened.collect();
            assert_eq!(counters.len(), BATCH);
            near.admit(counters.into_iter());
            packets += BATCH as u64;
        }
        if begin.elapsed() >= TRIAL {
            break;
        }
    }
    (packets, cpu_time().saturating_sub(cpu), begin.elapsed())
}

/// Of this thread.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.try_into().expect("a time since the thread began")
}
