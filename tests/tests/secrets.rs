//! Keys and passwords that are with their owner and not with the helper: in the keyring, or nowhere.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::collections::BTreeMap;
use std::time::Duration;

use adit_tests::{Adit, DesktopSession, Home, Lab, Machine, WireGuardServer, program};
use serde_json::{Value, json};

const ALICE: u32 = 1000;
const PASSWORD_PROVIDER: &str = "org.example.password";
const PATIENCE: Duration = Duration::from_secs(20);
const SWITCH: &str = "button[role=switch]";
const SENTENCE: &str = "header .sentence";
const QUESTION: &str = ".question";
const PASSWORD: &str = ".question input[type=password]";
const CONNECT: &str = ".question button.primary";
const CANCEL: &str = ".question button:not(.primary)";

// spec: PROTO-5
#[test]
fn a_key_in_the_keyring_is_found_there_and_nowhere_else() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let mut adit = Adit::start(&lab.client);
    let peer = vpn.add_peer();
    adit.import("home", &peer.conf());
    let session = lab.client.start_desktop_session();
    let Some(keyring) = session.start_keyring() else { return };
    let id = id_of(&adit, "home");
    assert!(is_on_disk(&lab.client, &peer.private_key));

    run(&session, &["secrets", "home", "--keep-in", "keyring"]);
    let key = BTreeMap::from([("privateKey".to_owned(), peer.private_key.clone())]);
    assert_eq!(keyring.secrets(&id), key);
    assert_eq!(keyring.labels(&id), ["Adit: home (private key)"]);
    assert!(!is_on_disk(&lab.client, &peer.private_key));
    let shown = adit.run(["show", "home", "--secrets", "--json"]);
    assert!(!shown.contains(&peer.private_key) && shown.contains("keyring"), "{shown}");

    // Nobody is there to be asked.
    let reason = adit.refused(1, ["connect", "home"]);
    assert!(reason.contains("Nobody gave the private key of “home”"), "{reason}");

    let agent = session.spawn("adit-agent", &[]);
    adit.connect("home");
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
    assert!(!is_on_disk(&lab.client, &peer.private_key));

    // A tunnel that goes on does not need it again, one whose provider dies too does.
    adit.kill_helper();
    adit.restart_helper();
    assert_eq!(adit.status("home"), "connected");
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
    adit.kill_providers();
    adit.eventually("another provider", || lab.client.whoami("site.test").is_ok());
    adit.disconnect("home");

    // What is renamed keeps it, what is removed takes it along.
    adit.run(["rename", "home", "office"]);
    adit.eventually("another label", || keyring.labels(&id) == ["Adit: office (private key)"]);
    run(&session, &["secrets", "office", "--keep-in", "system"]);
    assert_eq!(keyring.secrets(&id), BTreeMap::new());
    assert!(is_on_disk(&lab.client, &peer.private_key));
    adit.connect("office");
    run(&session, &["secrets", "office", "--keep-in", "keyring"]);
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
    adit.run(["remove", "office", "--yes"]);
    adit.eventually("an empty keyring", || keyring.labels(&id).is_empty());
    for log in [adit.helper().log(), agent.log()] {
        assert!(!log.contains(&peer.private_key) && !log.contains("ERROR"), "{log}");
    }
    adit.assert_no_residue();
}

