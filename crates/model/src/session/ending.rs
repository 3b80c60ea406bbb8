//! How a session ends: on request, by its provider, or by an error.

use super::{Effect, Next, Phase, STOP_LIMIT, SecretsNeeded, Session, Settings};
use crate::{DisconnectError, ProviderStopReason as Reason};

impl Session {
    pub(super) fn stop(&mut self, reason: Reason, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Invalid | Phase::Disconnected => {}
            Phase::Asking
            | Phase::Refused
            | Phase::Launching
            | Phase::Waiting
            | Phase::AskingAgain
            | Phase::Relaunching
            | Phase::Updating
            | Phase::WithoutInterface
            | Phase::Retiring => {
                self.last_error = reason.error();
                self.stop_reason = Some(reason);
                self.tear_down(effects);
            }
            Phase::Starting | Phase::Connected | Phase::Reasserting | Phase::Restarting => {
                self.last_error = reason.error();
                self.stop_provider(reason, effects);
            }
            Phase::Stopping | Phase::Reverting | Phase::Exiting => {
                if self.next == Next::Start {
                    self.next = Next::Nothing;
                }
            }
        }
    }

    pub(super) fn canceled(&mut self, error: Option<DisconnectError>, effects: &mut Vec<Effect>) {
        if let Some(refused) = error.as_ref().filter(|error| self.may_ask_again(error)) {
            return self.refuse(refused.clone(), effects);
        }
        match self.phase {
            Phase::Starting | Phase::Connected | Phase::Reasserting | Phase::Restarting => {
                let reason = error.as_ref().and_then(Reason::of);
                self.stop_reason = Some(reason.unwrap_or(Reason::ProviderFailed));
                self.last_error = error;
                self.tear_down(effects);
            }
            // The stop came first, and this is no error (PTP-6).
            Phase::Updating => self.retire(effects),
            Phase::Stopping => self.tear_down(effects),
            Phase::Invalid
            | Phase::Disconnected
            | Phase::Asking
            | Phase::Refused
            | Phase::Launching
            | Phase::Waiting
            | Phase::AskingAgain
            | Phase::Relaunching
            | Phase::WithoutInterface
            | Phase::Retiring
            | Phase::Reverting
            | Phase::Exiting => {}
        }
    }

    pub(super) fn stop_acknowledged(&mut self, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Stopping => self.tear_down(effects),
            Phase::Updating => self.retire(effects),
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
            | Phase::WithoutInterface
            | Phase::Retiring
            | Phase::Reverting
            | Phase::Exiting => {}
        }
    }

    pub(super) fn reverted(&mut self, effects: &mut Vec<Effect>) {
        if self.phase == Phase::Reverting {
            self.settings = Settings::NONE;
            self.exit(effects);
        }
    }

    /// Ends the session without telling the provider: it knows, or is not there. The reason is `reason`
    /// unless the error says one itself.
    pub(super) fn fail(
        &mut self,
        error: DisconnectError,
        reason: Reason,
        effects: &mut Vec<Effect>,
    ) {
        self.stop_reason = Some(Reason::of(&error).unwrap_or(reason));
        self.last_error = Some(error);
        self.tear_down(effects);
    }

    pub(super) fn stop_provider(&mut self, reason: Reason, effects: &mut Vec<Effect>) {
        self.connected_at = None;
        self.stop_reason = Some(reason);
        self.enter(Phase::Stopping, effects);
        self.cancel_request(effects);
        effects.push(Effect::ArmLimit(STOP_LIMIT));
        effects.push(Effect::StopProvider(reason));
    }

    /// Settings go first, the process last: a farewell may still be on its way out (PTP-5).
    pub(super) fn tear_down(&mut self, effects: &mut Vec<Effect>) {
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

    pub(super) fn end(&mut self, effects: &mut Vec<Effect>) {
        self.enter(Phase::Disconnected, effects);
        self.interface = false;
        if self.secrets == SecretsNeeded::AtHand {
            self.secrets = SecretsNeeded::Wanted;
        }
        match std::mem::replace(&mut self.next, Next::Nothing) {
            Next::Nothing => {}
            Next::Start => self.start(effects),
            Next::Remove => {
                self.enter(Phase::Invalid, effects);
            }
        }
    }
}
