//! What became of sessions can be read afterwards, also after a crash.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use adit_tests::{Adit, Lab, WireGuardServer};
use serde_json::{Value, json};

const SITE: &str = "203.0.113.10";
const FAULTY: &str = "org.example.faulty";
const FILE: &str = "/run/adit-state/history.jsonl";
const ALICE: u32 = 1000;

#[test]
fn a_session_is_told_from_start_to_end_also_across_crashes() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let mut adit = Adit::start(&lab.client);
    assert!(adit.run(["history"]).contains("No session is over yet."));
    adit.import("home", &vpn.add_peer().conf());
    adit.connect("home");
    lab.client.whoami(SITE).unwrap();
    adit.kill_helper();
    adit.restart_helper();
    adit.kill_providers();
    adit.wait_for("home", "reasserting");
    adit.wait_for("home", "connected");
    lab.client.whoami(SITE).unwrap();
    let connected_at = adit.session("home")["connectedAt"].clone();
    assert_eq!(history(&adit), json!([]), "it is not over");
    adit.disconnect("home");

    let sessions = history(&adit);
    let [session] = &sessions.as_array().unwrap()[..] else { panic!("{sessions}") };
    assert_eq!(session["name"], "home");
    assert_eq!(session["startCause"], json!({"user": {"uid": 0}}));
    assert_eq!(session["stopReason"], "userInitiated");
    assert_eq!(session["lastError"], Value::Null);
    assert_eq!(session["providerRestarts"], 1);
    assert_eq!(session["connectedAt"], connected_at);
    assert!(session["endedAt"].is_string(), "{session}");
    // Two handshakes of TCP and what they were for.
    for direction in ["rxBytes", "txBytes"] {
        assert!(session["traffic"][direction].as_u64().unwrap() > 500, "{session}");
    }
    let text = adit.run(["history", "home"]);
    for words in ["Connected for", "Started by you.", "restarted once", "Disconnected by hand."] {
        assert!(text.contains(words), "{text}");
    }
}

// spec: STOP-17
#[test]
fn what_failed_and_what_nobody_saw_end_is_said_as_it_was() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let mut adit = Adit::start(&lab.client);
    adit.install_provider(FAULTY, "#!/bin/sh\nexit 3\n");
    adit.import_for(FAULTY, "faulty", &json!({}));
    adit.refused(1, ["connect", "faulty"]);
    adit.import("home", &vpn.add_peer().conf());
    adit.connect("home");
    adit.kill_helper();
    // Neither the helper nor its providers are there any more.
    adit.reset();
    let torn = "{\"id\":\"half a line";
    lab.client.sh(&format!("printf '%s' '{torn}' >> {FILE}"));
    adit.restart_helper();
    assert!(adit.helper().log().contains("1 lines of it are left out"), "{}", adit.helper().log());

    let sessions = history(&adit);
    let [lost, failed] = &sessions.as_array().unwrap()[..] else { panic!("{sessions}") };
    assert_eq!((&lost["name"], &lost["stopReason"]), (&json!("home"), &json!("internalError")));
    assert!(lost["connectedAt"].is_string(), "{lost}");
    assert_eq!((&lost["endedAt"], &lost["traffic"]), (&Value::Null, &Value::Null));
    assert_eq!(failed["stopReason"], "providerFailed");
    assert_eq!(failed["connectedAt"], Value::Null);
    assert!(failed["lastError"]["message"].as_str().unwrap().contains("stopped unexpectedly"));
    assert_eq!(adit.run(["history", "-n", "1"]).lines().count(), 1);

    // Only whose configuration it is knows of it, and with that it goes.
    if let Some(alice) = adit.user(ALICE) {
        assert_eq!(alice.run(["history", "--json"]).trim(), "[]");
        alice.refused(1, ["history", "home"]);
    }
    adit.run(["remove", "home", "--yes"]);
    let left = history(&adit);
    assert_eq!(left.as_array().unwrap().len(), 1, "{left}");
    assert!(!lab.client.read_file(FILE).contains("home"));
}

fn history(adit: &Adit) -> Value {
    serde_json::from_str(&adit.run(["history", "--json"])).unwrap()
}
