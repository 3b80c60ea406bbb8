//! Figures of the desktop app: how long its window takes to open, beside an empty one of the same toolkit, and what it costs
//! while nothing happens. `npm run bench -- --app` builds what it needs.

use std::ops::Range;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use adit_tests::usage::{Usage, children, switches};
use adit_tests::{Adit, DesktopSession, Lab, Process, Screen, Signal, WireGuardServer};
use clap::Parser;

const OURS: &str = "adit-desktop";
const EMPTY: &str = "examples/empty-window";
/// Where the list of configurations stands in our window.
const LIST: Range<usize> = 0..272;
const CONFIGURATIONS: [&str; 5] = ["home", "office", "lab", "de-1", "se-4"];
/// How often the screen is looked at.
const GLANCE: Duration = Duration::from_millis(3);
/// A window that has not changed for this time is complete.
const QUIET: Duration = Duration::from_millis(1500);
/// What has just happened is over after this time.
const SETTLING: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(30);

/// Measures the desktop app on a screen of its own, and prints tables. Run it on programs built with `--release`.
#[derive(Debug, Parser)]
#[command(name = "adit-measure-app")]
struct Options {
    /// How often each window is opened.
    #[arg(long, default_value_t = 20)]
    rounds: usize,
    /// How long nothing happens.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let Some(lab) = Lab::new() else { return ExitCode::FAILURE };
    let server = WireGuardServer::build(&lab.server).on_adit().start();
    let mut adit = Adit::start(&lab.client);
    for name in CONFIGURATIONS {
        adit.import(name, &server.add_peer().conf());
    }
    let session = lab.client.start_desktop_session();
    let tray = session.add_tray();
    // As after login.
    let agent = session.spawn("adit-agent", &[]);
    tray.wait_for_icon("adit-disconnected-symbolic");
    let screen = session.add_screen();
    launches(&session, &screen, options.rounds);
    costs(&mut adit, &session, &screen, &agent, Duration::from_secs(options.seconds));
    ExitCode::SUCCESS
}

/// When something was seen, after the start of the process.
#[derive(Debug, Default)]
struct Opening {
    /// The window.
    window: Duration,
    /// The list, as it stays.
    list: Duration,
    /// All of it, as it stays.
    page: Duration,
}

fn launches(session: &DesktopSession, screen: &Screen, rounds: usize) {
    let (mut ours, mut empty) = (Vec::new(), Vec::new());
    // The first start of each reads the programs from the disk.
    for round in 0..=rounds {
        let pair = (open(session, screen, EMPTY), open(session, screen, OURS));
        if round > 0 {
            empty.push(pair.0);
            ours.push(pair.1);
        }
    }
    println!("| from the start of the process, ms | Adit | an empty window |\n|---|---:|---:|");
    let row = |what: &str, seen: fn(&Opening) -> Duration, complete: fn(&Opening) -> Duration| {
        let of = |openings: &[Opening], seen: fn(&Opening) -> Duration| -> Vec<f64> {
            openings.iter().map(|opening| seen(opening).as_secs_f64() * 1e3).collect()
        };
        let (ours, empty) = (of(&ours, seen), of(&empty, complete));
        let ratio = median(ours.iter().zip(&empty).map(|(ours, empty)| ours / empty).collect());
        println!("| {what} | {} | {} ×{ratio:.2} |", cell(ours), cell(empty));
    };
    row("a window", |opening| opening.window, |opening| opening.window);
    row("the list", |opening| opening.list, |opening| opening.page);
    row("the whole page", |opening| opening.page, |opening| opening.page);
}

/// Opens a window, waits until it is complete, and closes it.
#[track_caller]
fn open(session: &DesktopSession, screen: &Screen, program: &str) -> Opening {
    let looks = || (screen.look(LIST), screen.look(screen.columns()));
    let blank = looks();
    let begin = Instant::now();
    let process = session.spawn_on(screen, program, &[]);
    let (mut shown, mut opening) = (blank, Opening::default());
    while shown == blank || begin.elapsed() < opening.page + QUIET {
        thread::sleep(GLANCE);
        let (look, now) = (looks(), begin.elapsed());
        if shown == blank && look != blank {
            opening.window = now;
        }
        if look.0 != shown.0 {
            opening.list = now;
        }
        if look.1 != shown.1 {
            opening.page = now;
        }
        shown = look;
        assert!(now < PATIENCE, "{program} shows nothing that stays:\n{}", process.log());
    }
    close(&process);
    let end = Instant::now() + PATIENCE;
    while looks() != blank {
        assert!(Instant::now() < end, "{program} leaves its window");
        thread::sleep(GLANCE);
    }
    opening
}

fn costs(
    adit: &mut Adit,
    session: &DesktopSession,
    screen: &Screen,
    agent: &Process,
    idle: Duration,
) {
    println!("\n| in {} s | wake-ups | CPU | resident |\n|---|---:|---:|---:|", idle.as_secs());
    let agent = [("agent", agent.pid())];
    let empty = session.spawn_on(screen, EMPTY, &[]);
    cost("an empty window", &family(&empty), idle);
    close(&empty);

    cost("no window", &agent, idle);
    let window = session.spawn_on(screen, OURS, &[]);
    let parts = [&agent[..], &family(&window)].concat();
    cost("not connected", &parts, idle);
    adit.connect(CONFIGURATIONS[0]);
    cost("connected", &parts, idle);
    close(&window);
    cost("connected, no window", &agent, idle);

    adit.kill_helper();
    cost("no service, no window", &agent, idle);
    let window = session.spawn_on(screen, OURS, &[]);
    let parts = [&agent[..], &family(&window)].concat();
    cost("no service", &parts, idle);
    close(&window);
    adit.restart_helper();
    adit.disconnect(CONFIGURATIONS[0]);
}

/// Of processes while nothing happens.
fn cost(state: &str, parts: &[(&str, u32)], idle: Duration) {
    thread::sleep(SETTLING);
    let usage = |pid: u32| (Usage::of(pid), switches(pid));
    let before: Vec<_> = parts.iter().map(|(_, pid)| usage(*pid)).collect();
    thread::sleep(idle);
    for ((name, pid), (before, asleep)) in parts.iter().zip(before) {
        let (now, later) = usage(*pid);
        // Of threads that have ended, nothing is known.
        let woken: u64 = later.iter().map(|(id, count)| count - asleep.get(id).unwrap_or(&0)).sum();
        let (cpu, resident) = ((now.cpu - before.cpu) * 1e3, now.resident_kib / 1024);
        println!("| {state}: {name} | {woken} | {cpu:.0} ms | {resident} MiB |");
    }
}

/// A window and the processes that it has for its page.
fn family(window: &Process) -> Vec<(&'static str, u32)> {
    thread::sleep(SETTLING);
    let pages = children(window.pid()).into_iter().map(|page| ("… web view", page));
    std::iter::once(("window", window.pid())).chain(pages).collect()
}

fn close(process: &Process) {
    process.signal(Signal::TERM);
    process.wait(PATIENCE);
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The median, the least and the most.
fn cell(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let (least, most) = (values[0], values[values.len() - 1]);
    format!("{:.0} [{least:.0}–{most:.0}]", median(values))
}
