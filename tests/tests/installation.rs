//! A provider is updated, removed, bound to a network or out of reach while its tunnel stands.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::time::Duration;

use adit_model::{ConnectionError, DisconnectError};
use adit_tests::{Adit, Lab, UdpTunnelServer, WireGuardServer};
use serde_json::{Value, json};

const ID: &str = "org.example.udp";
const PROGRAM: &str = "/run/adit-providers/org.example.udp/udp_tunnel.py";
const MANIFEST: &str = "/run/adit-providers/org.example.udp/provider.toml";
const INSIDE: &str = "10.77.0.1";

// spec: STOP-16, X-1
#[test]
fn a_provider_that_is_updated_is_replaced_and_nothing_gets_out_meanwhile() {
    let Some(lab) = Lab::new() else { return };
    let server = UdpTunnelServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    // It tells what it is asked for.
    lab.client.sh(&format!(
        "sed -i '/message, fds = provider/a\\    print(message, flush=True)' {PROGRAM}"
    ));
    import(&adit, &server, &json!({ "includeAllNetworks": true }));
    lab.assert_open();
    adit.connect("work");
    let (before, provider) = (adit.session("work"), adit.providers());
    let leaks = lab.watch_for_leaks(Duration::from_millis(20));
    update(&lab);
    adit.eventually("the next version", || {
        adit.providers().iter().all(|it| !provider.contains(it))
    });
    adit.wait_for("work", "connected");
    leaks.assert_no_leak();
    assert_eq!(lab.client.whoami(INSIDE).unwrap().to_string(), "10.77.0.2");
    let after = adit.session("work");
    for same in ["connectedAt", "interface", "startCause"] {
        assert_eq!(after[same], before[same]);
    }
    assert!(adit.helper().log().contains("appUpdate"), "{}", adit.helper().log());

    // Also together with the service.
    let provider = adit.providers();
    let mut adit = adit;
    adit.kill_helper();
    update(&lab);
    adit.restart_helper();
    adit.eventually("the next version", || {
        adit.providers().iter().all(|it| !provider.contains(it))
    });
    adit.wait_for("work", "connected");
    assert_eq!(adit.session("work")["connectedAt"], before["connectedAt"]);
    adit.disconnect("work");
    assert_eq!(last(&adit)["providerRestarts"], 2);
    adit.assert_no_residue();
}

// spec: STOP-5, CERR-14
#[test]
fn a_provider_that_is_removed_ends_its_sessions_with_that() {
    let Some(lab) = Lab::new() else { return };
    let server = UdpTunnelServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    import(&adit, &server, &json!({}));
    adit.connect("work");
    lab.client.sh(&format!("rm -r /run/adit-providers/{ID}"));
    adit.wait_for("work", "disconnected");
    assert_told(&adit, &ConnectionError::PluginDisabled.plain(), "providerDisabled");
    let reason = adit.refused(1, ["connect", "work"]);
    assert!(reason.contains("not installed"), "{reason}");
    adit.assert_no_residue();
}

// spec: STOP-4, CERR-3
#[test]
fn a_provider_that_cannot_roam_ends_when_the_network_is_another_one() {
    let Some(lab) = Lab::new() else { return };
    let server = UdpTunnelServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    lab.client.sh(&format!("echo 'roams = false' >> {MANIFEST}"));
    import(&adit, &server, &json!({}));
    adit.connect("work");
    let has_network = || {
        let explained = adit.run(["on-demand", "explain", "--json"]);
        let explained: Value = serde_json::from_str(&explained).unwrap();
        !explained["network"]["primary"].is_null()
    };
    // The same network goes and comes back.
    lab.client.sh("ip link set eth0 down");
    adit.eventually("no network", || !has_network());
    lab.client
        .sh("ip link set eth0 up; ip route replace default via 10.20.0.1 dev eth0 metric 100");
    adit.eventually("the network", has_network);
    lab.client.run(["ping", "-c", "3", "-W", "2", INSIDE]);
    assert_eq!(adit.status("work"), "connected");

    let _uplink = lab.add_uplink();
    lab.client.sh("ip route replace default via 10.30.0.1 dev wifi0 metric 1");
    adit.wait_for("work", "disconnected");
    let error = ConnectionError::UnrecoverableNetworkChange.plain();
    assert_told(&adit, &error, "unrecoverableNetworkChange");
    adit.assert_no_residue();
}

// spec: STOP-2
#[test]
fn a_provider_that_does_not_answer_is_replaced() {
    let Some(lab) = Lab::new() else { return };
    let server = UdpTunnelServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    import(&adit, &server, &json!({}));
    adit.connect("work");
    let provider = adit.providers();
    lab.client.run(["kill", "-STOP"].into_iter().chain(provider.iter().map(String::as_str)));
    // Whatever it is asked.
    adit.run(["status", "work"]);
    adit.eventually("another one", || adit.providers().iter().any(|it| !provider.contains(it)));
    adit.wait_for("work", "connected");
    lab.client.run(["ping", "-c", "1", "-W", "2", INSIDE]);
    adit.disconnect("work");
    assert_eq!(last(&adit)["providerRestarts"], 1);
}

// spec: STOP-3, CERR-2
#[test]
fn a_start_without_a_network_says_that_there_is_none() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    adit.import("work", &vpn.peer().endpoint("vpn.test:51820").add().conf());
    lab.client.sh("ip link set eth0 down");
    let reason = adit.refused(1, ["connect", "work", "--wait", "40"]);
    assert!(reason.contains("There is no network connection."), "{reason}");
    assert!(reason.contains("Go online"), "{reason}");
    assert_told(&adit, &ConnectionError::NoNetworkAvailable.plain(), "noNetworkAvailable");
    adit.assert_no_residue();
}

fn import(adit: &Adit, server: &UdpTunnelServer, protocol: &Value) {
    let remote = server.endpoint().to_string();
    let configuration =
        json!({ "remote": remote, "address": "10.77.0.2/24", "routes": ["0.0.0.0/0"] });
    let mut protocol = protocol.clone();
    protocol["providerConfiguration"] = configuration;
    adit.import_for(ID, "work", &protocol);
}

/// Another program takes the place of the provider's, as a package would put it there.
fn update(lab: &Lab) {
    lab.client.sh(&format!(
        "cp -p {PROGRAM} /run/new && echo '# new' >> /run/new && mv /run/new {PROGRAM}"
    ));
}

fn last(adit: &Adit) -> Value {
    let history: Value = serde_json::from_str(&adit.run(["history", "-n", "1", "--json"])).unwrap();
    history[0].clone()
}

/// The command line and the history say the same.
fn assert_told(adit: &Adit, error: &DisconnectError, stop_reason: &str) {
    assert_eq!(adit.session("work")["lastError"], json!(error));
    let status = adit.run(["status", "work"]);
    assert!(status.contains(&error.message), "{status}");
    let last = last(adit);
    assert_eq!((&last["lastError"], &last["stopReason"]), (&json!(error), &json!(stop_reason)));
}
