//! The real program against a scripted helper.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

mod helper;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use adit_model::{Scope, VpnConfiguration, VpnStatus};
use rustix::process::{Pid, Signal};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::Command,
    time::timeout,
};

use crate::helper::{Helper, Script};

/// Nothing here takes long; what does has hung.
const LIMIT: Duration = Duration::from_secs(20);

const PROFILE: &str = "\
[Interface]
PrivateKey = AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=
Address = 10.0.0.2/32
DNS = 10.0.0.1
PostUp = echo hello

[Peer]
PublicKey = AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=
Endpoint = vpn.example.net:51820
AllowedIPs = 10.0.0.0/8
";

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
        assert_eq!(said.contains("takes traffic out of the tunnel"), enforced, "{said}");
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
async fn connecting_waits_until_it_is_connected_and_disconnecting_until_it_is_not() {
    let helper = imported(Script::Connects).await;
    let said = ok(&helper, &["connect", "wo"]).await;
    assert!(said.starts_with("Connected to work through vpn.example.net in 0."), "{said}");
    assert!(said.contains("Only 10.0.0.0/8 goes through vpn.example.net."), "{said}");

    let again = json(&run(&helper, &["connect", "work", "--json"]).await);
    assert_eq!((&again["outcome"], &again["name"]), (&"already".into(), &"work".into()));
    let again = json(&run(&helper, &["reconnect", "work", "--json"]).await);
    assert_eq!(again["outcome"], "connected");
    assert_eq!(again["session"]["status"], "connected");
    assert!(again["seconds"].is_number());

    let status = ok(&helper, &["status"]).await;
    for part in [
        "work: Connected.",
        "Interface   adit0",
        "Addresses   10.0.0.2/32",
        "Inside      10.0.0.0/8",
        "DNS         10.0.0.1 for all names",
        "Received    1.2 MB in 1000 packets",
        "Sent        900 B in 9 packets, 2 more were lost",
        "Peer        the-public-key",
        "at 192.0.2.1:51820, no handshake yet",
    ] {
        assert!(status.contains(part), "{part}: {status}");
    }
    let status = json(&run(&helper, &["--json", "status", "work"]).await);
    assert_eq!(status["session"]["interface"], "adit0");
    assert_eq!(status["details"]["counters"]["rxBytes"], 1_200_000);
    assert!(status["sentence"].is_string());

    let down = json(&run(&helper, &["--json", "disconnect"]).await);
    assert_eq!(down["disconnected"][0]["name"], "work");
    assert_eq!(helper.status("work"), VpnStatus::Disconnected);
    assert_eq!(ok(&helper, &["disconnect", "work"]).await, "“work” is not connected.\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_connection_says_why_and_what_to_do() {
    let helper = imported(Script::Fails).await;
    let error = failure(&run(&helper, &["connect", "work"]).await, 1);
    assert!(error.contains("The server does not answer."), "{error}");
    assert_eq!(error.lines().count(), 2, "{error}");
    let error = json_failure(&run(&helper, &["--json", "connect", "work"]).await, 1);
    assert_eq!(error["kind"], "connectionFailed");
    let status = ok(&helper, &["status"]).await;
    assert!(status.contains("Not connected."), "{status}");
    assert!(status.contains("work: Not connected. The server does not answer.\n  What to do"));

    ok(&helper, &["disable", "work"]).await;
    let error = failure(&run(&helper, &["connect", "work"]).await, 1);
    assert!(error.contains("“work” is disabled."), "{error}");
    assert!(error.contains("adit enable work"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lockdown_is_switched_and_every_verb_says_that_traffic_is_blocked() {
    let helper = imported(Script::Connects).await;
    let off = "Lockdown is off: what no tunnel takes goes out directly.\n";
    assert_eq!(ok(&helper, &["lockdown"]).await, off);
    let on = "Lockdown is on: nothing leaves this computer but through a tunnel";
    let said = ok(&helper, &["lockdown", "on", "--allow-local-networks"]).await;
    assert!(said.starts_with(&format!("{on}, or to the local network.\n")), "{said}");
    let said = ok(&helper, &["lockdown", "on"]).await;
    assert!(said.starts_with(&format!("{on}.\nLockdown is on, and no tunnel")), "{said}");
    let machine = json(&run(&helper, &["lockdown", "--json"]).await);
    assert_eq!(machine["blocking"], true);
    assert_eq!(machine["lockdown"]["allowLocalNetworks"], false);

    let status = ok(&helper, &["status"]).await;
    assert!(status.starts_with("Lockdown is on, and no tunnel is connected.\n  Nothing leaves"));
    assert!(status.contains("adit lockdown off") && !status.contains("directly"), "{status}");
    let status = json(&run(&helper, &["status", "--json"]).await);
    assert_eq!(status["machine"]["health"][0]["code"], "blocked.lockdown");
    ok(&helper, &["connect", "work"]).await;
    let said = ok(&helper, &["disconnect", "work"]).await;
    assert!(said.starts_with("“work” is disconnected.\nLockdown is on, and no tunnel"), "{said}");
    assert_eq!(ok(&helper, &["lockdown", "off"]).await, off);

    let helper = imported(Script::Refuses).await;
    failure(&run(&helper, &["lockdown", "on"]).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_that_failed_and_blocks_says_so_until_it_is_disconnected() {
    let helper = imported(Script::FailsClosed).await;
    let error = failure(&run(&helper, &["connect", "work"]).await, 1);
    assert!(error.contains("Traffic stays blocked. Try again with: adit connect work."), "{error}");
    assert!(error.contains("Open the network with: adit disconnect work"), "{error}");
    let status = ok(&helper, &["status"]).await;
    assert!(status.starts_with("work: Traffic is blocked: the server does not answer.\n"));
    assert_eq!(status.matches("adit disconnect work").count(), 1, "{status}");
    let said = ok(&helper, &["disconnect", "work"]).await;
    assert_eq!(said, "“work” is disconnected.\n");
    let status = ok(&helper, &["status"]).await;
    assert!(status.starts_with("Not connected. Traffic goes out directly."), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_ends_and_leaves_the_session() {
    let helper = imported(Script::Hangs).await;
    let error = failure(&run(&helper, &["connect", "work", "--wait", "1"]).await, 1);
    assert!(error.contains("not connected after 1 s: waiting for vpn.example.net"), "{error}");
    assert!(error.contains("adit disconnect work"), "{error}");
    assert_eq!(helper.status("work"), VpnStatus::Connecting);

    let mut connect = command(&helper.socket(), &["connect", "work"]);
    let child =
        connect.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    helper.started(2).await;
    let process = Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
    rustix::process::kill_process(process, Signal::INT).unwrap();
    let output = timeout(LIMIT, child.wait_with_output()).await.expect("it hung").unwrap();
    let error = failure(&output, 1);
    assert!(
        error.contains("“work” may go on connecting") && error.contains("adit disconnect work")
    );
    assert_eq!(helper.status("work"), VpnStatus::Connecting);

    let started = json(&run(&helper, &["--json", "connect", "work", "--wait", "0"]).await);
    assert_eq!(started["outcome"], "started");
    ok(&helper, &["disconnect", "work"]).await;
    assert_eq!(helper.status("work"), VpnStatus::Disconnected);
}

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
async fn a_watcher_gets_an_object_a_line_and_a_reader_that_leaves_is_no_failure() {
    let helper = imported(Script::Connects).await;
    let mut watcher =
        command(&helper.socket(), &["watch", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watcher.stdout.take().unwrap()).lines();
    let snapshot: Value = serde_json::from_str(&next(&mut lines).await).unwrap();
    assert_eq!(snapshot["snapshot"]["entries"][0]["configuration"]["name"], "work");
    ok(&helper, &["connect", "work"]).await;
    for status in ["connecting", "connected"] {
        let change: Value = serde_json::from_str(&next(&mut lines).await).unwrap();
        assert_eq!(change["statusChanged"]["session"]["status"], status);
    }
    drop(lines);
    ok(&helper, &["disconnect"]).await;
    let status = timeout(LIMIT, watcher.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0));

    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut list = command(&helper.socket(), &["list"]);
    let output = finish_as_set(list.stdout(writer).stderr(Stdio::piped()), "").await;
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
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
    assert!(wrong.contains("onDemand.rules[1].sssids: is not known"), "{wrong}");
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

/// A helper that has the configuration `work`.
async fn imported(script: Script) -> Helper {
    let helper = Helper::start(script);
    with_input(&helper, &["import", "-", "--name", "work"], PROFILE).await;
    helper
}

fn command(socket: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adit"));
    command.args(arguments).env("ADIT_SOCKET", socket).env_remove("VISUAL").kill_on_drop(true);
    command
}

async fn run(helper: &Helper, arguments: &[&str]) -> Output {
    finish(command(&helper.socket(), arguments), "").await
}

async fn with_input(helper: &Helper, arguments: &[&str], input: &str) -> Output {
    let output = finish(command(&helper.socket(), arguments), input).await;
    assert!(output.status.success(), "{output:?}");
    output
}

async fn finish(mut command: Command, input: &str) -> Output {
    finish_as_set(command.stdout(Stdio::piped()).stderr(Stdio::piped()), input).await
}

async fn finish_as_set(command: &mut Command, input: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    // Whether it is read is the program's affair.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes()).await;
    timeout(LIMIT, child.wait_with_output()).await.expect("it hung").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_has_a_line_for_each_session() {
    let helper = Helper::start(Script::Connects);
    assert_eq!(ok(&helper, &["history"]).await, "No session is over yet.\n");
    let file = helper.file("work.conf", PROFILE);
    ok(&helper, &["import", text(&file)]).await;
    let said = ok(&helper, &["history", "work"]).await;
    let without_time: Vec<&str> =
        said.lines().filter_map(|line| Some(line.split_once("  ")?.1)).collect();
    let ended = "work  Connected for 2 h 5 min. 1.5 kB received, 9 B sent. Started by you. \
                 Disconnected by hand.";
    let failed = "work  Never connected. Started by you. The server does not answer.";
    assert_eq!(without_time, [ended, failed]);
    let last = json(&run(&helper, &["history", "work", "-n", "1", "--json"]).await);
    assert_eq!(last.as_array().unwrap().len(), 1);
    assert_eq!(last[0]["stopReason"], "userInitiated");
}

async fn ok(helper: &Helper, arguments: &[&str]) -> String {
    let output = run(helper, arguments).await;
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What is on standard error, of a failure with nothing on standard output.
fn failure(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert_eq!(output.stdout, b"", "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json_failure(output: &Output, code: i32) -> Value {
    let mut value: Value = serde_json::from_str(&failure(output, code)).unwrap();
    value["error"].take()
}

async fn next<R: tokio::io::AsyncBufRead + Unpin>(lines: &mut tokio::io::Lines<R>) -> String {
    timeout(LIMIT, lines.next_line()).await.expect("it hung").unwrap().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
