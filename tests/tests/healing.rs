//! What somebody else breaks is put back within a second, and said.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use adit_tests::{Adit, Lab, Machine, WireGuardServer};
use serde_json::Value;

/// How often each damage is done, for a median.
const ROUNDS: u32 = 5;

#[test]
fn what_somebody_takes_away_is_put_back_and_told() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    adit.import("home", &vpn.add_peer().conf());
    adit.connect("home");
    for (damage, code) in [
        ("ip -4 rule flush proto 173", "changed.rules"),
        ("ip -6 rule del pref 5000; ip -6 rule del pref 5001", "changed.rules"),
        ("ip -4 route flush table 44544", "changed.routes"),
        ("ip -6 route del default dev adit0 table 44544", "changed.routes"),
        ("ip address flush dev adit0", "changed.addresses"),
        ("ip link set adit0 down", "changed.interface"),
        ("ip link set adit0 mtu 1280", "changed.interface"),
        ("echo 1 > /proc/sys/net/ipv6/conf/adit0/disable_ipv6", "changed.settings"),
    ] {
        let mut times: Vec<u128> =
            (0..ROUNDS).map(|_| time_to_heal(&adit, &lab.client, damage).as_millis()).collect();
        times.sort_unstable();
        println!("{damage}: whole after {} ms, {times:?}", times[times.len() / 2]);
        adit.eventually("health item", || codes(&adit).iter().any(|told| told == code));
        assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4(), "{damage}");
        adit.disconnect("home");
        adit.connect("home");
        assert!(codes(&adit).iter().all(|code| !code.starts_with("changed")), "of a new session");
    }
    adit.disconnect("home");
    adit.assert_no_residue();
}

/// Does the damage and waits until all is as before it.
#[track_caller]
fn time_to_heal(adit: &Adit, client: &Machine, damage: &str) -> Duration {
    let whole = network(client);
    client.enter(|| Command::new("sh").args(["-euc", damage]).status().unwrap());
    let start = Instant::now();
    while network(client) != whole {
        let log = adit.helper().log();
        assert!(start.elapsed() < Duration::from_secs(20), "{damage}: {}\n{log}", network(client));
        thread::sleep(Duration::from_millis(2));
    }
    start.elapsed()
}

/// The machine's network, as ip(8) shows it.
fn network(client: &Machine) -> String {
    let shown = "ip -4 rule show proto 173; ip -6 rule show proto 173; ip -4 route show table all; ip -6 route show table all;
        ip -o address show scope global; ip -o link show adit0 | cut -d ' ' -f 1-5";
    let output = client.enter(|| Command::new("sh").args(["-c", shown]).output().unwrap());
    let text = String::from_utf8(output.stdout).unwrap();
    // What the kernel learns by itself is nobody's setting, and its order is that of the changes.
    let mut lines: Vec<&str> =
        text.lines().filter(|line| !line.contains("expires") && !line.contains("fe80")).collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// The codes of what the session has to tell.
#[track_caller]
fn codes(adit: &Adit) -> Vec<String> {
    let status: Value = serde_json::from_str(&adit.run(["status", "home", "--json"])).unwrap();
    let items = status["session"]["health"].as_array().cloned().unwrap_or_default();
    items.iter().map(|item| item["code"].as_str().unwrap().to_owned()).collect()
}
