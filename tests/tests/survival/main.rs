//! A tunnel outlives the helper and the provider: nothing is lost, and nothing goes outside.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod load;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use adit_tests::{Adit, Home, Lab, Packet, Signal, UdpTunnelServer, WireGuardServer, address};
use serde_json::json;

use crate::load::{Receiver, probe, transfer};

const ROUNDS: usize = 20;

const SITE: &str = "203.0.113.10";
/// systemd, as far as it starts a service and keeps descriptors for it.
const SERVICE_MANAGER: &str = include_str!("service_manager.py");

// spec: X-2
#[test]
fn a_killed_helper_loses_nothing_and_leaks_nothing() {
    let Some(Home { lab, vpn, mut adit }) = Home::imported() else { return };
    let receiver = Receiver::start(&lab.internet);
    assert_seen(&lab, || lab.client.enter(|| probe(&AtomicBool::new(true))));
    receiver.receive();

    adit.connect("home");
    let (before, provider) = (adit.session("home"), adit.providers());
    assert_eq!(before["startCause"]["user"]["uid"], 0, "{before}");
    let sniffer = lab.sniff_client();
    let done = AtomicBool::new(false);
    let (sent, transfer) = thread::scope(|scope| {
        let probe = scope.spawn(|| lab.client.enter(|| probe(&done)));
        let transfer = scope.spawn(|| lab.client.enter(|| transfer(&done)));
        for _ in 0..ROUNDS {
            adit.kill_helper();
            // A while in which nobody is in charge of the tunnel.
            thread::sleep(Duration::from_millis(50));
            adit.restart_helper();
            let after = adit.session("home");
            for same in ["status", "connectedAt", "startCause", "interface"] {
                assert_eq!(after[same], before[same], "{after}");
            }
            assert_eq!(adit.providers(), provider);
        }
        done.store(true, Ordering::Relaxed);
        (probe.join().unwrap(), transfer.join().unwrap().unwrap())
    });
    let arrived = receiver.receive();
    let (bytes, pause) = transfer;
    println!("{arrived} of {sent} probes; {bytes} bytes, longest pause {pause:?}");
    assert_eq!(arrived, sent, "probes arrived");
    // How long a busy computer takes for anything is not the tunnel's doing; what a lost segment waits
    // for before it is sent again would be.
    assert!(pause < Duration::from_secs(2), "the transfer paused for {pause:?}");
    sniffer.stop().incoming().assert_only_to(vpn.endpoint());
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
    adit.disconnect("home");
    adit.assert_no_residue();
}

// spec: X-2
#[test]
fn a_helper_that_hands_over_keeps_the_tunnels_and_the_next_one_is_in_charge() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let peer = vpn.peer().ipv4_only().add();
    let mut adit = Adit::start(&lab.client);
    adit.import("home", &peer.conf());
    adit.connect("home");
    let (before, providers) = (adit.session("home"), adit.providers());
    adit.helper().signal(Signal::USR1);
    assert!(adit.helper().wait(Duration::from_secs(10)).expect("an end").success());
    assert_eq!(lab.client.whoami(SITE).unwrap(), vpn.outer_ipv4());
    adit.restart_helper();
    assert_eq!(adit.session("home")["connectedAt"], before["connectedAt"]);
    assert_eq!(adit.providers(), providers);

    // It is heard by the provider and hears it: this takes a call in each direction.
    let changed = peer.conf().replace("[Interface]", "[Interface]\nMTU = 1300");
    lab.client.write_file("/run/home.conf", changed);
    adit.run(["import", "--replace", "/run/home.conf"]);
    adit.eventually("other MTU", || lab.client.sh("cat /sys/class/net/adit0/mtu").trim() == "1300");
    assert_eq!(adit.session("home")["connectedAt"], before["connectedAt"]);

    adit.helper().signal(Signal::TERM);
    assert!(adit.helper().wait(Duration::from_secs(30)).expect("an end").success());
    adit.assert_no_residue();
}

