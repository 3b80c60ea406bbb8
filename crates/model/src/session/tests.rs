//! Scripted orderings: what follows what in a session.

mod ends;
mod random;
mod replacement;
mod secrets;

use super::*;
use crate::{ConnectionError, NetworkSettingsError};
use Effect as E;

// spec: COL-1, SES-6, STAT-2, TUN-10
#[test]
fn ordering_a_start_by_the_app() {
    let mut run = Run::stored();
    run.expect(Event::Start, [status(Connecting), E::ArmLimit(START_LIMIT), E::LaunchProvider]);
    run.expect(Event::Launched, [E::StartProvider]);
    run.expect(request(1), [E::ApplySettings(1)]);
    run.expect(
        Event::StartCompleted(Ok(())),
        [E::AnswerStartCompleted(StartAnswer::SettingsNotApplied)],
    );
    run.expect(Event::SettingsApplied(1), [E::AnswerSettings(1, Ok(()))]);
    assert_eq!(run.session.connected_at(), None);
    run.expect(
        Event::StartCompleted(Ok(())),
        [E::AnswerStartCompleted(StartAnswer::Accepted), status(Connected), E::DisarmLimit],
    );
    assert_eq!(run.session.connected_at(), Some(NOW));
}

// spec: D-20, PTP-5, STAT-5, STOP-1
#[test]
fn ordering_c_stop_by_the_user() {
    let mut run = Run::connected();
    run.expect(
        Event::Stop(ProviderStopReason::UserInitiated),
        [
            status(Disconnecting),
            E::ArmLimit(STOP_LIMIT),
            E::StopProvider(ProviderStopReason::UserInitiated),
        ],
    );
    assert_eq!(run.session.connected_at(), None);
    run.expect(Event::StopAcknowledged, [E::DisarmLimit, E::RevertSettings]);
    run.expect(Event::Reverted, [E::KillProvider]);
    // What ends it already counts, not what would end it too.
    run.expect(Event::Stop(ProviderStopReason::Sleep), []);
    run.expect(Event::ProviderExited, [status(Disconnected)]);
    assert_eq!(run.session.last_error(), None);
    assert_eq!(run.session.stop_reason(), Some(ProviderStopReason::UserInitiated));
    assert_eq!(run.session.connected_at(), None);
}

// spec: PTP-6, SES-9
#[test]
fn ordering_d_the_provider_gives_up() {
    let mut run = Run::connected();
    let error = DisconnectError { domain: "org.example".into(), code: 42, message: "Gone.".into() };
    run.expect(
        Event::Canceled(Some(error.clone())),
        [status(Disconnecting), E::DisarmLimit, E::RevertSettings],
    );
    run.expect(Event::Reverted, [E::KillProvider]);
    run.expect(Event::ProviderExited, [status(Disconnected)]);
    assert_eq!(run.session.last_error(), Some(&error));
    assert_eq!(run.session.stop_reason(), Some(ProviderStopReason::ProviderFailed));
}

#[test]
fn an_adopted_session_is_connected_since_it_was() {
    let session = Session::adopted(NOW);
    assert_eq!((session.status(), session.connected_at()), (Connected, Some(NOW)));
    let mut run = Run { session };
    run.expect(Event::Reasserting(true), [status(Reasserting)]);
    run.feed(Event::Stop(ProviderStopReason::UserInitiated));
    run.expect(Event::StopAcknowledged, [E::DisarmLimit, E::RevertSettings]);
}

// spec: SES-6, STAT-4, TUN-8
#[test]
fn ordering_f_the_path_changes() {
    let mut run = Run::connected();
    let since = run.session.connected_at();
    run.expect(Event::Reasserting(true), [status(Reasserting)]);
    run.expect(Event::Reasserting(true), []);
    run.expect(request(2), [E::ApplySettings(2)]);
    run.expect(Event::SettingsApplied(2), [E::AnswerSettings(2, Ok(()))]);
    run.expect(Event::Reasserting(false), [status(Connected)]);
    assert_eq!(run.session.connected_at(), since);
}

// spec: TUN-8, TUN-C4
#[test]
fn reasserting_counts_only_while_connected() {
    let mut run = Run::starting();
    run.expect(Event::Reasserting(true), []);
    run.expect(Event::Reasserting(false), []);
    assert_eq!(run.session.status(), Connecting);
}

// spec: MGR-4, STAT-0, STOP-10
#[test]
fn ordering_h_removed_while_running() {
    let mut run = Run::connected();
    run.expect(
        Event::Removed,
        [
            status(Disconnecting),
            E::ArmLimit(STOP_LIMIT),
            E::StopProvider(ProviderStopReason::ConfigurationRemoved),
        ],
    );
    run.expect(Event::StopAcknowledged, [E::DisarmLimit, E::RevertSettings]);
    run.expect(Event::Reverted, [E::KillProvider]);
    run.expect(Event::ProviderExited, [status(Disconnected), status(Invalid)]);
}

// spec: SES-3
#[test]
fn ordering_i_superseded_and_started_again() {
    let mut run = Run::connected();
    run.feed(Event::Stop(ProviderStopReason::Superceded));
    assert!(!run.session.is_wanted());
    run.expect(Event::Start, []);
    assert!(run.session.is_wanted());
    run.feed(Event::StopAcknowledged);
    run.feed(Event::Reverted);
    run.expect(
        Event::ProviderExited,
        [status(Disconnected), status(Connecting), E::ArmLimit(START_LIMIT), E::LaunchProvider],
    );
}