// spec: PROTO-5
#[test]
fn what_takes_the_place_of_a_secret_goes_where_that_was() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let (old, new) = (vpn.add_peer(), vpn.add_peer());
    adit.import("home", &old.conf());
    let session = lab.client.start_desktop_session();
    let Some(keyring) = session.start_keyring() else { return };
    let id = id_of(&adit, "home");
    run(&session, &["secrets", "home", "--keep-in", "keyring"]);
    let _agent = session.spawn("adit-agent", &[]);
    adit.connect("home");

    // A new version of the file. WireGuard's tunnel gets another key when it connects again, and that is said.
    let key = || keyring.secrets(&id)["privateKey"].clone();
    lab.client.write_file("/run/home.conf", new.conf());
    run(&session, &["import", "--replace", "/run/home.conf"]);
    assert_eq!(key(), new.private_key);
    assert!(!is_on_disk(&lab.client, &new.private_key));
    let is_behind = || adit.session("home")["health"][0]["code"] == "configuration.behind";
    adit.eventually("word that it has another key", is_behind);
    adit.disconnect("home");
    adit.connect("home");
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
    assert!(vpn.has_handshake(&new));

    // At a terminal.
    let edit = format!(
        "EDITOR='sed -i s,{},{},' {} edit home",
        new.private_key,
        old.private_key,
        program("adit").display()
    );
    session.run("sh", &["-c", &edit]);
    assert_eq!(key(), old.private_key);
    assert!(!is_on_disk(&lab.client, &old.private_key));

    // In the window, where the helper makes it.
    if let Some(window) = session.open_window(&[]) {
        window.go(&format!("#/edit/{id}"));
        window.click_on("Make a new key pair");
        window.press("Control+s");
        adit.eventually("another key in the keyring", || key() != old.private_key);
        assert!(!is_on_disk(&lab.client, &key()));
    }

    // What cannot be kept there is not saved.
    keyring.lock();
    let stored = || adit.run(["show", "home", "--json"]);
    let before = stored();
    let (is_saved, said) = session.at_terminal("import --replace /run/home.conf").end();
    assert!(!is_saved && said.contains("The keyring was not unlocked."), "{said}");
    assert!(!is_on_disk(&lab.client, &new.private_key));
    assert_eq!(stored(), before);
}

// spec: CERR-8, STOP-6
#[test]
fn who_connects_at_a_terminal_is_asked_there_and_again_when_the_server_refuses() {
    let Some(lab) = Lab::new() else { return };
    let adit = Adit::start(&lab.client);
    adit.install_provider(PASSWORD_PROVIDER, PROVIDER);
    import(&adit, "nowhere");
    let session = lab.client.start_desktop_session();

    let mut terminal = session.at_terminal("connect work");
    terminal.wait_for("work (password): ");
    assert_eq!(adit.session("work")["health"][0]["title"], "Waiting for the password of “work”");
    terminal.type_line("wrong");
    terminal.wait_for_again("work (password): ");
    terminal.type_line("open sesame");
    let (connected, shown) = terminal.end();
    assert!(connected && shown.contains("not accepted") && !shown.contains("sesame"), "{shown}");
    assert_eq!(adit.status("work"), "connected");
    assert!(!is_on_disk(&lab.client, "open sesame"));
    adit.disconnect("work");

    let mut terminal = session.at_terminal("connect work");
    terminal.wait_for("work (password): ");
    terminal.type_line("");
    let (connected, shown) = terminal.end();
    assert!(!connected, "{shown}");
    adit.wait_for("work", "disconnected");
    let history = adit.run(["history", "work", "-n", "1"]);
    assert!(history.contains("The request for credentials was closed."), "{history}");

    // Who gives up waiting withdraws what was asked.
    let terminal = session.at_terminal("connect work");
    terminal.wait_for("work (password): ");
    adit.run(["disconnect", "work"]);
    adit.wait_for("work", "disconnected");
    let (connected, shown) = terminal.end();
    assert!(!connected, "{shown}");
    assert!(!adit.helper().log().contains("sesame"));
    adit.assert_no_residue();
}

// spec: X-2
#[test]
fn a_start_that_waits_for_a_secret_outlives_the_service() {
    let Some(lab) = Lab::new() else { return };
    let mut adit = Adit::start(&lab.client);
    adit.install_provider(PASSWORD_PROVIDER, PROVIDER);
    import(&adit, "nowhere");
    let session = lab.client.start_desktop_session();
    let mut terminal = session.at_terminal("connect work");
    terminal.wait_for("work (password): ");
    adit.kill_helper();
    adit.restart_helper();
    terminal.wait_for_again("work (password): ");
    terminal.type_line("open sesame");
    let (connected, shown) = terminal.end();
    assert!(connected, "{shown}");
    adit.disconnect("work");

    let mut terminal = session.at_terminal("connect work");
    terminal.wait_for("work (password): ");
    terminal.type_line("");
    assert!(!terminal.end().0);
    adit.wait_for("work", "disconnected");
    adit.kill_helper();
    adit.restart_helper();
    assert_eq!(adit.status("work"), "disconnected");
    adit.assert_no_residue();
}

