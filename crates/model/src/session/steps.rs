//! What each event means in each phase.

use jiff::Timestamp;

use super::{Effect, Event, Next, Phase, START_LIMIT, SecretsNeeded, Session, StartAnswer};
use crate::{ConnectionError, DisconnectError, ProviderStopReason as Reason};

impl Session {
    pub(super) fn step(&mut self, event: Event, now: Timestamp, effects: &mut Vec<Effect>) {
        match event {
            Event::Stored(secrets) => self.stored(secrets, effects),
            Event::Removed => self.removed(effects),
            Event::Start => self.start(effects),
            Event::Stop(reason) => self.stop(reason, effects),
            Event::SecretsGiven => self.secrets_given(effects),
            Event::SecretsMissing(why) => self.secrets_missing(why, effects),
            Event::Launched => self.launched(effects),
            Event::LaunchFailed(error) => self.launch_failed(error, now, effects),
            Event::SettingsRequested(request) => self.settings_requested(request, effects),
            Event::SettingsApplied(id) => self.settings_done(id, Ok(()), effects),
            Event::SettingsFailed(id, error) => self.settings_done(id, Err(error), effects),
            Event::StartCompleted(result) => self.start_completed(result, now, effects),
            Event::Reasserting(reasserting) => self.reasserting(reasserting, effects),
            Event::Canceled(error) => self.canceled(error, effects),
            Event::StopAcknowledged => self.stop_acknowledged(effects),
            Event::ProviderHangs => self.provider_hangs(effects),
            Event::ProviderUpdated => self.provider_updated(effects),
            Event::ProviderExited => self.provider_exited(now, effects),
            Event::InterfaceLost => self.interface_lost(effects),
            Event::InterfaceRestored(result) => self.interface_restored(result, effects),
            Event::NetworkChanged { online } => self.online = online,
            Event::Reverted => self.reverted(effects),
            Event::LimitPassed => self.limit_passed(effects),
        }
    }

    fn stored(&mut self, secrets: SecretsNeeded, effects: &mut Vec<Effect>) {
        self.secrets = secrets;
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
            | Phase::Retiring => {
                // The session may be down at once.
                self.next = Next::Remove;
                self.stop(Reason::ConfigurationRemoved, effects);
            }
            Phase::Stopping | Phase::Reverting | Phase::Exiting => self.next = Next::Remove,
        }
    }

    pub(super) fn start(&mut self, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Disconnected => {
                self.restarts.clear();
                match self.secrets {
                    SecretsNeeded::Wanted => self.ask(Phase::Asking, false, effects),
                    SecretsNeeded::No | SecretsNeeded::AtHand => self.launch(effects),
                }
            }
            Phase::Stopping | Phase::Reverting | Phase::Exiting => {
                if self.next == Next::Nothing {
                    self.next = Next::Start;
                }
            }
            Phase::Invalid
            | Phase::Asking
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
            | Phase::Retiring => {}
        }
    }

    pub(super) fn launch(&mut self, effects: &mut Vec<Effect>) {
        self.enter(Phase::Launching, effects);
        self.provider = true;
        effects.push(Effect::ArmLimit(START_LIMIT));
        effects.push(if self.interface {
            Effect::RelaunchProvider
        } else {
            Effect::LaunchProvider
        });
        self.interface = true;
    }

    fn launched(&mut self, effects: &mut Vec<Effect>) {
        let started = match self.phase {
            Phase::Launching => Phase::Starting,
            Phase::Relaunching => Phase::Restarting,
            // The session has ended meanwhile and the process is being killed.
            Phase::Invalid
            | Phase::Disconnected
            | Phase::Asking
            | Phase::Refused
            | Phase::Starting
            | Phase::Connected
            | Phase::Reasserting
            | Phase::Waiting
            | Phase::AskingAgain
            | Phase::Restarting
            | Phase::Updating
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
            | Phase::Asking
            | Phase::Refused
            | Phase::Starting
            | Phase::Connected
            | Phase::Reasserting
            | Phase::Waiting
            | Phase::AskingAgain
            | Phase::Restarting
            | Phase::Updating
            | Phase::WithoutInterface
            | Phase::Retiring
            | Phase::Stopping
            | Phase::Reverting
            | Phase::Exiting => self.provider_exited(now, effects),
        }
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
            Err(error) if self.may_ask_again(&error) => self.refuse(error, effects),
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
                | Phase::Asking
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
                | Phase::Retiring
                | Phase::Stopping
                | Phase::Reverting
                | Phase::Exiting,
                _,
            ) => {}
        }
    }

    fn limit_passed(&mut self, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Asking | Phase::AskingAgain => self.not_answered(effects),
            Phase::Waiting => self.relaunch(effects),
            Phase::Launching | Phase::Relaunching => {
                self.fail(self.start_limit_error(), Reason::ConnectionFailed, effects);
            }
            Phase::Starting | Phase::Restarting => {
                let error = self.start_limit_error();
                let reason = Reason::of(&error).unwrap_or(Reason::ConnectionFailed);
                self.last_error = Some(error);
                self.stop_provider(reason, effects);
            }
            Phase::Updating => self.retire(effects),
            Phase::Stopping => self.tear_down(effects),
            Phase::Invalid
            | Phase::Disconnected
            | Phase::Refused
            | Phase::Connected
            | Phase::Reasserting
            | Phase::WithoutInterface
            | Phase::Retiring
            | Phase::Reverting
            | Phase::Exiting => {}
        }
    }

    fn start_limit_error(&self) -> DisconnectError {
        if !self.online {
            return ConnectionError::NoNetworkAvailable.plain();
        }
        let seconds = START_LIMIT.as_secs();
        ConnectionError::ServerNotResponding
            .because(format!("The tunnel was not established within {seconds} seconds."))
    }

    /// Changes the phase; whoever watches hears of a change of status before its consequences.
    pub(super) fn enter(&mut self, phase: Phase, effects: &mut Vec<Effect>) {
        let before = self.status();
        self.phase = phase;
        let after = self.status();
        if after != before {
            effects.push(Effect::StatusChanged(after));
        }
    }
}
