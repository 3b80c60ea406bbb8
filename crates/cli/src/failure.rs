//! Why a verb failed: the reason, what to do about it, and the exit code.

use std::{io, path::PathBuf};

use adit_api::{CallError, ConnectError, HelperError, ServiceError, SubscriptionError};
use adit_keyring::{KeyringError, RelocationError, SavingError};
use adit_model::{DisconnectError, InvalidConfiguration, SessionStatus, shell_word};
use adit_profile::{ArchiveError, ExportError, ImportError, ProfileError};

use crate::{hint, select::SelectError};

const FAILED: u8 = 1;
/// The exit code of wrong usage.
pub(crate) const USAGE: u8 = 2;
const UNREACHABLE: u8 = 3;
const NOT_AUTHORISED: u8 = 4;

/// Why a verb failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("{}", call_sentence(.0))]
    Call(#[from] CallError<HelperError>),
    #[error(transparent)]
    Select(#[from] SelectError),
    #[error("{} cannot be read: {error}.", file.display())]
    Unreadable { file: PathBuf, error: io::Error },
    #[error("{} cannot be written: {}.", file.display(), error.kind())]
    Unwritable { file: PathBuf, error: io::Error },
    #[error("{file}: {error}")]
    Import { file: String, error: ImportError },
    #[error("{file}: {error}")]
    Profile { file: String, error: ProfileError },
    #[error("{file}: {error}")]
    Archive { file: String, error: ArchiveError },
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    #[error("{}", relocation_sentence(.0))]
    Relocation(#[from] RelocationError),
    #[error("The configuration is not valid: {0}.")]
    Invalid(#[from] InvalidConfiguration),
    #[error("There is already a configuration “{name}”.")]
    NameTaken { name: String },
    #[error("“{name}” is not a WireGuard configuration, but one of {provider}.")]
    NotWireGuard { name: String, provider: String },
    #[error("“{name}” could not connect: {}", error.message)]
    Session { name: String, error: DisconnectError, held: Held },
    #[error("“{name}” was disconnected before it was connected.")]
    Stopped { name: String },
    #[error("“{name}” was removed meanwhile.")]
    Removed { name: String },
    #[error("“{name}” is not connected after {seconds} s: {waiting}.")]
    NotConnectedInTime { name: String, seconds: u64, waiting: String },
    #[error("“{name}” is still disconnecting after {seconds} s.")]
    NotDownInTime { name: String, seconds: u64 },
    #[error("Not waiting any longer. “{name}” may go on connecting.")]
    NotWaiting { name: String },
    #[error("Not waiting any longer. “{name}” goes on disconnecting.")]
    NotWaitingForEnd { name: String },
    #[error("Interrupted. Nothing was changed.")]
    Interrupted,
    #[error("These are no rules: {0}.")]
    NoRules(String),
    #[error("“{name}” has no rules yet. Write some with: adit on-demand edit {}", shell_word(name))]
    NothingOnDemand { name: String },
    #[error("The editor “{editor}” cannot be used: {reason}. Nothing was changed.")]
    Editor { editor: String, reason: String },
    #[error("A temporary file for the editor cannot be used: {0}. Nothing was changed.")]
    TemporaryFile(io::Error),
    #[error("{0} As root, adit reset works without it: sudo adit reset")]
    ResetNeedsRoot(ConnectError),
    #[error("“{command}” cannot be run: {}.", error.kind())]
    NotRun { command: String, error: io::Error },
    #[error("{failed} of the checks failed.")]
    SelfTest { failed: usize },
    #[error("{program} failed: {reason}.")]
    Reset { program: String, reason: String },
    #[error("The system refused what every program needs: {0}.")]
    System(io::Error),
    #[error("The output cannot be written: {0}.")]
    Output(io::Error),
}

/// What is still held back after a session has failed, and what to do about it.
#[derive(Debug)]
pub(crate) struct Held(Option<String>);

impl Held {
    pub(crate) fn of(session: &SessionStatus) -> Self {
        let item = session.health.iter().find(|_| session.blocking);
        let action = item.and_then(|item| item.action.as_deref());
        Self(action.map(|action| format!("Traffic stays blocked. {action}")))
    }
}

impl Failure {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => USAGE,
            Self::Connect(ConnectError::NotPermitted(_))
            | Self::Relocation(RelocationError::NotOwner { .. }) => NOT_AUTHORISED,
            Self::Connect(
                ConnectError::NotRunning(_)
                | ConnectError::NotTrusted(..)
                | ConnectError::NoAnswer
                | ConnectError::OtherVersion { .. }
                | ConnectError::Failed(_),
            )
            | Self::ResetNeedsRoot(_) => UNREACHABLE,
            Self::Call(error) | Self::Relocation(RelocationError::Call(error)) => {
                call_exit_code(error)
            }
            Self::Select(_)
            | Self::Unreadable { .. }
            | Self::Unwritable { .. }
            | Self::Import { .. }
            | Self::Profile { .. }
            | Self::Archive { .. }
            | Self::Export(_)
            | Self::Keyring(_)
            | Self::Relocation(RelocationError::Keyring(_) | RelocationError::NotKept { .. })
            | Self::Invalid(_)
            | Self::NoRules(_)
            | Self::NothingOnDemand { .. }
            | Self::NameTaken { .. }
            | Self::NotWireGuard { .. }
            | Self::Session { .. }
            | Self::Stopped { .. }
            | Self::Removed { .. }
            | Self::NotConnectedInTime { .. }
            | Self::NotDownInTime { .. }
            | Self::NotWaiting { .. }
            | Self::NotWaitingForEnd { .. }
            | Self::Interrupted
            | Self::Editor { .. }
            | Self::TemporaryFile(_)
            | Self::NotRun { .. }
            | Self::SelfTest { .. }
            | Self::Reset { .. }
            | Self::System(_)
            | Self::Output(_) => FAILED,
        }
    }

    /// A stable word for programs.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Usage(_) => "usage",
            Self::Connect(ConnectError::NotPermitted(_))
            | Self::Relocation(RelocationError::NotOwner { .. }) => "notAuthorised",
            Self::Connect(_) | Self::ResetNeedsRoot(_) => "serviceUnreachable",
            Self::Call(error) | Self::Relocation(RelocationError::Call(error)) => call_kind(error),
            Self::Relocation(RelocationError::NotKept { .. }) => "secretMissing",
            Self::Keyring(_) | Self::Relocation(RelocationError::Keyring(_)) => "keyringFailed",
            Self::Select(SelectError::Ambiguous { .. }) => "ambiguousName",
            Self::Select(SelectError::NoneExist { .. } | SelectError::Unknown { .. }) => {
                "noSuchConfiguration"
            }
            Self::Unreadable { .. } => "unreadable",
            Self::Unwritable { .. } => "unwritable",
            Self::Import { .. } | Self::Profile { .. } | Self::Archive { .. } => "importFailed",
            Self::Export(_) => "exportFailed",
            Self::Invalid(_) | Self::NoRules(_) => "configurationInvalid",
            Self::NothingOnDemand { .. } => "noRules",
            Self::NameTaken { .. } => "nameTaken",
            Self::NotWireGuard { .. } => "notWireGuard",
            Self::Session { .. } => "connectionFailed",
            Self::Stopped { .. } => "stopped",
            Self::Removed { .. } => "removed",
            Self::NotConnectedInTime { .. } | Self::NotDownInTime { .. } => "timedOut",
            Self::NotWaiting { .. } | Self::NotWaitingForEnd { .. } | Self::Interrupted => {
                "interrupted"
            }
            Self::Editor { .. } | Self::TemporaryFile(_) => "editorFailed",
            Self::NotRun { .. } => "notRun",
            Self::SelfTest { .. } => "selfTestFailed",
            Self::Reset { .. } => "resetFailed",
            Self::System(_) => "systemFailed",
            Self::Output(_) => "outputFailed",
        }
    }

    /// What to do about it, where the reason does not say so.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Session { name, error, held } => {
                let hints = [hint::of_error(error, name), held.0.clone()];
                let hints: Vec<String> = hints.into_iter().flatten().collect();
                (!hints.is_empty()).then(|| hints.join(" "))
            }
            Self::NotConnectedInTime { name, .. } | Self::NotWaiting { name } => {
                Some(format!("Stop it with: adit disconnect {}", shell_word(name)))
            }
            Self::Call(CallError::Api(HelperError::ConfigurationDisabled { name })) => {
                Some(format!("Enable it with: adit enable {}", shell_word(name)))
            }
            Self::NameTaken { .. } => {
                Some("Give another with --name, or update the existing one with --replace.".into())
            }
            Self::Select(_)
            | Self::Usage(_)
            | Self::Connect(_)
            | Self::Call(_)
            | Self::Unreadable { .. }
            | Self::Unwritable { .. }
            | Self::Import { .. }
            | Self::Profile { .. }
            | Self::Archive { .. }
            | Self::Export(_)
            | Self::Keyring(_)
            | Self::Relocation(_)
            | Self::Invalid(_)
            | Self::NotWireGuard { .. }
            | Self::Stopped { .. }
            | Self::Removed { .. }
            | Self::NotDownInTime { .. }
            | Self::NotWaitingForEnd { .. }
            | Self::Interrupted
            | Self::Editor { .. }
            | Self::TemporaryFile(_)
            | Self::ResetNeedsRoot(_)
            | Self::NotRun { .. }
            | Self::SelfTest { .. }
            | Self::Reset { .. }
            | Self::System(_)
            | Self::NoRules(_)
            | Self::NothingOnDemand { .. }
            | Self::Output(_) => None,
        }
    }

    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    pub(crate) fn is_service_missing(&self) -> bool {
        self.exit_code() == UNREACHABLE
    }
}

