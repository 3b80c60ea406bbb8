//! Rules of on demand while the real NetworkManager changes the wired network.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::thread;
use std::time::Duration;

use adit_tests::usage::Usage;
use adit_tests::{Adit, Lab, UdpTunnelServer, WireGuardServer, address};
use serde_json::{Value, json};

const SITE: &str = "203.0.113.10";
/// Nobody asks these anything: who looks at rules only compares them.
const HOTEL_DNS: &str = "203.0.113.77";
const OTHER_DNS: &str = "203.0.113.78";

// spec: OD-4, OD-5, OD-7, OD-9, OD-10, OD-14
#[test]
fn another_connection_on_the_same_device_is_another_network() {
    let Some(lab) = Lab::new() else { return };
    let Some(manager) = lab.client.start_network_manager() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    // The office is in a network of its own.
    lab.router.sh("ip address add 10.21.0.1/24 dev lan");
    let office = ["ipv4.addresses", "10.21.0.2/24", "ipv4.gateway", "10.21.0.1"];
    manager.add_connection("office", &office);
    manager.add_connection("trusted", &["ipv4.dns-search", "home.trusted.test"]);
    manager.add_connection("hotel", &["ipv4.dns", HOTEL_DNS]);
    manager.add_connection("phone", &["connection.metered", "yes"]);
    adit.import("home", &vpn.add_peer().conf());
    adit.set_on_demand(
        "home",
        &json!([
            {"action": "connect", "eager": true, "connectionIds": ["office"]},
            {"action": "disconnect", "searchDomains": ["*.trusted.test"]},
            {"action": "connect", "eager": true,
             "dnsServers": {"mode": "any", "servers": [HOTEL_DNS]}},
            {"action": "ignore", "metered": true},
            {"action": "disconnect", "interfaceType": "wiFi"},
            {"action": "connect", "eager": true, "interfaceType": "ethernet"},
        ]),
    );
    adit.wait_for("home", "connected");
    for (connection, rule, status) in [
        ("trusted", 1, "disconnected"),
        ("office", 0, "connected"),
        ("phone", 3, "connected"),
        ("trusted", 1, "disconnected"),
        ("phone", 3, "disconnected"),
        ("hotel", 2, "connected"),
        ("lan", 5, "connected"),
    ] {
        manager.nmcli(["connection", "up", connection]);
        let is_there = || on_demand(&adit)["rule"]["index"] == rule;
        adit.eventually(&format!("rule {rule} in {connection}"), is_there);
        adit.wait_for("home", status);
        let primary = primary(&adit);
        assert_eq!(primary["connectionId"], connection, "{primary}");
        assert_eq!(primary["interface"], "eth0", "{primary}");
        let said = adit.run(["on-demand", "explain", "home"]);
        assert!(said.contains(connection), "{said}");
        let seen = lab.client.whoami(SITE).unwrap();
        assert_eq!(seen == vpn.outer_ipv4(), status == "connected", "{connection}: {seen}");
    }
    adit.run(["on-demand", "off", "home"]);
    adit.disconnect("home");
    adit.assert_no_residue();
}

// spec: OD-4, OD-22, OD-C2, OD-C3
#[test]
fn between_connections_it_ends_waits_anew_and_stays_off_after_a_stop_by_hand() {
    let Some(lab) = Lab::new() else { return };
    let Some(manager) = lab.client.start_network_manager() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    adit.import("home", &vpn.add_peer().conf());
    manager.add_connection("trusted", &[]);
    manager.add_connection("hotel", &["ipv4.dns", HOTEL_DNS]);
    let trusted = json!({"action": "disconnect", "connectionIds": ["trusted"]});
    adit.set_on_demand("home", &json!([trusted, {"action": "connect"}]));
    let is_waiting = || lab.client.sh("ip route show table all").contains("default dev adit");
    let seen = || lab.client.whoami(SITE);
    for _ in 0..2 {
        adit.eventually("waiting", is_waiting);
        assert_eq!(adit.status("home"), "disconnected");
        adit.eventually("the tunnel", || seen().is_ok_and(|it| it == vpn.outer_ipv4()));
        manager.nmcli(["connection", "up", "trusted"]);
        adit.wait_for("home", "disconnected");
        assert_eq!(seen().unwrap(), address::CLIENT.v4);
        assert!(!is_waiting());
        manager.nmcli(["connection", "up", "lan"]);
    }
    adit.eventually("waiting", is_waiting);
    adit.eventually("the tunnel", || seen().is_ok_and(|it| it == vpn.outer_ipv4()));
    adit.disconnect("home");
    manager.nmcli(["connection", "up", "hotel"]);
    adit.eventually("another network", || primary(&adit)["connectionId"] == "hotel");
    assert_eq!(on_demand(&adit)["until"], "byHand");
    assert_eq!(seen().unwrap(), address::CLIENT.v4);
    assert_eq!(adit.status("home"), "disconnected");
}

