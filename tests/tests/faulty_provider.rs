//! A provider that fails, hangs or lies takes only its own session down.

#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::time::Duration;

use adit_model::{ConnectionError, DisconnectError};
use adit_tests::{Adit, Lab, WireGuardServer};
use serde_json::{Value, json};

const FAULTY: &str = "org.example.faulty";

// spec: ENT-C1
#[test]
fn a_provider_that_may_not_be_started_gets_no_interface() {
    let Some(lab) = Lab::new() else { return };
    let adit = Adit::start(&lab.client);
    adit.import_for(FAULTY, "faulty", &json!({}));
    let links = lab.client.spawn(["ip", "monitor", "link"]);
    // It says nothing when it is ready.
    adit.eventually("news of a link", || {
        lab.client.sh("ip tuntap add probe mode tun; ip link del probe");
        links.log().contains("probe")
    });
    let refused = || adit.refused(1, ["connect", "faulty"]);
    let reason = refused();
    assert!(reason.contains(FAULTY) && reason.contains("not installed"), "{reason}");
    adit.install_provider(FAULTY, "#!/bin/sh\nexit 3\n");
    let program = format!("/run/adit-providers/{FAULTY}/run");
    lab.client.run(["chmod", "o+w", &program]);
    let reason = refused();
    assert!(reason.contains("can be changed by others than root"), "{reason}");
    assert!(reason.contains("Repair its owner and mode"), "{reason}");
    assert!(!links.log().contains("adit"), "{}", links.log());
    adit.assert_no_residue();

    lab.client.run(["chmod", "o-w", &program]);
    assert!(refused().contains("stopped unexpectedly"));
    links.wait_for_log("adit0");
}

// spec: CERR-12
#[test]
fn a_provider_that_fails_ends_its_session_and_nothing_else() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    adit.install_provider(FAULTY, FAULTY_PROVIDER);
    adit.import("split", &vpn.peer().allowed_ips("203.0.113.20/32").no_dns().add().conf());
    adit.connect("split");
    let memory = adit.helper_memory();
    for (fault, words) in [
        ("crash", "stopped unexpectedly"),
        ("garbage", "does not speak the protocol"),
        ("long", "does not speak the protocol"),
        ("flood", "does not speak the protocol"),
    ] {
        import_faulty(&adit, fault);
        let reason = adit.refused(1, ["connect", "faulty", "--wait", "15"]);
        assert!(reason.contains(words), "{fault}: {reason}");
        adit.wait_for("faulty", "disconnected");
    }
    assert_eq!(adit.providers().len(), 1);
    assert!(
        adit.helper_memory() < memory + 8 * 1024,
        "{} KiB, {memory} before",
        adit.helper_memory()
    );
    assert_eq!(lab.client.whoami("203.0.113.20").unwrap(), vpn.outer_ipv4());
    adit.disconnect("split");
    adit.assert_no_residue();
}

// spec: PTP-3, PRV-13
#[test]
fn a_provider_that_ignores_its_stop_is_killed() {
    let Some(lab) = Lab::new() else { return };
    let adit = Adit::start(&lab.client);
    adit.install_provider(FAULTY, FAULTY_PROVIDER);
    import_faulty(&adit, "hang");
    adit.connect("faulty");
    let disconnecting = adit.spawn(["disconnect", "faulty"]);
    let ended = disconnecting.wait(Duration::from_secs(40)).expect("an end");
    assert!(ended.success(), "{}", disconnecting.log());
    assert!(adit.helper().log().contains("a provider did not end by itself and is killed"));
    adit.assert_no_residue();
}

// spec: CERR-8, CERR-9, CERR-10, CERR-11, CERR-15, CERR-17, CERR-18, CERR-19
#[test]
fn what_a_provider_says_of_a_start_that_failed_reaches_the_person() {
    let Some(lab) = Lab::new() else { return };
    let adit = Adit::start(&lab.client);
    adit.install_provider(FAULTY, FAULTY_PROVIDER);
    for error in [
        ConnectionError::AuthenticationFailed,
        ConnectionError::ClientCertificateInvalid,
        ConnectionError::ClientCertificateNotYetValid,
        ConnectionError::ClientCertificateExpired,
        ConnectionError::NegotiationFailed,
        ConnectionError::ServerCertificateInvalid,
        ConnectionError::ServerCertificateNotYetValid,
        ConnectionError::ServerCertificateExpired,
    ] {
        let said = error.plain();
        import_failing(&adit, "refuse", &said);
        let reason = adit.refused(1, ["connect", "faulty", "--wait", "15"]);
        assert!(reason.contains(&said.message), "{reason}");
        assert_told(&adit, &said, "connectionFailed");
    }
    adit.assert_no_residue();
}

