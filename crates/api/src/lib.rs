//! `org.adit.Helper`: what the helper offers to apps, the command line and scripts.
//!
//! The `.varlink` file beside this one is the contract; a test holds it and these types together.

mod arrival;
mod attachment;
mod client;
mod error;
mod event;
mod method;
mod subscription;
mod viewer;

pub use adit_varlink::{CallError, ServiceError};
pub use arrival::Arrival;
pub use attachment::{Heard, attach};
pub use client::{ConnectError, DEFAULT_SOCKET, HelperClient, SOCKET_VARIABLE, socket_path};
pub use error::HelperError;
pub use event::{
    Event, Lagged, MachineChange, NetworkChange, Removed, Saved, SessionEnd, Snapshot, StatusChange,
};
pub use method::{
    AnswerSecrets, AttendSecrets, AttendSecretsReply, Counters, DescribeNetwork, Details,
    DnsExplanation, Entry, ExplainDns, ExplainOnDemand, ExplainRoute, FetchProxyScript,
    GenerateKey, Get, Got, Hello, HelloReply, History, HistoryReply, IDL, JoinApps, LiftLockdown,
    List, Listing, LockDown, MachineReply, MessageReply, NetworkReply, OnDemandExplanation,
    PauseOnDemand, PrivateKey, PrivateKeyReply, Provider, ProviderListing, Providers, ProxyScript,
    PublicKey, PublicKeyReply, Remove, Reset, ResetReply, ResumeOnDemand, RouteReply, Save,
    SaveReply, SecretAnswer, SecretChanges, SecretEvent, SecretRequest, SecretsUnavailable,
    SecretsWithdrawn, SelfTest, SelfTestReply, SendProviderMessage, SessionDetails, SetEnabled,
    Start, StartCredentials, Stop, Watch, WatchReply, helper_methods,
};
pub use subscription::{Subscription, SubscriptionError};
pub use viewer::{Change, Link, Older, Viewer};
