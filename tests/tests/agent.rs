//! What the user sees of Adit in a desktop session while no window is open.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::thread;
use std::time::Duration;

use adit_tests::usage::Usage;
use adit_tests::{Adit, Home, Lab, UdpTunnelServer, WireGuardServer, address, program};
use serde_json::json;

/// Of the agent, in KiB: it runs from login to logout.
const MOST_MEMORY: u64 = 60 << 10;

#[test]
fn the_tray_shows_the_state_and_switches_tunnels() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let mut adit = Adit::start(&lab.client);
    adit.import("home", &vpn.add_peer().conf());
    adit.import("work", &vpn.add_peer().conf());
    let session = lab.client.start_desktop_session();
    let notifications = session.add_notifications();
    let agent = session.spawn("adit-agent", &[]);
    agent.wait_for_log("There is no tray");

    // A tray that comes later is used as soon as it is there.
    let tray = session.add_tray();
    tray.wait_for_icon("adit-disconnected-symbolic");
    let is_on = |name: &'static str, on: bool| {
        tray.wait_for_line(name, move |line| line.label == name && line.is_on == Some(on))
    };
    let work = is_on("work", false);
    tray.choose(&work);
    tray.wait_for_icon("adit-connected-symbolic");
    adit.wait_for("work", "connected");
    is_on("work", true);
    assert_eq!(tray.menu()[2].label, "work", "what was used last is at hand");
    assert!(tray.menu()[0].label.starts_with("work: Connected."), "{:?}", tray.menu());
    assert!(!tray.menu()[0].is_enabled);

    // Of what has to make room, only those are told who did not ask for it.
    tray.choose(&is_on("home", false));
    adit.wait_for("home", "connected");
    tray.wait_for_line("home is up", |line| line.label.starts_with("home: Connected."));
    assert_eq!(notifications.shown().len(), 0, "{:?}", notifications.shown());
    adit.connect("work");
    let home = notifications.wait_for("“home” is disconnected");
    assert_eq!(home.body, "Another tunnel takes its place.");
    notifications.wait_for("“work” is connected");

    adit.kill_helper();
    tray.wait_for_icon("adit-service-missing-symbolic");
    adit.restart_helper();
    tray.wait_for_icon("adit-connected-symbolic");

    tray.choose(&is_on("work", true));
    adit.wait_for("work", "disconnected");
    tray.wait_for_icon("adit-disconnected-symbolic");
    let log = agent.log();
    assert!(!log.contains("ERROR"), "{log}");

    adit.connect("home");
    let quit = tray.wait_for_line("Quit", |line| line.label.starts_with("Quit"));
    tray.choose(&quit);
    adit.eventually("the agent ends", || !agent.is_running());
    assert_eq!(adit.session("home")["status"], "connected", "tunnels stay up");
}

#[test]
fn a_tunnel_that_fails_is_told_and_can_be_connected_again_from_there() {
    let Some(Home { lab, vpn: _vpn, adit }) = Home::imported() else { return };
    let session = lab.client.start_desktop_session();
    let notifications = session.add_notifications();
    let tray = session.add_tray();
    let _agent = session.spawn("adit-agent", &[]);
    tray.wait_for_icon("adit-disconnected-symbolic");

    // Somebody else connects it.
    adit.connect("home");
    let connected = notifications.wait_for("“home” is connected");
    assert!(connected.actions.contains(&"default".into()), "{connected:?}");
    adit.eventually("so many providers die that no other is started", || {
        if !adit.providers().is_empty() {
            adit.kill_providers();
        }
        adit.session("home")["status"] == "disconnected"
    });
    let failed = notifications.wait_for("“home” is disconnected");
    assert_eq!(failed.replaces, connected.id, "one about each configuration");
    assert!(failed.actions.contains(&"reconnect".into()), "{failed:?}");
    notifications.answer(&failed, "reconnect");
    adit.wait_for("home", "connected");

    // What the user does in the tray is seen there and not told; what anybody else does is told once.
    let told = notifications.shown().len();
    tray.wait_for_icon("adit-connected-symbolic");
    let home = tray.wait_for_line("home", |line| line.label == "home" && line.is_on == Some(true));
    tray.choose(&home);
    tray.wait_for_icon("adit-disconnected-symbolic");
    let home = tray.wait_for_line("home", |line| line.label == "home" && line.is_on == Some(false));
    tray.choose(&home);
    tray.wait_for_icon("adit-connected-symbolic");
    assert_eq!(notifications.shown().len(), told, "{:?}", notifications.shown());
    adit.disconnect("home");
    tray.wait_for_icon("adit-disconnected-symbolic");
    let shown = notifications.shown();
    assert_eq!(shown.len(), told + 1, "{shown:?}");
    assert_eq!(shown[told].summary, "“home” is disconnected");
}

