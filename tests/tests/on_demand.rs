//! Connecting and disconnecting by rules.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use adit_model::ConfigurationId;
use adit_profile::import_mobileconfig;
use adit_tests::{Adit, Lab, Signal, WireGuardServer, address};
use serde_json::{Value, json};

const SITE: &str = "203.0.113.10";
const PROBE: &str = "203.0.113.10:7302";

// spec: OD-3, OD-22, OD-23, OD-C3
#[test]
fn it_connects_when_there_is_a_network_and_not_after_a_stop_by_hand() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let mut adit = Adit::start(&lab.client);
    adit.import("home", &vpn.add_peer().conf());
    let rules = json!([{"action": "connect", "eager": true}]);
    adit.set_on_demand_settings("home", &json!({"enabled": false, "rules": rules}));
    leave_network(&lab, &adit);
    adit.run(["on-demand", "on", "home"]);
    adit.eventually("armed", || on_demand(&adit)["rule"]["index"] == 0);
    assert_eq!(adit.status("home"), "disconnected");
    join_network(&lab);
    adit.wait_for("home", "connected");
    assert_eq!(lab.client.whoami(SITE).unwrap(), vpn.outer_ipv4());
    let cause = adit.session("home")["startCause"]["onDemand"]["reason"].clone();
    assert_eq!(cause, "rule 1 matches everywhere");

    adit.restart_helper();
    adit.wait_for("home", "connected");
    adit.disconnect("home");
    let said = adit.run(["status", "home"]);
    assert!(said.contains("On demand is paused until you connect or resume it."), "{said}");
    leave_network(&lab, &adit);
    join_network(&lab);
    adit.eventually("a network", || !explained(&adit)["network"]["primary"].is_null());
    adit.restart_helper();
    adit.eventually("paused", || on_demand(&adit)["until"] == "byHand");
    assert_eq!(adit.status("home"), "disconnected");
    assert_eq!(lab.client.whoami(SITE).unwrap(), address::CLIENT.v4);

    adit.run(["on-demand", "resume", "home"]);
    adit.wait_for("home", "connected");
    adit.run(["on-demand", "pause", "home", "15m"]);
    assert_eq!(adit.status("home"), "connected");
    adit.disconnect("home");
    adit.run(["on-demand", "off", "home"]);
    adit.eventually("nothing of on demand", || on_demand(&adit).is_null());
    adit.assert_no_residue();
}

// spec: OD-23, MGR-C4, X-3
#[test]
fn from_boot_on_it_connects_with_nobody_there() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let peer = vpn.add_peer();
    let mut adit = Adit::start(&lab.client);
    adit.import_with("home", &peer.conf(), &["--system"]);
    adit.set_on_demand("home", &json!([{"action": "connect", "eager": true}]));
    adit.wait_for("home", "connected");
    // As a computer is switched off, and what is left of that.
    adit.helper().signal(Signal::TERM);
    adit.eventually("an end", || !lab.client.sh("ip -o link").contains("adit"));
    lab.client.sh("rm -rf /run/adit");
    adit.restart_helper();
    let way = || lab.client.whoami(SITE);
    adit.eventually("the tunnel", || way().is_ok_and(|it| it == vpn.outer_ipv4()));
    adit.disconnect("home");
}

// spec: ODP-1, ODP-3, ODP-4, ODP-11
#[test]
fn a_profile_that_is_imported_by_hand_connects_by_its_rules_and_is_exported_with_them() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    adit.import("home", &vpn.add_peer().conf());
    let export = || adit.run(["export", "home", "--format", "mobileconfig"]);
    let rules = "<key>OnDemandEnabled</key><integer>1</integer><key>OnDemandRules</key><array>
        <dict><key>Action</key><string>Disconnect</string>
            <key>DNSDomainMatch</key><array><string>*.trusted.test</string></array></dict>
        <dict><key>Action</key><string>Connect</string>
            <key>InterfaceTypeMatch</key><string>Ethernet</string>
            <key>DNSServerAddressMatch</key><array><string>203.0.113.*</string></array></dict>
        <dict><key>Action</key><string>Ignore</string></dict>
        </array><key>RemoteAddress</key>";
    let mut profile = export().replace("<key>RemoteAddress</key>", rules);
    let rules_of = |profile: &str| {
        let read = import_mobileconfig(profile.as_bytes(), ConfigurationId::random).unwrap();
        read.configurations[0].configuration.on_demand.clone()
    };
    assert_eq!(rules_of(&profile).rules.len(), 3);
    // What is exported is as good as what was imported.
    for _ in 0..2 {
        adit.run(["remove", "home", "--yes"]);
        lab.client.write_file("/run/home.mobileconfig", &profile);
        adit.run(["import", "/run/home.mobileconfig"]);
        adit.eventually("armed", || on_demand(&adit)["rule"]["index"] == 1);
        adit.eventually("waiting", || is_waiting(&lab));
        assert_eq!(adit.status("home"), "disconnected");
        assert_eq!(whoami(&lab), vpn.outer_ipv4());
        adit.wait_for("home", "connected");
        let exported = export();
        assert_eq!(rules_of(&exported), rules_of(&profile));
        profile = exported;
    }
    adit.run(["remove", "home", "--yes"]);
    adit.assert_no_residue();
}

