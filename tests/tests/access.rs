//! Several people on one computer, and what a provider and a curious neighbour may not do.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use adit_tests::{Adit, Home, Lab, Machine, Peer, User, WireGuardServer};
use serde_json::json;

const ALICE: u32 = 1000;
const BOB: u32 = 1001;

// spec: ENT-14, ENT-C3, MGR-15
#[test]
fn somebody_elses_configuration_does_not_exist() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let Some((alice, bob)) = adit.user(ALICE).zip(adit.user(BOB)) else { return };
    let peer = vpn.add_peer();
    alice.import("home", &peer.conf());
    let id = id_of(&alice, "home");
    alice.run(["connect", "home", "--wait", "15"]);

    for name in ["home", &id] {
        for words in [
            &["show", name][..],
            &["show", name, "--secrets"],
            &["export", name],
            &["status", name],
            &["connect", name],
            &["disconnect", name],
            &["disable", name],
            &["rename", name, "mine"],
            &["remove", name, "--yes"],
        ] {
            let reason = bob.refused(1, words.iter().copied());
            assert!(reason.contains("no configuration"), "{words:?}: {reason}");
            assert!(!reason.contains(&peer.private_key), "{reason}");
        }
    }
    for words in [&["list"][..], &["status"], &["list", "--json"], &["status", "--json"]] {
        let seen = bob.run(words.iter().copied());
        assert!(!seen.contains("home") && !seen.contains(&id), "{words:?}: {seen}");
    }
    bob.run(["disconnect"]);
    assert_eq!(adit.status("home"), "connected", "root sees it");

    // The name is free for others, and each sees their own.
    bob.import("home", &vpn.peer().allowed_ips("203.0.113.20/32").no_dns().add().conf());
    assert_ne!(id_of(&bob, "home"), id);
    alice.run(["disconnect", "home"]);
    adit.assert_no_residue();
}

// spec: ENT-14, MGR-12
#[test]
fn nobody_takes_the_network_from_somebody_else() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let other = WireGuardServer::start(&lab.server2);
    let adit = Adit::start(&lab.client);
    let Some((alice, bob)) = adit.user(ALICE).zip(adit.user(BOB)) else { return };
    alice.import("private", &vpn.add_peer().conf());
    let split = |server: &WireGuardServer| {
        server.peer().allowed_ips("203.0.113.20/32").no_dns().add().conf()
    };
    alice.import("split", &split(&vpn));
    bob.import("full", &other.add_peer().conf());
    bob.import("clash", &split(&other));
    alice.run(["connect", "private", "--wait", "15"]);
    alice.run(["connect", "split", "--wait", "15"]);
    for name in ["full", "clash"] {
        let reason = bob.refused(4, ["connect", name]);
        assert!(reason.contains("The VPN of another user is in the way"), "{reason}");
        bob.run(["disable", name]);
        bob.run(["enable", name]);
    }
    for name in ["private", "split"] {
        assert_eq!(adit.status(name), "connected");
    }
    alice.run(["disconnect"]);
    bob.run(["connect", "full", "--wait", "15"]);
    bob.run(["connect", "clash", "--wait", "15"]);
    bob.run(["disconnect"]);
    adit.assert_no_residue();
}

