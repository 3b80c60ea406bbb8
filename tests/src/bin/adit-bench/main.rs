//! Adit's WireGuard beside others in the lab, through the real helper: tables of medians and ratios.

mod computer;
mod contender;
mod loss;
mod table;
mod traffic;

use std::process::ExitCode;

use adit_tests::{Lab, WireGuardServer};
use clap::Parser;
use clap::builder::FalseyValueParser;

use crate::computer::{Computer, crypto_ceiling, on_processor};
use crate::contender::{ADIT, Contender, Program};
use crate::table::{Figure, Results, median};
use crate::traffic::{Measure, Session};

/// Measures Adit's WireGuard beside others in namespaces, and prints tables.
///
/// Every client has a world of its own in every round, and they take turns. wireguard-go, boringtun-cli and gotatun are
/// measured where they are on the path, and the same network without a tunnel is the last column.
#[derive(Debug, Parser)]
#[command(name = "adit-bench")]
struct Options {
    /// How often every client is measured.
    #[arg(long, env = "ADIT_BENCH_ROUNDS", default_value_t = 5)]
    rounds: u32,
    /// How long TCP is measured; UDP takes two thirds of it.
    #[arg(long, env = "ADIT_BENCH_SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=8))]
    seconds: u64,
    /// Who carries the far end, by name: `adit` or one of the programs.
    #[arg(long, env = "ADIT_BENCH_SERVER", default_value = ADIT)]
    server: String,
    /// Clients by name, the first being compared with the others; without it, all that there are.
    #[arg(long, env = "ADIT_BENCH_CLIENTS", value_delimiter = ',')]
    clients: Vec<String>,
    /// Further programs, which are configured with `wg`: `NAME=COMMAND --foreground {iface}`.
    #[arg(long, env = "ADIT_BENCH_PEERS", value_delimiter = ';', value_name = "NAME=COMMAND")]
    peers: Vec<Program>,
    /// What to measure.
    #[arg(long, env = "ADIT_BENCH_MEASURE", value_delimiter = ',', value_enum, default_values = ["tcp", "udp", "ping"])]
    measure: Vec<Measure>,
    /// The client with all that it runs on one processor, and the server on another.
    #[arg(long, env = "ADIT_BENCH_PIN", value_parser = FalseyValueParser::new())]
    pin: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let all = Contender::all(&options.peers);
    let named = |name: &str| {
        let found = all.iter().find(|contender| contender.name() == name).cloned();
        found.ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(Contender::name).collect();
            eprintln!("there is no {name}, but {}", names.join(", "));
        })
    };
    let clients: Result<Vec<Contender>, ()> =
        options.clients.iter().map(|name| named(name.trim())).collect();
    let (Ok(clients), Ok(server)) = (clients, named(&options.server)) else {
        return ExitCode::from(2);
    };
    let clients = if clients.is_empty() { all.clone() } else { clients };

    let mut results = Results::of(clients.iter().map(Contender::name));
    let mut ceilings = Vec::new();
    for round in 1..=options.rounds {
        ceilings.push(on_processor(options.pin.then_some(CLIENT_PROCESSOR), crypto_ceiling));
        for (index, client) in clients.iter().enumerate() {
            eprintln!("round {round} of {}: {}", options.rounds, client.name());
            let Some(lab) = Lab::new() else { return ExitCode::FAILURE };
            results.add(index, session(&options, &lab, client, &server));
        }
    }
    println!("{}.", Computer::describe());
    if let Some(ceiling) = median(ceilings) {
        println!(
            "One processor seals {ceiling:.2} GB/s (ChaCha20-Poly1305, packets of 1420 bytes)."
        );
    }
    println!("Server: {}. {}", server.name(), options.description());
    print!("{}", results.tables());
    ExitCode::SUCCESS
}

const CLIENT_PROCESSOR: usize = 0;
const SERVER_PROCESSOR: usize = 1;

/// One client in one round; nothing if it failed.
fn session(options: &Options, lab: &Lab, client: &Contender, server: &Contender) -> Vec<Figure> {
    let place = |processor| options.pin.then_some(processor);
    let (server, _iperf) = on_processor(place(SERVER_PROCESSOR), || {
        let built = WireGuardServer::build(&lab.server);
        let server = match server {
            Contender::Program(program) => built.on(&program.command).start(),
            Contender::Adit | Contender::NoTunnel => built.on_adit().start(),
        };
        let iperf = lab.server.spawn(["iperf3", "--server", "--interval", "0", "--forceflush"]);
        iperf.wait_for_log("listening");
        (server, iperf)
    });
    on_processor(place(CLIENT_PROCESSOR), || {
        let Some(client) = client.start(lab, &server) else {
            eprintln!("nothing comes through");
            return Vec::new();
        };
        Session::new(lab, &client, options.seconds).measure(&options.measure)
    })
}

impl Options {
    fn description(&self) -> String {
        let Self { rounds, seconds, pin, .. } = self;
        let placed = if *pin { " Client and server have a processor each." } else { "" };
        format!("Interleaved rounds: {rounds}; TCP for {seconds} s.{placed}")
    }
}