impl From<SubscriptionError> for Failure {
    fn from(error: SubscriptionError) -> Self {
        match error {
            SubscriptionError::Connect(error) => error.into(),
            SubscriptionError::Call(error) => error.into(),
        }
    }
}

impl From<SavingError> for Failure {
    fn from(error: SavingError) -> Self {
        match error {
            SavingError::Call(error) => error.into(),
            SavingError::Keyring(error) => error.into(),
        }
    }
}

fn relocation_sentence(error: &RelocationError) -> String {
    match error {
        RelocationError::Call(error) => call_sentence(error),
        RelocationError::Keyring(_)
        | RelocationError::NotOwner { .. }
        | RelocationError::NotKept { .. } => error.to_string(),
    }
}

fn call_exit_code(error: &CallError<HelperError>) -> u8 {
    match error {
        CallError::Api(HelperError::NotAuthorized { .. })
        | CallError::Service(ServiceError::PermissionDenied { .. }) => NOT_AUTHORISED,
        CallError::Disconnected | CallError::Wire(_) => UNREACHABLE,
        CallError::Api(_)
        | CallError::Service(_)
        | CallError::UnknownError { .. }
        | CallError::InvalidReply { .. } => FAILED,
    }
}

fn call_sentence(error: &CallError<HelperError>) -> String {
    match error {
        CallError::Api(error) => error.to_string(),
        CallError::Service(ServiceError::PermissionDenied { message }) => message.clone(),
        CallError::Disconnected => {
            "The Adit service ended meanwhile. See why with: journalctl -u adit-helper".into()
        }
        CallError::Service(error) => format!("The Adit service refused: {error}."),
        CallError::UnknownError { .. } | CallError::InvalidReply { .. } | CallError::Wire(_) => {
            format!("The Adit service could not be understood: {error}.")
        }
    }
}

