//! Who answers names while a tunnel is up, and that the system's own way comes back exactly.

use std::net::{IpAddr, Ipv6Addr};

use adit_tests::{
    Adit, DnsServer, Home, Lab, Machine, Resolved, UdpTunnelServer, WireGuardServer, address,
};
use serde_json::json;

// spec: DNS-8, DNS-21
#[test]
fn the_file_leads_inside_and_comes_back_exactly_as_it_was() {
    for arrange in [PLAIN, LINK, MOUNT] {
        let Some(lab) = Lab::new() else { return };
        lab.client.sh(arrange);
        let before = resolv_conf(&lab.client);
        let Home { lab, vpn, adit } = Home::connected_in(lab);
        let sniffer = lab.sniff_client();
        assert!(lab.client.resolve("inside.corp.test").contains(&vpn.inner_ipv4().into()));
        assert!(lab.client.resolve("site.test").contains(&address::SITE.v4.into()));
        sniffer.stop().incoming().assert_none("a query outside", |p| p.is_to_port(53));
        // Everybody may read it, whoever could before.
        lab.client.run(["setpriv", "--reuid", "65534", "cat", "/etc/resolv.conf"]);
        adit.disconnect("home");
        assert_eq!(resolv_conf(&lab.client), before, "after {arrange}");
        adit.assert_no_residue();
    }
}

// spec: DNS-21, DNS-C3, TUN-18
#[test]
fn the_file_comes_back_after_a_crash() {
    for arrange in [PLAIN, LINK, MOUNT] {
        let Some(lab) = Lab::new() else { return };
        lab.client.sh(arrange);
        let before = resolv_conf(&lab.client);
        let Home { lab, vpn: _vpn, adit } = Home::connected_in(lab);
        adit.kill_helper();
        assert_ne!(resolv_conf(&lab.client), before);
        adit.reset();
        assert_eq!(resolv_conf(&lab.client), before, "after {arrange}");
        adit.assert_no_residue();
    }
}

#[test]
fn a_file_that_somebody_else_has_written_meanwhile_is_theirs() {
    let Some(Home { lab, vpn: _vpn, mut adit }) = Home::imported() else { return };
    for crashes in [false, true] {
        adit.connect("home");
        let theirs = format!("nameserver {}\n# crashes: {crashes}\n", address::DNS.v4);
        lab.client.write_file("/etc/resolv.conf", &theirs);
        if crashes {
            adit.kill_helper();
            adit.reset();
            adit.restart_helper();
        } else {
            adit.disconnect("home");
        }
        let after = resolv_conf(&lab.client);
        assert!(after.ends_with(&format!("{theirs}resolv.conf\n")), "{after}");
        assert!(!lab.client.resolve("site.test").is_empty());
    }
}

#[test]
fn without_a_resolver_service_a_part_of_the_names_cannot_go_inside_and_that_is_said() {
    let Some(lab) = Lab::new() else { return };
    let _server = UdpTunnelServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let before = resolv_conf(&lab.client);
    import_split(&adit, &["corp.test"]);
    adit.connect("split");
    assert_eq!(resolv_conf(&lab.client), before);
    let status = adit.run(["status", "split"]);
    assert!(status.contains("corp.test") && status.contains("Use systemd-resolved"), "{status}");
}

// spec: DNS-8, DNS-21, DNS-22
#[test]
fn resolved_asks_the_tunnel_for_every_name_and_nobody_else() {
    let Some(lab) = Lab::new() else { return };
    let Some(resolved) = lab.client.start_resolved() else { return };
    let Home { lab, vpn, adit } = Home::imported_in(lab);
    assert!(!lab.client.resolve("site.test").is_empty());
    assert!(lab.client.resolve("inside.corp.test").is_empty());
    assert!(asked(&lab.dns, address::CLIENT.v4.into()).contains(&"site.test".to_owned()));

    lab.dns.forget();
    let sniffer = lab.sniff_client();
    adit.connect("home");
    for name in ["inside.corp.test", "site.test", "www.site.test"] {
        assert!(!lab.client.resolve(name).is_empty(), "{name}\n{}", resolved.ctl(["status"]));
    }
    let inside = vpn.dns().queries();
    for name in ["inside.corp.test", "site.test", "www.site.test"] {
        assert!(inside.iter().any(|query| query.name == name), "{name} in {inside:?}");
    }
    assert_eq!(asked(&lab.dns, address::CLIENT.v4.into()), [""; 0]);
    sniffer.stop().incoming().assert_none("a query outside", |p| p.is_to_port(53));

    adit.disconnect("home");
    adit.assert_no_residue();
    // What was learnt inside is forgotten.
    assert!(lab.client.resolve("inside.corp.test").is_empty());
    assert!(!lab.client.resolve("site.test").is_empty());
    assert_without_tunnel(&resolved, "10.64.0.1");
}