// spec: OD-4, OD-8, OD-C2, OD-C6
#[test]
fn in_a_trusted_network_it_disconnects_and_in_another_it_waits_for_who_wants_it() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let wireless = lab.client.start_wireless("Café");
    let adit = Adit::start(&lab.client);
    adit.import("home", &vpn.add_peer().conf());
    let rules = json!([{"action": "disconnect", "ssids": ["Home"]}, {"action": "connect"}]);
    adit.set_on_demand("home", &rules);
    adit.eventually("armed", || on_demand(&adit)["rule"]["index"] == 1);
    adit.eventually("waiting", || is_waiting(&lab));
    assert_eq!(adit.status("home"), "disconnected");
    assert_eq!(whoami(&lab), vpn.outer_ipv4());
    let session = adit.session("home");
    assert_eq!(session["startCause"]["onDemand"]["rule"], 1, "{session}");

    wireless.join("Home");
    adit.wait_for("home", "disconnected");
    adit.eventually("no waiting", || adit.residue().is_empty());
    assert_eq!(lab.client.whoami(SITE).unwrap(), address::CLIENT.v4);
    let said = adit.run(["status", "home"]);
    assert!(said.contains("on Wi-Fi “Home”: disconnect and stay so"), "{said}");

    wireless.join("Elsewhere");
    adit.eventually("armed", || on_demand(&adit)["rule"]["index"] == 1);
    assert_eq!(adit.status("home"), "disconnected");
    adit.eventually("waiting", || is_waiting(&lab));
    assert_eq!(whoami(&lab), vpn.outer_ipv4());
    adit.run(["on-demand", "off", "home"]);
    adit.disconnect("home");
    adit.assert_no_residue();
}

// spec: OD-11, OD-C4
#[test]
fn a_probe_that_is_redirected_does_not_match() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let status = Arc::new(AtomicU16::new(302));
    serve(lab.internet.enter(|| TcpListener::bind(PROBE)).unwrap(), Arc::clone(&status));
    let adit = Adit::start(&lab.client);
    adit.import("home", &vpn.add_peer().conf());
    adit.set_on_demand("home", &probing("http://site.test:7302/"));
    adit.eventually("ignored", || on_demand(&adit)["rule"]["index"] == 1);
    let said = adit.run(["on-demand", "explain", "home"]);
    assert!(said.contains("it redirects elsewhere (302)"), "{said}");
    assert_eq!(adit.status("home"), "disconnected");

    status.store(200, Ordering::Relaxed);
    leave_network(&lab, &adit);
    join_network(&lab);
    adit.wait_for("home", "connected");
    // While it is connected too, the probe goes past the tunnel.
    let said = adit.run(["on-demand", "explain", "home"]);
    assert!(said.contains("it answered 200"), "{said}");
    adit.disconnect("home");
}

// spec: OD-14, OD-C5
#[test]
fn a_network_that_changes_during_a_probe_makes_its_result_void() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let wireless = lab.client.start_wireless("Home");
    let listener = lab.internet.enter(|| TcpListener::bind(PROBE)).unwrap();
    let adit = Adit::start(&lab.client);
    adit.import("home", &vpn.add_peer().conf());
    adit.set_on_demand("home", &probing(&format!("http://{PROBE}/")));
    let (held, holding) = mpsc::channel();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            read_request(&mut stream);
            match number {
                0 => held.send(stream).unwrap(),
                _ => answer(&mut stream, 404),
            }
        }
    });
    let mut first = holding.recv_timeout(Duration::from_secs(30)).unwrap();
    wireless.join("Café");
    adit.eventually("ignored", || on_demand(&adit)["rule"]["index"] == 1);
    // Nobody listens to the first answer any more.
    let _ = first.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
    assert!(first.read(&mut [0]).is_err() || first.read(&mut [0]).unwrap_or(0) == 0);
    let said = adit.run(["on-demand", "explain", "home"]);
    assert!(said.contains("it answered 404"), "{said}");
    assert_eq!(adit.status("home"), "disconnected");
    assert_eq!(on_demand(&adit)["rule"]["index"], 1);
}