// spec: CERR-12, SES-6, STAT-4, TUN-18
#[test]
fn a_killed_provider_is_replaced_and_nothing_goes_outside_meanwhile() {
    let Some(Home { lab, vpn, adit }) = Home::imported() else { return };
    assert_seen(&lab, || lab.client.whoami(SITE));
    adit.connect("home");
    let (before, providers) = (adit.session("home"), adit.providers());
    let sniffer = lab.sniff_client();
    vpn.block();
    adit.kill_providers();
    adit.wait_for("home", "reasserting");
    let during = adit.session("home");
    assert_eq!(during["health"][0]["code"], "provider.restarting", "{during}");
    assert_eq!(during["interface"], before["interface"]);
    lab.client.whoami(SITE).unwrap_err();
    assert!(lab.client.resolve("site.test").is_empty());
    vpn.unblock();
    adit.wait_for("home", "connected");
    let after = adit.session("home");
    assert_eq!(after["connectedAt"], before["connectedAt"]);
    assert_eq!(after["health"], before["health"]);
    assert_ne!(adit.providers(), providers);
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
    sniffer.stop().incoming().assert_only_to(vpn.endpoint());
    adit.disconnect("home");
    adit.assert_no_residue();
}

// spec: CERR-12, PRV-13, SES-C3, TUN-18
#[test]
fn a_provider_that_dies_again_and_again_is_given_up_and_leaves_nothing() {
    let Some(lab) = Lab::new() else { return };
    let server = UdpTunnelServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    import_python(&adit, &server);
    adit.connect("python");
    lab.client
        .sh("printf '#!/bin/sh\nexit 3\n' > /run/adit-providers/org.example.udp/udp_tunnel.py");
    adit.kill_providers();
    adit.wait_for("python", "disconnected");
    let error = &adit.session("python")["lastError"];
    let found = (error["domain"].as_str(), error["code"].as_i64());
    assert_eq!(found, (Some("NEVPNConnectionErrorDomain"), Some(12)), "{error}");
    adit.assert_no_residue();
}

// spec: X-2
#[test]
fn when_helper_and_provider_are_killed_the_tunnel_comes_back_under_its_name() {
    let Some(Home { lab, vpn, mut adit }) = Home::imported() else { return };
    assert_seen(&lab, || lab.client.whoami(SITE));
    adit.connect("home");
    let before = adit.session("home");
    let sniffer = lab.sniff_client();
    adit.kill_helper();
    adit.kill_providers();
    adit.eventually("end of the interface", || {
        !lab.client.try_run(["ip", "link", "show", "adit0"]).status.success()
    });
    lab.client.whoami(SITE).unwrap_err();
    adit.restart_helper();
    adit.wait_for("home", "connected");
    let after = adit.session("home");
    for same in ["connectedAt", "interface"] {
        assert_eq!(after[same], before[same], "{after}");
    }
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
    sniffer.stop().incoming().assert_only_to(vpn.endpoint());
    adit.disconnect("home");
    adit.assert_no_residue();
}

// spec: X-2
#[test]
fn an_interface_that_systemd_keeps_outlives_helper_and_provider() {
    let Some(Home { lab, vpn, adit }) = Home::imported() else { return };
    assert_seen(&lab, || lab.client.whoami(SITE));
    adit.kill_helper();
    lab.client.write_file("/run/service_manager.py", SERVICE_MANAGER);
    let helper = adit_tests::program("adit-helper").display().to_string();
    let manager = lab.client.spawn(["python3", "/run/service_manager.py", &helper]);
    let started = |times| {
        adit.eventually("start of the helper", || {
            manager.log().matches("Adit is ready").count() == times
        });
    };
    started(1);
    adit.connect("home");
    let index = || lab.client.sh("cat /sys/class/net/adit0/ifindex");
    let (before, index_before) = (adit.session("home"), index());
    let sniffer = lab.sniff_client();
    lab.client.sh("kill -9 $(cat /run/helper.pid)");
    adit.kill_providers();
    adit.eventually("end of the provider", || adit.providers().is_empty());
    lab.client.whoami(SITE).unwrap_err();
    assert_eq!(index(), index_before);
    lab.client.write_file("/run/restart", "");
    started(2);
    adit.wait_for("home", "connected");
    assert_eq!(adit.session("home")["connectedAt"], before["connectedAt"]);
    assert_eq!(index(), index_before);
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
    sniffer.stop().incoming().assert_only_to(vpn.endpoint());

    // What is over is not kept.
    adit.disconnect("home");
    adit.assert_no_residue();
}