// spec: PTP-3, PTP-C2, STOP-14
#[test]
fn both_limits_lead_down() {
    let mut run = Run::starting();
    run.expect(
        Event::LimitPassed,
        [
            status(Disconnecting),
            E::ArmLimit(STOP_LIMIT),
            E::StopProvider(ProviderStopReason::ConnectionFailed),
        ],
    );
    run.expect(Event::LimitPassed, [E::DisarmLimit, E::KillProvider]);
    run.expect(Event::ProviderExited, [status(Disconnected)]);
    assert_eq!(run.session.last_error().unwrap().code, 6);
    assert_eq!(run.session.stop_reason(), Some(ProviderStopReason::ConnectionFailed));
}

// spec: PTP-4
#[test]
fn a_failed_start_is_not_told_to_stop() {
    let mut run = Run::starting();
    let error = ConnectionError::AuthenticationFailed.plain();
    run.expect(
        Event::StartCompleted(Err(error.clone())),
        [
            E::AnswerStartCompleted(StartAnswer::Accepted),
            status(Disconnecting),
            E::DisarmLimit,
            E::KillProvider,
        ],
    );
    run.expect(Event::ProviderExited, [status(Disconnected)]);
    assert_eq!(run.session.last_error(), Some(&error));
}

// spec: PTP-4
#[test]
fn a_failed_launch_passes_through_disconnecting() {
    let mut run = Run::stored();
    run.feed(Event::Start);
    let error = ConnectionError::PluginDisabled.plain();
    run.expect(
        Event::LaunchFailed(error.clone()),
        [status(Disconnecting), E::DisarmLimit, status(Disconnected)],
    );
    assert_eq!(run.session.last_error(), Some(&error));
}

// spec: SES-9
#[test]
fn a_launch_that_dies_is_not_blamed_on_the_session_before() {
    let mut run = Run::starting();
    run.feed(Event::StartCompleted(Err(ConnectionError::ServerNotResponding.plain())));
    run.feed(Event::ProviderExited);
    run.feed(Event::Start);
    run.feed(Event::ProviderExited);
    assert_eq!(run.session.last_error(), Some(&ConnectionError::PluginFailed.plain()));
}

// spec: TUN-15
#[test]
fn a_stop_cancels_the_settings_under_way() {
    let mut run = Run::starting();
    run.feed(request(1));
    let effects = run.feed(Event::Stop(ProviderStopReason::UserInitiated));
    assert!(effects.contains(&E::AnswerSettings(1, Err(NetworkSettingsError::Canceled))));
    run.expect(Event::SettingsApplied(1), []);
    run.expect(Event::StopAcknowledged, [E::DisarmLimit, E::RevertSettings]);
}

// spec: TUN-15
#[test]
fn a_newer_request_cancels_the_settings_under_way() {
    let mut run = Run::starting();
    run.expect(request(1), [E::ApplySettings(1)]);
    let canceled = E::AnswerSettings(1, Err(NetworkSettingsError::Canceled));
    run.expect(request(2), [canceled, E::ApplySettings(2)]);
    run.expect(Event::SettingsApplied(1), []);
    run.expect(Event::SettingsApplied(2), [E::AnswerSettings(2, Ok(()))]);
}

// spec: TUN-16
#[test]
fn failed_settings_leave_the_session_as_it_was() {
    let mut run = Run::connected();
    run.feed(request(2));
    let error = NetworkSettingsError::Failed("route".into());
    run.expect(Event::SettingsFailed(2, error.clone()), [E::AnswerSettings(2, Err(error))]);
    assert_eq!(run.session.status(), Connected);
}

use VpnStatus::{Connected, Connecting, Disconnected, Disconnecting, Invalid, Reasserting};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn status(status: VpnStatus) -> Effect {
    E::StatusChanged(status)
}

fn request(id: RequestId) -> Event {
    Event::SettingsRequested(Request { id, clears: false })
}

/// A session driven by hand.
struct Run {
    session: Session,
}

impl Run {
    fn stored() -> Self {
        let mut run = Self { session: Session::new() };
        run.expect(Event::Stored(SecretsNeeded::No), [status(Disconnected)]);
        run
    }

    /// Its secrets are not with the helper.
    fn asking() -> Self {
        let mut run = Self::stored();
        run.expect(Event::Stored(SecretsNeeded::Wanted), []);
        let ask = E::AskForSecrets { refused: false };
        run.expect(Event::Start, [status(Connecting), E::ArmLimit(ANSWER_LIMIT), ask]);
        run
    }

    fn starting() -> Self {
        let mut run = Self::stored();
        run.feed(Event::Start);
        run.feed(Event::Launched);
        run
    }

    fn connected() -> Self {
        let mut run = Self::starting();
        run.feed(request(1));
        run.feed(Event::SettingsApplied(1));
        run.feed(Event::StartCompleted(Ok(())));
        assert_eq!(run.session.status(), Connected);
        run
    }

    fn feed(&mut self, event: Event) -> Vec<Effect> {
        self.session.handle(event, NOW)
    }

    fn expect(&mut self, event: Event, effects: impl Into<Vec<Effect>>) {
        self.expect_at(NOW, event, effects);
    }

    fn expect_at(&mut self, now: Timestamp, event: Event, effects: impl Into<Vec<Effect>>) {
        assert_eq!(self.session.handle(event, now), effects.into());
    }
}