// spec: OD-7, OD-9
#[test]
fn the_real_network_manager_says_which_connection_it_is() {
    let Some(lab) = Lab::new() else { return };
    let Some(_manager) = lab.client.start_network_manager() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    adit.import("home", &vpn.add_peer().conf());
    let here = json!({"action": "connect", "eager": true, "connectionIds": ["lan"],
        "interfaceType": "ethernet",
        "dnsServers": {"mode": "all", "servers": [address::DNS.v4.to_string()]}});
    adit.set_on_demand("home", &json!([here, {"action": "disconnect"}]));
    adit.wait_for("home", "connected");
    // The tunnel's own servers are no part of the network.
    let primary = explained(&adit)["network"]["primary"].clone();
    assert_eq!(primary["connectionId"], "lan", "{primary}");
    assert_eq!(primary["dnsServers"], json!([address::DNS.v4.to_string()]), "{primary}");
    assert_eq!(on_demand(&adit)["rule"]["index"], 0);
    adit.disconnect("home");
    adit.assert_no_residue();
}

// spec: ODP-16, STOP-8
#[test]
fn a_session_that_a_rule_began_ends_when_nobody_uses_it() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    adit.import("home", &vpn.add_peer().conf());
    let settings = json!({"enabled": true, "idleTimeout": 2,
        "rules": [{"action": "connect", "eager": true}]});
    adit.set_on_demand_settings("home", &settings);
    adit.wait_for("home", "connected");
    adit.wait_for("home", "disconnected");
    let past: Value = serde_json::from_str(&adit.run(["history", "home", "--json"])).unwrap();
    assert_eq!(past[0]["stopReason"], "idleTimeout", "{past}");
    adit.eventually("waiting", || is_waiting(&lab));
    assert_eq!(whoami(&lab), vpn.outer_ipv4());
    adit.disconnect("home");
    adit.assert_no_residue();
}

// spec: ODP-2
#[test]
fn what_an_administrator_has_locked_is_not_held_off() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let Some(user) = adit.user(1000) else { return };
    user.import("home", &vpn.add_peer().conf());
    let settings = json!({"enabled": true, "userOverrideDisabled": true,
        "rules": [{"action": "ignore"}]});
    let mut archive: Value =
        serde_json::from_str(&user.run(["export", "home", "--format", "adit"])).unwrap();
    archive["configuration"]["onDemand"] = settings;
    lab.client.write_file("/run/home.json", archive.to_string());
    user.run(["remove", "home", "--yes"]);
    user.run(["import", "/run/home.json"]);
    let reason = user.refused(4, ["on-demand", "pause", "home", "15m"]);
    assert!(reason.contains("has locked that"), "{reason}");
    adit.run(["on-demand", "pause", "home", "15m"]);
    assert_eq!(on_demand(&adit)["until"], "time");
}

fn leave_network(lab: &Lab, adit: &Adit) {
    lab.client.sh("ip -4 route delete default; ip -6 route delete default");
    adit.eventually("offline", || explained(adit)["network"]["primary"].is_null());
}

fn join_network(lab: &Lab) {
    let router = address::CLIENT.gateway();
    lab.client.sh(&format!(
        "ip -4 route add default via {}; ip -6 route add default via {}",
        router.v4, router.v6
    ));
}

fn probing(url: &str) -> Value {
    json!([{"action": "connect", "eager": true, "probeUrl": url}, {"action": "ignore"}])
}

/// How on demand stands, as `adit status --json` shows it.
fn on_demand(adit: &Adit) -> Value {
    adit.session("home")["onDemand"].clone()
}

fn explained(adit: &Adit) -> Value {
    serde_json::from_str(&adit.run(["on-demand", "explain", "--json"])).unwrap()
}

/// Whether an interface has its routes. Before that, what is its alone is refused.
fn is_waiting(lab: &Lab) -> bool {
    lab.client.sh("ip route show table all").contains("default dev adit")
}

/// What a web server sees that is asked while the tunnel starts.
fn whoami(lab: &Lab) -> std::net::IpAddr {
    let seen = lab.client.http_get_within(Duration::from_secs(30), &format!("http://{SITE}/"));
    String::from_utf8_lossy(&seen.unwrap()).parse().unwrap()
}

/// Answers everybody with this status, for as long as the test runs.
fn serve(listener: TcpListener, status: Arc<AtomicU16>) {
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            read_request(&mut stream);
            answer(&mut stream, status.load(Ordering::Relaxed));
        }
    });
}

fn read_request(stream: &mut TcpStream) {
    let mut request = Vec::new();
    let mut buffer = [0; 512];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(length) => request.extend_from_slice(&buffer[..length]),
        }
    }
}

fn answer(stream: &mut TcpStream, status: u16) {
    let location = if status == 302 { "Location: http://203.0.113.20/\r\n" } else { "" };
    let head = format!("HTTP/1.1 {status} As asked\r\n{location}Content-Length: 0\r\n\r\n");
    // Whoever asked may have left.
    let _ = stream.write_all(head.as_bytes());
}
