//! The desktop app as its user has it: a real window, a real helper and a real tunnel.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::time::{Duration, Instant};

use adit_tests::{Adit, Home, Lab, Window, WireGuardServer};
use serde_json::{Value, json};

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
    let open = tray.wait_for_line("Open Adit", |line| line.label == "Open Adit");
    tray.provide_token("token");
    tray.choose(&open);

    adit.kill_helper();
    window.wait_for_text("body", "not running");
    tray.wait_for_icon("adit-service-missing-symbolic");
    window.photograph("desktop-service-missing");
    // There is no systemd here. What it says is over when the service runs all the same.
    window.click_on("Start the service");
    window.wait_for_text("aside.notice", "The service was not started");
    adit.restart_helper();
    window.wait_for_text(SENTENCE, "Connected");
    window.wait_until("no notice", || window.text("aside.notice").is_empty());
    tray.wait_for_icon("adit-connected-symbolic");
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
}

// spec: X-12
#[test]
fn a_window_that_is_closed_and_opened_again_shows_what_is_true() {
    let Some(Home { lab, vpn: _vpn, adit }) = Home::connected() else { return };
    let session = lab.client.start_desktop_session();
    // But for how long it has been so.
    let list = |window: &Window| {
        window.wait_for_text("nav", "home");
        let text = window.text("nav");
        text.lines().filter(|line| !line.contains('·')).collect::<Vec<_>>().join("\n")
    };
    let Some(window) = session.open_window(&[]) else { return };
    window.click("nav a.row");
    window.wait_for_text(SENTENCE, "Connected");
    let before = list(&window);
    drop(window);

    let Some(window) = session.open_window(&[]) else { return };
    window.click("nav a.row");
    window.wait_for_text("h1", "home");
    window.wait_for_text(SENTENCE, "Connected");
    assert_eq!(list(&window), before);
    drop(window);

    // What happens meanwhile it hears of when it comes.
    adit.disconnect("home");
    let Some(window) = session.open_window(&[]) else { return };
    window.click("nav a.row");
    window.wait_for_text(SENTENCE, "Not connected");
    assert_ne!(list(&window), before);
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

#[test]
fn a_server_that_stops_answering_is_said_in_the_same_words_everywhere() {
    let Some(Home { lab, vpn, adit }) = Home::imported() else { return };
    let session = lab.client.start_desktop_session();
    let tray = session.add_tray();
    let notifications = session.add_notifications();
    let Some(window) = session.open_window(&[]) else { return };
    window.click(SWITCH);
    window.wait_for_text(SENTENCE, "Connected");
    vpn.block();
    let asking = lab.client.spawn(["ping", "-i", "0.5", "203.0.113.10"]);
    adit.wait_for("home", "reasserting");
    let told = adit.session("home")["health"][0]["title"].as_str().unwrap().to_owned();
    assert!(told.starts_with("Nothing comes back since"), "{told}");
    let words = &told[1..];
    window.wait_for_text(SENTENCE, words);
    window.wait_for_text("main", "The server does not answer.");
    tray.wait_for_icon("adit-reasserting-symbolic");
    tray.wait_for_line(words, |line| !line.is_enabled && line.label.contains(words));
    let status = adit.run(["status", "home"]);
    assert!(status.contains(words), "{status}");
    notifications.wait_for(&format!("home: {told}"));
    window.photograph("desktop-silent-server");
    assert_eq!(window.violations(), json!([]));

    vpn.unblock();
    window.wait_for_text(SENTENCE, "Connected for");
    tray.wait_for_icon("adit-connected-symbolic");
    adit.eventually("the notification is taken away", || notifications.shown()[0].is_withdrawn);
    drop(asking);
}

#[test]
fn whoever_does_not_want_to_wait_for_a_silent_server_cancels() {
    let Some(Home { lab, mut vpn, adit }) = Home::imported() else { return };
    vpn.stop();
    let session = lab.client.start_desktop_session();
    let tray = session.add_tray();
    let Some(window) = session.open_window(&[]) else { return };
    window.click(SWITCH);
    window.wait_for_text(SENTENCE, "waiting for");
    tray.wait_for_icon("adit-connecting-symbolic");
    let start = Instant::now();
    window.click(SWITCH);
    window.wait_for_text(SENTENCE, "Not connected. Traffic goes out directly.");
    println!("cancelled after {:?}", start.elapsed());
    // It did not give up by itself meanwhile.
    let session = adit.session("home");
    assert_eq!((&session["status"], &session["lastError"]), (&json!("disconnected"), &Value::Null));
}

#[test]
fn traffic_moves_the_graph_and_the_totals() {
    let Some(Home { lab, vpn: _vpn, adit }) = Home::connected() else { return };
    let session = lab.client.start_desktop_session();
    let Some(window) = session.open_window(&[]) else { return };
    window.wait_for_text(SENTENCE, "Connected");
    let total = "[...document.querySelectorAll('dl dd.quiet')].map(it => it.innerText)[1]";
    let sent = || window.script(&format!("return {total}"), &[]).as_str().unwrap().to_owned();
    let rate = || window.script("return document.querySelector('[role=img]').ariaLabel", &[]);
    let picture = || window.script("return document.querySelector('canvas').toDataURL()", &[]);
    window.wait_until("a rate", || rate().as_str().is_some_and(|it| it.contains("0 B/s up")));
    let (before, calm) = (sent(), picture());
    let ping = lab.client.spawn(["ping", "-i", "0.02", "-s", "1000", "203.0.113.10"]);
    window.wait_until("higher rate", || rate().as_str().is_some_and(|it| it.contains("kB/s up")));
    window.wait_until("other total", || sent() != before && sent().contains("kB"));
    window.wait_until("another picture", || picture() != calm);
    window.photograph("desktop-traffic");
    drop(ping);
    let counted = &adit.session("home")["counters"];
    println!("{before}, then {}; the service counted {counted}", sent());
}

#[test]
fn a_service_of_another_version_is_said_in_words() {
    let Some(Home { lab, vpn: _vpn, mut adit }) = Home::imported() else { return };
    let session = lab.client.start_desktop_session();
    let tray = session.add_tray();
    let Some(window) = session.open_window(&[]) else { return };
    window.wait_for_text(SENTENCE, "Not connected");
    adit.kill_helper();
    let later = lab.client.start_later_helper();
    window.wait_for_text("main", "99.0.0");
    window.photograph("desktop-other-version");
    window.wait_for_text("main", "Open this window anew");
    let words = "Adit was updated. Quit it here and open it again.";
    tray.wait_for_line(words, |line| line.label == words && !line.is_enabled);
    drop(later);
    adit.restart_helper();
    window.wait_for_text(SENTENCE, "Not connected");
    tray.wait_for_icon("adit-disconnected-symbolic");
}

// spec: ENT-14
#[test]
fn the_window_of_somebody_else_shows_nothing_of_it_and_says_when_it_is_in_the_way() {
    let Some(Home { lab, vpn, adit }) = Home::connected() else { return };
    let Some(bob) = adit.user(1001) else { return };
    let session = bob.start_desktop_session();
    let Some(window) = session.open_window(&[]) else { return };
    window.wait_for_text("main", "Create a WireGuard tunnel");
    assert!(!window.text("body").contains("home"), "{}", window.text("body"));
    window.wait_for_text("main", "Another user’s VPN is in use");
    bob.import("mine", &vpn.add_peer().conf());
    window.wait_for_text("h1", "mine");
    window.click(SWITCH);
    window.wait_for_text("aside.notice", "The VPN of another user is in the way");
    window.photograph("desktop-other-user");
    assert_eq!(adit.status("home"), "connected");
    assert_eq!(lab.client.whoami("site.test").unwrap(), vpn.outer_ipv4());
    adit.disconnect("home");
    window.wait_until("no word of it", || !window.text("main").contains("Another user’s VPN"));
    window.click(SWITCH);
    window.wait_for_text(SENTENCE, "Connected");
}

#[test]
fn the_page_of_logs_follows_the_journal_of_the_service() {
    let Some(Home { lab, vpn: _vpn, adit }) = Home::imported() else { return };
    let Some(journal) = lab.client.start_journal() else { return };
    let keep = |lines: &str| journal.keep("adit-helper.service", &format!("{lines}\n"));
    let past = adit.helper().log();
    keep(&past);
    let session = lab.client.start_desktop_session();
    let Some(window) = session.open_window(&[]) else { return };
    window.wait_for("nav a.row");
    window.press("Control+l");
    window.wait_for_text(".lines", last_text(&past));
    adit.connect("home");
    let log = adit.helper().log();
    let news = log.strip_prefix(&past).unwrap();
    keep(news);
    let last = last_text(news);
    window.wait_for_text(".lines", last);
    let shown = || window.script("return document.querySelectorAll('.lines p').length", &[]);
    assert!(shown().as_u64().unwrap() >= u64::try_from(log.lines().count()).unwrap());
    window.click("input[type=search]");
    window.type_text("nothing says this");
    window.wait_for_text(".lines", "No line");
    window.click("input[type=search]");
    window.press("Control+a");
    window.type_text(last);
    window.wait_for_text(".lines", last);
    window.wait_until("fewer lines", || shown().as_u64().is_some_and(|it| it < 3));
    window.photograph("desktop-logs");
    window.click_on("Copy");
    window.wait_for_text("aside.notice", "copied");
}

/// How the last entry of a log ends.
fn last_text(log: &str) -> &str {
    log.lines().rev().find_map(|line| line.rsplit_once(": ")).unwrap().1
}
