//! What follows when a provider's program is replaced or removed while it runs.

use adit_model::{ProviderStopReason, session::Event};

use super::Actor;
use crate::session::run::Installed;

impl Actor {
    pub(super) fn providers_changed(&mut self) {
        let Some(run) = &self.run else { return };
        match run.installed(&self.record.configuration) {
            Installed::Same => {}
            Installed::Other => self.feed(Event::ProviderUpdated),
            Installed::Nothing => self.feed(Event::Stop(ProviderStopReason::ProviderDisabled)),
        }
    }
}
