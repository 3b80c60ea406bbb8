//! What somebody else breaks is put back within a second, and said.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::fs;
use std::net::IpAddr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use adit_tests::{Adit, Home, Lab, Machine, Process, Resolved};

/// How often each damage is done, for a median.
const ROUNDS: u32 = 5;
/// What the provider says whose interface somebody deletes; it is replaced.
const DELETED: &str = "the virtual interface cannot be read";

#[test]
fn what_somebody_takes_away_is_put_back_and_told() {
    let Some(Home { lab, vpn, mut adit }) = Home::connected() else { return };
    adit.expect_error(DELETED);
    for (damage, code) in [
        ("ip -4 rule flush proto 173", "changed.rules"),
        ("ip -6 rule del pref 5000; ip -6 rule del pref 5001", "changed.rules"),
        ("ip -4 route flush table 44544", "changed.routes"),
        ("ip -6 route del default dev adit0 table 44544", "changed.routes"),
        ("ip address flush dev adit0", "changed.addresses"),
        ("ip link set adit0 down", "changed.interface"),
        ("ip link set adit0 mtu 1280", "changed.interface"),
        ("ip link del adit0", "changed.device"),
        ("echo 1 > /proc/sys/net/ipv6/conf/adit0/disable_ipv6", "changed.settings"),
        ("nft flush ruleset", "changed.firewall"),
    ] {
        let mut times: Vec<u128> =
            (0..ROUNDS).map(|_| time_to_heal(&adit, &lab.client, damage).as_millis()).collect();
        times.sort_unstable();
        println!("{damage}: whole after {} ms, {times:?}", times[times.len() / 2]);
        adit.eventually("health item", || adit.health("home").iter().any(|told| told == code));
        adit.wait_for("home", "connected");
        assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4(), "{damage}");
        adit.disconnect("home");
        adit.connect("home");
        assert!(
            adit.health("home").iter().all(|code| !code.starts_with("changed")),
            "of a new session"
        );
    }
    adit.disconnect("home");
    adit.assert_no_residue();
}

#[test]
fn a_resolver_that_starts_anew_is_told_again() {
    let Some(lab) = Lab::new() else { return };
    let Some(mut resolved) = lab.client.start_resolved() else { return };
    let Home { lab, vpn, adit } = Home::connected_in(lab);
    let server = IpAddr::from(vpn.inner_ipv4());
    let is_told = |resolved: &Resolved| resolved.servers("adit0") == [server];
    assert!(is_told(&resolved));
    resolved.kill();
    // What it keeps of links would bring it back by itself.
    lab.client.sh("rm -r /run/systemd/resolve/netif");
    resolved.restart();
    let start = Instant::now();
    adit.eventually("DNS server of the tunnel", || is_told(&resolved));
    println!("systemd-resolved restarted: whole after {} ms", start.elapsed().as_millis());
    assert!(adit.health("home").contains(&"changed.dns".to_owned()));
    resolved.ctl(["revert", "adit0"]);
    let start = Instant::now();
    adit.eventually("DNS server of the tunnel", || is_told(&resolved));
    println!("resolvectl revert: whole after {} ms", start.elapsed().as_millis());
    // Gone for good, so that programs ask whom the file names.
    resolved.kill();
    let in_file = format!("nameserver {server}");
    adit.eventually("DNS server of the tunnel in the file", || {
        lab.client.read_file("/etc/resolv.conf").contains(&in_file)
    });
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
    // Back after all. It must not take what was written in its place for the network's own servers.
    let knows = |resolved: &Resolved| resolved.ctl(["dns"]).contains(&server.to_string());
    resolved.restart();
    adit.eventually("DNS server of the tunnel", || is_told(&resolved));
    let global = |resolved: &Resolved| {
        let told = resolved.ctl(["dns"]);
        told.lines().find(|line| line.starts_with("Global")).unwrap().to_owned()
    };
    assert!(!global(&resolved).contains(&server.to_string()), "{}", global(&resolved));
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
    adit.disconnect("home");
    assert!(!knows(&resolved), "{}", resolved.ctl(["dns"]));
    adit.assert_no_residue();

    // Back only when the tunnel is down.
    adit.connect("home");
    resolved.kill();
    adit.eventually("DNS server of the tunnel in the file", || {
        lab.client.read_file("/etc/resolv.conf").contains(&in_file)
    });
    adit.disconnect("home");
    adit.assert_no_residue();
    resolved.restart();
    assert!(!knows(&resolved), "{}", resolved.ctl(["dns"]));
}

