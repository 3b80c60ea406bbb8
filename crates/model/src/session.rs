//! The life of a session: `(Session, Event) -> (Session, Vec<Effect>)`.
//!
//! Pure: whoever runs a session feeds it events and carries out the effects, in order, each of
//! which comes back as an event. Apple's states and transitions are spec 16.2; the orderings are
//! spec 4.1; the limits are PTP-3.
//!
//! Invariants, held by the property test below:
//! - the status changes only along [`VpnStatus::may_become`];
//! - settings are applied only while a provider is establishing or holding the tunnel, and
//!   `Disconnected` is never reached before they are reverted and the provider is gone;
//! - every settings request and every completed start is answered exactly once.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    ConnectionError, DisconnectError, NetworkSettingsError, ProviderStopReason, VpnStatus,
};

/// How long a provider may take to establish the tunnel. Spec PTP-3.
pub const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a provider may take to end it. Spec PTP-3.
pub const STOP_LIMIT: Duration = Duration::from_secs(20);

/// One configuration's session, from being stored to being removed.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    phase: Phase,
    /// The provider process exists or may exist.
    provider: bool,
    settings: Settings,
    /// Carried out when the present session has ended. Spec SES-3: one at most.
    next: Next,
    connected_at: Option<Timestamp>,
    last_error: Option<DisconnectError>,
}

/// What happens to a session.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The configuration is stored.
    Stored,
    /// The configuration is gone.
    Removed,
    /// Somebody asks for the tunnel. Whether that is allowed was decided before.
    Start,
    /// Somebody or something asks for its end.
    Stop(ProviderStopReason),
    /// The provider process runs and listens.
    Launched,
    /// It could not be run; nothing of it is left.
    LaunchFailed(DisconnectError),
    /// The provider asks for settings.
    SettingsRequested(Request),
    /// What was asked for is active.
    SettingsApplied(RequestId),
    /// It is not, and what was before is in force again.
    SettingsFailed(RequestId, NetworkSettingsError),
    /// The provider says that the tunnel is established, or why it is not.
    StartCompleted(Result<(), DisconnectError>),
    /// The provider has lost (true) or found (false) the way to its server.
    Reasserting(bool),
    /// The provider gives up.
    Canceled(Option<DisconnectError>),
    /// The provider has done what it does at the end.
    StopAcknowledged,
    /// The provider process is gone.
    ProviderExited,
    /// Nothing of the settings is left on the system.
    Reverted,
    /// The limit that was armed has passed.
    LimitPassed,
}

/// What must be done, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Tell everybody.
    StatusChanged(VpnStatus),
    /// Make the interface and start a provider process; answer `Launched` or `LaunchFailed`.
    LaunchProvider,
    /// Tell the provider to establish the tunnel.
    StartProvider,
    /// Tell the provider to end it; answer `StopAcknowledged`.
    StopProvider(ProviderStopReason),
    /// End the process whatever it does; answer `ProviderExited`.
    KillProvider,
    /// Make the system as the request says; answer `SettingsApplied` or `SettingsFailed`.
    ApplySettings(RequestId),
    /// Answer the provider's request.
    AnswerSettings(RequestId, Result<(), NetworkSettingsError>),
    /// Answer the provider's completed start.
    AnswerStartCompleted(StartAnswer),
    /// Undo everything that was ever applied; answer `Reverted`.
    RevertSettings,
    /// Send `LimitPassed` after this time, in place of any limit armed before.
    ArmLimit(Duration),
    /// Forget the limit.
    DisarmLimit,
}

/// Numbers the settings requests of a session.
pub type RequestId = u64;

/// A provider's request for network settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Its number.
    pub id: RequestId,
    /// Whether it clears the settings in place of setting some.
    pub clears: bool,
}