// spec: ENT-14, MGR-15
#[test]
fn a_configuration_of_the_system_is_seen_by_all_and_changed_by_root() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let Some(alice) = adit.user(ALICE) else { return };
    let peer = vpn.add_peer();
    adit.import("home", &peer.conf());
    let mut archive = adit.run(["export", "home", "--format", "adit"]);
    archive = archive.replace("\"scope\": \"user\"", "\"scope\": \"system\"");
    adit.run(["remove", "home", "--yes"]);
    lab.client.write_file("/run/system.json", &archive);
    let reason = alice.refused(4, ["import", "/run/system.json"]);
    assert!(reason.contains("Only root"), "{reason}");
    adit.run(["import", "/run/system.json", "--name", "office"]);

    assert!(alice.run(["list"]).contains("office"));
    let shown = alice.run(["show", "office"]);
    assert!(shown.contains(&peer.endpoint) && !shown.contains(&peer.private_key), "{shown}");
    for words in [
        &["show", "office", "--secrets"][..],
        &["export", "office"],
        &["connect", "office"],
        &["disconnect", "office"],
        &["disable", "office"],
        &["rename", "office", "mine"],
        &["remove", "office", "--yes"],
    ] {
        // Nothing to disconnect is no offence.
        let outcome = alice.try_run(words.iter().copied());
        let is_idle = words[0] == "disconnect" && outcome.status.success();
        assert!(is_idle || outcome.status.code() == Some(4), "{words:?}: {outcome:?}");
        assert!(!outcome.stdout.contains(&peer.private_key), "{words:?}");
    }
    adit.connect("office");
    assert!(alice.run(["status", "office"]).contains("Connected"));
    alice.refused(4, ["disconnect", "office"]);
    alice.refused(4, ["reset"]);
    alice.run(["disconnect"]);
    assert_eq!(adit.status("office"), "connected");
    adit.run(["reset"]);
    adit.assert_no_residue();
}

// spec: ENT-16, PRV-11
#[test]
fn a_provider_has_no_rights_no_network_and_no_core_dump() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let other = WireGuardServer::start(&lab.server2);
    let adit = Adit::start(&lab.client);
    // Only real root has other users to give to providers.
    let Some(_) = adit.user(ALICE) else { return };
    adit.import("first", &vpn.add_peer().conf());
    adit.import("second", &other.peer().allowed_ips("203.0.113.20/32").no_dns().add().conf());
    adit.connect("first");
    adit.connect("second");
    let providers = adit.providers();
    let mut users: Vec<_> = providers.iter().map(|pid| confined_user(&lab.client, pid)).collect();
    users.sort();
    users.dedup();
    assert_eq!(users.len(), 2, "{users:?}");
    assert!(!users.contains(&"0".to_owned()));
}

// spec: MGR-15
#[test]
fn secrets_are_shown_to_their_owner_on_request_and_nowhere_else() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let Some(alice) = adit.user(ALICE) else { return };
    let peer = vpn.peer().preshared_key().add();
    alice.import("home", &peer.conf());
    alice.run(["connect", "home", "--wait", "15"]);

    for words in [
        &["show", "home"][..],
        &["show", "home", "--json"],
        &["list", "--json"],
        &["status", "home"],
        &["status", "home", "--json"],
    ] {
        assert_no_secret(&alice.run(words.iter().copied()), &peer);
        assert_no_secret(&adit.run(words.iter().copied()), &peer);
    }
    for words in [&["show", "home", "--secrets"][..], &["export", "home"]] {
        for seen in [alice.run(words.iter().copied()), adit.run(words.iter().copied())] {
            assert!(seen.contains(&peer.private_key), "{words:?}: {seen}");
            assert!(seen.contains(peer.preshared_key.as_ref().unwrap()), "{words:?}: {seen}");
        }
    }
    // Command lines and environments are open to be read by others, and logs are sent to strangers.
    let processes = lab.client.sh("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' '\\n'");
    assert!(processes.contains("org.adit.wireguard"), "{processes}");
    assert_no_secret(&processes, &peer);
    let runtime = lab.client.sh("find /run/adit -type f -exec cat {} +");
    assert_no_secret(&runtime, &peer);
    alice.run(["disconnect", "home"]);
    assert_no_secret(&adit.helper().log(), &peer);
}

