//! The real program against a scripted helper.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

mod edit;
mod helper;
mod import;
mod lockdown;
mod program;
mod session;

use std::{fs, os::unix::fs::PermissionsExt};

use tokio::process::Command;

use crate::{
    helper::{Helper, Script},
    program::{command, failure, finish, imported, json, json_failure, ok, run},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_says_what_kind_of_failure_it_is() {
    let helper = imported(Script::Refuses).await;
    assert!(failure(&run(&helper, &["connect", "work"]).await, 4).contains("administrator"));
    let error = json_failure(&run(&helper, &["--json", "connect", "work"]).await, 4);
    assert_eq!(error["kind"], "notAuthorised");
    let error = json_failure(&run(&helper, &["--json", "connect", "werk"]).await, 1);
    assert_eq!(error["kind"], "noSuchConfiguration");
    assert!(error["message"].as_str().unwrap().contains("“work”"), "{error}");

    for usage in [&["frobnicate"][..], &["connect"], &["remove", "work"], &["import", "-"], &[]] {
        failure(&run(&helper, usage).await, 2);
    }
    let error = json_failure(&run(&helper, &["--json", "frobnicate"]).await, 2);
    assert_eq!(error["kind"], "usage");

    let socket = helper.folder.path().join("nobody.sock");
    for verb in [&["list"][..], &["status"], &["connect", "work"], &["watch"]] {
        let output = finish(command(&socket, verb), "").await;
        assert!(failure(&output, 3).contains("The Adit service is not running"), "{verb:?}");
    }
    assert!(ok(&helper, &["--version"]).await.starts_with("adit 0."));
    assert!(ok(&helper, &["--help"]).await.contains("not authorised"));
}

#[tokio::test(flavor = "multi_thread")]
async fn configurations_are_renamed_switched_and_removed() {
    let helper = imported(Script::Connects).await;
    assert_eq!(ok(&helper, &["rename", "work", "office"]).await, "“work” is “office” now.\n");
    assert_eq!(ok(&helper, &["disable", "office"]).await, "“office” is disabled.\n");
    assert_eq!(ok(&helper, &["enable", "office"]).await, "“office” is enabled.\n");
    let shown = ok(&helper, &["show", "office"]).await;
    assert!(shown.contains("Not run     PostUp = echo hello"), "{shown}");
    let removed = json(&run(&helper, &["--json", "remove", "office", "--yes"]).await);
    assert_eq!(removed["name"], "office");
    assert!(ok(&helper, &["list"]).await.contains("adit import"));
    let providers = ok(&helper, &["providers"]).await;
    assert!(providers.contains("Cannot be used: Its executable is missing."), "{providers}");
    assert_eq!(ok(&helper, &["reset"]).await, "Removed the interface adit0.\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_works_as_root_without_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("adit");
    fs::copy(env!("CARGO_BIN_EXE_adit"), &program).unwrap();
    let beside = folder.path().join("adit-helper");
    helper::write(&beside, "#!/bin/sh\necho \"called with $*\"\n");
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(&program);
    command.args(["reset", "--json"]).env("ADIT_SOCKET", folder.path().join("nobody.sock"));
    command.env("ADIT_RUNTIME_DIR", "/somewhere/else").kill_on_drop(true);
    let output = finish(command, "").await;
    if rustix::process::geteuid().is_root() {
        assert_eq!(json(&output)["undone"][0], "called with reset --runtime-dir /somewhere/else");
    } else {
        assert!(failure(&output, 3).contains("sudo adit reset"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shells_are_told_the_verbs() {
    let helper = Helper::start(Script::Connects);
    for shell in ["bash", "zsh", "fish"] {
        let script = ok(&helper, &["completions", shell]).await;
        assert!(script.contains("connect") && script.contains("completions"), "{shell}");
    }
}
