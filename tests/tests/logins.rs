//! A user's own configurations live within their login; those of the system do not.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use adit_tests::{Adit, Lab, User, WireGuardServer};
use serde_json::{Value, json};

const ALICE: u32 = 1000;
const BOB: u32 = 1001;

// spec: STOP-12, STOP-13, TN34-4, TN34-10, X-4
#[test]
fn a_tunnel_ends_with_the_login_of_its_owner_and_when_somebody_takes_their_place() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let logind = lab.client.start_logind();
    let adit = Adit::start(&lab.client);
    let Some(alice) = adit.user(ALICE) else { return };
    adit.import("home", &vpn.add_peer().conf());
    // It holds everything back, and must not for whoever comes.
    hand_over(&adit, &alice, "home", "/protocol/includeAllNetworks", &json!(true));
    let there = || adit.helper().log().matches(" 1 sessions of people are there").count();
    for (time, way, reason, words) in [
        (1, Way::LogsOut, "userLogout", "Its owner logged out."),
        (2, Way::IsDisplaced, "userSwitch", "Another user took over the computer."),
    ] {
        logind.log_in(ALICE);
        adit.eventually("the login", || there() == time);
        alice.run(["connect", "home", "--wait", "15"]);
        lab.assert_closed_but_for(&vpn);
        match way {
            Way::LogsOut => logind.log_out(ALICE),
            Way::IsDisplaced => logind.log_in(BOB),
        }
        adit.wait_for("home", "disconnected");
        let last: Value =
            serde_json::from_str(&adit.run(["history", "-n", "1", "--json"])).unwrap();
        assert_eq!(last[0]["stopReason"], reason);
        let history = adit.run(["history", "-n", "1"]);
        assert!(history.contains(words), "{history}");
        adit.assert_no_residue();
        lab.assert_open();
    }
}

// spec: TN34-10, X-3
#[test]
fn what_is_the_systems_connects_at_boot_and_what_is_a_users_when_they_come() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let logind = lab.client.start_logind();
    let mut adit = Adit::start(&lab.client);
    if adit.user(ALICE).is_none() {
        return;
    }
    let split = |site: &str| vpn.peer().allowed_ips(site).no_dns().add().conf();
    let by_itself = json!({"enabled": true, "rules": [{"action": "connect", "eager": true}]});
    adit.import("home", &split("203.0.113.20/32"));
    hand_over(&adit, &adit.user(ALICE).unwrap(), "home", "/onDemand", &by_itself);
    adit.import_with("office", &split("203.0.113.10/32"), &["--system"]);
    adit.set_on_demand("office", &by_itself["rules"]);
    adit.wait_for("office", "connected");
    // As at boot: nobody has logged in.
    adit.kill_helper();
    adit.reset();
    adit.restart_helper();
    adit.wait_for("office", "connected");
    let session = adit.session("office");
    assert_eq!(session["startCause"]["onDemand"]["rule"], 0, "{session}");
    assert_eq!(adit.session("home")["onDemand"], Value::Null);

    logind.log_in(ALICE);
    adit.wait_for("home", "connected");
    logind.log_out(ALICE);
    adit.wait_for("home", "disconnected");
    assert_eq!(adit.status("office"), "connected");
    logind.log_in(ALICE);
    adit.wait_for("home", "connected");
}

/// How an owner goes.
enum Way {
    LogsOut,
    IsDisplaced,
}

/// Makes a configuration of root's the user's, changed at one place.
fn hand_over(adit: &Adit, user: &User<'_>, name: &str, at: &str, value: &Value) {
    let mut archive: Value =
        serde_json::from_str(&adit.run(["export", name, "--format", "adit"])).unwrap();
    let (parent, key) = at.rsplit_once('/').unwrap();
    let parent = archive["configuration"].pointer_mut(parent).unwrap();
    parent[key] = value.clone();
    adit.run(["remove", name, "--yes"]);
    user.import_archive(name, &archive);
}
