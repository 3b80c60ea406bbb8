//! Per-app tunnels: what their apps send goes through them or nowhere, and nothing else does.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::thread;
use std::time::Duration;

use adit_tests::{Adit, Capture, ControlGroups, Lab, Outcome, Query, WireGuardServer, address};

/// Sends datagrams and opens connections to this port, over both versions of IP, by the routes and bound to the
/// uplink, and as root may that wants out: without a mark, with the mark of the tunnels' own packets, by MPTCP.
const SEND: &str = r#"
import socket, sys
port = int(sys.argv[1])
for family, host in ((socket.AF_INET, "203.0.113.20"), (socket.AF_INET6, "2001:db8:113::20"), (socket.AF_INET, "10.20.0.3")):
    for kind, protocol in ((socket.SOCK_DGRAM, 0), (socket.SOCK_STREAM, 0), (socket.SOCK_STREAM, 262)):
        for interface in (None, b"eth0"):
            for mark in (None, 0, 0x0AD10000):
                try:
                    s = socket.socket(family, kind, protocol)
                    if interface: s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface)
                    if mark is not None: s.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
                    s.setblocking(False)
                    s.connect((host, port))
                    s.send(b"x")
                except OSError: pass
"#;

/// Asks a web server for the address it sees, over and over, and prints each answer or that there is none.
const ASK: &str = r#"
import sys, time, urllib.request
while True:
    try: print("seen", urllib.request.urlopen("http://%s/" % sys.argv[1], timeout=2).read().decode().strip(), flush=True)
    except OSError: print("nothing", flush=True)
    time.sleep(0.05)
"#;

/// Ports that tell who sent something.
const OF_APP: u16 = 4443;
const OF_OTHERS: u16 = 4444;
const SITE: &str = "203.0.113.10";
const SITE_V6: &str = "[2001:db8:113::10]";

// spec: MGR-30, RTE-16, RTE-20, RULE-9, RULE-C1
#[test]
fn an_app_goes_through_its_tunnel_or_nowhere_and_nobody_else_does() {
    let Some(Work { lab, groups: _groups, vpn, adit }) = Work::imported() else { return };
    let client = &lab.client;
    // The sniffer sees a program that nothing holds back, in each of its ways.
    let sent = sniffed(&lab, || drop(client.run(["python3", "-c", SEND, "4443"])));
    let sent = sent.filter(|packet| packet.is_to_port(OF_APP));
    assert!(sent.len() >= 3 * 3 * 2 * 3, "{sent}");

    // Not connected.
    let refused = nothing_outside(&lab, &adit);
    assert!(refused.stderr.contains("is not connected"), "{refused:?}");
    // One that lives through all of it, and what it starts itself.
    let app = adit.spawn(["run", "work", "--", "sh", "-c", &format!("python3 -c '{ASK}' {SITE}")]);
    app.wait_for_log("nothing");
    adit.connect("work");
    app.wait_for_log(&format!("seen {}", vpn.outer_ipv4()));
    assert_eq!(client.whoami(SITE).unwrap(), address::CLIENT.v4);
    assert_eq!(asked_by_app(&adit, SITE), vpn.outer_ipv4().to_string());
    assert_eq!(asked_by_app(&adit, SITE_V6), vpn.outer_ipv6().to_string());
    let inside = Capture::start(&lab.server, "wg0");
    nothing_outside(&lab, &adit);
    let inside = inside.stop();
    inside.assert_some("what the app sends", |packet| packet.is_to_port(OF_APP));
    inside.assert_none("what others send", |packet| packet.is_to_port(OF_OTHERS));

    adit.disconnect("work");
    nothing_outside(&lab, &adit);
    let failures = || app.log().matches("nothing").count();
    let before = failures();
    adit.eventually("request without an answer", || failures() > before);
}