// spec: CERR-1, CERR-7, CERR-13, CERR-16
#[test]
fn what_a_provider_says_of_a_tunnel_that_ended_reaches_the_person() {
    let Some(lab) = Lab::new() else { return };
    let adit = Adit::start(&lab.client);
    adit.install_provider(FAULTY, FAULTY_PROVIDER);
    for error in [
        ConnectionError::Overslept,
        ConnectionError::ServerDead,
        ConnectionError::ConfigurationNotFound,
        ConnectionError::ServerDisconnected,
    ] {
        let said = error.plain();
        import_failing(&adit, "cancel", &said);
        adit.connect("faulty");
        // The provider hears of it, and gives up.
        import_failing(&adit, "give up", &said);
        adit.wait_for("faulty", "disconnected");
        assert_told(&adit, &said, "providerFailed");
    }
    adit.assert_no_residue();
}

fn import_faulty(adit: &Adit, fault: &str) {
    let protocol = json!({ "providerConfiguration": { "fault": fault } });
    adit.import_for(FAULTY, "faulty", &protocol);
}

fn import_failing(adit: &Adit, fault: &str, error: &DisconnectError) {
    let protocol = json!({ "providerConfiguration": { "fault": fault, "error": error } });
    adit.import_for(FAULTY, "faulty", &protocol);
}

/// The command line and the history say what the provider said, with its number.
fn assert_told(adit: &Adit, said: &DisconnectError, stop_reason: &str) {
    assert_eq!(adit.session("faulty")["lastError"], json!(said));
    let status = adit.run(["status", "faulty"]);
    assert!(status.contains(&said.message), "{status}");
    let last: Value = serde_json::from_str(&adit.run(["history", "-n", "1", "--json"])).unwrap();
    assert_eq!(last[0]["lastError"], json!(said));
    assert_eq!(last[0]["stopReason"], stop_reason, "{last}");
    let history = adit.run(["history", "-n", "1"]);
    assert!(history.contains(&said.message), "{history}");
}

/// Does what its configuration says.
const FAULTY_PROVIDER: &str = r#"#!/usr/bin/env python3
import json, os, signal, socket, sys, time
provider, host = socket.socket(fileno=3), socket.socket(fileno=4)

def receive(connection):
    data = b""
    while not data.endswith(b"\0"):
        data += connection.recv(65536)
    return json.loads(data[:-1])

def message(method, **parameters):
    return json.dumps({"method": "org.adit.Host." + method, "parameters": parameters}).encode() + b"\0"

def establish():
    ipv4 = {"addresses": ["10.78.0.2/24"]}
    host.sendall(message("SetTunnelNetworkSettings", settings={"tunnelRemoteAddress": "192.0.2.1", "ipv4": ipv4}))
    receive(host)
    host.sendall(message("StartCompleted"))
    receive(host)

start = receive(provider)
wanted = start["parameters"]["configuration"]["protocol"]["providerConfiguration"]
fault = wanted["fault"]
if fault == "crash":
    os.abort()
provider.sendall(b'{"parameters": {}}\0')
if fault == "garbage":
    host.sendall(b"this is not JSON\0")
if fault == "long":
    host.sendall(b"[" * (2 << 20))
while fault == "flood":
    host.sendall(message("SetReasserting", reasserting=True))
if fault == "hang":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    establish()
if fault == "refuse":
    host.sendall(message("StartCompleted", error=wanted["error"]))
if fault == "cancel":
    establish()
    while not receive(provider)["method"].endswith(".ConfigurationChanged"):
        provider.sendall(b'{"parameters": {}}\0')
    provider.sendall(b'{"parameters": {"applied": true}}\0')
    host.sendall(message("Cancel", error=wanted["error"]))
time.sleep(1000)
"#;
