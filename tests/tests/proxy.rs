//! The proxy of a tunnel in the user's desktop.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use adit_tests::{Adit, DesktopSession, Lab, Process, Signal, UdpTunnelServer, address};
use serde_json::{Value, json};

/// The file of Plasma's settings in the lab.
const KIOSLAVERC: &str = "/run/desktop/home/.config/kioslaverc";

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
    import(&adit, &json!({ "proxy": proxy }));
    let session = lab.client.start_desktop_session();
    let setting = |key| session.run("gsettings", &["get", "org.gnome.system.proxy", key]);
    let own = "'http://own.test/proxy.pac'";
    session.run("gsettings", &["set", "org.gnome.system.proxy", "autoconfig-url", own]);
    let agent = start_agent(&session);

    adit.connect("work");
    adit.eventually("a proxy of the tunnel", || setting("mode") == "'auto'");
    let script = script(&lab, &setting("autoconfig-url"));
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
    let next = start_agent(&session);
    adit.eventually("the desktop's own proxy", || setting("mode") == "'none'");
    assert_eq!(setting("autoconfig-url"), own);

    // Who logs out takes nothing with them that only holds while the agent runs, and finds it again at the next login.
    adit.connect("work");
    adit.eventually("a proxy of the tunnel", || setting("mode") == "'auto'");
    next.signal(Signal::TERM);
    assert!(next.wait(Duration::from_secs(10)).is_some_and(|status| status.success()));
    assert_eq!((setting("mode").as_str(), setting("autoconfig-url").as_str()), ("'none'", own));
    assert_eq!(adit.session("work")["status"], "connected");
    let _third = start_agent(&session);
    adit.eventually("a proxy of the tunnel", || setting("mode") == "'auto'");
}

// spec: PXY-2, PXY-4, PXY-9
#[test]
fn a_script_is_fetched_through_the_tunnel_or_not_at_all() {
    let Some(lab) = Lab::new() else { return };
    let adit = Adit::start(&lab.client);
    let server = UdpTunnelServer::start(&lab.server);
    let settings = |url: &str, dns: Value| {
        let proxy = json!({ "mode": { "scriptUrl": url }, "matchDomains": ["corp.test"] });
        json!({ "proxy": proxy, "dns": dns })
    };
    let dns = json!({ "servers": [address::DNS.v4], "matchDomains": ["corp.test"] });
    import(&adit, &settings("http://site.test/", dns.clone()));
    let session = lab.client.start_desktop_session();
    let setting = |key| session.run("gsettings", &["get", "org.gnome.system.proxy", key]);
    let _agent = start_agent(&session);

    let sniffer = lab.sniff_client();
    adit.connect("work");
    adit.eventually("a proxy of the tunnel", || setting("mode") == "'auto'");
    sniffer.stop().incoming().assert_only_to(server.endpoint());
    // The page there says who asked.
    let text = script(&lab, &setting("autoconfig-url"));
    assert!(text.contains(&server.endpoint().ip().to_string()), "{text}");
    assert!(text.contains("corp.test"), "{text}");
    adit.disconnect("work");
    adit.eventually("the desktop's own proxy", || setting("mode") == "'none'");

    let large = format!("http://{}/bytes/300000", address::SITE.v4);
    let elsewhere = format!("http://{}/proxy.pac", address::SERVER2.v4);
    for (url, dns, reason) in [
        (
            "http://10.77.0.99/proxy.pac",
            dns.clone(),
            "10.77.0.99:80 is not reached through the tunnel",
        ),
        ("https://site.test/", dns.clone(), "203.0.113.10:443 is not reached"),
        ("http://unknown.test/", dns, "unknown.test has no address"),
        ("http://site.test/", json!(null), "cannot be looked up inside the tunnel"),
        (&large, json!(null), "larger than 256 KiB"),
        (&elsewhere, json!(null), "the tunnel does not lead to 192.0.2.10"),
    ] {
        import(&adit, &settings(url, dns));
        let sniffer = lab.sniff_client();
        adit.connect("work");
        let refused = fetched_again(&lab, &adit);
        assert!(refused.contains(reason), "{refused}");
        sniffer.stop().incoming().assert_only_to(server.endpoint());
        assert_eq!(setting("mode"), "'none'", "{url}");
        adit.disconnect("work");
    }
}

