//! DNS servers that want to be asked over TLS or HTTPS: through the tunnel, and nobody else in their place.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::net::IpAddr;

use adit_tests::{Adit, EncryptedDns, Lab, WireGuardServer, address};
use serde_json::{Value, json};

const NAME: &str = "dns.corp.test";

// spec: DNS-3, DNS-15, DNS-17, DNS-21
#[test]
fn an_encrypted_server_is_asked_through_the_tunnel_and_nobody_else() {
    for protocol in [https(), tls()] {
        let Some(lab) = Lab::new() else { return };
        let vpn = WireGuardServer::start(&lab.server);
        let inner = IpAddr::from(vpn.inner_ipv4());
        let mut dns = EncryptedDns::start(&lab.server, inner, NAME);
        lab.client.write_file(EncryptedDns::AUTHORITIES, dns.authority());
        let before = lab.client.read_file("/etc/resolv.conf");
        let mut adit = Adit::start_as_packaged(&lab.client);
        adit.import("home", &vpn.add_peer().conf());
        speak(&adit, &json!({ "dnsProtocol": protocol }));

        let sniffer = lab.sniff_client();
        adit.connect("home");
        for name in ["inside.corp.test", "site.test", "www.site.test"] {
            assert!(!lab.client.resolve(name).is_empty(), "{name} {protocol}");
        }
        let asked = vpn.dns().queries();
        assert!(asked.iter().all(|query| query.from == inner), "in the clear: {asked:?}");

        let who = adit.run(["explain", "dns", "site.test"]);
        assert!(
            who.contains(NAME) && who.contains("the tunnel of home; programs ask Adit at"),
            "{who}"
        );
        // The next helper goes on; without one, nobody is asked.
        adit.kill_helper();
        assert!(lab.client.resolve("inside.corp.test").is_empty());
        adit.restart_helper();
        adit.eventually("names again", || !lab.client.resolve("inside.corp.test").is_empty());

        dns.stop();
        assert!(lab.client.resolve("site.test").is_empty());
        let complaint = || adit.run(["status", "home"]).contains("Names cannot be looked up");
        adit.eventually("a complaint", complaint);
        dns.restart();
        adit.eventually("names again", || !lab.client.resolve("site.test").is_empty());
        adit.eventually("no complaint", || !complaint());

        let sent = sniffer.stop().incoming();
        sent.assert_only_to(vpn.endpoint());
        let asked = vpn.dns().queries();
        assert!(asked.iter().all(|query| query.from == inner), "in the clear: {asked:?}");
        let client = address::CLIENT.v4;
        assert!(lab.dns.queries().iter().all(|query| query.from != client));
        adit.disconnect("home");
        assert_eq!(lab.client.read_file("/etc/resolv.conf"), before);
        adit.assert_no_residue();
    }
}

// spec: DNS-17, D-24
#[test]
fn a_server_without_an_address_is_found_by_its_name_and_only_that_is_asked_outside() {
    for protocol in [https(), tls()] {
        let Some(lab) = Lab::new() else { return };
        let vpn = WireGuardServer::start(&lab.server);
        let inner = IpAddr::from(vpn.inner_ipv4());
        let dns = EncryptedDns::start(&lab.server, inner, NAME);
        lab.client.write_file(EncryptedDns::AUTHORITIES, dns.authority());
        lab.dns.set(NAME, &[inner]);
        let adit = Adit::start(&lab.client);
        adit.import("home", &vpn.add_peer().conf());
        speak(&adit, &json!({ "dnsProtocol": protocol, "dnsServers": [] }));
        adit.connect("home");
        assert!(!lab.client.resolve("inside.corp.test").is_empty(), "{protocol}");
        let outside = lab.dns.queries();
        assert!(
            !outside.is_empty() && outside.iter().all(|query| query.name == NAME),
            "{outside:?}"
        );
    }
}

// spec: DNS-15, DNS-17
#[test]
fn a_server_that_nobody_vouches_for_is_not_believed() {
    for protocol in [https(), tls()] {
        let Some(lab) = Lab::new() else { return };
        let vpn = WireGuardServer::start(&lab.server);
        let _dns = EncryptedDns::start(&lab.server, vpn.inner_ipv4().into(), NAME);
        let adit = Adit::start(&lab.client);
        adit.import("home", &vpn.add_peer().conf());
        speak(&adit, &json!({ "dnsProtocol": protocol }));
        adit.connect("home");
        assert!(lab.client.resolve("inside.corp.test").is_empty());
        adit.eventually("the reason", || {
            adit.run(["status", "home"]).contains(&format!("no protected connection to {NAME}"))
        });
        assert_eq!(vpn.dns().queries(), []);
    }
}

