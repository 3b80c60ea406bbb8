//! The desktop app as its user has it: a real window, a real helper and a real tunnel.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::time::Duration;

use adit_tests::{Adit, Lab, WireGuardServer};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(20);
const SWITCH: &str = "button[role=switch]";
const SENTENCE: &str = "header .sentence";

#[test]
fn a_tunnel_is_connected_by_the_switch_and_by_the_tray_and_all_say_the_same() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let mut adit = Adit::start(&lab.client);
    adit.import("home", &vpn.add_peer().conf());
    let session = lab.client.start_desktop_session();
    let tray = session.add_tray();
    let notifications = session.add_notifications();
    let Some(window) = session.open_window(&[]) else { return };
    // The window brings the tray with it.
    tray.wait_for_icon("adit-disconnected-symbolic");

    window.click("nav a.row");
    window.wait_for_text("h1", "home");
    window.wait_for_text(SENTENCE, "Not connected");
    assert_eq!(window.violations(), json!([]));
    window.click(SWITCH);
    window.wait_for_text(SENTENCE, "Connected");
    adit.wait_for("home", "connected");
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
    tray.wait_for_icon("adit-connected-symbolic");
    assert_eq!(window.violations(), json!([]));
    window.photograph("desktop-connected");

    let home = tray.wait_for_line("home", |line| line.label == "home" && line.is_on == Some(true));
    tray.choose(&home);
    window.wait_for_text(SENTENCE, "Not connected");
    let home = tray.wait_for_line("home", |line| line.label == "home" && line.is_on == Some(false));
    tray.choose(&home);
    window.wait_for_text(SENTENCE, "Connected");
    let shown = notifications.shown();
    assert!(shown.is_empty(), "what the user does is not told back: {shown:?}");

    adit.kill_helper();
    window.wait_for_text("body", "not running");
    tray.wait_for_icon("adit-service-missing-symbolic");
    window.photograph("desktop-service-missing");
    adit.restart_helper();
    window.wait_for_text(SENTENCE, "Connected");
    tray.wait_for_icon("adit-connected-symbolic");
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
}

#[test]
fn a_second_start_raises_the_window_and_hands_it_a_file() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let session = lab.client.start_desktop_session();
    let Some(window) = session.open_window(&[]) else { return };
    window.wait_for("main");
    lab.client.write_file("/run/desktop/home/de-1.conf", vpn.add_peer().conf());
    let second = session.spawn("adit-desktop", &["/run/desktop/home/de-1.conf"]);
    assert!(second.wait(PATIENCE).is_some_and(|status| status.success()), "{}", second.log());
    window.wait_for_text("main", "de-1.conf");
    window.wait_for_text("main", "All traffic and DNS will go through");
    window.click("header button.primary");
    window.wait_for_text("h1", "de-1");
    assert!(adit.run(["list"]).contains("de-1"));
}