#[test]
fn what_is_stored_is_roots_alone() {
    let Some(Home { lab, vpn: _vpn, adit: _adit }) = Home::connected() else { return };
    let modes = |folder| lab.client.sh(&format!("find {folder} -printf '%y%m %P\\n'"));
    for line in modes("/run/adit-state/configurations").lines() {
        assert!(line.starts_with("d700 ") || line.starts_with("f600 "), "{line}");
    }
    // Everybody may talk to the helper; nobody may see more of how it runs.
    let open = modes("/run/adit");
    let open = open.lines().filter(|line| !line.starts_with("d700 ") && !line.starts_with("f600 "));
    let hidden = |line: &&str| !line.contains(" sessions/");
    assert_eq!(open.filter(hidden).collect::<Vec<_>>(), ["d755 ", "s666 helper.sock"]);
}

// spec: ENT-1, ENT-C1
#[test]
fn a_user_cannot_bring_a_provider_along() {
    let Some(lab) = Lab::new() else { return };
    let adit = Adit::start(&lab.client);
    let Some(alice) = adit.user(ALICE) else { return };
    adit.install_provider("org.example.own", "#!/bin/sh\ntouch /run/started\n");
    lab.client.run(["chown", &ALICE.to_string(), "/run/adit-providers/org.example.own/run"]);
    adit.import_for("org.example.own", "own", &json!({}));
    let reason = adit.refused(1, ["connect", "own"]);
    assert!(reason.contains("can be changed by others than root"), "{reason}");
    // Nor by a path in the place of an id.
    for id in ["../../tmp/own", "/tmp/own", ".."] {
        let archive = json!({ "adit": 1, "secrets": {}, "configuration": {
            "name": "path", "id": "5f0c6a32-9d3c-4a9e-8d0b-3c1f9b7d2a11",
            "protocol": { "providerId": id, "serverAddress": "server.test" },
        }});
        lab.client.write_file("/run/path.json", archive.to_string());
        let reason = alice.refused(1, ["import", "/run/path.json"]);
        assert!(reason.contains("providerId"), "{reason}");
    }
    assert!(!lab.client.has_file("/run/started"));
}

/// The user of a provider that is confined as it should be.
fn confined_user(client: &Machine, pid: &str) -> String {
    let status = client.read_file(format!("/proc/{pid}/status"));
    let value = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap_or_default().trim_start_matches(':').trim().to_owned()
    };
    for capabilities in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(value(capabilities), "0000000000000000", "{capabilities} of {pid}");
    }
    assert_eq!(value("NoNewPrivs"), "1");
    assert_eq!(value("Groups"), "");
    let links = client.run(["nsenter", "-t", pid, "-n", "ip", "-o", "link"]);
    assert!(links.lines().all(|line| line.contains(": lo:") && line.contains("DOWN")), "{links}");
    let limits = client.read_file(format!("/proc/{pid}/limits"));
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
    let uids = value("Uid");
    let uid = uids.split_whitespace().next().unwrap();
    assert!(uids.split_whitespace().all(|other| other == uid), "{uids}");
    // Nothing of the helper's but what it was given: no other file, no way to the helper's socket.
    let open = client.sh(&format!("readlink /proc/{pid}/fd/* || true"));
    assert!(open.contains("/dev/net/tun"), "{open}");
    let given = ["/dev/null", "/dev/net/tun", "pipe:", "socket:", "anon_inode:"];
    for file in open.lines() {
        assert!(given.iter().any(|kind| file.starts_with(kind)), "{file} in {open}");
    }
    uid.to_owned()
}

fn id_of(user: &User<'_>, name: &str) -> String {
    let json = user.run(["show", name, "--json"]);
    let id = json.split("\"id\":").nth(1).and_then(|rest| rest.split('"').nth(1));
    id.unwrap_or_else(|| panic!("no id in {json}")).to_owned()
}

#[track_caller]
fn assert_no_secret(text: &str, peer: &Peer) {
    let secrets = [Some(&peer.private_key), peer.preshared_key.as_ref()];
    assert!(secrets.into_iter().flatten().all(|key| !text.contains(key)), "{text}");
}