// spec: X-2
#[test]
fn a_session_that_was_starting_starts_again_and_one_that_was_ending_ends() {
    let Some(Home { lab, vpn, mut adit }) = Home::imported() else { return };
    vpn.block();
    let connecting = adit.spawn(["connect", "home"]);
    adit.eventually("packet to the server", || {
        let sniffer = lab.sniff_client();
        thread::sleep(Duration::from_millis(100));
        sniffer.stop().iter().any(|packet| packet.is_udp_to(vpn.endpoint()))
    });
    let provider = adit.providers();
    adit.kill_helper();
    adit.restart_helper();
    adit.eventually("another provider", || {
        adit.providers().len() == 1 && adit.providers() != provider
    });
    assert_eq!(adit.status("home"), "connecting");
    vpn.unblock();
    // Whoever asked for it waits through the crash.
    let connected = connecting.wait(Duration::from_secs(45)).expect("an end");
    assert!(connected.success(), "{}", connecting.log());
    assert_eq!(adit.status("home"), "connected");

    // One that does not answer its stop.
    lab.client.run(["kill", "-STOP", &adit.providers()[0]]);
    let disconnecting = adit.spawn(["disconnect", "home"]);
    adit.wait_for("home", "disconnecting");
    adit.kill_helper();
    adit.restart_helper();
    let disconnected = disconnecting.wait(Duration::from_secs(10)).expect("an end");
    assert!(disconnected.success(), "{}", disconnecting.log());
    assert_eq!(adit.status("home"), "disconnected");
    adit.assert_no_residue();
    assert_eq!(lab.client.whoami(SITE).unwrap(), address::CLIENT.v4);
}

#[test]
fn whoever_watches_hears_of_the_next_helper() {
    let Some(Home { lab: _lab, vpn: _vpn, mut adit }) = Home::connected() else { return };
    let watcher = adit.spawn(["watch", "--json"]);
    watcher.wait_for_log("snapshot");
    adit.kill_helper();
    adit.restart_helper();
    adit.eventually("second snapshot", || watcher.log().matches("\"snapshot\"").count() == 2);
    adit.disconnect("home");
    watcher.wait_for_log("disconnecting");
    assert!(watcher.is_running(), "{}", watcher.log());

    // One that does not come back is given up.
    adit.kill_helper();
    assert_eq!(watcher.wait(Duration::from_secs(30)).expect("an end").code(), Some(3));
    watcher.wait_for_log("The Adit service ended meanwhile");
}

#[test]
fn what_is_no_record_of_a_session_is_cleaned_up() {
    let Some(Home { lab, vpn: _vpn, mut adit }) = Home::imported() else { return };
    for damage in [
        "head -c 100 /dev/urandom > $record",
        "truncate -s 40 $record",
        "sed -i 's/\"slot\":0/\"slot\":200/' $record",
        "sed -i 's/\"owner\":0/\"owner\":1000/' $record",
        "mv $folder /run/adit/sessions/stranger",
    ] {
        adit.connect("home");
        adit.kill_helper();
        lab.client.sh(&format!(
            "folder=$(echo /run/adit/sessions/*); record=$folder/session.json
             test \"$(stat -c %a $record)\" = 600; {damage}"
        ));
        adit.restart_helper();
        assert_eq!(adit.status("home"), "disconnected", "after {damage}");
        adit.assert_no_residue();
    }
    assert_eq!(lab.client.whoami(SITE).unwrap(), address::CLIENT.v4);
}