#[test]
fn without_a_keyring_it_is_asked_for_this_session_and_says_why() {
    let Some(lab) = Lab::new() else { return };
    let adit = Adit::start(&lab.client);
    adit.install_provider(PASSWORD_PROVIDER, PROVIDER);
    import(&adit, "keyring");
    let session = lab.client.start_desktop_session();
    let mut terminal = session.at_terminal("connect work");
    terminal.wait_for("work (password): ");
    terminal.type_line("open sesame");
    let (connected, shown) = terminal.end();
    assert!(connected, "{shown}");
    let why = "It counts for this session alone. This session has no keyring";
    assert!(shown.contains(why), "{shown}");
    adit.disconnect("work");

    // With one, it is asked for once.
    let Some(keyring) = session.start_keyring() else { return };
    let mut terminal = session.at_terminal("connect work");
    terminal.wait_for("work (password): ");
    terminal.type_line("open sesame");
    terminal.wait_for("Remember it in the keyring?");
    terminal.type_line("y");
    assert!(terminal.end().0);
    let kept = keyring.secrets(&id_of(&adit, "work"));
    assert_eq!(kept, BTreeMap::from([("password".into(), "open sesame".into())]));
    adit.disconnect("work");
    let (connected, shown) = session.at_terminal("connect work").end();
    assert!(connected && !shown.contains("(password)"), "{shown}");
}

#[test]
fn a_rule_asks_an_open_keyring_and_nobody_else() {
    let Some(Home { lab, vpn, adit }) = Home::imported() else { return };
    let session = lab.client.start_desktop_session();
    let Some(keyring) = session.start_keyring() else { return };
    adit.set_on_demand("home", &json!([{ "action": "connect", "eager": true }]));
    adit.wait_for("home", "connected");
    run(&session, &["secrets", "home", "--keep-in", "keyring"]);
    adit.disconnect("home");

    // As at boot: nobody is there, and whoever comes is asked at once.
    adit.run(["on-demand", "resume", "home"]);
    let says = |text: &str| adit.session("home")["lastError"]["message"].to_string().contains(text);
    adit.eventually("the reason", || says("Nobody gave the private key of “home”"));

    // Somebody at a terminal can be asked too, and is not overtaken by the rule for that.
    let (connected, shown) = session.at_terminal("connect home").end();
    assert!(connected, "{shown}");
    assert!(adit.session("home")["startCause"]["user"].is_object());
    adit.disconnect("home");

    adit.run(["on-demand", "resume", "home"]);
    adit.eventually("the reason", || says("Nobody gave the private key of “home”"));
    let agent = session.spawn("adit-agent", &[]);
    adit.wait_for("home", "connected");
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
    adit.disconnect("home");

    keyring.lock();
    adit.run(["on-demand", "resume", "home"]);
    adit.eventually("the reason", || says("The keyring is locked. Connect by hand to enter it."));
    let log = agent.log();
    assert!(!log.contains("window"), "{log}");

    // By hand, the keyring asks to be unlocked; nobody is there who could show that.
    let mut terminal = session.at_terminal("connect home");
    terminal.wait_for("home (private key): ");
    terminal.type_line("half of a key");
    terminal.wait_for_again("home (private key): ");
    terminal.type_line("");
    assert!(!terminal.end().0);
}

#[test]
fn the_window_asks_for_what_no_keyring_has() {
    let Some(lab) = Lab::new() else { return };
    let adit = Adit::start(&lab.client);
    adit.install_provider(PASSWORD_PROVIDER, PROVIDER);
    import(&adit, "keyring");
    let session = lab.client.start_desktop_session();
    let agent = session.spawn("adit-agent", &[]);
    agent.wait_for_log("There is no tray");
    // Somebody has started it where nobody can be asked: the agent calls the window.
    let connecting = adit.spawn(["connect", "work"]);
    adit.eventually("a request", || adit.session("work")["health"][0]["code"] == "secrets.wanted");

    let Some(window) = session.open_window(&[]) else { return };
    window.wait_for_text(QUESTION, "Password for “work”");
    window.wait_for_text(QUESTION, "This session has no keyring");
    assert_eq!(window.script("return document.activeElement.type", &[]), json!("password"));
    assert_eq!(window.violations(), json!([]));
    window.photograph("secret-asked");
    window.send_keys(PASSWORD, "wrong");
    window.click(CONNECT);
    window.wait_for_text(QUESTION, "This was not accepted");
    window.wait_for_text(QUESTION, "This session has no keyring");
    window.photograph("secret-refused");
    window.send_keys(PASSWORD, "open sesame");
    window.click(CONNECT);
    window.wait_for_text(SENTENCE, "Connected");
    assert!(connecting.wait(PATIENCE).unwrap().success(), "{}", connecting.log());
    adit.disconnect("work");

    window.click(SWITCH);
    window.click(CANCEL);
    window.wait_for_text(SENTENCE, "Not connected");
    let history = adit.run(["history", "work", "-n", "1"]);
    assert!(history.contains("The request for credentials was closed."), "{history}");

    let Some(keyring) = session.start_keyring() else { return };
    window.click(SWITCH);
    window.wait_for_text(QUESTION, "Remember it in the keyring");
    window.send_keys(PASSWORD, "open sesame");
    window.click(CONNECT);
    window.wait_for_text(SENTENCE, "Connected");
    let kept = BTreeMap::from([("password".to_owned(), "open sesame".to_owned())]);
    let id = id_of(&adit, "work");
    adit.eventually("a secret that is remembered", || keyring.secrets(&id) == kept);
    adit.disconnect("work");
    window.click(SWITCH);
    window.wait_for_text(SENTENCE, "Connected");
    for log in [adit.helper().log(), agent.log()] {
        assert!(!log.contains("sesame"), "{log}");
    }
}

