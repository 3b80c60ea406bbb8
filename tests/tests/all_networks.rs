//! A tunnel that includes all networks lets nothing past, whether it is up or not, until a person disconnects it.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::time::Duration;

use adit_tests::{Adit, Home, Lab, ProbeSet, Probing, Signal, WireGuardServer};
use serde_json::Value;

/// Between two sets of probes.
const OFTEN: Duration = Duration::from_millis(5);
const EVERYTHING: &str = "--include-all-networks";

// L2
// spec: PROTO-10, PROTO-18, RTE-5, RTE-7, D-1
#[test]
fn while_a_tunnel_for_everything_connects_only_its_handshake_leaves() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let peer = vpn.add_peer();
    vpn.block();
    let adit = Adit::start(&lab.client);
    adit.import_with("home", &peer.conf(), &[EVERYTHING]);
    lab.assert_open();
    let sniffer = lab.sniff_client();
    let connecting = adit.spawn(["connect", "home"]);
    adit.wait_for("home", "connecting");
    let probing = Probing::start(&lab.client, OFTEN);
    adit.eventually("third attempt", || {
        sniffer.packets().filter(|p| p.is_udp_to(vpn.endpoint())).len() >= 3
    });
    let bound = ProbeSet::send_by(&lab.client, "eth0");
    let probes = probing.stop();
    let sent = sniffer.stop().incoming();
    probes.assert_none_seen(&sent);
    bound.assert_none_seen(&sent);
    sent.assert_only_to(vpn.endpoint());

    let status = adit.run(["status"]);
    for said in ["Traffic is held until “home” is connected", "adit disconnect home"] {
        assert!(status.contains(said), "{status}");
    }
    assert!(connecting.is_running());
    adit.disconnect("home");
    lab.assert_open();
    adit.assert_no_residue();
}

// L4
// spec: PROTO-10, RTE-7
#[test]
fn a_tunnel_for_everything_that_fails_keeps_everything_blocked_and_says_why() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let nowhere = vpn.peer().endpoint("nowhere.test:51820").add().conf();
    adit.import_with("lost", &nowhere, &[EVERYTHING]);
    adit.import_with("home", &vpn.add_peer().conf(), &[EVERYTHING]);
    lab.assert_open();

    let no_name = || adit.refused(1, ["connect", "lost"]);
    fails_closed(&lab, &adit, "lost", "nowhere.test", no_name);
    lab.client.sh("mount -t tmpfs tmpfs /dev/net");
    fails_closed(&lab, &adit, "home", "/dev/net/tun", || adit.refused(1, ["connect", "home"]));
    lab.client.sh("umount /dev/net");

    // Another try opens nothing before it has succeeded, and then only the tunnel.
    lab.client.sh("mount -t tmpfs tmpfs /dev/net");
    adit.refused(1, ["connect", "home"]);
    lab.client.sh("umount /dev/net");
    let watch = lab.watch_for_leaks(OFTEN);
    adit.connect("home");
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
    watch.assert_no_leak();
    adit.disconnect("home");
    lab.assert_open();
    adit.assert_no_residue();
}

// L4, with a server that never answers
// spec: PROTO-10, RTE-7
#[test]
fn a_tunnel_for_everything_that_gets_no_answer_stays_closed_until_it_is_disconnected() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let stranger = WireGuardServer::start(&lab.server2);
    let bad_key = vpn.add_peer().conf().replace(vpn.public_key(), stranger.public_key());
    adit.import_with("home", &bad_key, &[EVERYTHING]);
    lab.assert_open();
    fails_closed(&lab, &adit, "home", "does not answer", || {
        let connecting = adit.spawn(["connect", "home"]);
        assert_eq!(connecting.wait(Duration::from_secs(90)).unwrap().code(), Some(1));
        connecting.wait_for_log("adit disconnect");
        connecting.log()
    });
    adit.assert_no_residue();
}

// L9, L11
// spec: RTE-7
#[test]
fn a_tunnel_for_everything_stays_closed_when_the_service_ends_and_starts_again() {
    let Some(Home { lab, vpn, mut adit }) = Home::imported_with(&[EVERYTHING]) else { return };
    lab.assert_open();
    adit.connect("home");
    let watch = lab.watch_for_leaks(OFTEN);
    adit.helper().signal(Signal::TERM);
    assert!(adit.helper().wait(Duration::from_secs(30)).is_some());
    std::thread::sleep(Duration::from_secs(1));
    adit.restart_helper();
    watch.assert_no_leak();
    let status = adit.run(["status", "home"]);
    for said in ["ended without being disconnected", "adit connect home", "adit disconnect home"] {
        assert!(status.contains(said), "{status}");
    }
    lab.assert_closed();
    adit.connect("home");
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
    adit.disconnect("home");
    lab.assert_open();
    adit.assert_no_residue();
}

// L9, in the moment in which it opens
// spec: RTE-7
#[test]
fn what_a_disconnect_opens_is_open_even_if_the_helper_dies_meanwhile() {
    let Some(Home { lab, vpn, mut adit }) = Home::imported_with(&[EVERYTHING]) else { return };
    for ending in [&["disconnect", "home"][..], &["remove", "home", "--yes"]] {
        adit.connect("home");
        lab.assert_closed_but_for(&vpn);
        // One that does not answer its stop.
        lab.client.run(["kill", "-STOP", &adit.providers()[0]]);
        let _ending = adit.spawn(ending.iter().copied());
        adit.eventually("a hold that ends", || {
            lab.client.read_file("/run/adit/holds.json").contains(r#""ends":true"#)
        });
        adit.kill_helper();
        lab.assert_closed_but_for(&vpn);
        adit.restart_helper();
        lab.assert_open();
        assert_eq!(adit.lockdown()["blocking"], false);
        adit.assert_no_residue();
    }
}

/// Connecting fails with this `cause`, keeps everything blocked and says so; disconnecting opens.
#[track_caller]
fn fails_closed(lab: &Lab, adit: &Adit, name: &str, cause: &str, connect: impl Fn() -> String) {
    let reason = connect();
    assert!(reason.contains(cause), "{reason}");
    let (again, open) = (format!("adit connect {name}"), format!("adit disconnect {name}"));
    assert!(reason.contains("Traffic stays blocked."), "{reason}");
    assert!(reason.contains(&again) && reason.contains(&open), "{reason}");
    lab.assert_closed();
    let status = adit.run(["status"]);
    assert!(status.contains(&format!("{name}: Traffic is blocked: ")), "{status}");
    assert!(status.contains(cause) && status.contains(&open), "{status}");
    let state: Value = serde_json::from_str(&adit.run(["status", name, "--json"])).unwrap();
    assert_eq!(state["session"]["blocking"], true);
    assert_eq!(state["session"]["health"][0]["code"], "blocked.failed");
    assert_eq!(adit.lockdown()["blocking"], true);
    adit.disconnect(name);
    lab.assert_open();
}
