//! What goes wrong is said in one sentence, loses nothing and leaves nothing behind.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::fs;
use std::net::UdpSocket;
use std::thread;
use std::time::Duration;

use adit_tests::{Adit, Capture, Home, Lab, Machine, Process, WireGuardServer, address, program};

/// The port of every WireGuard server of the lab.
const PORT: u16 = 51820;

#[test]
fn a_file_with_a_mistake_is_refused_with_its_line_and_nothing_is_stored() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let peer = vpn.add_peer();
    let adit = Adit::start(&lab.client);
    let other = vpn.peer().allowed_ips("0.0.0.0/0").add().peer_section();
    let other = other.replace(vpn.public_key(), &vpn.add_peer().public_key);
    for (mistake, conf, words) in [
        ("key", peer.conf().replace(&peer.private_key, "c2hvcnQ="), ["Line 2", "PrivateKey"]),
        ("peer", peer.interface_section(), ["[Peer]", "another end"]),
        ("overlap", peer.conf() + &other, ["0.0.0.0/0", "second peer"]),
    ] {
        let path = format!("/run/{mistake}.conf");
        lab.client.write_file(&path, conf);
        let reason = adit.refused(1, ["import", &path]);
        assert!(reason.starts_with(&path), "{reason}");
        assert!(words.iter().all(|word| reason.contains(word)), "{reason}");
    }
    assert!(!lab.client.sh("ls /run/adit-state/configurations").contains("json"));
    adit.assert_no_residue();
}

// spec: SET-7
#[test]
fn ipv6_without_an_address_goes_neither_outside_nor_inside() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let peer = vpn.peer().ipv4_only().allowed_ips("0.0.0.0/0, ::/0").add();
    let adit = Adit::start(&lab.client);
    let site = address::SITE.v6.to_string();
    let to_site = |p: &adit_tests::Packet| p.destination == Some(address::SITE.v6.into());
    let before = lab.sniff_client();
    lab.client.whoami(&site).unwrap();
    before.stop().incoming().assert_some("an unprotected request", to_site);

    let notes = adit.import("half", &peer.conf());
    assert!(notes.contains("Warning: ") && notes.contains("IPv6 to ::/0 is blocked"), "{notes}");
    adit.connect("half");
    let (outside, inside) = (lab.sniff_client(), Capture::start(&lab.server, "wg0"));
    lab.client.whoami(&site).unwrap_err();
    // Nor for a program that insists on the physical interface.
    lab.client.try_run(["ping", "-6", "-c", "1", "-W", "1", "-I", "eth0", &site]);
    assert_eq!(lab.client.whoami("203.0.113.10").unwrap(), vpn.outer_ipv4());
    outside.stop().incoming().assert_none("IPv6 outside", to_site);
    let inside = inside.stop().incoming();
    inside.assert_some("IPv4 inside", |p| p.destination == Some(address::SITE.v4.into()));
    inside.assert_none("IPv6 inside", |p| p.destination.is_some_and(|to| to.is_ipv6()));
    adit.disconnect("half");
    adit.assert_no_residue();
    lab.client.whoami(&site).unwrap();
}

// spec: CERR-5
#[test]
fn a_server_without_an_address_is_named() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    adit.import("home", &vpn.peer().endpoint("nowhere.test:51820").add().conf());
    let reason = adit.refused(1, ["connect", "home"]);
    assert!(reason.contains("nowhere.test") && reason.contains("not found"), "{reason}");
    assert!(reason.contains("adit show home"), "{reason}");
    adit.assert_no_residue();
    assert_eq!(adit.status("home"), "disconnected");
}

// spec: PRV-10, SES-5
#[test]
fn a_server_that_never_answers_is_given_up_by_a_person_at_any_time() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let peer = vpn.add_peer();
    vpn.block();
    let adit = Adit::start(&lab.client);
    adit.import("home", &peer.conf());
    let reason = adit.refused(1, ["connect", "home", "--wait", "1"]);
    assert!(reason.contains("not connected after 1 s"), "{reason}");
    assert!(reason.contains("adit disconnect home"), "{reason}");
    assert_eq!(adit.status("home"), "connecting");
    adit.disconnect("home");
    adit.assert_no_residue();
    // It ended by itself, before any limit.
    assert!(!adit.helper().log().contains("killed"), "{}", adit.helper().log());
    vpn.unblock();
    adit.connect("home");
}

