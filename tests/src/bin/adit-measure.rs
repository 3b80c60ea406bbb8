//! Figures of a release: how fast a tunnel comes up, what an idle one costs, and that nothing grows.
//! `adit-measure [CYCLES]`, 1000 by default. Run it on programs built with `--release`.

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use adit_tests::usage::{Usage, children};
use adit_tests::{Adit, Lab, WireGuardServer};

const WARM_UP: u32 = 20;
const CONNECTS: usize = 20;
const IDLE: Duration = Duration::from_secs(10);
/// A web server of the internet, by address.
const SITE: &str = "203.0.113.10";

fn main() -> ExitCode {
    let cycles = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(1000);
    let Some(lab) = Lab::new() else { return ExitCode::FAILURE };
    let server = WireGuardServer::build(&lab.server).on_adit().start();
    let adit = Adit::start(&lab.client);
    adit.import("home", &server.add_peer().conf());
    println!("| figure | value |\n|---|---|");
    first_byte(&lab, &adit);
    idle(&adit);
    endurance(&adit, cycles)
}

/// From the command to the first byte of a page through the tunnel, server next door.
fn first_byte(lab: &Lab, adit: &Adit) {
    let mut connect = Vec::new();
    let mut byte = Vec::new();
    for _ in 0..CONNECTS {
        let begin = Instant::now();
        adit.connect("home");
        connect.push(begin.elapsed());
        let seen = lab.client.whoami(SITE);
        byte.push(begin.elapsed());
        assert!(seen.is_ok(), "no page through the tunnel: {seen:?}");
        adit.disconnect("home");
    }
    row("`adit connect`, median of 20", millis(median(connect)));
    row("… to the first byte through the tunnel", millis(median(byte)));
}

/// What helper and provider cost while nothing happens.
fn idle(adit: &Adit) {
    adit.connect("home");
    let helper = adit.helper().pid();
    let [provider] = children(helper)[..] else { panic!("one provider runs for one tunnel") };
    thread::sleep(Duration::from_secs(2));
    let before: Vec<Usage> = [helper, provider].map(Usage::of).into();
    thread::sleep(IDLE);
    for (name, (pid, before)) in
        ["helper", "provider"].into_iter().zip([helper, provider].into_iter().zip(before))
    {
        let now = Usage::of(pid);
        row(&format!("{name}: resident memory, connected and idle"), mebibytes(now.resident_kib));
        row(
            &format!("{name}: CPU in 10 idle s"),
            format!("{:.0} ms", (now.cpu - before.cpu) * 1e3),
        );
        row(
            &format!("{name}: context switches in 10 idle s"),
            (now.switches - before.switches).to_string(),
        );
    }
    adit.disconnect("home");
}

/// Connects and disconnects, and compares what the helper holds after a few with what it holds at the end.
fn endurance(adit: &Adit, cycles: u32) -> ExitCode {
    let helper = adit.helper().pid();
    let cycle = || {
        adit.connect("home");
        adit.disconnect("home");
    };
    (0..WARM_UP).for_each(|_| cycle());
    let usage = || (Usage::of(helper), children(helper).len());
    let (early, early_children) = usage();
    let begin = Instant::now();
    (0..cycles).for_each(|_| cycle());
    let each = begin.elapsed() / cycles.max(1);
    let (late, late_children) = usage();
    row(&format!("one of {cycles} cycles of connect and disconnect"), millis(each));
    row(
        "helper: descriptors, early and late",
        format!("{} and {}", early.descriptors, late.descriptors),
    );
    row("helper: children, early and late", format!("{early_children} and {late_children}"));
    row(
        "helper: resident memory, early and late",
        format!("{} and {}", mebibytes(early.resident_kib), mebibytes(late.resident_kib)),
    );
    let residue = adit.residue();
    row("left on the system", if residue.is_empty() { "nothing".into() } else { residue.clone() });
    let flat = early.descriptors == late.descriptors
        && early_children == late_children
        && residue.is_empty();
    if flat { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn mebibytes(kib: u64) -> String {
    format!("{}.{} MiB", kib / 1024, kib % 1024 * 10 / 1024)
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

fn row(figure: &str, value: impl Into<String>) {
    println!("| {figure} | {} |", value.into());
}
