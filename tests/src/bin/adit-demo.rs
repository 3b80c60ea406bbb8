//! Adit at work in a world of its own: a gateway, a client and a network between them, all in
//! namespaces. Nothing of this computer is changed.

use std::io::{IsTerminal, stdin, stdout};
use std::process::ExitCode;

use adit_tests::{Adit, Lab, WireGuardServer, address, program};

fn main() -> ExitCode {
    let is_asked_for = |option: &str| std::env::args().any(|argument| argument == option);
    let Some(lab) = Lab::new() else { return ExitCode::FAILURE };
    if !is_asked_for("--serve") {
        say(
            "A network of its own: a client, a router, the internet, and a VPN gateway on Adit's own engine.",
        );
    }
    let gateway = WireGuardServer::build(&lab.server).on_adit().start();
    let conf = gateway.peer().endpoint("vpn.test:51820").add().conf();
    lab.client.write_file("/run/demo/home.conf", &conf);
    let adit = Adit::start(&lab.client);
    if is_asked_for("--interactive") {
        shell(&lab, &adit)
    } else if is_asked_for("--serve") {
        serve(&lab, &adit)
    } else {
        tour(&lab, &adit, &gateway)
    }
}

/// For a window outside: says where the helper and the configuration are, and stays until nobody reads any more.
fn serve(lab: &Lab, adit: &Adit) -> ExitCode {
    let root = format!("/proc/{}/root", lab.client.pid());
    println!("{root}/run/adit/helper.sock {root}/run/demo/home.conf");
    let ended = std::io::copy(&mut stdin(), &mut std::io::sink());
    adit.run(["disconnect"]);
    if ended.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tour(lab: &Lab, adit: &Adit, gateway: &WireGuardServer) -> ExitCode {
    say("A .conf file as somebody got it from a VPN service:");
    let private = |line: &&str| !line.starts_with("PrivateKey");
    let conf = lab.client.read_file("/run/demo/home.conf");
    println!("{}", conf.lines().filter(private).collect::<Vec<_>>().join("\n"));

    show(adit, &["import", "/run/demo/home.conf"]);
    say("Without the tunnel, a web server sees the client itself:");
    fetch(lab);
    show(adit, &["connect", "home"]);
    say("Through the tunnel, it sees the gateway:");
    let seen = fetch(lab);
    let through = seen == gateway.outer_ipv4() || seen == gateway.outer_ipv6();
    show(adit, &["status", "home"]);
    show(adit, &["disconnect", "home"]);
    say("And again without it:");
    let after = fetch(lab);
    let residue = adit.residue();
    let clean = residue.is_empty() && (after == address::CLIENT.v4 || after == address::CLIENT.v6);
    if through && clean {
        say("No rule, route, interface or DNS entry is left. That was Adit.");
        return ExitCode::SUCCESS;
    }
    eprintln!("The demo did not go as it should. Left behind:\n{residue}");
    ExitCode::FAILURE
}

/// A prompt on the client, with `adit` and its helper at hand.
fn shell(lab: &Lab, adit: &Adit) -> ExitCode {
    say(
        "This is a shell on the client. Try: adit import /run/demo/home.conf; adit connect home; adit status",
    );
    let mut shell = lab.client.command("env");
    let folder = program("adit");
    let folder = folder.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
    let path = std::env::var("PATH").unwrap_or_default();
    shell.args([format!("PATH={folder}:{path}"), "ADIT_SOCKET=/run/adit/helper.sock".into()]);
    if stdin().is_terminal() && stdout().is_terminal() {
        shell.args(["PS1=client$ ", "sh", "-i"]);
    } else {
        shell.arg("sh");
    }
    let ended = shell.status();
    adit.run(["disconnect"]);
    if ended.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn say(sentence: &str) {
    println!("\n# {sentence}");
}

/// Runs `adit` as a person would, for everybody to see.
fn show(adit: &Adit, words: &[&str]) {
    println!("\n$ adit {}", words.join(" "));
    print!("{}", adit.run(words.iter().copied()));
}

fn fetch(lab: &Lab) -> std::net::IpAddr {
    println!("$ curl http://site.test/");
    match lab.client.whoami("site.test") {
        Ok(seen) => {
            println!("you are {seen}");
            seen
        }
        Err(error) => {
            println!("{error}");
            address::ROUTER.v4.into()
        }
    }
}
