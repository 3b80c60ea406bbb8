//! The methods, one struct each.

use std::collections::BTreeMap;

use adit_model::SecretChange;
use adit_varlink::Empty;

use crate::HelperError;

/// The text of `org.adit.Helper`.
pub const IDL: &str = include_str!("org.adit.Helper.varlink");

/// What becomes of secrets, by name.
pub type SecretChanges = BTreeMap<String, SecretChange>;

// The modules below use it, so it stands before them.
macro_rules! messages {
    ($($(#[$meta:meta])* pub struct $name:ident { $($body:tt)* })*) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "specta", derive(specta::Type))]
        #[serde(rename_all = "camelCase")]
        pub struct $name { $($body)* }
    )* };
}

mod apps;
mod configuration;
mod connection;
mod explanation;
mod machine;
mod on_demand;
mod provider;
mod secrets;
mod session;
#[cfg(test)]
mod tests;

pub use apps::JoinApps;
pub use configuration::{
    Entry, GenerateKey, Get, Got, List, Listing, PrivateKey, PrivateKeyReply, PublicKey,
    PublicKeyReply, Remove, Save, SaveReply, SetEnabled,
};
pub use connection::{Hello, HelloReply, Watch, WatchReply};
pub use explanation::{DnsExplanation, ExplainDns, ExplainRoute, RouteReply};
pub use machine::{
    DescribeNetwork, LiftLockdown, LockDown, MachineReply, NetworkReply, Reset, ResetReply,
    SelfTest, SelfTestReply,
};
pub use on_demand::{ExplainOnDemand, OnDemandExplanation, PauseOnDemand, ResumeOnDemand};
pub use provider::{Provider, ProviderListing, Providers};
pub use secrets::{
    AnswerSecrets, AttendSecrets, AttendSecretsReply, SecretAnswer, SecretEvent, SecretRequest,
    SecretsUnavailable, SecretsWithdrawn,
};
pub use session::{
    Counters, Details, FetchProxyScript, History, HistoryReply, MessageReply, ProxyScript,
    SendProviderMessage, SessionDetails, Start, StartCredentials, Stop,
};

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
        FetchProxyScript -> ProxyScript,
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
        PrivateKey -> PrivateKeyReply,
        AttendSecrets -> AttendSecretsReply,
        AnswerSecrets -> Empty,
        JoinApps -> Empty,
    }
}
