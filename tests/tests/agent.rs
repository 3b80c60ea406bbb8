//! What the user sees of Adit in a desktop session while no window is open.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::thread;
use std::time::Duration;

use adit_tests::usage::Usage;
use adit_tests::{Adit, Lab, UdpTunnelServer, WireGuardServer};
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
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    adit.import("home", &vpn.add_peer().conf());
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

    // What the user does in the tray is seen there and not told.
    let told = notifications.shown().len();
    tray.wait_for_icon("adit-connected-symbolic");
    let home = tray.wait_for_line("home", |line| line.label == "home" && line.is_on == Some(true));
    tray.choose(&home);
    tray.wait_for_icon("adit-disconnected-symbolic");
    assert_eq!(notifications.shown().len(), told, "{:?}", notifications.shown());
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

// spec: PXY-1, PXY-3, PXY-9
#[test]
fn the_desktop_has_the_proxy_of_a_tunnel_while_it_is_up_and_its_own_again_afterwards() {
    let Some(lab) = Lab::new() else { return };
    let adit = Adit::start(&lab.client);
    let _server = UdpTunnelServer::start(&lab.server);
    let proxy = json!({
        "mode": { "servers": { "http": { "address": "10.77.0.1", "port": 3128 } } },
        "matchDomains": ["corp.test"],
    });
    let protocol = json!({ "providerConfiguration": {
        "remote": "198.51.100.10:5000",
        "address": "10.77.0.2/24",
        "routes": [],
        "settings": { "proxy": proxy },
    }});
    adit.import_for("org.example.udp", "work", &protocol);
    let session = lab.client.start_desktop_session();
    let setting = |key| session.run("gsettings", &["get", "org.gnome.system.proxy", key]);
    let own = "'http://own.test/proxy.pac'";
    session.run("gsettings", &["set", "org.gnome.system.proxy", "autoconfig-url", own]);
    let agent = session.spawn("adit-agent", &[]);
    agent.wait_for_log("There is no tray");

    adit.connect("work");
    adit.eventually("a proxy of the tunnel", || setting("mode") == "'auto'");
    let script = setting("autoconfig-url");
    let script = lab.client.http_get(script.trim_matches('\'')).unwrap();
    let script = String::from_utf8(script).unwrap();
    assert!(script.contains("10.77.0.1:3128") && script.contains("corp.test"), "{script}");
    adit.disconnect("work");
    adit.eventually("the desktop's own proxy", || setting("mode") == "'none'");
    assert_eq!(setting("autoconfig-url"), own);

    // Whatever happens to the agent, the next one takes back what it left.
    adit.connect("work");
    adit.eventually("a proxy of the tunnel", || setting("mode") == "'auto'");
    agent.kill();
    adit.disconnect("work");
    assert_eq!(setting("mode"), "'auto'");
    let _next = session.spawn("adit-agent", &[]);
    adit.eventually("the desktop's own proxy", || setting("mode") == "'none'");
    assert_eq!(setting("autoconfig-url"), own);
}
