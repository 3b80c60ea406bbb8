//! What becomes of a session when its configuration is switched, renamed or removed, and what whoever watches hears.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use adit_tests::{Adit, Lab, Machine, Process};
use serde_json::{Value, json};

const TALKATIVE: &str = "org.example.talkative";

// spec: D-19, ERR-2, MGR-6, SES-C2, STOP-9
#[test]
fn a_disabled_configuration_ends_and_does_not_start() {
    let Some(lab) = Lab::new() else { return };
    let adit = start(&lab);
    import(&adit, "home", &[]);
    adit.connect("home");
    let since = connected_at(&adit, "home");
    adit.run(["rename", "home", "office"]);
    assert_eq!(adit.status("office"), "connected");
    assert_eq!(connected_at(&adit, "office"), since);
    adit.run(["disable", "office"]);
    adit.helper().wait_for_log("told to stop: configurationDisabled");
    adit.wait_for("office", "disconnected");
    adit.assert_no_residue();
    let reason = adit.refused(1, ["connect", "office"]);
    assert!(reason.contains("“office” is disabled."), "{reason}");
    assert_eq!(adit.status("office"), "disconnected");
    adit.run(["enable", "office"]);
    adit.connect("office");
}

// spec: MGR-4, MGR-C3, STOP-10, STAT-0
#[test]
fn a_configuration_removed_while_connected_ends_for_that_reason_and_is_gone() {
    let Some(lab) = Lab::new() else { return };
    let adit = start(&lab);
    import(&adit, "home", &[]);
    adit.connect("home");
    let watching = watch(&adit);
    adit.run(["remove", "home", "--yes"]);
    adit.helper().wait_for_log("told to stop: configurationRemoved");
    let expected = ["removed", "disconnecting", "disconnected", "invalid"];
    adit.eventually("end", || news(&watching).last().is_some_and(|last| last == "invalid"));
    let mut heard = news(&watching);
    // The removal and its first consequence may come in either order.
    heard[..2].sort_by_key(|news| news != "removed");
    assert_eq!(heard, expected);
    adit.assert_no_residue();
    let reason = adit.refused(1, ["connect", "home"]);
    assert!(reason.contains("no configuration"), "{reason}");
}

// spec: D-18, MGR-6, MGR-13, MGR-C2, SES-8, SET-3, STOP-11
#[test]
fn the_default_route_changes_hands_in_an_order_that_a_watcher_can_follow() {
    let Some(lab) = Lab::new() else { return };
    let adit = start(&lab);
    import(&adit, "first", &["0.0.0.0/0"]);
    import(&adit, "second", &["0.0.0.0/0"]);
    adit.connect("first");
    let residue = adit.residue();
    assert!(residue.contains("adit0") && !residue.contains("127.0.0.1"), "{residue}");
    assert!(!residue.contains("resolv.conf"), "{residue}");
    let watching = watch(&adit);
    adit.connect("second");
    adit.helper().wait_for_log("told to stop: superceded");
    adit.eventually("end", || news(&watching).last().is_some_and(|last| last == "connected"));
    let heard = news(&watching);
    let place = |wanted: &str| {
        let found = heard.iter().position(|news| news == wanted);
        found.unwrap_or_else(|| panic!("no {wanted} in {heard:?}"))
    };
    assert!(place("disconnecting") < place("disconnected"), "{heard:?}");
    assert!(place("disconnected") < place("connecting"), "{heard:?}");
    assert!(place("first is setAside") < place("connecting"), "{heard:?}");
    assert!(place("second is enabled") < place("connecting"), "{heard:?}");
    for id in ["first", "second"].map(|name| id_of(&adit, name)) {
        let numbers = sequence(&watching, &id);
        assert!(numbers.len() > 1, "{numbers:?}");
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
    }
}