#[test]
fn an_agent_that_was_updated_goes_on_in_its_next_version() {
    let Some(lab) = Lab::new() else { return };
    let mut adit = Adit::start(&lab.client);
    let session = lab.client.start_desktop_session();
    let tray = session.add_tray();
    let built = program("adit-agent");
    let install = format!("mkdir -p /run/bin && cp {} /run/bin/next", built.display());
    // As package managers replace it.
    let install = format!("{install} && mv /run/bin/next /run/bin/adit-agent");
    lab.client.sh(&install);
    let agent = session.spawn("/run/bin/adit-agent", &[]);
    tray.wait_for_icon("adit-disconnected-symbolic");
    lab.client.sh(&install);
    adit.kill_helper();
    let later = lab.client.start_later_helper();
    agent.wait_for_log("goes on in its next version");
    adit.eventually("the next version", || session.has_name("org.adit.Agent"));
    // That one is as old, and its file is its own.
    let words = "Adit was updated. Quit it here and open it again.";
    tray.wait_for_line(words, |line| line.label == words && !line.is_enabled);
    drop(later);
    adit.restart_helper();
    tray.wait_for_icon("adit-disconnected-symbolic");
    assert!(agent.is_running(), "it is the same process: {}", agent.log());
}

#[test]
fn a_tunnel_that_comes_and_goes_does_not_shout() {
    let Some(Home { lab, vpn: _vpn, adit }) = Home::imported() else { return };
    let session = lab.client.start_desktop_session();
    let notifications = session.add_notifications();
    let tray = session.add_tray();
    let _agent = session.spawn("adit-agent", &[]);
    tray.wait_for_icon("adit-disconnected-symbolic");
    for _ in 0..3 {
        adit.connect("home");
        tray.wait_for_icon("adit-connected-symbolic");
        adit.disconnect("home");
        tray.wait_for_icon("adit-disconnected-symbolic");
    }
    let shown = notifications.shown();
    assert_eq!(shown.len(), 3, "of six changes: {shown:?}");
    // The last one that was shown says that it is connected.
    adit.eventually("it is taken away", || notifications.shown()[2].is_withdrawn);
}

// spec: OD-22
#[test]
fn what_connects_by_itself_can_be_held_off_in_the_tray() {
    let Some(Home { lab, vpn, adit }) = Home::imported() else { return };
    let session = lab.client.start_desktop_session();
    let tray = session.add_tray();
    let _agent = session.spawn("adit-agent", &[]);
    tray.wait_for_icon("adit-disconnected-symbolic");
    let is_pause = |label: &str| label.starts_with("Pause on demand");
    assert!(!tray.menu().iter().any(|line| is_pause(&line.label)), "nothing to hold off");

    adit.set_on_demand("home", &json!([{ "action": "connect" }]));
    tray.wait_for_icon("adit-waiting-symbolic");
    let waits = "home: Not connected. Connects by itself when something uses the network.";
    tray.wait_for_line(waits, |line| line.label == waits && !line.is_enabled);
    let hour = tray.wait_for_line("an hour", |line| line.label == "For an hour");
    tray.choose(&hour);
    tray.wait_for_icon("adit-disconnected-symbolic");
    let until = "On demand is paused until 2";
    tray.wait_for_line(until, |line| line.label.starts_with(until) && !line.is_enabled);
    assert_eq!(adit.session("home")["onDemand"]["until"], "time");
    let site = address::SITE.v4.to_string();
    assert_eq!(lab.client.whoami(&site).unwrap(), address::CLIENT.v4, "it is held off");

    let resume = tray.wait_for_line("Resume", |line| line.label == "Resume on demand");
    tray.choose(&resume);
    tray.wait_for_icon("adit-waiting-symbolic");
    let network = tray.wait_for_line("network", |line| line.label == "Until the next network");
    tray.choose(&network);
    adit.eventually("held off", || adit.session("home")["onDemand"]["until"] == "nextNetwork");
    tray.choose(&resume);
    tray.wait_for_icon("adit-waiting-symbolic");
    assert_eq!(lab.client.whoami(&site).unwrap(), vpn.outer_ipv4());
    tray.wait_for_icon("adit-connected-symbolic");

    // What the menu does not show does not build it anew.
    let revision = tray.revision();
    assert_eq!(lab.client.whoami(&site).unwrap(), vpn.outer_ipv4());
    adit.run(["status", "home"]);
    assert_eq!(tray.revision(), revision);
}

#[test]
fn the_window_is_asked_for_with_the_token_of_the_click() {
    let Some(Home { lab, vpn: _vpn, adit }) = Home::imported() else { return };
    let session = lab.client.start_desktop_session();
    let notifications = session.add_notifications();
    let tray = session.add_tray();
    let window = session.add_window();
    let _agent = session.spawn("adit-agent", &[]);
    let open = tray.wait_for_line("Open Adit", |line| line.label == "Open Adit");
    tray.provide_token("token-tray");
    tray.choose(&open);
    window.wait_for_activations(1);
    tray.choose(&open);
    let tokens = window.wait_for_activations(2);
    assert_eq!(tokens, [Some("token-tray".into()), None], "a token counts once");
    adit.connect("home");
    let connected = notifications.wait_for("“home” is connected");
    notifications.answer(&connected, "default");
    assert_eq!(window.wait_for_activations(3)[2].as_deref(), Some("token-default"));
}

