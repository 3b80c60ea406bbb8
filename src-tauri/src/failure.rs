//! Why a command of the window failed.

use std::collections::BTreeMap;

use adit_api::{CallError, ConnectError, HelperError, ServiceError};
use adit_keyring::KeyringError;
use adit_profile::ImportError;
use serde::Serialize;
use specta::Type;

/// What the window shows, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Failure {
    /// For what the window does about it.
    pub(crate) kind: FailureKind,
    /// For people, with what to do about it.
    pub(crate) sentence: String,
    /// The field of the configuration that it is about: `protocol.serverAddress`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
    /// The line of the text that it is about, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<u32>,
    /// What is wrong with a text of WireGuard, for those who say it in another language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cause: Option<Box<ImportError>>,
    /// What differs from one failure of a kind to the other, for them too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) arguments: BTreeMap<String, String>,
}

/// The kinds that make a difference to what can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) enum FailureKind {
    /// The service cannot be asked.
    Unavailable,
    /// The system did not start the service.
    NotStarted,
    /// The user may not do that.
    NotAuthorised,
    /// The configuration does not exist any more.
    Gone,
    /// The configuration, or the text of one, is not valid.
    Invalid,
    /// The configuration is disabled.
    Disabled,
    /// Somebody else has changed the configuration meanwhile.
    Stale,
    /// Another configuration has that name.
    NameTaken,
    /// Another tunnel leads to the same destination.
    RoutesConflict,
    /// The session is not running.
    NotRunning,
    /// Anything else.
    Failed,
}

impl Failure {
    /// A failure about nothing in particular.
    pub(crate) fn new(kind: FailureKind, sentence: impl Into<String>) -> Self {
        let arguments = BTreeMap::new();
        Self { kind, sentence: sentence.into(), field: None, line: None, cause: None, arguments }
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let kind = match error {
            ConnectError::NotPermitted(_) => FailureKind::NotAuthorised,
            ConnectError::NotRunning(_)
            | ConnectError::NotTrusted(..)
            | ConnectError::NoAnswer
            | ConnectError::OtherVersion { .. }
            | ConnectError::Failed(_) => FailureKind::Unavailable,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<KeyringError> for Failure {
    fn from(error: KeyringError) -> Self {
        Self::new(FailureKind::Failed, error.to_string())
    }
}

impl From<CallError<HelperError>> for Failure {
    fn from(error: CallError<HelperError>) -> Self {
        let kind = match &error {
            CallError::Api(error) => kind(error),
            CallError::Service(ServiceError::PermissionDenied { .. }) => FailureKind::NotAuthorised,
            CallError::Disconnected => FailureKind::Unavailable,
            CallError::Service(_)
            | CallError::UnknownError { .. }
            | CallError::InvalidReply { .. }
            | CallError::Wire(_) => FailureKind::Failed,
        };
        let field = match &error {
            CallError::Api(HelperError::ConfigurationInvalid { field, .. }) => Some(field.clone()),
            CallError::Api(HelperError::NameTaken { .. }) => Some("name".into()),
            _ => None,
        };
        let arguments = match &error {
            CallError::Api(error) => arguments(error),
            CallError::Service(_)
            | CallError::Disconnected
            | CallError::UnknownError { .. }
            | CallError::InvalidReply { .. }
            | CallError::Wire(_) => BTreeMap::new(),
        };
        Self { field, arguments, ..Self::new(kind, error.to_string()) }
    }
}

fn arguments(error: &HelperError) -> BTreeMap<String, String> {
    let mut arguments = BTreeMap::new();
    if let HelperError::RoutesConflict { name, route } = error {
        arguments.insert("name".into(), name.clone());
        arguments.insert("route".into(), route.clone());
    }
    arguments
}

fn kind(error: &HelperError) -> FailureKind {
    match error {
        HelperError::NoSuchConfiguration { .. } => FailureKind::Gone,
        HelperError::NotAuthorized { .. } => FailureKind::NotAuthorised,
        HelperError::ConfigurationInvalid { .. } => FailureKind::Invalid,
        HelperError::ConfigurationDisabled { .. } => FailureKind::Disabled,
        HelperError::ConfigurationStale { .. } => FailureKind::Stale,
        HelperError::NameTaken { .. } => FailureKind::NameTaken,
        HelperError::RoutesConflict { .. } => FailureKind::RoutesConflict,
        HelperError::NotRunning { .. } => FailureKind::NotRunning,
        HelperError::NoSuchRequest {}
        | HelperError::NotPerApp { .. }
        | HelperError::OnDemandOff { .. }
        | HelperError::ProviderUnavailable { .. }
        | HelperError::ProviderSilent { .. }
        | HelperError::StorageFailed { .. }
        | HelperError::SystemFailed { .. } => FailureKind::Failed,
    }
}
