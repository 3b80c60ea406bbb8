use adit_model::{Scope, VpnConfiguration};
use serde_json::Value;

use crate::{
    helper::{Helper, Script},
    program::{PROFILE, command, failure, imported, json, json_failure, ok, run, text, with_input},
};

#[tokio::test(flavor = "multi_thread")]
async fn an_import_says_what_it_does_and_can_be_exported_again() {
    let helper = Helper::start(Script::Connects);
    let file = helper.file("work.conf", PROFILE);
    let said = ok(&helper, &["import", text(&file)]).await;
    assert!(said.starts_with("Imported “work” from "), "{said}");
    assert!(said.contains("10.0.0.0/8") && said.contains("vpn.example.net"), "{said}");
    assert!(said.contains("PostUp"), "{said}");
    assert_eq!(ok(&helper, &["list"]).await, "work  Not connected.\n");

    let exported = ok(&helper, &["export", "work"]).await;
    let lines = |text: &str| text.lines().map(str::trim).filter(|l| !l.is_empty()).count();
    assert_eq!(lines(&exported), lines(PROFILE), "{exported}");
    let imported =
        json(&with_input(&helper, &["--json", "import", "-", "--name", "b"], &exported).await);
    assert_eq!(imported[0]["action"], "created");
    assert_eq!(imported[0]["configuration"]["name"], "b");

    let archive = ok(&helper, &["export", "work", "--format", "adit"]).await;
    let imported =
        json(&with_input(&helper, &["--json", "import", "-", "--name", "c"], &archive).await);
    let configuration = &imported[0]["configuration"];
    let original = json(&run(&helper, &["--json", "show", "work", "--secrets"]).await);
    let copy = json(&run(&helper, &["--json", "show", "c", "--secrets"]).await);
    assert_ne!(configuration["id"], original["configuration"]["id"]);
    assert_eq!(copy["configuration"]["protocol"], original["configuration"]["protocol"]);
    assert_eq!(copy["secrets"], original["secrets"]);
    assert!(original["secrets"]["privateKey"].is_string());
    assert_eq!(json(&run(&helper, &["--json", "show", "c"]).await)["secrets"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_taken_is_replaced_only_on_request() {
    let helper = imported(Script::Connects).await;
    let before = json(&run(&helper, &["show", "work", "--json"]).await);
    let file = helper.file("work.conf", &PROFILE.replace("10.0.0.0/8", "172.16.0.0/12"));
    let error = failure(&run(&helper, &["import", text(&file)]).await, 1);
    assert!(error.contains("“work”") && error.contains("--replace"), "{error}");

    let said = ok(&helper, &["import", text(&file), "--replace"]).await;
    assert!(said.starts_with("Updated “work”"), "{said}");
    let after = json(&run(&helper, &["show", "work", "--json"]).await);
    assert_eq!(after["configuration"]["id"], before["configuration"]["id"]);
    assert_eq!(after["configuration"]["generation"], 2);
    assert_eq!(after["configuration"]["protocol"]["expectedRoutes"][0], "172.16.0.0/12");
}

// spec: MDM-1
#[tokio::test(flavor = "multi_thread")]
async fn a_later_version_of_a_profile_takes_the_place_of_the_one_before() {
    let helper = imported(Script::Connects).await;
    let profile = ok(&helper, &["export", "work", "--format", "mobileconfig"]).await;
    ok(&helper, &["remove", "work", "--yes"]).await;
    let import = async |profile: &str| {
        let file = helper.file("work.mobileconfig", profile);
        ok(&helper, &["import", text(&file)]).await
    };
    assert!(import(&profile).await.starts_with("Imported “work”"));
    let shown = async |name: &str| json(&run(&helper, &["--json", "show", name]).await);
    let id = shown("work").await["configuration"]["id"].clone();

    let later = profile.replace("10.0.0.0/8", "172.16.0.0/12");
    let renamed = later.replace("<string>work</string>", "<string>office</string>");
    assert!(import(&renamed).await.starts_with("Updated “office”"));
    let office = shown("office").await;
    assert_eq!(office["configuration"]["id"], id);
    assert_eq!(office["configuration"]["protocol"]["expectedRoutes"][0], "172.16.0.0/12");

    // What a person calls it stays.
    ok(&helper, &["rename", "office", "mine"]).await;
    assert!(import(&profile).await.starts_with("Updated “mine”"));
    assert_eq!(shown("mine").await["configuration"]["id"], id);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_file_of_wireguard_cannot_say_stays_and_is_not_exported_as_one() {
    let helper = imported(Script::Connects).await;
    let archive = ok(&helper, &["export", "work", "--format", "adit"]).await;
    let mut archive: Value = serde_json::from_str(&archive).unwrap();
    let https = serde_json::json!({"https": {"serverUrl": "https://dns.example/"}});
    archive["configuration"]["protocol"]["providerConfiguration"]["dnsProtocol"] = https.clone();
    let file = helper.file("work.json", &archive.to_string());
    ok(&helper, &["import", text(&file), "--replace"]).await;

    let conf = helper.file("work.conf", PROFILE);
    ok(&helper, &["import", text(&conf), "--replace"]).await;
    let mut edit = command(&helper.socket(), &["edit", "work"]);
    let done = edit.env("EDITOR", "sed -i s/10.0.0.2/10.0.0.3/").output().await.unwrap();
    assert!(done.status.success(), "{done:?}");
    let shown = json(&run(&helper, &["--json", "show", "work"]).await);
    let wireguard = &shown["configuration"]["protocol"]["providerConfiguration"];
    assert_eq!(
        (&wireguard["dnsProtocol"], &wireguard["addresses"][0]),
        (&https, &"10.0.0.3/32".into())
    );

    let error = failure(&run(&helper, &["export", "work"]).await, 1);
    assert!(error.contains("DNS servers are asked over HTTPS"), "{error}");
    let profile = run(&helper, &["export", "work", "--format", "mobileconfig"]).await;
    let note = String::from_utf8_lossy(&profile.stderr).into_owned();
    assert!(note.contains("on iPhones and iPads") && note.contains("--for mac"), "{note}");
    let mac = ["export", "work", "--format", "mobileconfig", "--for", "mac"];
    assert!(ok(&helper, &mac).await.contains("com.wireguard.macos"));
}

// spec: RTE-13, RTE-14
#[tokio::test(flavor = "multi_thread")]
async fn what_an_import_is_told_is_saved_and_stays_when_it_is_replaced() {
    let helper = Helper::start(Script::Connects);
    let file = helper.file("work.conf", PROFILE);
    let import = async |name: &str, options: &[&str]| {
        let import = ["--json", "import", text(&file), "--name", name];
        let imported = json(&run(&helper, &[&import, options].concat()).await);
        assert_eq!(imported[0]["configuration"]["name"], name);
        let shown = json(&run(&helper, &["--json", "show", name]).await);
        let saved: VpnConfiguration =
            serde_json::from_value(shown["configuration"].clone()).unwrap();
        let VpnConfiguration { scope, protocol, .. } = saved;
        (scope, protocol.enforce_routes, protocol.exclude_local_networks)
    };
    assert_eq!(import("plain", &[]).await, (Scope::User, false, false));
    assert_eq!(import("strong", &["--enforce-routes"]).await, (Scope::User, true, false));
    let all = ["--system", "--enforce-routes", "--exclude-local-networks"];
    assert_eq!(import("work", &all).await, (Scope::System, true, true));
    assert_eq!(import("work", &["--replace"]).await, (Scope::System, true, true));
    let weaker = ["--replace", "--no-enforce-routes"];
    assert_eq!(import("work", &weaker).await, (Scope::System, false, true));
    let both = ["--enforce-routes", "--no-enforce-routes"];
    failure(&run(&helper, &["import", text(&file), both[0], both[1]]).await, 2);
}

// spec: RTE-3, SET-7
#[tokio::test(flavor = "multi_thread")]
async fn a_full_tunnel_is_protected_unless_the_import_is_told_otherwise() {
    let helper = Helper::start(Script::Connects);
    let file = helper.file("full.conf", &PROFILE.replace("10.0.0.0/8", "0.0.0.0/0"));
    let import = async |options: &[&str]| {
        let said = ok(&helper, &[&["import", text(&file), "--replace"], options].concat()).await;
        let shown = json(&run(&helper, &["--json", "show", "full"]).await);
        let protocol = &shown["configuration"]["protocol"];
        let flag = |value: &Value| value == &Value::Bool(true);
        let enforced = flag(&protocol["enforceRoutes"]);
        let blocked = flag(&protocol["providerConfiguration"]["blockIpv6"]);
        assert_eq!(said.contains("can take traffic out of the tunnel"), enforced, "{said}");
        assert_eq!(said.contains("IPv6 is blocked"), blocked, "{said}");
        (enforced, blocked)
    };
    assert_eq!(import(&[]).await, (true, true));
    assert_eq!(import(&["--no-enforce-routes"]).await, (false, true));
    assert_eq!(import(&["--allow-ipv6"]).await, (false, false));
    assert_eq!(import(&["--enforce-routes"]).await, (true, false));
    assert_eq!(import(&["--block-ipv6"]).await, (true, true));
    // What such a tunnel is edited as says nothing of either.
    let mut edit = command(&helper.socket(), &["edit", "full"]);
    let done = edit.env("EDITOR", "sed -i s/10.0.0.2/10.0.0.3/").output().await.unwrap();
    assert!(done.status.success(), "{done:?}");
    let shown = json(&run(&helper, &["--json", "show", "full"]).await);
    let wireguard = &shown["configuration"]["protocol"]["providerConfiguration"];
    assert_eq!(wireguard["blockIpv6"], true);
    assert_eq!(wireguard["addresses"][0], "10.0.0.3/32");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_is_refused_with_line_and_key_and_no_other_is_imported() {
    let helper = Helper::start(Script::Connects);
    let good = helper.file("good.conf", PROFILE);
    let bad = helper.file("bad.conf", &PROFILE.replace("vpn.example.net:51820", "vpn.example.net"));
    let error = failure(&run(&helper, &["import", text(&good), text(&bad)]).await, 1);
    assert!(error.contains("bad.conf: Line 9: Endpoint"), "{error}");
    assert_eq!(json(&run(&helper, &["--json", "list"]).await), Value::Array(Vec::new()));

    let missing = helper.folder.path().join("missing.conf");
    let output = run(&helper, &["--json", "import", text(&missing)]).await;
    assert_eq!(json_failure(&output, 1)["kind"], "unreadable");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_archive_has_that_is_not_known_is_said() {
    let helper = imported(Script::Connects).await;
    let archive = r#"{"adit": 1, "secrets": {}, "configuration": {"name": "slip", "colour": "red",
        "id": "5f0c6a32-9d3c-4a9e-8d0b-3c1f9b7d2a11", "onDemand": {"enabled": false},
        "protocol": {"providerId": "org.example.vpn", "serverAddress": "a.example"}}}"#;
    let file = helper.file("slip.json", archive);
    let said = ok(&helper, &["import", text(&file)]).await;
    assert!(said.contains("configuration.colour is not known and counts for nothing"), "{said}");
    let shown = json(&run(&helper, &["--json", "show", "slip"]).await);
    assert_eq!(shown["configuration"]["colour"], "red");
    let refused =
        archive.replace("{\"enabled\": false}", "{\"enabled\": true, \"idleTimout\": 60}");
    let file = helper.file("refused.json", &refused);
    let refused = failure(&run(&helper, &["import", text(&file), "--name", "other"]).await, 1);
    assert!(refused.contains("perhaps “idleTimeout” is meant"), "{refused}");
}