#[test]
fn a_real_notification_server_shows_what_is_true_and_passes_answers_on() {
    let Some(Home { lab, vpn, adit }) = Home::imported() else { return };
    adit.import_with("work", &vpn.add_peer().conf(), &["--include-all-networks"]);
    let session = lab.client.start_desktop_session();
    let Some(dunst) = session.start_dunst() else { return };
    let tray = session.add_tray();
    let window = session.add_window();
    let _agent = session.spawn("adit-agent", &[]);
    tray.wait_for_icon("adit-disconnected-symbolic");

    // What is no longer true goes away, without a click.
    adit.connect("home");
    dunst.wait_for("“home” is connected");
    dunst.wait_for_displayed(1);
    let home = tray.wait_for_line("home", |line| line.label == "home" && line.is_on == Some(true));
    tray.choose(&home);
    dunst.wait_for_displayed(0);
    assert_eq!(dunst.history(), ["“home” is connected"]);

    adit.connect("work");
    dunst.wait_for("“work” is connected");
    dunst.click();
    window.wait_for_activations(1);
    dunst.wait_for_displayed(0);

    let fail = || {
        adit.eventually("so many providers die that no other is started", || {
            if !adit.providers().is_empty() {
                adit.kill_providers();
            }
            adit.session("work")["status"] == "disconnected"
        });
    };
    let told = dunst.told();
    fail();
    dunst.wait_for_displayed(1);
    dunst.wait_for("“work” is disconnected");
    dunst.choose("Reconnect");
    adit.wait_for("work", "connected");
    dunst.wait_for_displayed(0);
    fail();
    dunst.wait_for_displayed(1);
    assert_eq!(adit.session("work")["blocking"], true);
    dunst.choose("Unblock");
    adit.eventually("it is open", || adit.session("work")["blocking"] != true);
    dunst.wait_for_displayed(0);
    assert_eq!(dunst.told(), told + 2, "each once");
}

// spec: PRV-7
#[test]
fn a_provider_shows_a_message_and_learns_when_nobody_is_there_to_see_it() {
    let Some(lab) = Lab::new() else { return };
    let _server = UdpTunnelServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    // It says hello whenever its configuration is saved.
    let program = include_str!("../providers/org.example.udp/udp_tunnel.py").replace(
        "def reconfigure(wanted):\n",
        "def reconfigure(wanted):\n    message = 'Hello, \\a<b>person</b>.'\n    \
             print('shown:', host.call('DisplayMessage', message=message)[0]['displayed'], flush=True)\n",
    );
    adit.install_provider("org.example.talking", &program);
    let save = || {
        let configuration =
            json!({ "remote": "198.51.100.10:5000", "address": "10.77.0.2/24", "routes": [] });
        let protocol = json!({ "providerConfiguration": configuration });
        adit.import_for("org.example.talking", "talking", &protocol);
    };
    save();
    adit.connect("talking");
    save();
    adit.eventually("an answer", || adit.helper().log().contains("shown: False"));
    assert!(!adit.session("talking").to_string().contains("Hello"));

    let session = lab.client.start_desktop_session();
    let notifications = session.add_notifications();
    let tray = session.add_tray();
    let agent = session.spawn("adit-agent", &[]);
    tray.wait_for_icon("adit-connected-symbolic");
    save();
    let shown = notifications.wait_for("talking");
    assert_eq!(shown.body, "“Hello, &lt;b&gt;person&lt;/b&gt;.”", "{shown:?}");
    adit.eventually("an answer", || adit.helper().log().contains("shown: True"));
    let status = adit.run(["status", "talking"]);
    assert!(status.contains("“Hello, <b>person</b>.”"), "{status}");
    drop(agent);
}

#[test]
fn the_agent_is_one_and_small() {
    let Some(lab) = Lab::new() else { return };
    let adit = Adit::start(&lab.client);
    let session = lab.client.start_desktop_session();
    let tray = session.add_tray();
    let agent = session.spawn("adit-agent", &[]);
    tray.wait_for_icon("adit-disconnected-symbolic");
    session.spawn("adit-agent", &[]).wait_for_log("runs already in this session");
    let memory = Usage::of(agent.pid()).resident_kib;
    println!("{memory} KiB");
    assert!(memory < MOST_MEMORY, "{memory} KiB");
    drop(adit);
}

#[test]
fn without_a_service_the_agent_sleeps_until_it_comes() {
    let Some(lab) = Lab::new() else { return };
    let session = lab.client.start_desktop_session();
    let tray = session.add_tray();
    let agent = session.spawn("adit-agent", &[]);
    tray.wait_for_icon("adit-service-missing-symbolic");
    let woken = || Usage::of(agent.pid()).switches;
    thread::sleep(Duration::from_millis(500));
    let before = woken();
    thread::sleep(Duration::from_secs(3));
    assert_eq!(woken() - before, 0);

    let mut adit = Adit::start(&lab.client);
    tray.wait_for_icon("adit-disconnected-symbolic");
    adit.kill_helper();
    tray.wait_for_icon("adit-service-missing-symbolic");
    adit.restart_helper();
    tray.wait_for_icon("adit-disconnected-symbolic");
}
