//! The conditions that a rule has, one by one.

use super::{DnsServerMatch, InterfaceType, RuleConditions, Ssid, TimeWindow};
use crate::MacAddress;

/// One thing that a rule asks for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Condition<'a> {
    Network(NetworkCondition<'a>),
    Time(&'a TimeWindow),
    /// By its name.
    Unknown(&'a str),
    Probe(&'a str),
}

/// One thing that a rule asks for of the network.
#[derive(Debug, Clone, Copy)]
pub(super) enum NetworkCondition<'a> {
    Interface(InterfaceType),
    Ssid(&'a [Ssid]),
    Bssid(&'a [MacAddress]),
    SearchDomain(&'a [String]),
    DnsServers(&'a DnsServerMatch),
    GatewayMac(&'a [MacAddress]),
    Metered(bool),
    ConnectionId(&'a [String]),
}

impl RuleConditions {
    /// In the order in which they are looked at: the probe comes last (OD-11).
    pub(super) fn all(&self) -> Vec<Condition<'_>> {
        let of_network = [
            self.interface_type.map(NetworkCondition::Interface),
            self.ssids.as_deref().map(NetworkCondition::Ssid),
            self.bssids.as_deref().map(NetworkCondition::Bssid),
            self.search_domains.as_deref().map(NetworkCondition::SearchDomain),
            self.dns_servers.as_ref().map(NetworkCondition::DnsServers),
            self.gateway_macs.as_deref().map(NetworkCondition::GatewayMac),
            self.metered.map(NetworkCondition::Metered),
            self.connection_ids.as_deref().map(NetworkCondition::ConnectionId),
        ];
        let of_network = of_network.into_iter().flatten().map(Condition::Network);
        let time = self.time.as_ref().map(Condition::Time);
        let unknown = self.unknown.keys().map(|name| Condition::Unknown(name));
        let probe = self.probe_url.as_deref().map(Condition::Probe);
        of_network.chain(time).chain(unknown).chain(probe).collect()
    }
}
