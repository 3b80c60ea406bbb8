//! Making and changing configurations in the real window.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use adit_tests::{Adit, Home, Lab, WireGuardServer, program};
use serde_json::{Value, json};

/// What wg-quick(8) would run as root.
const COMMAND: &str = "PostUp = iptables -A INPUT -j ACCEPT";

#[test]
fn what_is_pasted_dropped_or_chosen_is_imported_after_it_was_said_what_will_not_be_done() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let session = lab.client.start_desktop_session();
    let Some(window) = session.open_window(&[]) else { return };
    window.wait_for("main h1");
    window.press("Control+i");
    window.wait_for_page("#/import");
    window.click_on("Paste text …");
    let conf = vpn.add_peer().conf().replace("[Interface]", &format!("[Interface]\n{COMMAND}"));
    window.wait_for_focus("#import-text");
    window.type_text(&conf);
    window.click_on("Look at it");
    let not_run = "The PostUp command will not be run: iptables -A INPUT -j ACCEPT";
    window.wait_for_text(".cards", not_run);
    window.wait_for_text(".cards", "All traffic and DNS will go through");
    assert_eq!(window.violations(), json!([]));
    assert!(!adit.run(["list"]).contains("Pasted"), "nothing is stored before");
    window.click_on("Import");
    window.wait_for_text("h1", "Pasted");
    assert!(adit.run(["list"]).contains("Pasted"));

    window.drop_file("dropped.conf", &vpn.add_peer().conf());
    window.wait_for_text(".cards", "dropped.conf");
    window.click_on("Import");
    window.wait_for_text("h1", "dropped");

    lab.client.write_file("/run/desktop/home/chosen.conf", vpn.add_peer().conf());
    window.go("#/import");
    window.send_keys("input[type=file]", "/run/desktop/home/chosen.conf");
    window.wait_for_text(".cards", "chosen.conf");
    window.click_on("Import");
    window.wait_for_text("h1", "chosen");
    let listed = adit.run(["list"]);
    for name in ["Pasted", "dropped", "chosen"] {
        assert!(listed.contains(name), "{listed}");
    }
    adit.connect("dropped");
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
}

// spec: MDM-1
#[test]
fn a_later_version_of_a_profile_replaces_it_and_its_key_stays_in_the_keyring() {
    let Some(Home { lab, vpn, adit }) = Home::imported() else { return };
    let profile = adit.run(["export", "home", "--format", "mobileconfig"]);
    let session = lab.client.start_desktop_session();
    let Some(keyring) = session.start_keyring() else { return };
    let Some(window) = session.open_window(&[]) else { return };
    let import = |profile: &str, name: &str, button: &str| {
        window.drop_file("office.mobileconfig", profile);
        window.wait_for_text(".cards", "office.mobileconfig");
        window.photograph(&format!("desktop-profile-{button}"));
        window.click_on(button);
        window.wait_for_text("h1", name);
    };
    window.wait_for_text("h1", "home");
    import(
        &profile.replace("<string>home</string>", "<string>Office</string>"),
        "Office",
        "Import",
    );
    adit.run(["rename", "Office", "Mine"]);
    let adit_of_the_session = program("adit").display().to_string();
    session.run(&adit_of_the_session, &["secrets", "Mine", "--keep-in", "keyring"]);
    window.wait_for_text("h1", "Mine");
    let before = adit.session("Mine");

    // Its key and its address are other ones.
    let peer = vpn.add_peer();
    let key = |text: &str| text.split("PrivateKey = ").nth(1).unwrap()[..44].to_owned();
    let later = profile.replace(&key(&profile), &peer.private_key);
    import(&later, "Mine", "Replace");
    window.wait_for_text("aside.notice", "“Mine” was replaced.");
    let id = before["id"].as_str().unwrap();
    assert_eq!(adit.session("Mine")["id"], id);
    assert_eq!(keyring.secrets(id)["privateKey"], peer.private_key);
    let listed = adit.run(["list", "--json"]);
    let listed: Vec<Value> = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed.len(), 2, "{listed:?}");
}

// spec: PXY-11, PXY-12
#[test]
fn what_a_proxy_is_on_linux_is_said_where_it_is_set_and_where_it_is_shown() {
    let Some(Home { lab, vpn: _vpn, adit }) = Home::imported() else { return };
    let session = lab.client.start_desktop_session();
    let Some(window) = session.open_window(&[]) else { return };
    window.wait_for_text("h1", "home");
    window.go(&format!("#/edit/{}", adit.session("home")["id"].as_str().unwrap()));
    window.click("#proxy option[value=servers]");
    window.wait_for_text("main", "some ignore them");
    window.click("#proxy-http");
    window.type_text("proxy.test");
    window.click("[aria-labelledby=proxy-http-title] input[type=checkbox]");
    window.wait_for_text("main", "Adit keeps no password of a proxy");
    window.click("#proxy-http-username");
    window.type_text("ada");
    assert_eq!(window.violations(), json!([]));
    window.click_on("Save");
    window.wait_for_text("h1", "home");
    window.wait_for_text("dl", "http: proxy.test:3128");
    assert!(adit.run(["show", "home"]).contains("which knows you as ada"));
    window.wait_for_text("main", "some ignore them");
}

#[test]
fn a_rule_that_is_built_in_the_window_is_the_one_that_counts() {
    let Some(Home { lab, vpn: _vpn, adit }) = Home::imported() else { return };
    let session = lab.client.start_desktop_session();
    let Some(window) = session.open_window(&[]) else { return };
    window.click_on("Add rules");
    window.wait_for_page("#/onDemand");
    window.click_on("Add a rule");
    window.wait_for("[data-rule='0']");
    window.click("#rule-0-action option[value=connect]");
    window.click("#rule-0-more option[value=ssids]");
    window.click("[data-rule='0'] .texts input");
    window.type_text("Cafe Central\n");
    let sentence = "On Wi-Fi “Cafe Central” → connect when something uses the network";
    window.wait_for_text("[data-rule='0'] h2", sentence);
    window.click_on("Add a rule");
    window.click("#rule-1-action option[value=ignore]");
    assert_eq!(window.violations(), json!([]));
    window.photograph("desktop-rules");
    window.click_on("Save");
    window.wait_for_text("aside.notice", "The rules are saved.");

    let shown: Value = serde_json::from_str(&adit.run(["show", "home", "--json"])).unwrap();
    let rules = &shown["configuration"]["onDemand"];
    assert_eq!(
        *rules,
        json!({ "enabled": true, "rules": [
            { "action": "connect", "ssids": ["Cafe Central"] },
            { "action": "ignore" },
        ]})
    );
    let explained = adit.run(["on-demand", "explain", "home"]);
    assert!(explained.contains("Cafe Central"), "{explained}");
    // It counts: the second rule is the one for this network.
    assert_eq!(adit.session("home")["onDemand"]["rule"]["index"], 1);
    window.press("Escape");
    window.wait_for_text("header .sentence", "Connects by itself when a rule says so.");
}
