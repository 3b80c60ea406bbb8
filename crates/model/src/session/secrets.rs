//! Secrets that the helper does not keep: asked for before a provider is launched, and again when the
//! server did not accept them.

use super::{ANSWER_LIMIT, Effect, Phase, SecretsMissing, SecretsNeeded, Session};
use crate::{ConnectionError, DisconnectError, ProviderStopReason as Reason};

impl Session {
    pub(super) fn ask(&mut self, phase: Phase, refused: bool, effects: &mut Vec<Effect>) {
        self.secrets = SecretsNeeded::Wanted;
        self.enter(phase, effects);
        effects.push(Effect::ArmLimit(ANSWER_LIMIT));
        effects.push(Effect::AskForSecrets { refused });
    }

    pub(super) fn secrets_given(&mut self, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Asking => {
                self.secrets = SecretsNeeded::AtHand;
                self.launch(effects);
            }
            Phase::AskingAgain => {
                self.secrets = SecretsNeeded::AtHand;
                self.relaunch(effects);
            }
            // The session has ended meanwhile, or its interface is gone and it asks again.
            Phase::Invalid
            | Phase::Disconnected
            | Phase::Refused
            | Phase::Launching
            | Phase::Starting
            | Phase::Connected
            | Phase::Reasserting
            | Phase::Waiting
            | Phase::Relaunching
            | Phase::Restarting
            | Phase::Updating
            | Phase::WithoutInterface
            | Phase::Retiring
            | Phase::Stopping
            | Phase::Reverting
            | Phase::Exiting => {}
        }
    }

    pub(super) fn secrets_missing(&mut self, why: SecretsMissing, effects: &mut Vec<Effect>) {
        if !self.asks_for_secrets() {
            return;
        }
        match why {
            SecretsMissing::Canceled => {
                self.last_error = None;
                self.stop_reason = Some(Reason::AuthenticationCanceled);
                self.tear_down(effects);
            }
            SecretsMissing::Unavailable(error) => {
                self.fail(error, Reason::ConnectionFailed, effects);
            }
        }
    }

    /// Ends the provider whose secrets the server did not accept, to ask for others.
    pub(super) fn refuse(&mut self, error: DisconnectError, effects: &mut Vec<Effect>) {
        self.last_error = Some(error);
        self.enter(Phase::Refused, effects);
        self.cancel_request(effects);
        self.settings.active = false;
        effects.push(Effect::DisarmLimit);
        effects.push(Effect::KillProvider);
    }

    /// Other secrets may help a provider that the server has refused before there was a tunnel.
    pub(super) fn may_ask_again(&self, error: &DisconnectError) -> bool {
        self.phase == Phase::Starting
            && self.secrets == SecretsNeeded::AtHand
            && error.is(ConnectionError::AuthenticationFailed)
    }

    pub(super) fn not_answered(&mut self, effects: &mut Vec<Effect>) {
        let minutes = ANSWER_LIMIT.as_secs() / 60;
        let error = ConnectionError::AuthenticationFailed.because(format!(
            "Nobody has entered what was asked for within {minutes} minutes. Connect again."
        ));
        self.fail(error, Reason::ConnectionFailed, effects);
    }
}
