//! What takes the place of a provider that died or was updated, and of an interface that others
//! deleted.

use std::time::Duration;

use jiff::Timestamp;

use super::{Effect, Phase, START_LIMIT, STOP_LIMIT, SecretsNeeded, Session};
use crate::{ConnectionError, DisconnectError, ProviderStopReason as Reason};

/// How long to wait before each of the providers that take the place of one that died. When all of
/// them were needed within [`RESTART_WINDOW`], the session ends.
pub(super) const RESTART_PAUSES: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];
const RESTART_WINDOW: Duration = Duration::from_secs(60);

impl Session {
    pub(super) fn provider_exited(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        self.provider = false;
        let error = ConnectionError::PluginFailed.plain();
        match self.phase {
            Phase::Invalid
            | Phase::Disconnected
            | Phase::Asking
            | Phase::Waiting
            | Phase::AskingAgain
            | Phase::WithoutInterface
            | Phase::Reverting => {}
            Phase::Refused => self.ask(Phase::Asking, true, effects),
            Phase::Updating | Phase::Retiring => self.relaunch(effects),
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

    /// A provider that cannot be told anything any more is as good as dead. Spec STOP-2.
    pub(super) fn provider_hangs(&mut self, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Starting
            | Phase::Connected
            | Phase::Reasserting
            | Phase::Restarting
            | Phase::Updating => effects.push(Effect::KillProvider),
            // Those that end have a limit.
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
            | Phase::Stopping
            | Phase::Reverting
            | Phase::Exiting => {}
        }
    }

    /// A tunnel that was established keeps its settings, so that nothing gets past it until the next
    /// provider has established it again. Spec STOP-16, X-1.
    pub(super) fn provider_updated(&mut self, effects: &mut Vec<Effect>) {
        match self.phase {
            // Nobody is asked for secrets again because of an update.
            Phase::Connected | Phase::Reasserting if self.secrets == SecretsNeeded::Wanted => {}
            Phase::Connected | Phase::Reasserting => {
                self.enter(Phase::Updating, effects);
                self.cancel_request(effects);
                self.settings.active = false;
                effects.push(Effect::ArmLimit(STOP_LIMIT));
                effects.push(Effect::StopProvider(Reason::AppUpdate));
            }
            // What is launched next is the new version, and one that starts is looked at again when
            // it has established the tunnel.
            Phase::Invalid
            | Phase::Disconnected
            | Phase::Asking
            | Phase::Refused
            | Phase::Launching
            | Phase::Starting
            | Phase::Waiting
            | Phase::AskingAgain
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

    /// A tunnel that was established keeps its settings, and gets another interface and another
    /// provider. How often is not for the session to decide: whoever makes the interface does.
    pub(super) fn interface_lost(&mut self, effects: &mut Vec<Effect>) {
        match self.phase {
            Phase::Asking | Phase::Refused | Phase::Launching | Phase::Starting => {
                self.fail(interface_error(), Reason::UnrecoverableNetworkChange, effects);
            }
            Phase::Connected
            | Phase::Reasserting
            | Phase::Waiting
            | Phase::AskingAgain
            | Phase::Relaunching
            | Phase::Restarting
            | Phase::Updating => {
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
    pub(super) fn interface_restored(
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

    /// Waits for the next provider, or ends the session with `error` when too many have died.
    pub(super) fn replace_provider(
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

    /// The provider has stopped or takes too long, and makes room for the next one.
    pub(super) fn retire(&mut self, effects: &mut Vec<Effect>) {
        self.enter(Phase::Retiring, effects);
        effects.push(Effect::DisarmLimit);
        effects.push(Effect::KillProvider);
    }

    pub(super) fn relaunch(&mut self, effects: &mut Vec<Effect>) {
        // A helper that took the session over was never given them.
        if self.secrets == SecretsNeeded::Wanted {
            return self.ask(Phase::AskingAgain, false, effects);
        }
        self.enter(Phase::Relaunching, effects);
        self.provider = true;
        effects.push(Effect::ArmLimit(START_LIMIT));
        effects.push(Effect::RelaunchProvider);
    }
}

fn interface_error() -> DisconnectError {
    let reason = "Another program deleted the tunnel’s interface. Connect again.";
    ConnectionError::PluginFailed.because(reason)
}
