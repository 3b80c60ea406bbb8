//! Configurations that an administrator puts into a folder: they come, change and go with their files.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use adit_tests::{Adit, Lab, Machine, WireGuardServer, address};

const FOLDER: &str = "/etc/adit/profiles.d";

// spec: MDM-C3
#[test]
fn a_managed_configuration_comes_changes_and_goes_with_its_file() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let conf = vpn.add_peer().conf();
    let file = format!("{FOLDER}/office.conf");
    put(&lab.client, &file, &conf);
    adit.eventually("the configuration", || listed(&adit).contains("office"));
    assert!(listed(&adit).contains("(managed)"), "{}", listed(&adit));
    let id = adit.session("office")["id"].clone();
    adit.connect("office");
    assert_eq!(lab.client.whoami(address::SITE.v4.to_string()).unwrap(), vpn.outer_ipv4());

    // It is nobody's but the file's, not even root's.
    for words in
        [&["remove", "office", "--yes"][..], &["rename", "office", "mine"], &["disable", "office"]]
    {
        let reason = adit.refused(4, words.iter().copied());
        assert!(
            reason.contains(&file) && reason.contains("only changes and goes with"),
            "{reason}"
        );
    }

    // What it is now is not understood, and nothing ends for that.
    put(&lab.client, &file, &conf.replace("[Peer]", "[Beer]"));
    let problem = || adit.run(["status"]);
    adit.eventually("the problem", || problem().contains("[Beer] is not a section"));
    assert!(problem().contains(&file), "{}", problem());
    assert_eq!(adit.status("office"), "connected");

    let changed = format!("{conf}\nPersistentKeepalive = 21\n");
    put(&lab.client, &file, &changed);
    let shown = || adit.run(["show", "office"]);
    adit.eventually("the change", || shown().contains("21 s"));
    assert!(!problem().contains("[Beer]"), "{}", problem());
    assert_eq!(adit.session("office")["id"], id);

    lab.client.run(["rm", &file]);
    adit.helper().wait_for_log("is removed, as its file is gone");
    adit.eventually("its end", || !listed(&adit).contains("office"));
    adit.assert_no_residue();
}

#[test]
fn a_managed_configuration_is_the_same_after_a_restart_and_follows_what_it_missed() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let conf = vpn.add_peer().conf();
    put(&lab.client, &format!("{FOLDER}/kept.conf"), &conf);
    put(&lab.client, &format!("{FOLDER}/gone.conf"), &conf);
    let mut adit = Adit::start(&lab.client);
    let id = adit.session("kept")["id"].clone();
    assert!(listed(&adit).contains("gone"));
    adit.kill_helper();
    lab.client.run(["rm", &format!("{FOLDER}/gone.conf")]);
    put(&lab.client, &format!("{FOLDER}/kept.conf"), "not a configuration");
    adit.restart_helper();
    assert_eq!(adit.session("kept")["id"], id);
    assert!(!listed(&adit).contains("gone"));
}

// spec: MDM-C1
#[test]
fn a_profile_with_rules_is_a_managed_configuration_for_everybody() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let conf = vpn.add_peer().conf();
    adit.import("draft", &conf);
    let profile = adit.run(["export", "draft", "--format", "mobileconfig"]);
    let rules = "<key>OnDemandEnabled</key><integer>1</integer><key>OnDemandRules</key><array><dict>\
                 <key>Action</key><string>Ignore</string></dict></array><key>RemoteAddress</key>";
    let profile = profile.replace("<key>RemoteAddress</key>", rules);
    adit.run(["remove", "draft", "--yes"]);
    put(&lab.client, &format!("{FOLDER}/draft.mobileconfig"), &profile);
    adit.eventually("the configuration", || listed(&adit).contains("draft"));
    let shown = adit.run(["on-demand", "show", "draft"]);
    assert!(shown.contains("Everywhere: leave the tunnel as it is"), "{shown}");
    if let Some(user) = adit.user(1000) {
        assert!(user.run(["list"]).contains("draft"));
    }
    adit.connect("draft");
}

fn put(machine: &Machine, file: &str, text: &str) {
    machine.write_file(file, text);
}

fn listed(adit: &Adit) -> String {
    adit.run(["list"])
}