fn call_kind(error: &CallError<HelperError>) -> &'static str {
    match error {
        CallError::Api(error) => match error {
            HelperError::NoSuchConfiguration { .. } => "noSuchConfiguration",
            HelperError::NotAuthorized { .. } => "notAuthorised",
            HelperError::ConfigurationInvalid { .. } => "configurationInvalid",
            HelperError::ConfigurationDisabled { .. } => "configurationDisabled",
            HelperError::ConfigurationStale { .. } => "configurationStale",
            HelperError::NameTaken { .. } => "nameTaken",
            HelperError::RoutesConflict { .. } => "routesConflict",
            HelperError::ProviderUnavailable { .. } => "providerUnavailable",
            HelperError::NoSuchRequest {} => "noSuchRequest",
            HelperError::OnDemandOff { .. } => "onDemandOff",
            HelperError::NotPerApp { .. } => "notPerApp",
            HelperError::NotRunning { .. } => "notRunning",
            HelperError::ProviderSilent { .. } => "providerSilent",
            HelperError::StorageFailed { .. } => "storageFailed",
            HelperError::SystemFailed { .. } => "systemFailed",
        },
        CallError::Service(ServiceError::PermissionDenied { .. }) => "notAuthorised",
        CallError::Disconnected | CallError::Wire(_) => "serviceUnreachable",
        CallError::Service(_) | CallError::UnknownError { .. } | CallError::InvalidReply { .. } => {
            "protocol"
        }
    }
}
