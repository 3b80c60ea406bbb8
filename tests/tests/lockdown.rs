//! Nothing leaves but through a tunnel: in no state, through no crash, and until a person opens it.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::time::Duration;

use adit_tests::{Adit, Home, Lab, ProbeKind, ProbeSet, Signal, WireGuardServer, address};

/// Between two sets of probes.
const OFTEN: Duration = Duration::from_millis(5);
const STATE: &str = "/run/adit-state/lockdown.json";
const EVERYTHING: &str = "--include-all-networks";

// L6
// spec: RTE-21, RTE-22, MDM-24
#[test]
fn in_lockdown_nothing_leaves_and_a_tunnel_still_connects() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let conf = vpn.peer().endpoint("vpn.test:51820").add().conf();
    adit.import("home", &conf);
    lab.assert_open();
    let said = adit.run(["lockdown", "on"]);
    assert!(said.starts_with("Lockdown is on: nothing leaves this computer"), "{said}");
    assert!(said.contains("sudo adit lockdown off"), "{said}");
    lab.assert_closed();

    // The server's name is looked up and its handshake done past the block, and nothing else.
    let watch = lab.watch_for_leaks(OFTEN);
    adit.connect("home");
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
    let sent = watch.assert_no_leak();
    let dns = (address::DNS.v4, 53).into();
    sent.assert_only("the tunnel and its server's name", |p| {
        let tunnel = p.is_udp_to(vpn.endpoint()) || p.is_udp_to(vpn.endpoint_v6());
        tunnel || p.is_udp_to(dns) || p.is_housekeeping()
    });
    assert_eq!(adit.lockdown()["blocking"], false);

    let said = adit.run(["disconnect", "home"]);
    assert!(said.contains("Lockdown is on, and no tunnel is connected."), "{said}");
    assert_eq!(adit.lockdown()["health"][0]["code"], "blocked.lockdown");
    lab.assert_closed();
    adit.run(["lockdown", "off"]);
    lab.assert_open();
    adit.assert_no_residue();
}

// spec: RTE-10, RTE-22
#[test]
fn lockdown_lets_the_local_network_out_on_request_but_no_names() {
    let Some(lab) = Lab::new() else { return };
    let adit = Adit::start(&lab.client);
    lab.assert_open();
    adit.run(["lockdown", "on", "--allow-local-networks"]);
    let sniffer = lab.sniff_client();
    let probes = ProbeSet::send(&lab.client);
    let sent = sniffer.stop().incoming();
    let asks_names = |kind| matches!(kind, ProbeKind::Udp(53) | ProbeKind::Tcp(53));
    let is_local = |to| to == std::net::IpAddr::from(address::LAN.v4);
    probes
        .filter(|probe| is_local(probe.destination) && !asks_names(probe.kind))
        .assert_all_seen(&sent);
    probes
        .filter(|probe| !is_local(probe.destination) || asks_names(probe.kind))
        .assert_none_seen(&sent);
    adit.run(["lockdown", "on"]);
    lab.assert_closed();
    adit.run(["lockdown", "off"]);
    lab.assert_open();
}

// spec: MDM-24
#[test]
fn nobody_lifts_the_lockdown_of_somebody_else() {
    let Some(lab) = Lab::new() else { return };
    let adit = Adit::start(&lab.client);
    let (Some(alice), Some(bob)) = (adit.user(1000), adit.user(1001)) else { return };
    adit.run(["lockdown", "on"]);
    for weaker in [&["lockdown", "off"][..], &["lockdown", "on", "--allow-local-networks"]] {
        let reason = alice.refused(4, weaker.iter().copied());
        assert!(reason.contains("Root switched lockdown on"), "{reason}");
    }
    assert!(alice.run(["status"]).contains("sudo adit lockdown off"));
    adit.run(["lockdown", "off"]);
    alice.run(["lockdown", "on"]);
    let reason = bob.refused(4, ["lockdown", "off"]);
    assert!(reason.contains("Another user switched lockdown on"), "{reason}");
    lab.assert_closed();
    alice.run(["lockdown", "off"]);
    lab.assert_open();
    alice.run(["lockdown", "on"]);
    adit.run(["lockdown", "off"]);
    lab.assert_open();
}

// L8
// spec: RTE-21, TUN-18
#[test]
fn in_lockdown_a_killed_helper_opens_nothing_and_root_can() {
    let Some(Home { lab, vpn: _vpn, adit }) = Home::imported() else { return };
    lab.assert_open();
    adit.run(["lockdown", "on"]);
    adit.connect("home");
    let watch = lab.watch_for_leaks(OFTEN);
    adit.kill_helper();
    let reason = adit.refused(3, ["status"]);
    assert!(reason.contains("not running"), "{reason}");
    std::thread::sleep(Duration::from_secs(3));
    // What the service's unit does when a stop takes too long.
    adit.run_helper("recover");
    assert!(!adit.residue().contains("adit0"), "{}", adit.residue());
    watch.assert_no_leak();

    let undone = adit.reset();
    assert!(undone.contains("Lockdown was on and is off."), "{undone}");
    lab.assert_open();
    adit.assert_no_residue();
    assert!(!lab.client.has_file(STATE));
}