// spec: CERR-6
#[test]
fn a_server_that_never_answers_is_given_up_with_what_to_check() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let peer = vpn.add_peer();
    vpn.block();
    let adit = Adit::start(&lab.client);
    adit.import("home", &peer.conf());
    let connecting = adit.spawn(["connect", "home"]);
    let ended = connecting.wait(Duration::from_secs(90)).expect("the provider's limit ends it");
    assert_eq!(ended.code(), Some(1));
    connecting.wait_for_log("does not answer");
    let said = connecting.log();
    assert!(said.contains("198.51.100.10:51820") && said.contains("public key"), "{said}");
    let status: serde_json::Value =
        serde_json::from_str(&adit.run(["status", "home", "--json"])).unwrap();
    assert_eq!(status["session"]["lastError"]["code"], 6, "{status}");
    adit.assert_no_residue();
    vpn.unblock();
    adit.connect("home");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let peer = vpn.add_peer();
    let adit = Adit::start(&lab.client);
    adit.import(
        "home",
        &format!("{}ListenPort = {PORT}\n{}", peer.interface_section(), peer.peer_section()),
    );
    let taken = lab.client.enter(|| UdpSocket::bind(("0.0.0.0", PORT)).unwrap());
    let reason = adit.refused(1, ["connect", "home", "--wait", "5"]);
    assert!(reason.contains("51820") && reason.contains("in use"), "{reason}");
    adit.assert_no_residue();
    drop(taken);
    adit.connect("home");
}

#[test]
fn a_missing_tun_driver_is_named() {
    let Some(Home { lab, vpn: _vpn, adit }) = Home::imported() else { return };
    lab.client.sh("mount -t tmpfs tmpfs /dev/net");
    for _ in 0..5 {
        let reason = adit.refused(1, ["connect", "home"]);
        assert!(reason.contains("/dev/net/tun") && reason.contains("modprobe tun"), "{reason}");
    }
    adit.assert_no_residue();
    lab.client.sh("umount /dev/net");
    adit.connect("home");
}

#[test]
fn a_helper_without_permission_says_which() {
    let Some(Home { lab, vpn: _vpn, adit }) = Home::imported() else { return };
    adit.kill_helper();
    let outcome = lab.client.try_run(helper_under(&["--reuid", "65534"]));
    assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("must be started as root"), "{outcome:?}");
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");

    let helper = lab.client.spawn(helper_under(&["--bounding-set", "-net_admin"]));
    helper.wait_for_log("Adit is ready");
    let reason = adit.refused(1, ["connect", "home"]);
    assert!(reason.contains("CAP_NET_ADMIN"), "{reason}");
    drop(helper);
    adit.assert_no_residue();
}

#[test]
fn without_a_helper_the_way_to_start_it_is_said() {
    let Some(Home { lab: _lab, vpn: _vpn, mut adit }) = Home::imported() else { return };
    adit.kill_helper();
    for words in [&["connect", "home"][..], &["disconnect"], &["list"], &["status"]] {
        let reason = adit.refused(3, words.iter().copied());
        assert!(reason.contains("systemctl start adit-helper"), "{reason}");
    }
    adit.restart_helper();
    adit.connect("home");
}

#[test]
fn a_second_helper_leaves_the_first_and_its_tunnel_alone() {
    let Some(Home { lab, vpn, adit }) = Home::connected() else { return };
    let (before, providers) = (adit.residue(), adit.providers());
    for verb in [None, Some("reset".to_owned())] {
        let outcome = lab.client.try_run(helper_under(&[]).into_iter().chain(verb));
        assert_eq!(outcome.status.code(), Some(1), "{outcome:?}");
        let reason = "Another Adit service is running with the same runtime folder";
        assert!(outcome.stderr.contains(reason), "{outcome:?}");
    }
    assert_eq!((adit.residue(), adit.providers()), (before, providers));
    assert_eq!(adit.status("home"), "connected");
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
}

// spec: ERR-5
#[test]
fn a_full_disk_changes_nothing() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    lab.client.sh("mkdir /run/adit-state && mount -t tmpfs -o size=64k tmpfs /run/adit-state");
    let mut adit = Adit::start(&lab.client);
    let peer = vpn.add_peer();
    adit.import("home", &peer.conf());
    let stored = stored(&lab.client);
    lab.client.sh("head -c 1M /dev/zero > /run/adit-state/full 2>/dev/null || true");
    lab.client.write_file("/run/second.conf", vpn.add_peer().conf());
    for words in
        [&["rename", "home", "office"][..], &["disable", "home"], &["import", "/run/second.conf"]]
    {
        let reason = adit.refused(1, words.iter().copied());
        assert!(reason.contains("disk is full; nothing was changed"), "{reason}");
    }
    // What is stored can be used.
    adit.connect("home");
    adit.disconnect("home");
    adit.restart_helper();
    assert_eq!(self::stored(&lab.client), stored);
    adit.connect("home");
    lab.client.sh("rm /run/adit-state/full");
    adit.run(["rename", "home", "office"]);
    assert_eq!(adit.status("office"), "connected");
}