// spec: PXY-1, PXY-5, PXY-6, PXY-9, PXY-10, PROTO-9
#[test]
fn plasma_has_the_proxy_of_a_tunnel_and_its_own_again_afterwards() {
    let Some(lab) = Lab::new() else { return };
    let Some(session) = lab.client.start_plasma_session() else { return };
    let adit = Adit::start(&lab.client);
    let _server = UdpTunnelServer::start(&lab.server);
    let servers = json!({
        "http": { "address": "10.77.0.1", "port": 3128 },
        "https": { "address": "fd00::1", "port": 3129 },
    });
    import(&adit, &json!({ "proxy": { "mode": { "servers": servers } } }));
    for (key, value) in [
        ("ProxyType", "1"),
        ("httpProxy", "http://own.test 8080"),
        ("socksProxy", "socks://own.test 1080"),
        ("NoProxyFor", "own.test, other.test"),
        ("ReversedException", "true"),
    ] {
        let place = ["--file", "kioslaverc", "--group", "Proxy Settings", "--key", key, value];
        session.run("kwriteconfig5", &place);
    }
    let own = lab.client.read_file(KIOSLAVERC);
    // It may end without an answer while the file is replaced.
    let follows = |url: &str| session.run("sh", &["-c", "proxy \"$0\" || echo none", url]);
    assert_eq!(follows("http://own.test/"), "http://own.test:8080", "as Plasma reads it");
    let told = session.watch_kio();
    let agent = start_agent(&session);

    adit.connect("work");
    let has = |proxy: &str| follows("http://wiki.corp.test/") == proxy;
    adit.eventually("the tunnel's proxy", || has("http://10.77.0.1:3128"));
    assert_eq!(follows("https://wiki.corp.test/"), "http://[fd00::1]:3129");
    assert_eq!(follows("http://localhost/"), "direct://");
    told.wait_for_log("interface=org.kde.KIO.Scheduler; member=reparseSlaveConfiguration");
    told.wait_for_log("destination=org.kde.kded6");
    told.wait_for_log("interface=org.kde.KPAC.ProxyScout; member=reset");
    adit.disconnect("work");
    adit.eventually("Plasma's own", || lab.client.read_file(KIOSLAVERC) == own);

    // A script that JavaScriptCore executes, and a crash in the middle.
    let only = json!({ "mode": { "servers": servers }, "matchDomains": ["corp.test"] });
    import_beside(&adit, &only);
    adit.connect("work");
    adit.eventually("the tunnel's proxy", || has("http://10.77.0.1:3128"));
    assert_eq!(follows("https://wiki.corp.test/"), "http://[fd00::1]:3129");
    assert_eq!(follows("http://elsewhere.test/"), "direct://");
    agent.kill();
    adit.disconnect("work");
    assert_ne!(lab.client.read_file(KIOSLAVERC), own);
    let _next = start_agent(&session);
    adit.eventually("Plasma's own", || lab.client.read_file(KIOSLAVERC) == own);
}

// spec: PXY-11, PXY-12
#[test]
fn what_a_desktop_does_not_do_for_a_proxy_is_said() {
    let Some(lab) = Lab::new() else { return };
    let adit = Adit::start(&lab.client);
    let server = json!({
        "address": "10.77.0.1", "port": 3128, "username": "ada", "password": "correct horse",
    });
    let proxy = json!({ "mode": { "servers": { "http": server } } });
    import_beside(&adit, &proxy);
    let shown = adit.run(["show", "work"]);
    assert!(shown.contains("10.77.0.1:3128, which knows you as ada"), "{shown}");
    assert!(shown.contains("Programs ask for the password"), "{shown}");
    assert!(shown.contains("On Linux, proxies are advice"), "{shown}");
    for words in
        [&["--json", "show", "work", "--secrets"][..], &["export", "work", "--format", "adit"]]
    {
        let text = adit.run(words.iter().copied());
        assert!(text.contains("ada") && !text.contains("correct horse"), "{text}");
    }
}

/// A tunnel to the web server and the DNS server, with more settings.
fn import(adit: &Adit, settings: &Value) {
    import_as(adit, settings, &Value::Null);
}

/// The same with a proxy in its configuration, of which the provider knows nothing.
fn import_beside(adit: &Adit, proxy: &Value) {
    import_as(adit, &json!({}), proxy);
}

fn import_as(adit: &Adit, settings: &Value, proxy: &Value) {
    let own = json!({
        "remote": "198.51.100.10:5000",
        "address": "10.77.0.2/24",
        "routes": ["10.77.0.0/24", "203.0.113.0/24"],
        "settings": settings,
    });
    let protocol = json!({ "providerConfiguration": own, "proxy": proxy });
    adit.import_for("org.example.udp", "work", &protocol);
}

fn start_agent(session: &DesktopSession) -> Process {
    let agent = session.spawn("adit-agent", &[]);
    agent.wait_for_log("There is no tray");
    agent
}

/// What the helper says when the script of “work” is asked for.
fn fetched_again(lab: &Lab, adit: &Adit) -> String {
    let call = json!({
        "method": "org.adit.Helper.FetchProxyScript",
        "parameters": { "id": adit.session("work")["id"] },
    });
    let socket = lab.client.enter(|| UnixStream::connect("/run/adit/helper.sock"));
    let mut socket = socket.unwrap();
    socket.write_all(format!("{call}\0").as_bytes()).unwrap();
    let mut reply = Vec::new();
    BufReader::new(socket).read_until(0, &mut reply).unwrap();
    String::from_utf8(reply).unwrap()
}

/// What programs are given at a place that is written as `gsettings` does.
fn script(lab: &Lab, place: &str) -> String {
    String::from_utf8(lab.client.http_get(place.trim_matches('\'')).unwrap()).unwrap()
}