#[test]
fn network_manager_that_starts_anew_is_told_again() {
    let Some(lab) = Lab::new() else { return };
    let Some(mut manager) = lab.client.start_network_manager() else { return };
    let Home { lab, vpn, adit } = Home::connected_in(lab);
    let server = format!("nameserver {}", vpn.inner_ipv4());
    let is_told = || lab.client.read_file("/etc/resolv.conf").contains(&server);
    assert!(is_told());
    // What it keeps would bring it back by itself.
    manager.kill();
    lab.client.sh("rm /etc/NetworkManager/intern.conf");
    manager.restart();
    let start = Instant::now();
    adit.eventually("DNS server of the tunnel", is_told);
    println!("NetworkManager restarted: whole after {} ms", start.elapsed().as_millis());
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
    adit.disconnect("home");
    assert!(!is_told());
}

#[test]
fn who_writes_resolv_conf_over_and_over_is_named_and_the_helper_is_idle() {
    let Some(Home { lab, vpn: _vpn, adit }) = Home::connected() else { return };
    let theirs = "# Generated by NetworkManager\nnameserver 203.0.113.53\n";
    for _ in 0..100 {
        lab.client.write_file("/etc/resolv.conf", theirs);
        thread::sleep(Duration::from_millis(20));
    }
    adit.eventually("health item", || adit.health("home") == ["contested.dns"]);
    let status = adit.run(["status", "home"]);
    assert!(status.contains("NetworkManager keeps changing the system’s name resolution"));
    let before = ticks(adit.helper());
    thread::sleep(Duration::from_secs(2));
    let used = ticks(adit.helper()) - before;
    assert!(used <= 5, "{used} hundredths of a second within 2 s");
    assert_eq!(adit.status("home"), "connected");
}

// spec: RTE-13
#[test]
fn nothing_gets_out_while_routing_is_damaged() {
    let Some(Home { lab, vpn, mut adit }) = Home::imported_with(&["--enforce-routes"]) else {
        return;
    };
    adit.expect_error(DELETED);
    lab.assert_open();
    adit.connect("home");
    let watch = lab.watch_for_leaks(Duration::from_millis(2));
    for damage in [
        "for family in -4 -6; do ip $family rule flush proto 173; done",
        "for family in -4 -6; do ip $family route flush table 44544; done",
        "ip address flush dev adit0",
        "ip link set adit0 down",
        "ip link del adit0",
    ] {
        for _ in 0..2 {
            time_to_heal(&adit, &lab.client, damage);
        }
    }
    watch.assert_no_leak();
    adit.wait_for("home", "connected");
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
}

// spec: SES-6, TUN-18
#[test]
fn who_deletes_the_interface_over_and_over_is_named_and_nothing_gets_out() {
    let Some(Home { lab, vpn, mut adit }) = Home::imported_with(&["--enforce-routes"]) else {
        return;
    };
    adit.expect_error(DELETED);
    lab.assert_open();
    adit.connect("home");
    let before = adit.session("home");
    let watch = lab.watch_for_leaks(Duration::from_millis(5));
    let mut times = Vec::new();
    for round in 0..10 {
        lab.client.sh("ip link del adit0");
        let start = Instant::now();
        adit.eventually("way through the tunnel", || {
            lab.client.whoami("site.test").is_ok_and(|way| way == vpn.outer_ipv4())
        });
        times.push(start.elapsed().as_millis());
        let after = adit.session("home");
        for same in ["connectedAt", "interface"] {
            assert_eq!(after[same], before[same], "{after}");
        }
        let told = if round < 9 { "changed.device" } else { "contested.device" };
        assert!(adit.health("home").iter().any(|code| code == told), "{after}");
    }
    times.sort_unstable();
    println!("interface deleted: traffic after {} ms, {times:?}", times[times.len() / 2]);
    let status = adit.run(["status", "home"]);
    assert!(status.contains("keeps deleting the tunnel’s interface"), "{status}");

    lab.client.sh("ip link del adit0");
    adit.wait_for("home", "reasserting");
    lab.client.whoami("203.0.113.10").unwrap_err();
    assert_eq!(adit.session("home")["connectedAt"], before["connectedAt"]);
    watch.assert_no_leak();
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
        ip -o address show scope global | cut -d ' ' -f 2-; ip -o link show adit0 | cut -d ' ' -f 2-5
        nft list ruleset";
    let output = client.enter(|| Command::new("sh").args(["-c", shown]).output().unwrap());
    let text = String::from_utf8(output.stdout).unwrap();
    // What the kernel learns by itself is nobody's setting, and its order is that of the changes.
    let mut lines: Vec<&str> =
        text.lines().filter(|line| !line.contains("expires") && !line.contains("fe80")).collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// The time that a process has used, in hundredths of a second, proc(5).
fn ticks(process: &Process) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.pid())).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}
