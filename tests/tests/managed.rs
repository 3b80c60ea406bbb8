//! Configurations that an administrator puts into a folder: they come, change and go with their files.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use adit_tests::{Adit, EncryptedDns, Lab, Machine, WireGuardServer, address, program};

const FOLDER: &str = "/etc/adit/profiles.d";

// spec: MDM-C3, PROTO-19, ENT-15
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

    // What it brought is secret for all but its provider, which has just shown that it has it, and root.
    if let Some(user) = adit.user(1000) {
        user.refused(4, ["show", "office", "--secrets"]);
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

// spec: MDM-1, MDM-11, MDM-20
#[test]
fn a_profile_says_whom_to_ask_for_names_and_which_program_is_the_provider() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let inner = vpn.inner_ipv4();
    let dns = EncryptedDns::start(&lab.server, inner.into(), "dns.corp.test");
    lab.client.write_file(EncryptedDns::AUTHORITIES, dns.authority());
    let adit = Adit::start(&lab.client);
    adit.import("draft", &vpn.add_peer().conf());
    let profile = adit.run(["export", "draft", "--format", "mobileconfig"]);
    adit.run(["remove", "draft", "--yes"]);
    let asked = format!(
        "<key>DNS</key><dict><key>DNSProtocol</key><string>HTTPS</string><key>ServerURL</key>\
         <string>https://dns.corp.test/dns-query</string><key>ServerAddresses</key>\
         <array><string>{inner}</string></array></dict><key>VPNType</key>"
    );
    let profile = profile.replace("<key>VPNType</key>", &asked);
    let demanding = |digest: &str| {
        let demand = format!(
            "<key>ProviderDesignatedRequirement</key><string>sha256:{digest}</string>\
             <key>RemoteAddress</key>"
        );
        profile.replace("<key>RemoteAddress</key>", &demand)
    };
    let provider = program("adit-wireguard");
    let sum = lab.client.run(["sha256sum", provider.to_str().unwrap()]);
    put(
        &lab.client,
        &format!("{FOLDER}/a.mobileconfig"),
        &demanding(sum.split_once(' ').unwrap().0),
    );
    adit.eventually("the configuration", || listed(&adit).contains("draft"));
    adit.connect("draft");
    assert!(lab.client.resolve("inside.corp.test").contains(&inner.into()));
    let queries = vpn.dns().queries();
    assert!(queries.iter().all(|query| query.from == inner), "in the clear: {queries:?}");
    adit.disconnect("draft");

    // A later version in another file goes on as the same configuration, and says which one counts.
    let id = adit.session("draft")["id"].clone();
    let later = demanding(&"0f".repeat(32)).replace("draft", "office");
    put(&lab.client, &format!("{FOLDER}/b.mobileconfig"), &later);
    adit.eventually("the later version", || listed(&adit).contains("office"));
    assert_eq!(adit.session("office")["id"], id);
    assert!(!listed(&adit).contains("draft"), "{}", listed(&adit));
    assert!(adit.run(["status"]).contains("has the same profile, and that counts"));
    let reason = adit.refused(1, ["connect", "office"]);
    assert!(reason.contains("another program than the configuration demands"), "{reason}");
    lab.client.run(["rm", &format!("{FOLDER}/b.mobileconfig")]);
    adit.eventually("the earlier version", || listed(&adit).contains("draft"));
    assert_eq!(adit.session("draft")["id"], id);
}

fn put(machine: &Machine, file: &str, text: &str) {
    machine.write_file(file, text);
}

fn listed(adit: &Adit) -> String {
    adit.run(["list"])
}