// spec: RTE-20, MGR-30, X-2
#[test]
fn nothing_of_an_app_gets_out_when_the_helper_and_the_provider_die() {
    let Some(Work { lab, groups, vpn, mut adit }) = Work::imported() else { return };
    adit.connect("work");
    let app = adit.spawn(["run", "work", "--", "python3", "-c", ASK, SITE]);
    app.wait_for_log("seen");
    let sniffer = lab.sniff_client();
    adit.kill_helper();
    adit.kill_providers();
    thread::sleep(Duration::from_millis(500));
    assert_eq!(lab.client.whoami(SITE).unwrap(), address::CLIENT.v4, "others go on");
    adit.restart_helper();
    adit.wait_for("work", "connected");
    assert_eq!(asked_by_app(&adit, SITE), vpn.outer_ipv4().to_string());
    // Who was in it still is, also for the helper that has not seen it come.
    assert!(groups.processes() > 0);
    sniffer.stop().incoming().assert_none("the app's requests", |packet| {
        packet.contains("User-Agent: Python") && packet.is_to_port(80)
    });
    adit.run(["reset"]);
    adit.assert_no_residue();
}

// spec: RULE-8
#[test]
fn the_names_of_an_app_are_asked_through_its_tunnel_and_those_of_others_are_not() {
    let Some(work) = Work::imported() else { return };
    names_go_the_way_of_the_app(&work);
    // What asks for everybody alike is told of, and so is a tunnel without a server. Even then nothing is asked outside.
    let Work { lab, groups: _groups, vpn, adit } = work;
    adit.disconnect("work");
    lab.client.write_file("/etc/nsswitch.conf", "hosts: files resolve [!UNAVAIL=return] dns\n");
    adit.connect("work");
    assert_eq!(adit.health("work"), ["apps.names-outside"]);
    let conf = vpn.add_peer().conf();
    let conf: Vec<&str> = conf.lines().filter(|line| !line.starts_with("DNS")).collect();
    adit.import_with("nameless", &conf.join("\n"), &["--per-app"]);
    adit.connect("nameless");
    assert_eq!(adit.health("nameless"), ["apps.without-dns"]);
    let sniffer = lab.sniff_client();
    look_up(&adit, "nameless", "site.test");
    sniffer.stop().incoming().assert_none("question for names", |packet| packet.is_to_port(53));
}

// spec: RULE-8
#[test]
fn a_resolver_on_this_computer_asks_nobody_on_behalf_of_an_app() {
    let Some(lab) = Lab::new() else { return };
    let Some(_resolved) = lab.client.start_resolved() else { return };
    let Some(work) = Work::imported_in(lab) else { return };
    names_go_the_way_of_the_app(&work);
}

// spec: MGR-12, TUN-6
#[test]
fn a_per_app_tunnel_stands_beside_one_for_everything() {
    let Some(Work { lab, groups: _groups, vpn, adit }) = Work::imported() else { return };
    let other = WireGuardServer::start(&lab.server2);
    adit.import_with("home", &other.add_peer().conf(), &["--include-all-networks"]);
    adit.connect("home");
    adit.connect("work");
    assert_eq!(lab.client.whoami(SITE).unwrap(), other.outer_ipv4());
    assert_eq!(asked_by_app(&adit, SITE), vpn.outer_ipv4().to_string());
    adit.disconnect("work");
    nothing_outside_or_inside(&lab, &adit);
    assert_eq!(lab.client.whoami(SITE).unwrap(), other.outer_ipv4());
}

// spec: MGR-22, TN34-1, ENT-14
#[test]
fn everybody_runs_apps_in_tunnels_of_their_own() {
    let Some(Work { lab, groups, vpn, adit }) = Work::imported() else { return };
    let Some(alice) = adit.user(1000) else { return };
    let reason = alice.refused(1, ["run", "work", "--", "true"]);
    assert!(reason.contains("There is no configuration “work”"), "{reason}");
    lab.client.write_file("/run/own.conf", vpn.add_peer().conf());
    alice.run(["import", "--per-app", "/run/own.conf"]);
    alice.run(["connect", "own", "--wait", "15"]);
    let asked = alice.run(["run", "own", "--", "python3", "-c", &once(SITE)]);
    assert_eq!(asked.trim(), vpn.outer_ipv4().to_string());
    let uid = alice.run(["run", "own", "--", "id", "-u"]);
    assert_eq!(uid.trim(), "1000");

    alice.import("plain", &vpn.add_peer().conf());
    let reason = alice.refused(1, ["run", "plain", "--", "true"]);
    assert!(reason.contains("not by which app sends it"), "{reason}");
    let reason =
        alice.refused(1, ["import", "--replace", "--per-app", "--name", "plain", "/run/own.conf"]);
    assert!(reason.contains("is fixed when a configuration is made"), "{reason}");
    let reason = alice.refused(1, ["run", "own", "--", "/no/such/program"]);
    assert!(reason.contains("“/no/such/program” cannot be run"), "{reason}");
    // A group goes with its configuration.
    alice.run(["remove", "own", "--yes"]);
    adit.run(["remove", "work", "--yes"]);
    adit.eventually("end of the groups", || groups.is_empty());
    adit.assert_no_residue();
}

