//! What each event means in each phase.

use jiff::Timestamp;

use super::{
    Effect, Event, Next, Phase, RESTART_PAUSES, RESTART_WINDOW, Request, RequestId, START_LIMIT,
    STOP_LIMIT, Session, Settings, StartAnswer,
};
use crate::{ConnectionError, DisconnectError, NetworkSettingsError, ProviderStopReason as Reason};

impl Session {
    pub(super) fn step(&mut self, event: Event, now: Timestamp, effects: &mut Vec<Effect>) {
        match event {
            Event::Stored => self.stored(effects),
            Event::Removed => self.removed(effects),
            Event::Start => self.start(effects),
            Event::Stop(reason) => self.stop(reason, effects),
            Event::Launched => self.launched(effects),
            Event::LaunchFailed(error) => self.launch_failed(error, now, effects),
            Event::SettingsRequested(request) => self.settings_requested(request, effects),
            Event::SettingsApplied(id) => self.settings_done(id, Ok(()), effects),
            Event::SettingsFailed(id, error) => self.settings_done(id, Err(error), effects),
            Event::StartCompleted(result) => self.start_completed(result, now, effects),
            Event::Reasserting(reasserting) => self.reasserting(reasserting, effects),
            Event::Canceled(error) => self.canceled(error, effects),
            Event::StopAcknowledged => self.stop_acknowledged(effects),
            Event::ProviderExited => self.provider_exited(now, effects),
            Event::InterfaceLost => self.interface_lost(effects),
            Event::InterfaceRestored(result) => self.interface_restored(result, effects),
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
            Phase::Launching
            | Phase::Starting
            | Phase::Connected
            | Phase::Reasserting
            | Phase::Waiting
            | Phase::Relaunching
            | Phase::Restarting
            | Phase::WithoutInterface
            | Phase::Retiring => {
                self.stop(Reason::ConfigurationRemoved, effects);
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
                self.restarts.clear();
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
            | Phase::Reasserting
            | Phase::Waiting
            | Phase::Relaunching
            | Phase::Restarting
            | Phase::WithoutInterface
            | Phase::Retiring => {}
        }
    }

    fn stop(&mut self, reason: Reason, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Invalid | Phase::Disconnected => {}
            Phase::Launching
            | Phase::Waiting
            | Phase::Relaunching
            | Phase::WithoutInterface
            | Phase::Retiring => {
                self.last_error = None;
                self.stop_reason = Some(reason);
                self.tear_down(effects);
            }
            Phase::Starting | Phase::Connected | Phase::Reasserting | Phase::Restarting => {
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
        let started = match self.phase {
            Phase::Launching => Phase::Starting,
            Phase::Relaunching => Phase::Restarting,
            // The session has ended meanwhile and the process is being killed.
            Phase::Invalid
            | Phase::Disconnected
            | Phase::Starting
            | Phase::Connected
            | Phase::Reasserting
            | Phase::Waiting
            | Phase::Restarting
            | Phase::WithoutInterface
            | Phase::Retiring
            | Phase::Stopping
            | Phase::Reverting
            | Phase::Exiting => return,
        };
        self.enter(started, effects);
        effects.push(Effect::StartProvider);
    }

    fn launch_failed(&mut self, error: DisconnectError, now: Timestamp, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Launching => {
                self.provider = false;
                self.fail(error, Reason::ProviderFailed, effects);
            }
            Phase::Relaunching => {
                self.provider = false;
                self.replace_provider(error, now, effects);
            }
            Phase::Invalid
            | Phase::Disconnected
            | Phase::Starting
            | Phase::Connected
            | Phase::Reasserting
            | Phase::Waiting
            | Phase::Restarting
            | Phase::WithoutInterface
            | Phase::Retiring
            | Phase::Stopping
            | Phase::Reverting
            | Phase::Exiting => self.provider_exited(now, effects),
        }
    }

    fn settings_requested(&mut self, request: Request, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Starting | Phase::Connected | Phase::Reasserting | Phase::Restarting => {
                self.cancel_request(effects);
                self.settings.touched = true;
                self.settings.applying = Some(request);
                effects.push(Effect::ApplySettings(request.id));
            }
            Phase::Invalid
            | Phase::Disconnected
            | Phase::Launching
            | Phase::Waiting
            | Phase::Relaunching
            | Phase::WithoutInterface
            | Phase::Retiring
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
        let starting = matches!(self.phase, Phase::Starting | Phase::Restarting);
        let established = starting && result.is_ok();
        if established && (!self.settings.active || self.settings.applying.is_some()) {
            effects.push(Effect::AnswerStartCompleted(StartAnswer::SettingsNotApplied));
            return;
        }
        effects.push(Effect::AnswerStartCompleted(StartAnswer::Accepted));
        if !starting {
            return;
        }
        match result {
            Ok(()) => {
                self.enter(Phase::Connected, effects);
                self.connected_at.get_or_insert(now);
                self.last_error = None;
                effects.push(Effect::DisarmLimit);
            }
            // The provider knows already, so it is not told to stop (PTP-4).
            Err(error) => self.fail(error, Reason::ConnectionFailed, effects),
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
                | Phase::Waiting
                | Phase::Relaunching
                | Phase::Restarting
                | Phase::WithoutInterface
                | Phase::Retiring
                | Phase::Stopping
                | Phase::Reverting
                | Phase::Exiting,
                _,
            ) => {}
        }
    }