/// What a provider hears when it says that the tunnel is established. Spec TUN-10.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartAnswer {
    /// Noted.
    Accepted,
    /// It has no active settings; it may set some and say so again.
    SettingsNotApplied,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Invalid,
    Disconnected,
    Launching,
    Starting,
    Connected,
    Reasserting,
    /// The provider was told to stop.
    Stopping,
    /// The provider has stopped or is given up; what it applied is being undone.
    Reverting,
    /// Nothing is applied; the process is being ended.
    Exiting,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Settings {
    /// Something may be applied, so that it must be reverted.
    touched: bool,
    /// The last request that succeeded set something.
    active: bool,
    applying: Option<Request>,
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
            provider: false,
            settings: Settings::NONE,
            next: Next::Nothing,
            connected_at: None,
            last_error: None,
        }
    }

    /// Apple's state.
    #[must_use]
    pub fn status(&self) -> VpnStatus {
        match self.phase {
            Phase::Invalid => VpnStatus::Invalid,
            Phase::Disconnected => VpnStatus::Disconnected,
            Phase::Launching | Phase::Starting => VpnStatus::Connecting,
            Phase::Connected => VpnStatus::Connected,
            Phase::Reasserting => VpnStatus::Reasserting,
            Phase::Stopping | Phase::Reverting | Phase::Exiting => VpnStatus::Disconnecting,
        }
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

    /// Takes one event at the time `now` and says what must be done about it.
    pub fn handle(&mut self, event: Event, now: Timestamp) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.step(event, now, &mut effects);
        effects
    }

    fn step(&mut self, event: Event, now: Timestamp, effects: &mut Vec<Effect>) {
        match event {
            Event::Stored => self.stored(effects),
            Event::Removed => self.removed(effects),
            Event::Start => self.start(effects),
            Event::Stop(reason) => self.stop(reason, effects),
            Event::Launched => self.launched(effects),
            Event::LaunchFailed(error) => self.launch_failed(error, effects),
            Event::SettingsRequested(request) => self.settings_requested(request, effects),
            Event::SettingsApplied(id) => self.settings_done(id, Ok(()), effects),
            Event::SettingsFailed(id, error) => self.settings_done(id, Err(error), effects),
            Event::StartCompleted(result) => self.start_completed(result, now, effects),
            Event::Reasserting(reasserting) => self.reasserting(reasserting, effects),
            Event::Canceled(error) => self.canceled(error, effects),
            Event::StopAcknowledged => self.stop_acknowledged(effects),
            Event::ProviderExited => self.provider_exited(effects),
            Event::Reverted => self.reverted(effects),
            Event::LimitPassed => self.limit_passed(effects),
        }
    }

    fn stored(&mut self, effects: &mut Vec<Effect>) {
        if self.phase == Phase::Invalid {
            self.enter(Phase::Disconnected, effects);
        }
        if self.next == Next::Remove {
            self.next = Next::Nothing;
        }
    }

    fn removed(&mut self, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Invalid => {}
            Phase::Disconnected => self.enter(Phase::Invalid, effects),
            Phase::Launching | Phase::Starting | Phase::Connected | Phase::Reasserting => {
                self.stop(ProviderStopReason::ConfigurationRemoved, effects);
                self.next = Next::Remove;
            }
            Phase::Stopping | Phase::Reverting | Phase::Exiting => self.next = Next::Remove,
        }
    }

    fn start(&mut self, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Disconnected => {
                self.enter(Phase::Launching, effects);
                self.provider = true;
                effects.push(Effect::ArmLimit(START_LIMIT));
                effects.push(Effect::LaunchProvider);
            }
            Phase::Stopping | Phase::Reverting | Phase::Exiting => {
                if self.next == Next::Nothing {
                    self.next = Next::Start;
                }
            }
            Phase::Invalid
            | Phase::Launching
            | Phase::Starting
            | Phase::Connected
            | Phase::Reasserting => {}
        }
    }

    fn stop(&mut self, reason: ProviderStopReason, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Invalid | Phase::Disconnected => {}
            Phase::Launching => {
                self.last_error = None;
                self.tear_down(effects);
            }
            Phase::Starting | Phase::Connected | Phase::Reasserting => {
                self.last_error = None;
                self.stop_provider(reason, effects);
            }
            Phase::Stopping | Phase::Reverting | Phase::Exiting => {
                if self.next == Next::Start {
                    self.next = Next::Nothing;
                }
            }
        }
    }

    fn launched(&mut self, effects: &mut Vec<Effect>) {
        // In any other phase the session has ended meanwhile and the process is being killed.
        if self.phase == Phase::Launching {
            self.enter(Phase::Starting, effects);
            effects.push(Effect::StartProvider);
        }
    }

    fn launch_failed(&mut self, error: DisconnectError, effects: &mut Vec<Effect>) {
        if self.phase != Phase::Launching {
            return self.provider_exited(effects);
        }
        self.provider = false;
        self.last_error = Some(error);
        self.tear_down(effects);
    }

    fn settings_requested(&mut self, request: Request, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Starting | Phase::Connected | Phase::Reasserting => {
                self.cancel_request(effects);
                self.settings.touched = true;
                self.settings.applying = Some(request);
                effects.push(Effect::ApplySettings(request.id));
            }
            Phase::Invalid
            | Phase::Disconnected
            | Phase::Launching
            | Phase::Stopping
            | Phase::Reverting
            | Phase::Exiting => {
                let canceled = Err(NetworkSettingsError::Canceled);
                effects.push(Effect::AnswerSettings(request.id, canceled));
            }
        }
    }

    fn settings_done(
        &mut self,
        id: RequestId,
        result: Result<(), NetworkSettingsError>,
        effects: &mut Vec<Effect>,
    ) {
        // A request that was cancelled meanwhile has its answer already.
        let Some(request) = self.settings.applying.take_if(|request| request.id == id) else {
            return;
        };
        if result.is_ok() {
            self.settings.active = !request.clears;
        }
        effects.push(Effect::AnswerSettings(id, result));
    }

    fn start_completed(
        &mut self,
        result: Result<(), DisconnectError>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let established = self.phase == Phase::Starting && result.is_ok();
        if established && (!self.settings.active || self.settings.applying.is_some()) {
            effects.push(Effect::AnswerStartCompleted(StartAnswer::SettingsNotApplied));
            return;
        }
        effects.push(Effect::AnswerStartCompleted(StartAnswer::Accepted));
        if self.phase != Phase::Starting {
            return;
        }
        match result {
            Ok(()) => {
                self.enter(Phase::Connected, effects);
                self.connected_at = Some(now);
                self.last_error = None;
                effects.push(Effect::DisarmLimit);
            }
            // The provider knows already, so it is not told to stop (PTP-4).
            Err(error) => {
                self.last_error = Some(error);
                self.tear_down(effects);
            }
        }
    }

    /// Counts only while connected, and clearing always means connected (TUN-8).
    fn reasserting(&mut self, reasserting: bool, effects: &mut Vec<Effect>) {
        match (self.phase, reasserting) {
            (Phase::Connected, true) => self.enter(Phase::Reasserting, effects),
            (Phase::Reasserting, false) => self.enter(Phase::Connected, effects),
            (
                Phase::Invalid
                | Phase::Disconnected
                | Phase::Launching
                | Phase::Starting
                | Phase::Connected
                | Phase::Reasserting
                | Phase::Stopping
                | Phase::Reverting
                | Phase::Exiting,
                _,
            ) => {}
        }
    }

    fn canceled(&mut self, error: Option<DisconnectError>, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Starting | Phase::Connected | Phase::Reasserting => {
                self.last_error = error;
                self.tear_down(effects);
            }
            // While stopping, the stop came first and is no error (PTP-6).
            Phase::Stopping => self.tear_down(effects),
            Phase::Invalid
            | Phase::Disconnected
            | Phase::Launching
            | Phase::Reverting
            | Phase::Exiting => {}
        }
    }

    fn stop_acknowledged(&mut self, effects: &mut Vec<Effect>) {
        if self.phase == Phase::Stopping {
            self.tear_down(effects);
        }
    }

    fn provider_exited(&mut self, effects: &mut Vec<Effect>) {
        self.provider = false;
        match self.phase {
            Phase::Invalid | Phase::Disconnected | Phase::Reverting => {}
            Phase::Launching | Phase::Starting | Phase::Connected | Phase::Reasserting => {
                self.last_error = Some(ConnectionError::PluginFailed.plain());
                self.tear_down(effects);
            }
            Phase::Stopping => self.tear_down(effects),
            Phase::Exiting => self.end(effects),
        }
    }

    fn reverted(&mut self, effects: &mut Vec<Effect>) {
        if self.phase == Phase::Reverting {
            self.settings = Settings::NONE;
            self.exit(effects);
        }
    }

    fn limit_passed(&mut self, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Launching => {
                self.last_error = Some(start_limit_error());
                self.tear_down(effects);
            }
            Phase::Starting => {
                self.last_error = Some(start_limit_error());
                self.stop_provider(ProviderStopReason::ConnectionFailed, effects);
            }
            Phase::Stopping => self.tear_down(effects),
            Phase::Invalid
            | Phase::Disconnected
            | Phase::Connected
            | Phase::Reasserting
            | Phase::Reverting
            | Phase::Exiting => {}
        }
    }

    fn stop_provider(&mut self, reason: ProviderStopReason, effects: &mut Vec<Effect>) {
        self.enter(Phase::Stopping, effects);
        self.cancel_request(effects);
        effects.push(Effect::ArmLimit(STOP_LIMIT));
        effects.push(Effect::StopProvider(reason));
    }

    /// Settings go first, the process last: a farewell may still be on its way out (PTP-5).
    fn tear_down(&mut self, effects: &mut Vec<Effect>) {
        self.enter(Phase::Reverting, effects);
        self.cancel_request(effects);
        self.connected_at = None;
        effects.push(Effect::DisarmLimit);
        if self.settings.touched {
            effects.push(Effect::RevertSettings);
        } else {
            self.exit(effects);
        }
    }

    fn exit(&mut self, effects: &mut Vec<Effect>) {
        self.enter(Phase::Exiting, effects);
        if self.provider {
            effects.push(Effect::KillProvider);
        } else {
            self.end(effects);
        }
    }

    fn end(&mut self, effects: &mut Vec<Effect>) {
        self.enter(Phase::Disconnected, effects);
        match std::mem::replace(&mut self.next, Next::Nothing) {
            Next::Nothing => {}
            Next::Start => self.start(effects),
            Next::Remove => {
                self.enter(Phase::Invalid, effects);
            }
        }
    }

    /// Changes the phase; whoever watches hears of a change of status before its consequences.
    fn enter(&mut self, phase: Phase, effects: &mut Vec<Effect>) {
        let before = self.status();
        self.phase = phase;
        let after = self.status();
        if after != before {
            effects.push(Effect::StatusChanged(after));
        }
    }

    fn cancel_request(&mut self, effects: &mut Vec<Effect>) {
        if let Some(request) = self.settings.applying.take() {
            let canceled = Err(NetworkSettingsError::Canceled);
            effects.push(Effect::AnswerSettings(request.id, canceled));
        }
    }
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

impl Settings {
    const NONE: Self = Self { touched: false, active: false, applying: None };
}

fn start_limit_error() -> DisconnectError {
    let seconds = START_LIMIT.as_secs();
    ConnectionError::ServerNotResponding
        .because(format!("The tunnel was not established within {seconds} seconds."))
}

#[cfg(test)]
mod tests;
