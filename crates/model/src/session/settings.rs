//! The network settings that a provider asks for: one request at a time, each answered once.

use super::{Effect, Phase, Request, RequestId, Session};
use crate::NetworkSettingsError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settings {
    /// Something may be applied, so that it must be reverted.
    pub(super) touched: bool,
    /// The last request that succeeded set something.
    pub(super) active: bool,
    pub(super) applying: Option<Request>,
}

impl Settings {
    pub(super) const NONE: Self = Self { touched: false, active: false, applying: None };
}

impl Session {
    pub(super) fn settings_requested(&mut self, request: Request, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Starting | Phase::Connected | Phase::Reasserting | Phase::Restarting => {
                self.cancel_request(effects);
                self.settings.touched = true;
                self.settings.applying = Some(request);
                effects.push(Effect::ApplySettings(request.id));
            }
            Phase::Invalid
            | Phase::Disconnected
            | Phase::Asking
            | Phase::Refused
            | Phase::Launching
            | Phase::Waiting
            | Phase::AskingAgain
            | Phase::Relaunching
            | Phase::Updating
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

    pub(super) fn settings_done(
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

    pub(super) fn cancel_request(&mut self, effects: &mut Vec<Effect>) {
        if let Some(request) = self.settings.applying.take() {
            let canceled = Err(NetworkSettingsError::Canceled);
            effects.push(Effect::AnswerSettings(request.id, canceled));
        }
    }
}