#[test]
fn a_full_runtime_folder_starts_nothing_and_keeps_nothing_up() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    lab.client.sh("mkdir /run/adit && mount -t tmpfs -o size=64k,mode=755 tmpfs /run/adit");
    let mut adit = Adit::start(&lab.client);
    adit.import("home", &vpn.add_peer().conf());
    lab.client.sh("head -c 1M /dev/zero > /run/adit/full 2>/dev/null || true");
    let reason = adit.refused(1, ["connect", "home"]);
    assert!(reason.contains("/run/adit") && reason.contains("full"), "{reason}");
    adit.assert_no_residue();
    lab.client.sh("rm /run/adit/full");
    adit.connect("home");
    lab.client.sh("head -c 1M /dev/zero > /run/adit/full 2>/dev/null || true");
    adit.expect_error("/run/adit/network.json cannot be written");
    adit.disconnect("home");
    adit.assert_no_residue();
    lab.client.sh("rm /run/adit/full");
    adit.connect("home");
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
    adit.disconnect("home");
    adit.assert_no_residue();
}

#[test]
fn a_damaged_configuration_is_set_aside_and_the_others_work() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let mut adit = Adit::start(&lab.client);
    adit.import("broken", &vpn.add_peer().conf());
    let folder = "/run/adit-state/configurations";
    let file = lab.client.sh(&format!("ls {folder}")).trim().to_owned();
    adit.import("home", &vpn.add_peer().conf());
    adit.kill_helper();
    lab.client.sh(&format!("truncate -s 100 {folder}/{file}"));
    adit.expect_error("cannot be read and was set aside");
    adit.restart_helper();
    adit.connect("home");
    let reason = adit.refused(1, ["connect", "broken"]);
    assert!(reason.contains("no configuration") && reason.contains("broken"), "{reason}");
    let aside = lab.client.read_file(format!("{folder}/{file}.unreadable-1"));
    assert_eq!(aside.len(), 100);
    assert!(adit.helper().log().contains(&format!("{file}.unreadable-1")));
}

// spec: PTP-C3, PRV-10
#[test]
fn a_disconnect_at_any_step_of_the_start_leaves_nothing() {
    let Some(Home { lab, vpn, adit }) = Home::imported() else { return };
    for delay in (0..100).step_by(4) {
        adit.run(["connect", "home", "--wait", "0"]);
        thread::sleep(Duration::from_millis(delay));
        adit.run(["disconnect", "home"]);
        assert_eq!(adit.status("home"), "disconnected", "after {delay} ms");
        assert_eq!(adit.residue(), "", "after {delay} ms");
    }
    adit.connect("home");
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
}

// spec: PRV-13, TUN-18
#[test]
fn a_hundred_sessions_leave_nothing_in_the_helper() {
    let Some(Home { lab, vpn: _vpn, adit }) = Home::imported() else { return };
    let cycles = |count| {
        for _ in 0..count {
            adit.connect("home");
            adit.disconnect("home");
        }
        (descriptors(adit.helper()), children(&lab.client), adit.helper_memory())
    };
    let (first_fds, first_children, first_memory) = cycles(20);
    let (fds, children, memory) = cycles(80);
    assert_eq!((fds, children), (first_fds, first_children));
    assert!(memory < first_memory + 1024, "{memory} KiB after 100, {first_memory} after 20");
    adit.assert_no_residue();
}

/// The helper's command line below setpriv(1) with these options.
fn helper_under(options: &[&str]) -> Vec<String> {
    let helper = program("adit-helper").display().to_string();
    let places = ["--state-dir", "/run/adit-state", "--runtime-dir", "/run/adit"];
    let providers = ["--providers-dir", "/run/adit-providers"];
    [&["setpriv"], options, &[&helper], &places, &providers]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect()
}

/// The names and contents of the stored configurations.
fn stored(client: &Machine) -> String {
    client.sh("cd /run/adit-state/configurations && head -c 1M *")
}

fn descriptors(helper: &Process) -> usize {
    fs::read_dir(format!("/proc/{}/fd", helper.pid())).unwrap().count()
}

/// How many processes the machine has, besides those that count them.
fn children(client: &Machine) -> String {
    client.sh("ps -e -o comm= | grep -c adit || true")
}