// spec: OD-9, OD-10, OD-14
#[test]
fn servers_and_domains_that_change_within_a_connection_are_seen_while_the_tunnels_are_in_force() {
    let Some(lab) = Lab::new() else { return };
    let Some(manager) = lab.client.start_network_manager() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    adit.import("home", &vpn.add_peer().conf());
    adit.set_on_demand(
        "home",
        &json!([
            {"action": "connect", "eager": true,
             "dnsServers": {"mode": "all", "servers": [address::DNS.v4.to_string()]}},
            {"action": "disconnect"},
        ]),
    );
    adit.wait_for("home", "connected");
    assert!(manager.global_dns().contains(&vpn.inner_ipv4().to_string()));
    manager.change_connection("lan", &["ipv4.dns", OTHER_DNS]);
    adit.wait_for("home", "disconnected");
    assert_eq!(primary(&adit)["dnsServers"], json!([OTHER_DNS]));
    manager.change_connection("lan", &["ipv4.dns", &address::DNS.v4.to_string()]);
    adit.wait_for("home", "connected");
}

// spec: OD-9, OD-10, OD-14
#[test]
fn a_lease_that_is_renewed_with_other_servers_and_another_domain_is_seen() {
    let Some(lab) = Lab::new() else { return };
    let Some(manager) = lab.client.start_network_manager() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let dhcp = lab.start_dhcp(address::DNS.v4);
    let adit = Adit::start(&lab.client);
    let automatic = ["ipv4.addresses", "", "ipv4.gateway", "", "ipv4.method", "auto"];
    manager.add_connection("automatic", &automatic);
    manager.nmcli(["connection", "up", "automatic"]);
    adit.import("home", &vpn.add_peer().conf());
    adit.set_on_demand(
        "home",
        &json!([
            {"action": "disconnect", "searchDomains": ["office.test"]},
            {"action": "connect", "eager": true,
             "dnsServers": {"mode": "all", "servers": [address::DNS.v4.to_string()]}},
            {"action": "disconnect"},
        ]),
    );
    adit.wait_for("home", "connected");
    dhcp.offer(address::DNS.v4, "office.test");
    adit.eventually("rule 1", || on_demand(&adit)["rule"]["index"] == 0);
    adit.wait_for("home", "disconnected");
    dhcp.offer(address::DNS.v4, "elsewhere.test");
    adit.wait_for("home", "connected");
    dhcp.offer(OTHER_DNS.parse().unwrap(), "elsewhere.test");
    adit.eventually("rule 3", || on_demand(&adit)["rule"]["index"] == 2);
    adit.wait_for("home", "disconnected");
    assert_eq!(primary(&adit)["searchDomains"], json!(["elsewhere.test"]));
}

// spec: OD-14
#[test]
fn a_connection_that_becomes_metered_is_seen_without_coming_up_anew() {
    let Some(lab) = Lab::new() else { return };
    let Some(manager) = lab.client.start_network_manager() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    adit.import("home", &vpn.add_peer().conf());
    adit.set_on_demand(
        "home",
        &json!([
            {"action": "disconnect", "metered": true},
            {"action": "connect", "eager": true, "metered": false},
        ]),
    );
    manager.change_connection("lan", &["connection.metered", "no"]);
    adit.wait_for("home", "connected");
    manager.change_connection("lan", &["connection.metered", "yes"]);
    adit.wait_for("home", "disconnected");
    assert_eq!(primary(&adit)["metered"], true);
    manager.change_connection("lan", &["connection.metered", "no"]);
    adit.wait_for("home", "connected");
}

// spec: NW-5
#[test]
fn a_provider_learns_whether_the_network_costs_money() {
    const PROGRAM: &str = "/run/adit-providers/org.example.udp/udp_tunnel.py";
    let Some(lab) = Lab::new() else { return };
    let Some(manager) = lab.client.start_network_manager() else { return };
    let server = UdpTunnelServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    let print = r"sed -i '/message, fds = provider/a\    print(message, flush=True)' ";
    lab.client.sh(&format!("{print}{PROGRAM}"));
    let configuration =
        json!({ "remote": server.endpoint().to_string(), "address": "10.77.0.2/24", "routes": [] });
    let protocol = json!({ "providerConfiguration": configuration });
    adit.import_for("org.example.udp", "python", &protocol);
    adit.connect("python");
    for (metered, says) in [("yes", "True"), ("no", "False"), ("yes", "True")] {
        let said = || {
            let log = adit.helper().log();
            let last = log.lines().rfind(|line| line.contains("PathChanged")).map(str::to_owned);
            last.is_some_and(|line| {
                line.replace('\\', "").contains(&format!("'expensive': {says}"))
            })
        };
        manager.change_connection("lan", &["connection.metered", metered]);
        adit.eventually(says, said);
    }
}