    fn canceled(&mut self, error: Option<DisconnectError>, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Starting | Phase::Connected | Phase::Reasserting | Phase::Restarting => {
                self.last_error = error;
                self.stop_reason = Some(Reason::ProviderFailed);
                self.tear_down(effects);
            }
            // While stopping, the stop came first and is no error (PTP-6).
            Phase::Stopping => self.tear_down(effects),
            Phase::Invalid
            | Phase::Disconnected
            | Phase::Launching
            | Phase::Waiting
            | Phase::Relaunching
            | Phase::WithoutInterface
            | Phase::Retiring
            | Phase::Reverting
            | Phase::Exiting => {}
        }
    }

    fn stop_acknowledged(&mut self, effects: &mut Vec<Effect>) {
        if self.phase == Phase::Stopping {
            self.tear_down(effects);
        }
    }

    fn provider_exited(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.provider = false;
        let error = ConnectionError::PluginFailed.plain();
        match self.phase {
            Phase::Invalid
            | Phase::Disconnected
            | Phase::Waiting
            | Phase::WithoutInterface
            | Phase::Reverting => {}
            Phase::Retiring => self.relaunch(effects),
            // A provider that never established the tunnel would do no better again.
            Phase::Launching | Phase::Starting => {
                self.fail(error, Reason::ProviderFailed, effects);
            }
            Phase::Connected | Phase::Reasserting | Phase::Relaunching | Phase::Restarting => {
                self.replace_provider(error, now, effects);
            }
            Phase::Stopping => self.tear_down(effects),
            Phase::Exiting => self.end(effects),
        }
    }

    /// Waits for the next provider, or ends the session with `error` when too many have died.
    fn replace_provider(
        &mut self,
        error: DisconnectError,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        self.restarts.retain(|then| now.duration_since(*then).unsigned_abs() < RESTART_WINDOW);
        let Some(pause) = RESTART_PAUSES.get(self.restarts.len()) else {
            return self.fail(error, Reason::ProviderFailed, effects);
        };
        self.restarts.push(now);
        self.enter(Phase::Waiting, effects);
        self.cancel_request(effects);
        // They stay in force, but the next provider has to say which it wants.
        self.settings.active = false;
        effects.push(Effect::ArmLimit(*pause));
    }

    /// A tunnel that was established keeps its settings, and gets another interface and another
    /// provider. How often is not for the session to decide: whoever makes the interface does.
    fn interface_lost(&mut self, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Launching | Phase::Starting => {
                self.fail(interface_error(), Reason::UnrecoverableNetworkChange, effects);
            }
            Phase::Connected
            | Phase::Reasserting
            | Phase::Waiting
            | Phase::Relaunching
            | Phase::Restarting => {
                self.enter(Phase::WithoutInterface, effects);
                self.cancel_request(effects);
                self.settings.active = false;
                effects.push(Effect::DisarmLimit);
                if self.provider {
                    effects.push(Effect::KillProvider);
                }
            }
            // Its provider is being ended already.
            Phase::Retiring => self.enter(Phase::WithoutInterface, effects),
            Phase::Invalid
            | Phase::Disconnected
            | Phase::WithoutInterface
            | Phase::Stopping
            | Phase::Reverting
            | Phase::Exiting => {}
        }
    }

    /// The next provider is launched when the last one is gone: they share a user.
    fn interface_restored(
        &mut self,
        result: Result<(), DisconnectError>,
        effects: &mut Vec<Effect>,
    ) {
        if self.phase != Phase::WithoutInterface {
            return;
        }
        match result {
            Ok(()) if self.provider => self.enter(Phase::Retiring, effects),
            Ok(()) => self.relaunch(effects),
            Err(error) => self.fail(error, Reason::UnrecoverableNetworkChange, effects),
        }
    }

    fn relaunch(&mut self, effects: &mut Vec<Effect>) {
        self.enter(Phase::Relaunching, effects);
        self.provider = true;
        effects.push(Effect::ArmLimit(START_LIMIT));
        effects.push(Effect::RelaunchProvider);
    }

    fn reverted(&mut self, effects: &mut Vec<Effect>) {
        if self.phase == Phase::Reverting {
            self.settings = Settings::NONE;
            self.exit(effects);
        }
    }

    fn limit_passed(&mut self, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Waiting => self.relaunch(effects),
            Phase::Launching | Phase::Relaunching => {
                self.fail(start_limit_error(), Reason::ConnectionFailed, effects);
            }
            Phase::Starting | Phase::Restarting => {
                self.last_error = Some(start_limit_error());
                self.stop_provider(Reason::ConnectionFailed, effects);
            }
            Phase::Stopping => self.tear_down(effects),
            Phase::Invalid
            | Phase::Disconnected
            | Phase::Connected
            | Phase::Reasserting
            | Phase::WithoutInterface
            | Phase::Retiring
            | Phase::Reverting
            | Phase::Exiting => {}
        }
    }

    /// Ends the session without telling the provider: it knows, or is not there.
    fn fail(&mut self, error: DisconnectError, reason: Reason, effects: &mut Vec<Effect>) {
        self.last_error = Some(error);
        self.stop_reason = Some(reason);
        self.tear_down(effects);
    }

    fn stop_provider(&mut self, reason: Reason, effects: &mut Vec<Effect>) {
        self.connected_at = None;
        self.stop_reason = Some(reason);
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

fn interface_error() -> DisconnectError {
    let reason = "Another program deleted the tunnel’s interface. Connect again.";
    ConnectionError::PluginFailed.because(reason)
}

fn start_limit_error() -> DisconnectError {
    let seconds = START_LIMIT.as_secs();
    ConnectionError::ServerNotResponding
        .because(format!("The tunnel was not established within {seconds} seconds."))
}
