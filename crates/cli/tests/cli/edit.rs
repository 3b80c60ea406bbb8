use std::fs;

use crate::{
    helper::Script,
    program::{command, failure, finish, imported, json, json_failure, ok, run, text},
};

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_edited_as_json_and_shown_in_words() {
    let helper = imported(Script::Connects).await;
    let refused = failure(&run(&helper, &["on-demand", "on", "work"]).await, 1);
    assert!(refused.contains("adit on-demand edit work"), "{refused}");

    let rules = helper.file(
        "rules.json",
        r#"{"enabled": false, "rules": [{"action": "disconnect", "interfaceType": "ethernet"},
            {"action": "connect", "ssids": ["Café"]}]}"#,
    );
    let edit = async |script: &str| {
        let mut command = command(&helper.socket(), &["on-demand", "edit", "work"]);
        finish(
            {
                command.env("EDITOR", script);
                command
            },
            "",
        )
        .await
    };
    let copy = format!("f() {{ cp {} \"$1\"; }}; f", text(&rules));
    let said = String::from_utf8(edit(&copy).await.stdout).unwrap();
    assert!(said.contains("1. On Ethernet: disconnect and stay so."), "{said}");
    assert!(said.contains("2. On Wi-Fi “Café”: connect when something wants"), "{said}");
    assert!(said.contains("Warning: No rule matches everywhere"), "{said}");
    let said = ok(&helper, &["on-demand", "on", "work"]).await;
    assert!(said.starts_with("“work” connects and disconnects by itself."), "{said}");
    let shown = json(&run(&helper, &["--json", "on-demand", "show", "work"]).await);
    assert_eq!(shown["configuration"]["onDemand"]["enabled"], true);
    let wrong = failure(&edit("sed -i s/ethernet/internet/").await, 1);
    assert!(wrong.contains("unknown variant `internet`"), "{wrong}");
    let wrong = failure(&edit("sed -i s/ssids/sssids/").await, 1);
    let said = "onDemand.rules[1].sssids: is no key of rule 2; perhaps “ssids” is meant";
    assert!(wrong.contains(said), "{wrong}");
    let wrong = failure(&edit("sed -i s/enabled/enabld/").await, 1);
    let said = "onDemand.enabld: is no key of on demand; perhaps “enabled” is meant";
    assert!(wrong.contains(said), "{wrong}");
    let same = json(&run(&helper, &["--json", "on-demand", "show", "work"]).await);
    assert_eq!(same, shown);
    let said = ok(&helper, &["on-demand", "off", "work"]).await;
    assert!(said.starts_with("“work” connects only by hand."), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_private_and_saved_only_when_it_is_understood() {
    let helper = imported(Script::Connects).await;
    let folder = tempfile::tempdir().unwrap();
    let edit = async |script: &str| {
        let mut command = command(&helper.socket(), &["edit", "work", "--json"]);
        command.env("XDG_RUNTIME_DIR", folder.path()).env("EDITOR", script);
        finish(command, "").await
    };
    let unchanged = json(&edit("true").await);
    assert_eq!(unchanged["changed"], false);
    assert_eq!(unchanged["configuration"]["generation"], 1);

    let modes = helper.folder.path().join("modes");
    let script = format!(
        "f() {{ stat -c %a \"$1\" \"$(dirname \"$1\")\" > {}; sed -i s,10.0.0.0/8,10.9.0.0/16, \"$1\"; }}; f",
        text(&modes)
    );
    let changed = json(&edit(&script).await);
    assert_eq!(changed["changed"], true);
    assert_eq!(changed["configuration"]["generation"], 2);
    assert_eq!(changed["configuration"]["protocol"]["expectedRoutes"][0], "10.9.0.0/16");
    assert_eq!(fs::read_to_string(&modes).unwrap(), "600\n700\n");

    let error = json_failure(&edit("sed -i s/Endpoint/Entpoint/").await, 1);
    assert!(error["message"].as_str().unwrap().contains("Entpoint"), "{error}");
    assert_eq!(json_failure(&edit("false").await, 1)["kind"], "editorFailed");
    let shown = json(&run(&helper, &["--json", "show", "work"]).await);
    assert_eq!(shown["configuration"]["generation"], 2);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "drafts with keys were left");
}
