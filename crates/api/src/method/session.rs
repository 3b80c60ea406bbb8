//! Sessions: starting, ending, what they do and what became of them.

use adit_model::{ConfigurationId, PacketTunnelNetworkSettings, PastSession, Secret};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

messages! {
    /// Start a session. Spec SES-1.
    pub struct Start {
        /// Of this configuration.
        pub id: ConfigurationId,
        /// For the provider.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub options: Option<Map<String, Value>>,
        /// In the place of what is stored, for this start alone. Spec SES-2.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub credentials: Option<StartCredentials>,
    }

    /// Who starts a session this once. They are kept nowhere.
    pub struct StartCredentials {
        /// In the place of the configuration's user name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub username: Option<String>,
        /// In the place of the secret of that name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub password: Option<Secret>,
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

    /// Fetch the proxy script that is only known by its URL, through the session's tunnel. Spec PXY-4.
    pub struct FetchProxyScript {
        /// Of this configuration.
        pub id: ConfigurationId,
    }

    /// What lies there.
    pub struct ProxyScript {
        /// A proxy auto-configuration script, hopefully: it was not looked at.
        pub script: String,
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
}