// spec: OD-3, OD-14
#[test]
fn a_cable_that_is_pulled_and_put_back() {
    let Some(lab) = Lab::new() else { return };
    let Some(manager) = lab.client.start_network_manager() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    adit.import("home", &vpn.add_peer().conf());
    adit.set_on_demand("home", &json!([{"action": "connect", "eager": true}]));
    adit.wait_for("home", "connected");
    lab.unplug();
    adit.eventually("no network", || primary(&adit).is_null());
    assert_eq!(on_demand(&adit)["rule"]["index"], 0);
    lab.plug();
    adit.eventually("a network", || primary(&adit)["connectionId"] == "lan");
    adit.eventually("the tunnel", || {
        lab.client.whoami(SITE).is_ok_and(|seen| seen == vpn.outer_ipv4())
    });
    adit.wait_for("home", "connected");

    // Somebody else takes the device away, and gives it back.
    adit.run(["on-demand", "off", "home"]);
    adit.disconnect("home");
    adit.run(["on-demand", "on", "home"]);
    adit.wait_for("home", "connected");
    manager.nmcli(["device", "disconnect", "eth0"]);
    adit.eventually("no network", || primary(&adit).is_null());
    manager.nmcli(["device", "connect", "eth0"]);
    adit.eventually("the tunnel", || {
        lab.client.whoami(SITE).is_ok_and(|seen| seen == vpn.outer_ipv4())
    });
    adit.wait_for("home", "connected");
}

// spec: OD-14
#[test]
fn network_manager_that_starts_anew_changes_nothing_and_leaves_the_tunnel_alone() {
    let Some(lab) = Lab::new() else { return };
    let Some(mut manager) = lab.client.start_network_manager() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    adit.import("home", &vpn.add_peer().conf());
    adit.set_on_demand(
        "home",
        &json!([
            {"action": "connect", "eager": true, "connectionIds": ["lan"]},
            {"action": "disconnect"},
        ]),
    );
    adit.wait_for("home", "connected");
    let tunnel = || {
        lab.client
            .sh("ip -o address show | grep adit; ip rule; ip route show table all | grep adit")
    };
    let before = tunnel();
    // As in an upgrade. It is longer than any look at the network is put off.
    manager.kill();
    thread::sleep(Duration::from_secs(4));
    assert_eq!(primary(&adit)["connectionId"], "lan");
    manager.restart();
    adit.eventually("the connection", || primary(&adit)["connectionId"] == "lan");
    assert_eq!(adit.status("home"), "connected");
    assert_eq!(lab.client.whoami(SITE).unwrap(), vpn.outer_ipv4());
    assert_eq!(tunnel(), before);
    let log = adit.helper().log();
    assert_eq!(log.matches("“home” is connected").count(), 1, "{log}");
    let devices = manager.nmcli(["-t", "-f", "DEVICE,STATE,CONNECTION", "device"]);
    assert!(devices.contains("adit0:unmanaged:"), "{devices}");
    let connections = manager.nmcli(["-t", "-f", "NAME", "connection"]);
    assert!(!connections.contains("adit"), "{connections}");
}

// spec: OD-14
#[test]
fn what_network_manager_said_is_true_while_it_is_away_and_the_network_is_the_same() {
    let Some(lab) = Lab::new() else { return };
    let Some(manager) = lab.client.start_network_manager() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    adit.import("home", &vpn.add_peer().conf());
    let lan = json!({"action": "ignore", "connectionIds": ["lan"]});
    adit.set_on_demand("home", &json!([lan, {"action": "ignore"}]));
    adit.eventually("rule 1", || on_demand(&adit)["rule"]["index"] == 0);
    manager.kill();
    // Something else has to change for anybody to look again.
    let servers = format!("search elsewhere.test\nnameserver {}\n", address::DNS.v4);
    lab.client.write_file("/etc/resolv.conf", servers);
    adit.eventually("a look", || primary(&adit)["searchDomains"] == json!(["elsewhere.test"]));
    assert_eq!(primary(&adit)["connectionId"], "lan");
    assert_eq!(on_demand(&adit)["rule"]["index"], 0);

    // Another router is another network.
    lab.client.sh("ip route replace default via 10.20.0.3 dev eth0 metric 100");
    adit.eventually("rule 2", || on_demand(&adit)["rule"]["index"] == 1);
    assert!(primary(&adit)["connectionId"].is_null());
}

#[test]
fn a_helper_that_waits_sleeps() {
    let Some(lab) = Lab::new() else { return };
    let Some(_manager) = lab.client.start_network_manager() else { return };
    let vpn = WireGuardServer::start(&lab.server);
    let adit = Adit::start(&lab.client);
    adit.import("home", &vpn.add_peer().conf());
    let lan = json!({"action": "connect", "connectionIds": ["lan"], "interfaceType": "ethernet"});
    adit.set_on_demand("home", &json!([lan, {"action": "disconnect"}]));
    adit.eventually("rule 1", || on_demand(&adit)["rule"]["index"] == 0);
    let helper = adit.helper().pid();
    // The first time, what was asked just now is still being put away. Somebody may set the computer's clock.
    adit.eventually("sleep", || {
        let before = Usage::of(helper);
        thread::sleep(Duration::from_secs(10));
        Usage::of(helper).switches - before.switches <= 2
    });
}

fn on_demand(adit: &Adit) -> Value {
    adit.session("home")["onDemand"].clone()
}

fn primary(adit: &Adit) -> Value {
    let explained = adit.run(["on-demand", "explain", "--json"]);
    let explained: Value = serde_json::from_str(&explained).unwrap();
    explained["network"]["primary"].clone()
}
