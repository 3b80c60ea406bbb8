//! The life of a session: `(Session, Event) -> (Session, Vec<Effect>)`.
//!
//! Pure: whoever runs a session feeds it events and carries out the effects, in order, each of
//! which comes back as an event. States and their transitions are Apple's
//! ([`VpnStatus::may_become`]); the limits are PTP-3.
//!
//! Invariants, held by the property test below:
//! - the status changes only along [`VpnStatus::may_become`];
//! - settings are applied only while a provider is establishing or holding the tunnel, and
//!   `Disconnected` is never reached before they are reverted and the provider is gone;
//! - every settings request and every completed start is answered exactly once;
//! - a session that ends has a reason;
//! - while secrets are wanted, no provider is launched or started.
//!
//! A provider that dies while the tunnel is established is replaced: what it had applied stays, so
//! that traffic waits in front of a tunnel that nobody reads and nothing goes outside. So is one whose
//! program was updated, after it was told to stop. One whose interface others delete is ended and
//! replaced, when there is an interface again. Before any of them, secrets that the helper does not keep
//! are asked for; when the server refuses those, asked for again.

mod effect;
mod ending;
mod event;
mod replacement;
mod secrets;
mod settings;
mod steps;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;

use crate::{DisconnectError, ProviderStopReason, VpnStatus};

pub use effect::{Effect, StartAnswer};
pub use event::{Event, Request, RequestId, SecretsMissing, SecretsNeeded};
use settings::Settings;

/// How long a provider may take to establish the tunnel. Spec PTP-3.
pub const START_LIMIT: Duration = Duration::from_secs(60);
/// How long the owner may take to give secrets.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(120);
/// How long a provider may take to end it. Spec PTP-3.
pub const STOP_LIMIT: Duration = Duration::from_secs(20);

/// One configuration's session, from being stored to being removed.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    phase: Phase,
    secrets: SecretsNeeded,
    /// There is an interface, which the next provider gets.
    interface: bool,
    /// The provider process exists or may exist.
    provider: bool,
    settings: Settings,
    /// Carried out when the present session has ended. Spec SES-3: one at most.
    next: Next,
    /// When providers that died were replaced.
    restarts: Vec<Timestamp>,
    /// There is a network.
    online: bool,
    connected_at: Option<Timestamp>,
    last_error: Option<DisconnectError>,
    stop_reason: Option<ProviderStopReason>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Invalid,
    Disconnected,
    /// Secrets are asked for, and there is no provider.
    Asking,
    /// The server did not accept the secrets, and the provider that had them is being ended.
    Refused,
    Launching,
    Starting,
    Connected,
    Reasserting,
    /// The provider of an established tunnel died; the next one is launched when the limit passes.
    Waiting,
    /// Before the next one is launched, secrets are asked for again.
    AskingAgain,
    Relaunching,
    /// The next one establishes the tunnel again.
    Restarting,
    /// The program of an established tunnel's provider was replaced, and the provider told to stop.
    Updating,
    /// The interface of an established tunnel was deleted, and its provider is being ended.
    WithoutInterface,
    /// Another provider is about to be launched, and the one before is not gone yet.
    Retiring,
    /// The provider was told to stop.
    Stopping,
    /// The provider has stopped or is given up; what it applied is being undone.
    Reverting,
    /// Nothing is applied; the process is being ended.
    Exiting,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Nothing,
    Start,
    Remove,
}

impl Session {
    /// The session of a configuration that is not stored.
    #[must_use]
    pub fn new() -> Self {
        Self {
            phase: Phase::Invalid,
            secrets: SecretsNeeded::No,
            interface: false,
            provider: false,
            settings: Settings::NONE,
            next: Next::Nothing,
            restarts: Vec::new(),
            online: true,
            connected_at: None,
            last_error: None,
            stop_reason: None,
        }
    }

    /// A tunnel that was established by an earlier process of ours, with its provider and settings.
    #[must_use]
    pub fn adopted(connected_at: Timestamp) -> Self {
        Self {
            phase: Phase::Connected,
            interface: true,
            provider: true,
            settings: Settings { touched: true, active: true, applying: None },
            connected_at: Some(connected_at),
            ..Self::new()
        }
    }

    /// Apple's state.
    #[must_use]
    pub fn status(&self) -> VpnStatus {
        match self.phase {
            Phase::Invalid => VpnStatus::Invalid,
            Phase::Disconnected => VpnStatus::Disconnected,
            Phase::Asking | Phase::Refused | Phase::Launching | Phase::Starting => {
                VpnStatus::Connecting
            }
            Phase::Connected => VpnStatus::Connected,
            Phase::Reasserting
            | Phase::Waiting
            | Phase::AskingAgain
            | Phase::Relaunching
            | Phase::Restarting
            | Phase::Updating
            | Phase::WithoutInterface
            | Phase::Retiring => VpnStatus::Reasserting,
            Phase::Stopping | Phase::Reverting | Phase::Exiting => VpnStatus::Disconnecting,
        }
    }

    /// Whether somebody wants the tunnel: it is up or coming up, or will when the present session has
    /// ended.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        match self.phase {
            Phase::Asking
            | Phase::Refused
            | Phase::Launching
            | Phase::Starting
            | Phase::Connected
            | Phase::Reasserting
            | Phase::Waiting
            | Phase::AskingAgain
            | Phase::Relaunching
            | Phase::Restarting
            | Phase::Updating
            | Phase::WithoutInterface
            | Phase::Retiring => true,
            Phase::Invalid
            | Phase::Disconnected
            | Phase::Stopping
            | Phase::Reverting
            | Phase::Exiting => self.next == Next::Start,
        }
    }

    /// Whether the interface was deleted and there is no other yet.
    #[must_use]
    pub fn lacks_interface(&self) -> bool {
        self.phase == Phase::WithoutInterface
    }

    /// Whether a provider was told to make room for another version of it.
    #[must_use]
    pub fn is_updating(&self) -> bool {
        self.phase == Phase::Updating
    }

    /// Whether a provider is being replaced. Until then nothing passes through the tunnel.
    #[must_use]
    pub fn is_restarting(&self) -> bool {
        match self.phase {
            Phase::Waiting
            | Phase::AskingAgain
            | Phase::Relaunching
            | Phase::Restarting
            | Phase::Updating
            | Phase::Retiring => true,
            Phase::Invalid
            | Phase::Disconnected
            | Phase::Asking
            | Phase::Refused
            | Phase::Launching
            | Phase::Starting
            | Phase::Connected
            | Phase::Reasserting
            | Phase::WithoutInterface
            | Phase::Stopping
            | Phase::Reverting
            | Phase::Exiting => false,
        }
    }

    /// Whether secrets are being asked for.
    #[must_use]
    pub fn asks_for_secrets(&self) -> bool {
        matches!(self.phase, Phase::Asking | Phase::AskingAgain)
    }

    /// When it became connected after being disconnected. Spec SES-6, D-20.
    #[must_use]
    pub fn connected_at(&self) -> Option<Timestamp> {
        self.connected_at
    }

    /// Why the last session ended, until the next one is connected or is stopped cleanly. Spec
    /// SES-9.
    #[must_use]
    pub fn last_error(&self) -> Option<&DisconnectError> {
        self.last_error.as_ref()
    }

    /// What ended the last session, or ends the present one.
    #[must_use]
    pub fn stop_reason(&self) -> Option<ProviderStopReason> {
        self.stop_reason
    }

    /// Takes one event at the time `now` and says what must be done about it.
    pub fn handle(&mut self, event: Event, now: Timestamp) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.step(event, now, &mut effects);
        effects
    }
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}