// spec: D-3, PTP-2, PTP-8, SES-1
#[test]
fn a_start_is_handed_on_as_it_was_given_and_does_not_wait_for_the_tunnel() {
    let Some(lab) = Lab::new() else { return };
    let adit = start(&lab);
    adit.import_for(TALKATIVE, "home", &json!({ "providerConfiguration": { "slow": true } }));
    let id = id_of(&adit, "home");
    let options = json!({ "list": [1, { "a": null }], "town": "Bern" });
    for options in [None, Some(options)] {
        let mut parameters = json!({ "id": id });
        if let Some(options) = &options {
            parameters["options"] = options.clone();
        }
        let reply = call(&lab.client, "Start", &parameters);
        assert!(reply.get("error").is_none(), "{reply}");
        assert_eq!(adit.status("home"), "connecting");
        let given = options.map_or("nothing".to_owned(), |options| options.to_string());
        adit.helper().wait_for_log(&format!("started with {}", escaped(&given)));
        let index = lab.client.sh("cat /sys/class/net/adit0/ifindex");
        let interface = json!({ "index": index.trim().parse::<u32>().unwrap(), "name": "adit0" });
        adit.helper().wait_for_log(&format!("started on {}", escaped(&interface.to_string())));
        adit.disconnect("home");
    }
}

// spec: SES-2
#[test]
fn a_user_name_and_a_password_are_for_one_start_and_kept_nowhere() {
    const PASSWORD: &str = "for this once";
    let Some(lab) = Lab::new() else { return };
    let adit = start(&lab);
    adit.import_for(TALKATIVE, "home", &json!({ "username": "anna" }));
    let credentials = json!({ "username": "guest", "password": PASSWORD });
    let parameters = json!({ "id": id_of(&adit, "home"), "credentials": credentials });
    let reply = call(&lab.client, "Start", &parameters);
    assert!(reply.get("error").is_none(), "{reply}");
    let as_guest = format!("started as {}", escaped(&json!(["guest", PASSWORD]).to_string()));
    adit.helper().wait_for_log(&as_guest);
    adit.wait_for("home", "connected");
    adit.kill_providers();
    adit.eventually("the next provider", || adit.helper().log().matches(&as_guest).count() == 2);
    adit.wait_for("home", "connected");

    let kept = format!("grep -rl '{PASSWORD}' /run/adit-state /run/adit || true");
    assert_eq!(lab.client.sh(&kept), "");
    assert!(!adit.run(["show", "home", "--secrets"]).contains(PASSWORD));
    adit.disconnect("home");
    adit.connect("home");
    let as_anna = format!("started as {}", escaped(&json!(["anna", null]).to_string()));
    adit.helper().wait_for_log(&as_anna);
    adit.disconnect("home");
}

// spec: D-25, SES-10, TUN-17
#[test]
fn a_message_is_answered_by_the_provider_or_by_a_clear_error() {
    let Some(lab) = Lab::new() else { return };
    let adit = start(&lab);
    import(&adit, "home", &[]);
    let id = id_of(&adit, "home");
    // Not JSON, and not text either.
    let bytes = "AP/+gA==";
    let refused = send(&lab.client, &id, bytes);
    assert_eq!(refused["error"], "org.adit.Helper.NotRunning", "{refused}");
    assert_eq!(refused["parameters"]["name"], "home", "{refused}");
    adit.connect("home");
    let answered = send(&lab.client, &id, bytes);
    assert_eq!(answered["parameters"]["reply"], bytes, "{answered}");
    let silent = send(&lab.client, &id, SILENCE);
    assert_eq!(silent["error"], "org.adit.Helper.ProviderSilent", "{silent}");
}

fn start(lab: &Lab) -> Adit {
    let adit = Adit::start(&lab.client);
    let provider = TALKATIVE_PROVIDER.replace("SILENCE", SILENCE);
    adit.install_provider(TALKATIVE, &provider);
    adit
}

/// A configuration whose tunnel wants these routes.
fn import(adit: &Adit, name: &str, routes: &[&str]) {
    adit.import_for(TALKATIVE, name, &json!({ "expectedRoutes": routes }));
}

/// `adit watch`, once it hears of everything.
fn watch(adit: &Adit) -> Process {
    let watching = adit.spawn(["watch", "--json"]);
    watching.wait_for_log("\n");
    watching
}

/// What the watcher has heard, in words, without repetition.
fn news(watching: &Process) -> Vec<String> {
    let mut news: Vec<String> = events(watching).iter().filter_map(in_words).collect();
    news.dedup();
    news
}

