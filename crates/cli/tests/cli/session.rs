use std::process::Stdio;

use adit_model::VpnStatus;
use rustix::process::{Pid, Signal};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    time::timeout,
};

use crate::{
    helper::{Helper, Script},
    program::{
        LIMIT, PROFILE, command, failure, finish_as_set, imported, json, json_failure, next, ok,
        run, text,
    },
};

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
