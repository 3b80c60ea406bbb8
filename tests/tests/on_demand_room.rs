//! A session that a rule begins ends nobody else's.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use adit_tests::{Adit, Lab, User, WireGuardServer, address};
use serde_json::{Value, json};

const SITE: &str = "203.0.113.10";
const ALICE: u32 = 1000;
const BOB: u32 = 1001;

// spec: MGR-12
#[test]
fn a_rule_waits_for_the_tunnel_that_is_in_its_way_and_says_so() {
    let Some(lab) = Lab::new() else { return };
    let (work, home) = (WireGuardServer::start(&lab.server), WireGuardServer::start(&lab.server2));
    let adit = Adit::start(&lab.client);
    let wide = work.peer().allowed_ips("203.0.113.0/24").no_dns().add();
    let narrow = home.peer().allowed_ips("203.0.113.10/32").no_dns().add();
    adit.import("work", &wide.conf());
    adit.import("home", &narrow.conf());
    for eager in [true, false] {
        adit.connect("work");
        adit.set_on_demand("home", &json!([{"action": "connect", "eager": eager}]));
        let in_the_way = "“work” is connected and already leads to 203.0.113.10/32.";
        adit.eventually("the reason", || adit.run(["status", "home"]).contains(in_the_way));
        for words in [["status", "home"].as_slice(), &["on-demand", "explain", "home"]] {
            let said = adit.run(words.iter().copied());
            assert!(said.contains(in_the_way) && said.contains("The next attempt is at"), "{said}");
        }
        assert_eq!(lab.client.whoami(SITE).unwrap(), work.outer_ipv4());
        assert_eq!(adit.status("work"), "connected");
        assert_eq!(adit.status("home"), "disconnected");

        adit.disconnect("work");
        if eager {
            adit.wait_for("home", "connected");
        }
        let way = || lab.client.whoami(SITE);
        adit.eventually("the way through it", || way().is_ok_and(|it| it == home.outer_ipv4()));
        adit.run(["on-demand", "off", "home"]);
        adit.disconnect("home");
    }
    // What is in the way is not run against all the time.
    let log = adit.helper().log();
    let attempts = log.matches("does not connect by itself").count()
        + log.matches("cannot wait for what wants it").count();
    assert!((2..20).contains(&attempts), "{attempts}:\n{log}");
    adit.assert_no_residue();
}

// spec: MGR-6, MGR-12
#[test]
fn a_rule_does_not_take_the_default_route_back() {
    let Some(lab) = Lab::new() else { return };
    let (work, home) = (WireGuardServer::start(&lab.server), WireGuardServer::start(&lab.server2));
    let adit = Adit::start(&lab.client);
    adit.import("home", &home.add_peer().conf());
    adit.set_on_demand("home", &json!([{"action": "connect", "eager": true}]));
    adit.wait_for("home", "connected");
    adit.import("work", &work.add_peer().conf());
    adit.connect("work");
    adit.wait_for("home", "disconnected");
    let said = adit.run(["status", "home"]);
    assert!(said.contains("Another configuration took its place"), "{said}");
    assert_eq!(lab.client.whoami(SITE).unwrap(), work.outer_ipv4());
    adit.disconnect("work");
    assert_eq!(lab.client.whoami(SITE).unwrap(), address::CLIENT.v4);
    assert_eq!(adit.status("home"), "disconnected");
    // Who connects it by hand has its rules count again.
    adit.connect("home");
    adit.eventually("rule 1", || adit.session("home")["onDemand"]["rule"]["index"] == 0);
}

// spec: MGR-12, ENT-14
#[test]
fn the_tunnel_of_somebody_else_stays_and_its_name_is_not_told() {
    let Some(lab) = Lab::new() else { return };
    let (hers, his) = (WireGuardServer::start(&lab.server), WireGuardServer::start(&lab.server2));
    let adit = Adit::start(&lab.client);
    let Some((alice, bob)) = adit.user(ALICE).zip(adit.user(BOB)) else { return };
    alice.import("secretive", &hers.add_peer().conf());
    alice.run(["connect", "secretive", "--wait", "15"]);
    for eager in [true, false] {
        bob.import("home", &his.add_peer().conf());
        let rules = json!([{"action": "connect", "eager": eager}]);
        arm(&bob, &lab, &rules);
        adit.eventually("the reason", || bob.run(["status", "home"]).contains("another user"));
        let said = bob.run(["on-demand", "explain", "home"]);
        let reason = "The VPN of another user is connected and has the default route.";
        assert!(said.contains(reason), "{said}");
        let all = bob.run(["status", "--json"]);
        assert!(!said.contains("secretive") && !all.contains("secretive"), "{said}\n{all}");
        assert_eq!(lab.client.whoami(SITE).unwrap(), hers.outer_ipv4());
        bob.run(["remove", "home", "--yes"]);
    }
    alice.run(["disconnect", "secretive"]);
    assert_eq!(lab.client.whoami(SITE).unwrap(), address::CLIENT.v4);
}

fn arm(user: &User, lab: &Lab, rules: &Value) {
    let mut archive: Value =
        serde_json::from_str(&user.run(["export", "home", "--format", "adit"])).unwrap();
    archive["configuration"]["onDemand"] = json!({"enabled": true, "rules": rules});
    lab.client.write_file("/run/home.json", archive.to_string());
    user.run(["remove", "home", "--yes"]);
    user.run(["import", "/run/home.json"]);
}