fn in_words(event: &Value) -> Option<String> {
    if let Some(status) = event["statusChanged"]["session"]["status"].as_str() {
        return Some(status.to_owned());
    }
    if event.get("configurationRemoved").is_some() {
        return Some("removed".to_owned());
    }
    let configuration = &event["configurationSaved"]["configuration"];
    Some(format!(
        "{} is {}",
        configuration["name"].as_str()?,
        configuration["enablement"].as_str()?
    ))
}

/// The numbers of the changes of one session.
fn sequence(watching: &Process, id: &str) -> Vec<u64> {
    let sessions =
        events(watching).into_iter().map(|event| event["statusChanged"]["session"].clone());
    sessions.filter(|session| session["id"] == id).filter_map(|s| s["sequence"].as_u64()).collect()
}

/// One a line; the last line may not be complete yet.
fn events(watching: &Process) -> Vec<Value> {
    watching.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn id_of(adit: &Adit, name: &str) -> String {
    state(adit, name)["configuration"]["id"].as_str().unwrap().to_owned()
}

fn connected_at(adit: &Adit, name: &str) -> String {
    state(adit, name)["session"]["connectedAt"].as_str().unwrap().to_owned()
}

fn state(adit: &Adit, name: &str) -> Value {
    serde_json::from_str(&adit.run(["status", name, "--json"])).unwrap()
}

/// Sends the session a message in base64, as an app does; the helper's reply.
fn send(client: &Machine, id: &str, message: &str) -> Value {
    call(client, "SendProviderMessage", &json!({ "id": id, "message": message }))
}

/// Calls the helper without its command line.
fn call(client: &Machine, method: &str, parameters: &Value) -> Value {
    let call = json!({ "method": format!("org.adit.Helper.{method}"), "parameters": parameters });
    let mut socket = client.enter(|| UnixStream::connect("/run/adit/helper.sock").unwrap());
    socket.write_all(format!("{call}\0").as_bytes()).unwrap();
    let mut reply = Vec::new();
    BufReader::new(socket).read_until(0, &mut reply).unwrap();
    serde_json::from_slice(reply.strip_suffix(b"\0").unwrap()).unwrap()
}

/// As a provider's output stands in the helper's log.
fn escaped(text: &str) -> String {
    text.escape_debug().to_string()
}

/// A message that the provider never answers.
const SILENCE: &str = "c2lsZW5jZQ==";

/// Says what it is told, and answers each message with itself.
const TALKATIVE_PROVIDER: &str = r#"#!/usr/bin/env python3
import json, socket, sys, time
provider, host = socket.socket(fileno=3), socket.socket(fileno=4)

def receive(connection):
    data = b""
    while not data.endswith(b"\0"):
        more = connection.recv(65536)
        if not more:
            sys.exit(0)
        data += more
    return json.loads(data[:-1])

def call(method, **parameters):
    message = {"method": "org.adit.Host." + method, "parameters": parameters}
    host.sendall(json.dumps(message).encode() + b"\0")
    receive(host)

def compact(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"))

while True:
    message = receive(provider)
    method, parameters = message["method"].rsplit(".", 1)[1], message.get("parameters") or {}
    if method == "Stop":
        print("told to stop:", parameters["reason"], flush=True)
    if method == "HandleAppMessage" and parameters["message"] == "SILENCE":
        time.sleep(1000)
    replies = {
        "HandleAppMessage": {"reply": parameters.get("message")},
        "ConfigurationChanged": {"applied": True},
        "Status": {"status": {}},
    }
    provider.sendall(json.dumps({"parameters": replies.get(method, {})}).encode() + b"\0")
    if method == "Start":
        options = parameters.get("options")
        print("started with", "nothing" if options is None else compact(options), flush=True)
        who = parameters["configuration"]["protocol"].get("username")
        print("started as", compact([who, parameters["secrets"].get("password")]), flush=True)
        print("started on", compact(parameters["interface"]), flush=True)
    if method == "Start" and not parameters["configuration"]["protocol"].get("providerConfiguration"):
        expected = parameters["configuration"]["protocol"].get("expectedRoutes", [])
        routes = [{"destination": route} for route in expected]
        ipv4 = {"addresses": ["10.78.0.2/24"], "includedRoutes": routes}
        call("SetTunnelNetworkSettings", settings={"tunnelRemoteAddress": "127.0.0.1", "ipv4": ipv4})
        call("StartCompleted")
"#;