// spec: ENT-16
#[test]
fn nobody_but_root_reaches_a_provider_that_waits_for_its_helper() {
    let Some(lab) = Lab::new() else { return };
    let server = UdpTunnelServer::start(&lab.server);
    let mut adit = Adit::start(&lab.client);
    import_python(&adit, &server);
    adit.connect("python");
    if adit.user(1000).is_none() {
        return;
    }
    let before = adit.session("python");
    adit.kill_helper();
    let socket = lab.client.sh("ls /run/adit/sessions/*/provider.sock").trim().to_owned();
    let connect = format!("import socket; socket.socket(socket.AF_UNIX).connect('{socket}')");
    for stranger in ["1000", "2060500001"] {
        let user = ["setpriv", "--reuid", stranger, "--regid", stranger, "--clear-groups"];
        let outcome = lab.client.try_run(user.into_iter().chain(["python3", "-c", &connect]));
        assert!(outcome.stderr.contains("Permission denied"), "{outcome:?}");
    }
    adit.restart_helper();
    assert_eq!(adit.session("python")["connectedAt"], before["connectedAt"]);
}

// spec: X-2
#[test]
fn a_provider_in_another_language_is_taken_over_and_one_that_cannot_be_is_replaced() {
    let Some(lab) = Lab::new() else { return };
    let server = UdpTunnelServer::start(&lab.server);
    let mut adit = Adit::start(&lab.client);
    import_python(&adit, &server);
    adit.connect("python");
    let (before, provider) = (adit.session("python"), adit.providers());
    for _ in 0..3 {
        adit.kill_helper();
        adit.restart_helper();
        assert_eq!(adit.status("python"), "connected");
        assert_eq!(adit.providers(), provider);
    }
    assert_eq!(lab.client.whoami(SITE).unwrap(), vpn_address());
    adit.disconnect("python");

    let program = "/run/adit-providers/org.example.udp/udp_tunnel.py";
    lab.client.sh(&format!(
        "sed -i 's/self.socket, self.buffer = listener.accept.*/sys.exit(0)/' {program}"
    ));
    adit.connect("python");
    let (connected_at, provider) =
        (adit.session("python")["connectedAt"].clone(), adit.providers());
    assert_ne!(connected_at, before["connectedAt"]);
    let sniffer = lab.sniff_client();
    adit.kill_helper();
    adit.restart_helper();
    adit.wait_for("python", "connected");
    assert_eq!(adit.session("python")["connectedAt"], connected_at);
    assert_ne!(adit.providers(), provider);
    assert_eq!(lab.client.whoami(SITE).unwrap(), vpn_address());
    sniffer.stop().incoming().assert_none("a request outside", is_to_site);
    adit.disconnect("python");
    adit.assert_no_residue();
}

fn vpn_address() -> std::net::IpAddr {
    address::SERVER.v4.into()
}

fn import_python(adit: &Adit, server: &UdpTunnelServer) {
    let configuration = json!({
        "remote": server.endpoint(), "address": "10.77.0.2/24", "routes": ["10.77.0.0/16", "203.0.113.0/24"],
    });
    adit.import_for(
        "org.example.udp",
        "python",
        &json!({ "providerConfiguration": configuration }),
    );
}

/// Shows that the sniffer sees what goes to the site when nothing protects it.
fn assert_seen<T>(lab: &Lab, unprotected: impl FnOnce() -> T) {
    let sniffer = lab.sniff_client();
    drop(unprotected());
    sniffer.stop().incoming().assert_some("an unprotected probe", is_to_site);
}

fn is_to_site(packet: &Packet) -> bool {
    packet.destination == Some(address::SITE.v4.into())
}