/// A lab whose client has a per-app configuration `work`.
struct Work {
    lab: Lab,
    groups: ControlGroups,
    vpn: WireGuardServer,
    adit: Adit,
}

impl Work {
    #[track_caller]
    fn imported() -> Option<Self> {
        Self::imported_in(Lab::new()?)
    }

    #[track_caller]
    fn imported_in(lab: Lab) -> Option<Self> {
        let groups = ControlGroups::of(&lab.client)?;
        let vpn = WireGuardServer::start(&lab.server);
        let adit = Adit::start_as_packaged(&lab.client);
        adit.import_with("work", &vpn.add_peer().conf(), &["--per-app"]);
        Some(Self { lab, groups, vpn, adit })
    }
}

/// Nobody is asked for a name on behalf of an app but the server of its tunnel, and that for nobody else.
#[track_caller]
fn names_go_the_way_of_the_app(Work { lab, vpn, adit, .. }: &Work) {
    let asked_outside = |name: &str| {
        let from_client = |query: &Query| query.from == address::CLIENT.v4 && query.name == name;
        lab.dns.queries().iter().any(from_client)
    };
    let asked_inside = |name: &str| vpn.dns().queries().iter().any(|query| query.name == name);
    assert!(!look_up(adit, "work", "www.site.test").status.success());
    assert!(!asked_outside("www.site.test"), "while the tunnel is down");
    adit.connect("work");
    let found = look_up(adit, "work", "inside.corp.test");
    assert!(found.status.success(), "{found:?}");
    assert!(asked_inside("inside.corp.test") && !asked_outside("inside.corp.test"));
    assert!(lab.client.resolve("other.test").contains(&address::OTHER_SITE.v4.into()));
    assert!(asked_outside("other.test") && !asked_inside("other.test"));
}

#[track_caller]
fn look_up(adit: &Adit, tunnel: &str, name: &str) -> Outcome {
    adit.try_run(["run", tunnel, "--", "getent", "ahosts", name])
}

/// Has an app and another program send, and panics if something of the app came out of the client, or nothing of the
/// other.
#[track_caller]
fn nothing_outside(lab: &Lab, adit: &Adit) -> Outcome {
    let mut outcome = None;
    let sent = sniffed(lab, || {
        lab.client.run(["python3", "-c", SEND, "4444"]);
        outcome = Some(adit.try_run(["run", "work", "--", "python3", "-c", SEND, "4443"]));
    });
    sent.assert_some("what others send", |packet| packet.is_to_port(OF_OTHERS));
    sent.assert_none("what the app sends", |packet| packet.is_to_port(OF_APP));
    outcome.unwrap()
}

/// Where another tunnel takes what others send.
#[track_caller]
fn nothing_outside_or_inside(lab: &Lab, adit: &Adit) {
    let inside = Capture::start(&lab.server2, "wg0");
    let sent = sniffed(lab, || {
        lab.client.run(["python3", "-c", SEND, "4444"]);
        adit.run(["run", "work", "--", "python3", "-c", SEND, "4443"]);
    });
    sent.assert_none("what the app sends", |packet| packet.is_to_port(OF_APP));
    let inside = inside.stop();
    inside.assert_some("what others send", |packet| packet.is_to_port(OF_OTHERS));
    inside.assert_none("what the app sends", |packet| packet.is_to_port(OF_APP));
}

#[track_caller]
fn sniffed(lab: &Lab, act: impl FnOnce()) -> adit_tests::Packets {
    let sniffer = lab.sniff_client();
    act();
    sniffer.stop().incoming()
}

/// The address that a web server sees of an app.
#[track_caller]
fn asked_by_app(adit: &Adit, host: &str) -> String {
    adit.run(["run", "work", "--", "python3", "-c", &once(host)]).trim().to_owned()
}

fn once(host: &str) -> String {
    let script = "import urllib.request; print(urllib.request.urlopen('http://HOST/', timeout=5).read().decode())";
    script.replace("HOST", host)
}
