//! The keys of on demand.

use adit_model::on_demand::{OnDemandSettings, Ssid};
use serde_json::json;

use crate::{PROVIDER, WIREGUARD, import, with};

// spec: ODP-1, ODP-3, ODP-4, ODP-10, ODP-11, ODP-12, ODP-13, ODP-14
#[test]
fn rules_are_taken_over_in_their_order() {
    let on_demand = settings(WIREGUARD);
    assert!(on_demand.enabled);
    let expected = json!([
        {"action": "disconnect", "interfaceType": "wiFi", "ssids": [r"Office\\x41"],
         "probeUrl": "https://inside.office.example/"},
        {"action": "ignore", "interfaceType": "ethernet", "searchDomains": ["*.office.example"],
         "dnsServers": {"mode": "any", "servers": ["17.*", "10.0.0.53"]}},
        {"action": "evaluateConnection", "interfaceType": "cellular", "connectionRules": [
            {"domains": ["wiki.office.example"], "action": "neverConnect"},
            {"domains": ["office.example"], "action": "connectIfNeeded", "dnsServers": ["10.0.0.53"],
             "probeUrl": "https://inside.office.example/"}]},
        {"action": "connect"},
    ]);
    assert_eq!(serde_json::to_value(&on_demand.rules).unwrap(), expected);
    // What looks like an escape is a name like any other there.
    let names = on_demand.rules[0].conditions.ssids.as_ref().unwrap();
    assert_eq!(names[0], Ssid::from_bytes(*br"Office\x41"));
}

// spec: MDM-17, ODP-5, ODP-6, ODP-7, ODP-8, ODP-9, ODP-16
#[test]
fn what_stands_around_the_rules_is_taken_over() {
    let on_demand = settings(WIREGUARD);
    assert!(on_demand.user_override_disabled);
    assert_eq!(on_demand.idle_timeout, Some(600));
    let connections = &serde_json::to_value(&on_demand.rules).unwrap()[2]["connectionRules"];
    assert_eq!(connections[1]["dnsServers"], json!(["10.0.0.53"]));
    assert_eq!(connections[1]["probeUrl"], "https://inside.office.example/");
    let off = with(
        WIREGUARD,
        "<key>DisconnectOnIdle</key><integer>1",
        "<key>DisconnectOnIdle</key><integer>0",
    );
    assert_eq!(settings(off).idle_timeout, None);
}

// spec: ODP-4, ODP-15
#[test]
fn the_old_lists_become_one_rule() {
    let lists = json!([{"action": "evaluateConnection", "connectionRules": [
        {"domains": ["www.lab.example"], "action": "neverConnect"},
        {"domains": ["lab.example", "build.example"], "action": "connectIfNeeded"}]}]);
    assert_eq!(serde_json::to_value(settings(PROVIDER).rules).unwrap(), lists);
    let allow = "<key>OnDemandRules</key><array><dict><key>Action</key><string>Allow</string>\
                 </dict></array><key>OnDemandEnabled</key>";
    let allowed = settings(with(PROVIDER, "<key>OnDemandEnabled</key>", allow));
    assert_eq!(serde_json::to_value(allowed.rules).unwrap(), lists);
}

#[test]
fn an_empty_list_stays_one() {
    let empty = with(WIREGUARD, r"<array><string>Office\x41</string></array>", "<array/>");
    assert_eq!(settings(empty).rules[0].conditions.ssids, Some(Vec::new()));
}

fn settings(profile: impl AsRef<[u8]>) -> OnDemandSettings {
    import(profile).unwrap().configurations.remove(0).configuration.on_demand
}