// spec: DNS-7, DNS-17
#[test]
fn resolved_asks_an_encrypted_server_for_the_names_of_its_domains() {
    for protocol in [https(), tls()] {
        let Some(lab) = Lab::new() else { return };
        let Some(resolved) = lab.client.start_resolved() else { return };
        let vpn = WireGuardServer::start(&lab.server);
        let inner = IpAddr::from(vpn.inner_ipv4());
        let dns = EncryptedDns::start(&lab.server, inner, NAME);
        lab.client.write_file(EncryptedDns::AUTHORITIES, dns.authority());
        let adit = Adit::start(&lab.client);
        adit.import("home", &vpn.peer().allowed_ips("10.64.0.0/16").add().conf());
        speak(&adit, &json!({ "dnsProtocol": protocol, "matchDomains": ["corp.test"] }));
        adit.connect("home");
        lab.dns.forget();
        assert!(!lab.client.resolve("inside.corp.test").is_empty(), "{}", resolved.ctl(["status"]));
        assert!(!lab.client.resolve("site.test").is_empty());
        let inside = vpn.dns().queries();
        let is_right = |name: &str, from| name == "inside.corp.test" && from == inner;
        assert!(inside.iter().all(|query| is_right(&query.name, query.from)), "{inside:?}");
        let outside = lab.dns.queries();
        assert!(outside.iter().all(|query| query.name == "site.test"), "{outside:?}");
        adit.disconnect("home");
        adit.assert_no_residue();
    }
}

// spec: DNS-14
#[test]
fn others_are_asked_only_where_the_settings_allow_it_and_never_in_lockdown() {
    let Some(lab) = Lab::new() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let mut dns = EncryptedDns::start(&lab.server, vpn.inner_ipv4().into(), NAME);
    lab.client.write_file(EncryptedDns::AUTHORITIES, dns.authority());
    let adit = Adit::start(&lab.client);
    adit.import_with("home", &vpn.add_peer().conf(), &["--no-enforce-routes"]);
    let settings = json!({
        "servers": [vpn.inner_ipv4()], "protocol": https(), "allowFailover": true,
        "matchDomains": [""],
    });
    let archive = adit.run(["export", "home", "--format", "adit"]);
    let mut archive: Value = serde_json::from_str(&archive).unwrap();
    archive["configuration"]["protocol"]["dns"] = settings;
    adit.import_archive("home", &archive);
    adit.connect("home");
    let client = address::CLIENT.v4;
    let asked_outside = || lab.dns.queries().iter().any(|query| query.from == client);
    assert!(!lab.client.resolve("site.test").is_empty());
    assert!(!asked_outside());

    dns.stop();
    assert!(!lab.client.resolve("site.test").is_empty());
    assert!(asked_outside());
    let said = || adit.run(["status", "home"]).contains("Names are looked up outside the VPN");
    adit.eventually("that it is said", said);

    adit.run(["lockdown", "on"]);
    lab.dns.forget();
    assert!(lab.client.resolve("site.test").is_empty());
    assert!(!asked_outside());
    adit.run(["lockdown", "off"]);
    dns.restart();
    adit.eventually("names again", || !lab.client.resolve("inside.corp.test").is_empty());
}

fn https() -> Value {
    json!({ "https": { "serverUrl": format!("https://{NAME}/dns-query{{?dns}}") } })
}

fn tls() -> Value {
    json!({ "tls": { "serverName": NAME } })
}

/// Changes what WireGuard's configuration says of DNS.
fn speak(adit: &Adit, fields: &Value) {
    let archive = adit.run(["export", "home", "--format", "adit"]);
    let mut archive: Value = serde_json::from_str(&archive).unwrap();
    for (field, value) in fields.as_object().unwrap() {
        archive["configuration"]["protocol"]["providerConfiguration"][field] = value.clone();
    }
    adit.import_archive("home", &archive);
}