// spec: DNS-7, DNS-10, DNS-C2, DNS-C4, D-13, TN20-1
#[test]
fn resolved_asks_the_tunnel_for_the_names_of_its_domains_only() {
    let Some(lab) = Lab::new() else { return };
    let Some(resolved) = lab.client.start_resolved() else { return };
    let _server = UdpTunnelServer::start(&lab.server);
    let inner = IpAddr::from([10, 77, 0, 1]);
    let dns = DnsServer::start(&lab.server, &[inner], None, &[("inside.corp.test", vec![inner])]);
    let adit = Adit::start(&lab.client);
    import_split(&adit, &["corp.test"]);
    adit.connect("split");
    lab.dns.forget();
    assert_eq!(lab.client.resolve("inside.corp.test"), [inner]);
    assert!(!lab.client.resolve("site.test").is_empty());
    assert!(lab.client.resolve("anothercorp.test.").is_empty());

    let client = address::CLIENT.v4.into();
    let mut outside = asked(&lab.dns, client);
    outside.sort();
    outside.dedup();
    assert_eq!(outside, ["anothercorp.test", "site.test"]);
    let inside = dns.queries();
    assert!(inside.iter().all(|query| query.name == "inside.corp.test"), "{inside:?}");
    // A single label is completed with it.
    assert_eq!(lab.client.resolve("inside"), [inner]);

    // Another domain while the tunnel is up.
    import_split(&adit, &["example.test"]);
    adit.eventually("other domain", || lab.client.resolve("inside.corp.test").is_empty());
    assert!(resolved.domains("adit0").iter().all(|domain| domain == "example.test"));
    adit.disconnect("split");
    assert_without_tunnel(&resolved, "10.77.0.1");
}

// spec: DNS-21, DNS-C3, TUN-18
#[test]
fn resolved_forgets_the_tunnel_after_every_kind_of_crash() {
    let Some(lab) = Lab::new() else { return };
    let Some(mut resolved) = lab.client.start_resolved() else { return };
    let Home { lab, vpn: _vpn, mut adit } = Home::connected_in(lab);
    let providers = adit.providers();
    adit.kill_providers();
    assert!(!resolved.domains("adit0").is_empty());
    adit.eventually("another provider", || {
        adit.providers() != providers && adit.status("home") == "connected"
    });
    adit.disconnect("home");
    assert_without_tunnel(&resolved, "10.64.0.1");
    assert!(!lab.client.resolve("site.test").is_empty());

    adit.connect("home");
    adit.kill_helper();
    adit.reset();
    adit.restart_helper();
    assert_without_tunnel(&resolved, "10.64.0.1");
    assert!(!lab.client.resolve("site.test").is_empty());
    adit.assert_no_residue();

    // Its own restart loses nothing: it keeps the settings of links on disk.
    adit.connect("home");
    resolved.restart();
    assert!(!lab.client.resolve("inside.corp.test").is_empty());
    adit.disconnect("home");
    assert_without_tunnel(&resolved, "10.64.0.1");

    // Without it, a tunnel that is up can still be taken down.
    adit.connect("home");
    resolved.kill();
    adit.disconnect("home");
    adit.assert_no_residue();
    resolved.restart();
    assert_without_tunnel(&resolved, "10.64.0.1");
    assert!(!lab.client.resolve("site.test").is_empty());
}

// spec: NW-22
#[test]
fn a_server_of_the_link_itself_finds_the_vpns_server() {
    let Some(lab) = Lab::new() else { return };
    let link_local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x53);
    lab.lan.sh(&format!("ip address add {link_local}/64 dev eth0 nodad"));
    let names = [("vpn.test", vec![address::SERVER.v4.into()])];
    let dns = DnsServer::start(&lab.lan, &[link_local.into()], None, &names);
    lab.client.write_file("/etc/resolv.conf", format!("nameserver {link_local}%eth0\n"));
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let endpoint = format!("vpn.test:{}", vpn.endpoint().port());
    adit.import("home", &vpn.peer().endpoint(&endpoint).add().conf());
    adit.connect("home");
    assert!(dns.queries().iter().any(|query| query.name == "vpn.test"), "{:?}", dns.queries());
    assert!(!lab.client.resolve("inside.corp.test").is_empty());
    adit.disconnect("home");
    adit.assert_no_residue();
}

const PLAIN: &str = "chmod 640 /etc/resolv.conf; chown 65534 /etc/resolv.conf";
const LINK: &str =
    "mkdir /run/dhcp; mv /etc/resolv.conf /run/dhcp/; ln -s ../run/dhcp/resolv.conf /etc/";
const MOUNT: &str = "cp /etc/resolv.conf /run/mounted; mount --bind /run/mounted /etc/resolv.conf";

/// What the file is and says, and that there is nothing beside it.
fn resolv_conf(client: &Machine) -> String {
    client.sh("cd /etc; stat -c '%F %a %u %g %N' resolv.conf; cat resolv.conf; ls -d resolv.conf*")
}

/// Whether and which of resolved's links has a server of the tunnel.
#[track_caller]
fn assert_without_tunnel(resolved: &Resolved, server: &str) {
    let status = resolved.ctl(["status"]);
    assert!(!status.contains("adit") && !status.contains(server), "{status}");
}

/// The names that `client` has asked a server for.
fn asked(server: &DnsServer, client: IpAddr) -> Vec<String> {
    let queries = server.queries().into_iter().filter(|query| query.from == client);
    queries.map(|query| query.name).collect()
}

fn import_split(adit: &Adit, domains: &[&str]) {
    let protocol = json!({ "providerConfiguration": {
        "remote": "198.51.100.10:5000",
        "address": "10.77.0.2/24",
        "routes": [],
        "settings": { "dns": { "servers": ["10.77.0.1"], "matchDomains": domains } },
    }});
    adit.import_for("org.example.udp", "split", &protocol);
}