// L9
// spec: RTE-21
#[test]
fn in_lockdown_a_helper_that_is_restarted_in_any_way_opens_nothing() {
    let Some(Home { lab, vpn: _vpn, mut adit }) = Home::imported() else { return };
    lab.assert_open();
    adit.run(["lockdown", "on"]);
    let watch = lab.watch_for_leaks(OFTEN);
    adit.connect("home");
    // As systemd stops it, and then starts another one.
    adit.helper().signal(Signal::TERM);
    assert!(adit.helper().wait(Duration::from_secs(30)).is_some());
    adit.restart_helper();
    adit.connect("home");
    adit.kill_helper();
    adit.restart_helper();
    assert_eq!(adit.lockdown()["lockdown"]["setBy"], 0);
    watch.assert_no_leak();
    adit.run(["disconnect"]);
    lab.assert_closed();
    adit.run(["lockdown", "off"]);
    lab.assert_open();
    adit.assert_no_residue();
}

// L10, as far as a machine of the lab boots
// spec: RTE-21
#[test]
fn a_stored_lockdown_is_in_force_before_the_helper_runs_and_nothing_is_without_one() {
    let Some(lab) = Lab::new() else { return };
    let mut adit = Adit::start(&lab.client);
    adit.kill_helper();
    adit.run_helper("lockdown");
    lab.assert_open();
    assert!(!lab.client.run(["nft", "list", "tables"]).contains("adit"));

    adit.restart_helper();
    adit.run(["lockdown", "on"]);
    adit.kill_helper();
    // What a boot leaves of it.
    lab.client.sh("nft flush ruleset; rm -rf /run/adit");
    lab.assert_open();
    adit.run_helper("lockdown");
    lab.assert_closed();
    let watch = lab.watch_for_leaks(OFTEN);
    adit.restart_helper();
    // One that runs has it in hand.
    adit.run_helper("lockdown");
    watch.assert_no_leak();
    adit.run(["lockdown", "off"]);
    lab.assert_open();
}

// L31
// spec: RTE-21
#[test]
fn a_lockdown_file_that_cannot_be_read_locks_and_says_how_to_get_out() {
    let Some(lab) = Lab::new() else { return };
    let mut adit = Adit::start(&lab.client);
    adit.expect_error("lockdown.json");
    lab.assert_open();
    for (damage, reason) in
        [("", "is empty"), ("{\"allowLocal", "is damaged"), ("\0\0", "is damaged")]
    {
        adit.kill_helper();
        lab.client.write_file(STATE, damage);
        adit.restart_helper();
        lab.assert_closed();
        let status = adit.run(["status"]);
        for said in [
            "Whether lockdown is on cannot be read, so it is.",
            &format!("{STATE} {reason}"),
            "sudo adit lockdown off",
        ] {
            assert!(status.contains(said), "{said}: {status}");
        }
        if let Some(alice) = adit.user(1000) {
            alice.refused(4, ["lockdown", "off"]);
        }
        adit.run(["lockdown", "off"]);
        lab.assert_open();
    }
    // Nor does the early unit let anything out.
    adit.kill_helper();
    lab.client.write_file(STATE, "");
    adit.run_helper("lockdown");
    lab.assert_closed();
    let undone = adit.reset();
    assert!(undone.contains("could not be read; lockdown is off"), "{undone}");
    lab.assert_open();
}

// L31
// spec: ERR-5, RTE-21
#[test]
fn a_full_or_read_only_disk_neither_opens_nor_half_closes() {
    let Some(lab) = Lab::new() else { return };
    let mut adit = Adit::start(&lab.client);
    adit.kill_helper();
    lab.client.sh("mount -t tmpfs -o size=64k tmpfs /run/adit-state");
    adit.restart_helper();
    lab.assert_open();
    lab.client.sh("head -c 1M /dev/zero > /run/adit-state/filler || true");
    let reason = adit.refused(1, ["lockdown", "on"]);
    assert!(reason.contains("The disk is full"), "{reason}");
    lab.assert_open();
    lab.client.sh("rm /run/adit-state/filler");
    adit.run(["lockdown", "on"]);
    lab.client.sh("head -c 1M /dev/zero > /run/adit-state/filler || true");
    adit.restart_helper();
    lab.assert_closed();

    lab.client.sh("mount -o remount,ro /run/adit-state");
    let reason = adit.refused(1, ["lockdown", "off"]);
    assert!(reason.contains("read-only"), "{reason}");
    lab.assert_closed();
    // The way out works all the same, and says that it will not last.
    let reason = adit.refused(1, ["reset"]);
    assert!(reason.contains("The network is open until the next start."), "{reason}");
    lab.assert_open();
    adit.restart_helper();
    lab.assert_closed();
    lab.client.sh("mount -o remount,rw /run/adit-state; rm /run/adit-state/filler");
    adit.run(["lockdown", "off"]);
    lab.assert_open();
    adit.kill_helper();
    lab.client.sh("umount /run/adit-state");
}

// L33
// spec: TUN-18
#[test]
fn a_reset_while_connected_in_lockdown_leaves_nothing_and_a_network_that_works() {
    let Some(Home { lab, vpn: _vpn, adit }) = Home::imported_with(&[EVERYTHING]) else { return };
    lab.assert_open();
    adit.run(["lockdown", "on"]);
    adit.connect("home");
    let undone = adit.run(["reset"]);
    assert!(undone.contains("Lockdown was on and is off."), "{undone}");
    lab.assert_open();
    adit.assert_no_residue();
    adit.run(["lockdown", "on"]);
    adit.connect("home");
    adit.kill_helper();
    let undone = adit.reset();
    for said in ["Lockdown was on and is off.", "held traffic back and does so no more."] {
        assert!(undone.contains(said), "{undone}");
    }
    lab.assert_open();
    adit.assert_no_residue();
    assert!(!lab.client.run(["nft", "list", "tables"]).contains("adit"));
}