// spec: ENT-14
#[test]
fn nobody_else_is_asked() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let Some(alice) = adit.user(ALICE) else { return };
    alice.import("home", &vpn.add_peer().conf());
    let id = id_of(&adit, "home");
    // Nothing of it is left but where it should be.
    let archive: Value =
        serde_json::from_str(&alice.run(["export", "home", "--format", "adit"])).unwrap();
    let mut moved = archive.clone();
    moved["configuration"]["protocol"]["userSecrets"] = json!({ "privateKey": "keyring" });
    moved["secrets"] = json!({});
    lab.client.write_file("/run/home.json", moved.to_string());
    alice.run(["import", "--replace", "/run/home.json"]);
    // Root may do anything with it, and has the key; but it is not root's to give.
    let session = lab.client.start_desktop_session();
    let Some(_keyring) = session.start_keyring() else { return };
    let key = archive["secrets"]["privateKey"].as_str().unwrap();
    let store = "printf %s \"$0\" | secret-tool store --label x service \"org.adit/$1\" username privateKey";
    session.run("sh", &["-c", store, key, &id]);
    let _agent = session.spawn("adit-agent", &[]);
    let reason = alice.refused(1, ["connect", "home"]);
    assert!(reason.contains("Nobody gave the private key of “home”"), "{reason}");
    let refused = session.at_terminal("secrets home --keep-in system").end();
    assert!(!refused.0 && refused.1.contains("Only the owner of “home”"), "{refused:?}");
}

#[track_caller]
fn run(session: &DesktopSession, words: &[&str]) -> String {
    session.run(&program("adit").display().to_string(), words)
}

#[track_caller]
fn id_of(adit: &Adit, name: &str) -> String {
    let shown: Value = serde_json::from_str(&adit.run(["show", name, "--json"])).unwrap();
    shown["configuration"]["id"].as_str().unwrap().to_owned()
}

/// Whether the text is in any file of the helper.
#[track_caller]
fn is_on_disk(machine: &Machine, text: &str) -> bool {
    machine.try_run(["grep", "-rqF", text, "/run/adit-state", "/run/adit"]).status.success()
}

fn import(adit: &Adit, place: &str) {
    let protocol = json!({
        "userSecrets": { "password": place },
    });
    adit.import_for(PASSWORD_PROVIDER, "work", &protocol);
}

/// Stands for a server that wants a password.
const PROVIDER: &str = r#"#!/usr/bin/env python3
import json, socket, time
provider, host = socket.socket(fileno=3), socket.socket(fileno=4)

def receive(connection):
    data = b""
    while not data.endswith(b"\0"):
        data += connection.recv(65536)
    return json.loads(data[:-1])

def call(method, **parameters):
    host.sendall(json.dumps({"method": "org.adit.Host." + method, "parameters": parameters}).encode() + b"\0")
    return receive(host)

start = receive(provider)["parameters"]
provider.sendall(b'{"parameters": {}}\0')
if start["secrets"]["password"] != "wrong":
    ipv4 = {"addresses": ["10.78.0.2/24"]}
    call("SetTunnelNetworkSettings", settings={"tunnelRemoteAddress": "192.0.2.1", "ipv4": ipv4})
    call("StartCompleted")
else:
    error = {"domain": "NEVPNConnectionErrorDomain", "code": 8, "message": "The password is wrong."}
    call("StartCompleted", error=error)
while receive(provider):
    provider.sendall(b'{"parameters": {}}\0')
"#;
