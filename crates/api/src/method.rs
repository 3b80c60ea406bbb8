//! The methods, one struct each.

use std::{collections::BTreeMap, net::IpAddr};

use adit_model::{
    Check, ConfigurationId, MachineStatus, NameLookup, NetworkDescription,
    PacketTunnelNetworkSettings, PastSession, Resolver, RouteExplanation, SecretChange, Secrets,
    SessionStatus, TransportPort, VpnConfiguration,
    on_demand::{NetworkState, PauseEnd, Verdict},
    wireguard::Key,
};
use adit_varlink::Empty;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Event, HelperError};

/// The text of `org.adit.Helper`.
pub const IDL: &str = include_str!("org.adit.Helper.varlink");

/// What becomes of secrets, by name.
pub type SecretChanges = BTreeMap<String, SecretChange>;

macro_rules! messages {
    ($($(#[$meta:meta])* pub struct $name:ident { $($body:tt)* })*) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "specta", derive(specta::Type))]
        #[serde(rename_all = "camelCase")]
        pub struct $name { $($body)* }
    )* };
}

messages! {
    /// The first call of every client.
    pub struct Hello {
        /// The caller's version.
        pub version: String,
        /// What the caller understands beyond it.
        pub features: Vec<String>,
    }
    /// The helper's answer.
    pub struct HelloReply {
        /// The helper's version.
        pub version: String,
        /// What the helper offers beyond it.
        pub features: Vec<String>,
    }

    /// The configurations that the caller may see. Spec MGR-20.
    pub struct List {}
    /// They may be none (D-2).
    pub struct Listing {
        /// By name.
        pub entries: Vec<Entry>,
        /// The machine as a whole.
        pub machine: MachineStatus,
    }
    /// A configuration and its session.
    pub struct Entry {
        /// As stored.
        pub configuration: VpnConfiguration,
        /// As it is at this moment.
        pub session: SessionStatus,
    }

    /// One configuration.
    pub struct Get {
        /// Which.
        pub id: ConfigurationId,
        /// Whether its secrets are wanted too.
        pub include_secrets: bool,
    }
    /// What was asked for.
    pub struct Got {
        /// The configuration.
        pub entry: Entry,
        /// Only on request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub secrets: Option<Secrets>,
        /// What it has in its store, whoever may read it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub secret_names: Vec<String>,
    }

    /// Store a configuration. Spec MGR-3.
    pub struct Save {
        /// With generation 0 to create it, else with the one it was loaded with.
        pub configuration: VpnConfiguration,
        /// Absent: those that are stored stay.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub secrets: Option<Secrets>,
        /// What becomes of these beyond that.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub secret_changes: SecretChanges,
    }
    /// As it was stored.
    pub struct SaveReply {
        /// With its new generation.
        pub configuration: VpnConfiguration,
    }

    /// Make a Curve25519 key pair and keep the private half until a save asks for it.
    pub struct GenerateKey {}
    /// Find out the public half of a stored Curve25519 key.
    pub struct PublicKey {
        /// Of this configuration.
        pub id: ConfigurationId,
        /// Its name among the secrets.
        pub secret: String,
    }
    /// The public half.
    pub struct PublicKeyReply {
        /// Base64.
        #[cfg_attr(feature = "specta", specta(type = String))]
        pub public_key: Key,
    }

    /// Delete a configuration. Spec MGR-4.
    pub struct Remove {
        /// Which.
        pub id: ConfigurationId,
    }

    /// Allow or forbid a configuration to start. Spec MGR-6.
    pub struct SetEnabled {
        /// Which.
        pub id: ConfigurationId,
        /// Allow or forbid.
        pub enabled: bool,
    }

    /// Start a session. Spec SES-1.
    pub struct Start {
        /// Of this configuration.
        pub id: ConfigurationId,
        /// For the provider.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub options: Option<Map<String, Value>>,
    }

    /// End a session. Spec SES-4.
    pub struct Stop {
        /// Of this configuration.
        pub id: ConfigurationId,
    }

    /// Ask a session for all it has to tell.
    pub struct Details {
        /// Of this configuration.
        pub id: ConfigurationId,
    }
    /// All that a session has to tell. What is absent does not exist at this moment.
    pub struct SessionDetails {
        /// The active network settings.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub settings: Option<PacketTunnelNetworkSettings>,
        /// What they became on this system, for network engineers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub plan: Option<String>,
        /// Of the interface. Spec X-11.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub counters: Option<Counters>,
        /// In the provider's own form.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub provider: Option<Value>,
    }
    /// What went through an interface since it exists, in bytes and packets.
    pub struct Counters {
        /// Bytes out of the tunnel to this machine.
        pub rx_bytes: u64,
        /// Bytes of this machine into the tunnel.
        pub tx_bytes: u64,
        /// Packets out of the tunnel to this machine.
        pub rx_packets: u64,
        /// Packets of this machine into the tunnel.
        pub tx_packets: u64,
        /// Packets lost on the way in.
        pub rx_dropped: u64,
        /// Packets lost on the way out.
        pub tx_dropped: u64,
    }

    /// What became of the sessions of the configurations that the caller may see.
    pub struct History {
        /// Of this configuration alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<ConfigurationId>,
        /// No more than these.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub limit: Option<usize>,
    }
    /// Sessions that are over.
    pub struct HistoryReply {
        /// The last first.
        pub sessions: Vec<PastSession>,
    }

    /// Pass a message to the provider. Spec SES-10.
    pub struct SendProviderMessage {
        /// Of this session.
        pub id: ConfigurationId,
        /// Base64.
        pub message: String,
    }
    /// The provider's answer.
    pub struct MessageReply {
        /// Base64; absent when there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub reply: Option<String>,
    }

    /// Hear of every change. Spec SES-8, MGR-13.
    pub struct Watch {}
    /// One change.
    pub struct WatchReply {
        /// Which.
        #[cfg_attr(feature = "specta", specta(type = Value))]
        pub event: Event,
    }

    /// The installed providers.
    pub struct Providers {}
    /// By id.
    pub struct ProviderListing {
        /// They may be none.
        pub providers: Vec<Provider>,
    }
    /// One provider.
    pub struct Provider {
        /// Its id.
        pub id: String,
        /// For people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub name: Option<String>,
        /// What it can be, in the words of the manifest.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub kinds: Vec<String>,
        /// JSON Schema of its `providerConfiguration`. Its keyword `secrets` says which secrets it
        /// takes, by name; `{peers.publicKey}` in a name is that of each peer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "specta", specta(type = Option<Value>))]
        pub configuration_schema: Option<Value>,
        /// Why it cannot be used.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub reason: Option<String>,
    }

    /// Let nothing leave the machine but through a tunnel, from now on and across boots. Spec RTE-21.
    pub struct LockDown {
        /// But to the networks that it is directly connected to.
        pub allow_local_networks: bool,
    }
    /// End that.
    pub struct LiftLockdown {}
    /// What became of it.
    pub struct MachineReply {
        /// The machine as a whole.
        pub machine: MachineStatus,
    }

    /// Find out who answers a name on this computer, and why.
    pub struct ExplainDns {
        /// The name.
        pub name: String,
    }
    /// As it is at this moment.
    pub struct DnsExplanation {
        /// Who decides.
        pub resolver: Resolver,
        /// The names that are looked up for it, in order, until one exists.
        pub lookups: Vec<NameLookup>,
    }

    /// Find out which way a packet takes, and why.
    pub struct ExplainRoute {
        /// Where it goes.
        pub address: IpAddr,
        /// What it is for there; absent for what has no ports, such as a ping.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub port: Option<TransportPort>,
    }
    /// As it is at this moment.
    pub struct RouteReply {
        /// What decides.
        pub explanation: RouteExplanation,
    }

    /// Hold the rules of a configuration off. Spec OD-22.
    pub struct PauseOnDemand {
        /// Whose.
        pub id: ConfigurationId,
        /// When they count again.
        pub end: PauseEnd,
    }
    /// Let them count again.
    pub struct ResumeOnDemand {
        /// Whose.
        pub id: ConfigurationId,
    }
    /// Find out which network the computer is in, and what rules make of it.
    pub struct ExplainOnDemand {
        /// Whose rules, whether they count or not; absent: the network alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<ConfigurationId>,
    }
    /// As it is at this moment.
    pub struct OnDemandExplanation {
        /// What the rules are compared with.
        pub network: NetworkState,
        /// The current rule, and how it came about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub verdict: Option<Verdict>,
    }

    /// Try out whether what is promised holds.
    pub struct SelfTest {}
    /// What came of it.
    pub struct SelfTestReply {
        /// In the order in which they were made.
        pub checks: Vec<Check>,
    }

    /// Find out what the kernel has of the network.
    pub struct DescribeNetwork {}
    /// As it is at this moment.
    pub struct NetworkReply {
        /// For people.
        pub network: NetworkDescription,
    }

    /// End all sessions and undo everything, lockdown too.
    pub struct Reset {}
    /// What was undone.
    pub struct ResetReply {
        /// A line each.
        pub undone: Vec<String>,
    }
}

adit_varlink::methods! {
    /// Every method of `org.adit.Helper`.
    pub fn helper_methods() for "org.adit.Helper", HelperError {
        Hello -> HelloReply,
        List -> Listing,
        Get -> Got,
        Save -> SaveReply,
        Remove -> Empty,
        SetEnabled -> SaveReply,
        Start -> Empty,
        Stop -> Empty,
        Details -> SessionDetails,
        History -> HistoryReply,
        SendProviderMessage -> MessageReply,
        Watch -> WatchReply,
        Providers -> ProviderListing,
        LockDown -> MachineReply,
        LiftLockdown -> MachineReply,
        ExplainDns -> DnsExplanation,
        ExplainRoute -> RouteReply,
        PauseOnDemand -> Empty,
        ResumeOnDemand -> Empty,
        ExplainOnDemand -> OnDemandExplanation,
        SelfTest -> SelfTestReply,
        DescribeNetwork -> NetworkReply,
        Reset -> ResetReply,
        GenerateKey -> PublicKeyReply,
        PublicKey -> PublicKeyReply,
    }
}

#[cfg(test)]
mod tests {
    use adit_model::{
        CheckOutcome, ConnectionError, HealthItem, Lockdown, LookupReason, LookupServer,
        ProviderStopReason, RouteOutcome, Secret, SessionTraffic, Severity, StartCause,
        TunnelProviderProtocol, VpnStatus,
        on_demand::{CurrentRule, OnDemandRule, OnDemandStatus, PauseEnd},
    };
    use adit_varlink::idl::Interface;
    use serde_json::json;

    use super::*;
    use crate::{Lagged, SessionEnd, Snapshot};

    #[test]
    fn the_varlink_file_says_what_the_types_say() {
        let interface = Interface::parse(IDL).unwrap();
        assert_eq!(interface.differences(&helper_methods()), Vec::<String>::new());
        let entry = example();
        let check = |name: &str, value: Value| interface.check_type(name, &value).unwrap();
        check("Entry", serde_json::to_value(&entry).unwrap());
        let held_off = OnDemandStatus::Paused { end: PauseEnd::NextNetwork };
        check("OnDemandStatus", serde_json::to_value(held_off).unwrap());
        let machine = MachineStatus {
            lockdown: Some(Lockdown { allow_local_networks: true, set_by: 1000 }),
            blocking: true,
            health: entry.session.health.clone(),
        };
        let snapshot = Event::Snapshot(Snapshot { entries: vec![entry], machine });
        check("Event", serde_json::to_value(snapshot).unwrap());
        check("NameLookup", serde_json::to_value(lookup()).unwrap());
        let route = RouteExplanation {
            outcome: RouteOutcome::RefusedByFirewall,
            interface: Some("eth0".into()),
            rule: Some("32766: from all lookup main".into()),
            route: Some("default via 10.0.0.1 dev eth0 table main".into()),
            firewall: Some("refuse: drop".into()),
        };
        let passed =
            Check { subject: "IPv4".into(), outcome: CheckOutcome::Passed, text: "A text.".into() };
        check("Check", serde_json::to_value(passed).unwrap());
        let network = NetworkDescription {
            addresses: vec!["link eth0 mtu 1500 up".into()],
            rules: vec!["-4 32766: from all lookup main".into()],
            routes: Vec::new(),
            firewall: String::new(),
        };
        check("NetworkDescription", serde_json::to_value(network).unwrap());
        let ended = SessionEnd { session: past() };
        check("Event", serde_json::to_value(Event::SessionEnded(Box::new(ended))).unwrap());
        check("RouteExplanation", serde_json::to_value(route).unwrap());
        check("Event", serde_json::to_value(Event::Lagged(Lagged { missed: 3 })).unwrap());
        for change in [
            SecretChange::Set(Secret::new("x")),
            SecretChange::KeyOf(Key::new([1; 32])),
            SecretChange::Remove {},
        ] {
            check("SecretChange", serde_json::to_value(change).unwrap());
        }
    }

    fn past() -> PastSession {
        PastSession {
            id: ConfigurationId::from_random([1; 16]),
            name: "home".into(),
            start_cause: StartCause::User { uid: 1000 },
            started_at: "2026-01-02T03:04:05Z".parse().unwrap(),
            connected_at: Some("2026-01-02T03:04:06Z".parse().unwrap()),
            ended_at: Some("2026-01-02T04:04:06Z".parse().unwrap()),
            stop_reason: ProviderStopReason::Superceded,
            last_error: Some(ConnectionError::ServerDead.plain()),
            traffic: Some(SessionTraffic { rx_bytes: 2, tx_bytes: 1 }),
            provider_restarts: 3,
        }
    }

    fn lookup() -> NameLookup {
        let (address, interface) = (IpAddr::from([10, 0, 0, 1]), Some("adit0".into()));
        NameLookup {
            name: "wiki.corp.example".into(),
            reason: LookupReason::Domain,
            domain: Some("corp.example".into()),
            servers: vec![LookupServer {
                address,
                interface,
                refused_by: Some("refuse: drop".into()),
            }],
        }
    }

    /// Every field of them.
    fn on_demand_rules() -> Vec<OnDemandRule> {
        let rules = json!([
            {
                "action": "connect",
                "eager": true,
                "interfaceType": "wiFi",
                "ssids": ["Café"],
                "bssids": ["00:11:22:aa:bb:cc"],
                "searchDomains": ["*.example"],
                "dnsServers": {"mode": "all", "servers": ["17.*"]},
                "gatewayMacs": ["00:11:22:aa:bb:cc"],
                "metered": true,
                "connectionIds": ["Home"],
                "time": {"days": ["monday"], "from": "08:00", "until": "18:00"},
                "probeUrl": "http://probe.example/",
            },
            {"action": "evaluateConnection", "connectionRules": [
                {"domains": ["a.example"], "action": "connectIfNeeded", "dnsServers": ["10.0.0.1"],
                 "probeUrl": "http://probe.example/"},
                {"domains": ["b.example"], "action": "neverConnect"},
            ]},
        ]);
        serde_json::from_value(rules).unwrap()
    }

    fn example() -> Entry {
        let id = ConfigurationId::from_random([1; 16]);
        let protocol = TunnelProviderProtocol::new("org.example.vpn", "vpn.example");
        let mut configuration = VpnConfiguration::new(id, "home", protocol);
        configuration.on_demand.rules = on_demand_rules();
        Entry {
            configuration,
            session: SessionStatus {
                id,
                status: VpnStatus::Reasserting,
                sequence: 4,
                connected_at: None,
                start_cause: Some(StartCause::OnDemand { rule: 0, reason: "a reason".into() }),
                interface: Some("adit0".into()),
                blocking: false,
                last_error: Some(ConnectionError::ServerDead.plain()),
                on_demand: Some(OnDemandStatus::Armed {
                    rule: Some(CurrentRule {
                        index: 0,
                        action: "An action".into(),
                        reason: "A reason".into(),
                    }),
                    retry_at: None,
                }),
                health: vec![HealthItem {
                    code: "dns.split-unavailable".into(),
                    severity: Severity::Warning,
                    title: "A title".into(),
                    text: "A text.".into(),
                    action: None,
                }],
            },
        }
    }
}
