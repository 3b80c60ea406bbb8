//! Scripted orderings: what follows what in a session.

mod ends;
mod random;

use super::{replacement::RESTART_PAUSES, *};
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

// spec: SES-6, STAT-4
#[test]
fn ordering_e_the_provider_crashes_and_is_replaced() {
    let mut run = Run::connected();
    run.expect(Event::ProviderExited, [status(Reasserting), E::ArmLimit(Duration::ZERO)]);
    assert!(run.session.is_restarting());
    run.expect(Event::LimitPassed, [E::ArmLimit(START_LIMIT), E::RelaunchProvider]);
    run.expect(Event::Launched, [E::StartProvider]);
    // What the one before had asked for does not count.
    run.expect(
        Event::StartCompleted(Ok(())),
        [E::AnswerStartCompleted(StartAnswer::SettingsNotApplied)],
    );
    run.expect(request(2), [E::ApplySettings(2)]);
    run.expect(Event::SettingsApplied(2), [E::AnswerSettings(2, Ok(()))]);
    run.expect_at(
        NOW + Duration::from_secs(2),
        Event::StartCompleted(Ok(())),
        [E::AnswerStartCompleted(StartAnswer::Accepted), status(Connected), E::DisarmLimit],
    );
    assert!(!run.session.is_restarting());
    assert_eq!(run.session.connected_at(), Some(NOW));
    assert_eq!(run.session.last_error(), None);
}

// spec: CERR-12, TUN-18
#[test]
fn a_provider_that_crashes_again_and_again_is_given_up() {
    let mut run = Run::connected();
    for pause in RESTART_PAUSES {
        assert!(run.feed(Event::ProviderExited).contains(&E::ArmLimit(pause)));
        run.expect(Event::LimitPassed, [E::ArmLimit(START_LIMIT), E::RelaunchProvider]);
        run.expect(Event::Launched, [E::StartProvider]);
    }
    run.expect(Event::ProviderExited, [status(Disconnecting), E::DisarmLimit, E::RevertSettings]);
    run.expect(Event::Reverted, [status(Disconnected)]);
    assert_eq!(run.session.last_error(), Some(&ConnectionError::PluginFailed.plain()));
    run.expect(Event::Start, [status(Connecting), E::ArmLimit(START_LIMIT), E::LaunchProvider]);
    run.expect(Event::Launched, [E::StartProvider]);
    // One that never established the tunnel is not tried again.
    run.expect(
        Event::ProviderExited,
        [status(Disconnecting), E::DisarmLimit, status(Disconnected)],
    );
}

#[test]
fn a_provider_that_crashes_once_in_a_while_is_always_replaced() {
    let mut run = Run::connected();
    for hour in 0..20 {
        let now = NOW + Duration::from_secs(3600 * hour);
        let effects = [status(Reasserting), E::ArmLimit(Duration::ZERO)];
        run.expect_at(now, Event::ProviderExited, effects);
        run.feed(Event::LimitPassed);
        run.feed(Event::Launched);
        run.feed(request(hour));
        run.feed(Event::SettingsApplied(hour));
        run.feed(Event::StartCompleted(Ok(())));
        assert_eq!(run.session.status(), Connected);
    }
}

#[test]
fn a_provider_that_cannot_be_replaced_is_tried_again() {
    let mut run = Run::connected();
    run.feed(Event::ProviderExited);
    run.feed(Event::LimitPassed);
    let error = ConnectionError::PluginDisabled.plain();
    run.expect(Event::LaunchFailed(error), [E::ArmLimit(RESTART_PAUSES[1])]);
    assert_eq!(run.session.status(), Reasserting);
}

// spec: STOP-1
// spec: SES-6, STAT-4
#[test]
fn an_interface_that_is_deleted_is_replaced_together_with_its_provider() {
    let mut run = Run::connected();
    run.expect(Event::InterfaceLost, [status(Reasserting), E::DisarmLimit, E::KillProvider]);
    assert!(run.session.lacks_interface());
    // What a provider without an interface says no longer matters.
    run.expect(Event::Canceled(Some(ConnectionError::PluginFailed.plain())), []);
    run.expect(Event::InterfaceRestored(Ok(())), []);
    run.expect(Event::InterfaceLost, []);
    run.expect(Event::InterfaceRestored(Ok(())), []);
    let relaunch = || [E::ArmLimit(START_LIMIT), E::RelaunchProvider];
    run.expect(Event::ProviderExited, relaunch());
    run.expect(Event::Launched, [E::StartProvider]);
    run.expect(Event::InterfaceLost, [E::DisarmLimit, E::KillProvider]);
    run.expect(Event::ProviderExited, []);
    assert_eq!(run.session.connected_at(), Some(NOW));
    // However often: it is nobody's crash.
    for _ in 0..10 {
        run.expect(Event::InterfaceRestored(Ok(())), relaunch());
        run.expect(Event::InterfaceLost, [E::DisarmLimit, E::KillProvider]);
        run.expect(Event::ProviderExited, []);
    }
    let error = ConnectionError::PluginFailed.because("No such device.");
    run.expect(
        Event::InterfaceRestored(Err(error.clone())),
        [status(Disconnecting), E::DisarmLimit, E::RevertSettings],
    );
    run.expect(Event::Reverted, [status(Disconnected)]);
    assert_eq!(run.session.last_error(), Some(&error));
}

#[test]
fn an_interface_that_is_deleted_before_there_is_a_tunnel_ends_the_session() {
    let mut run = Run::starting();
    run.expect(Event::InterfaceLost, [status(Disconnecting), E::DisarmLimit, E::KillProvider]);
    run.expect(Event::ProviderExited, [status(Disconnected)]);
    assert!(run.session.last_error().unwrap().message.contains("deleted the tunnel’s interface"));
}

#[test]
fn a_stop_while_the_provider_is_replaced_ends_the_session() {
    let mut run = Run::connected();
    run.feed(Event::ProviderExited);
    let down = [status(Disconnecting), E::DisarmLimit, E::RevertSettings];
    run.expect(Event::Stop(ProviderStopReason::UserInitiated), down);
    run.expect(Event::Reverted, [status(Disconnected)]);
    assert_eq!(run.session.last_error(), None);
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

// spec: CERR-8
#[test]
fn secrets_are_asked_for_before_the_provider_and_again_when_the_server_refuses_them() {
    let mut run = Run::asking();
    run.expect(Event::SecretsGiven, [E::ArmLimit(START_LIMIT), E::LaunchProvider]);
    run.expect(Event::Launched, [E::StartProvider]);
    let refused = ConnectionError::AuthenticationFailed.plain();
    run.expect(
        Event::StartCompleted(Err(refused.clone())),
        [E::AnswerStartCompleted(StartAnswer::Accepted), E::DisarmLimit, E::KillProvider],
    );
    run.expect(Event::SecretsGiven, []);
    run.expect(
        Event::ProviderExited,
        [E::ArmLimit(ANSWER_LIMIT), E::AskForSecrets { refused: true }],
    );
    assert_eq!(run.session.last_error(), Some(&refused));
    // On the interface that is there.
    run.expect(Event::SecretsGiven, [E::ArmLimit(START_LIMIT), E::RelaunchProvider]);
    run.expect(Event::Launched, [E::StartProvider]);
    run.feed(request(1));
    run.feed(Event::SettingsApplied(1));
    run.feed(Event::StartCompleted(Ok(())));
    assert_eq!((run.session.status(), run.session.last_error()), (Connected, None));
    // The next session is another one.
    run.feed(Event::Stop(ProviderStopReason::UserInitiated));
    run.feed(Event::StopAcknowledged);
    run.feed(Event::Reverted);
    run.feed(Event::ProviderExited);
    assert!(run.feed(Event::Start).contains(&E::AskForSecrets { refused: false }));
}

// spec: CERR-8
#[test]
fn a_provider_is_refused_for_good_when_nobody_gave_its_secrets() {
    let mut run = Run::starting();
    let refused = ConnectionError::AuthenticationFailed.plain();
    run.feed(Event::StartCompleted(Err(refused.clone())));
    run.expect(Event::ProviderExited, [status(Disconnected)]);
    assert_eq!(run.session.last_error(), Some(&refused));
}

// spec: STOP-6
#[test]
fn a_closed_request_ends_the_session_with_its_own_reason() {
    let mut run = Run::asking();
    let down = || [status(Disconnecting), E::DisarmLimit, status(Disconnected)];
    run.expect(Event::SecretsMissing(SecretsMissing::Canceled), down());
    assert_eq!(run.session.stop_reason(), Some(ProviderStopReason::AuthenticationCanceled));
    assert_eq!(run.session.last_error(), None);
    run.feed(Event::Start);
    let error = ConnectionError::AuthenticationFailed.because("Nobody is there to be asked.");
    let missing = SecretsMissing::Unavailable(error.clone());
    run.expect(Event::SecretsMissing(missing), down());
    assert_eq!(run.session.last_error(), Some(&error));
    run.feed(Event::Start);
    run.expect(Event::LimitPassed, down());
    run.feed(Event::Start);
    run.expect(Event::Stop(ProviderStopReason::UserInitiated), down());
    assert_eq!(run.session.last_error(), None);
    run.feed(Event::Start);
    let removed = [status(Disconnecting), E::DisarmLimit, status(Disconnected), status(Invalid)];
    run.expect(Event::Removed, removed);
}

#[test]
fn a_tunnel_that_was_taken_over_asks_before_its_provider_is_replaced() {
    let mut run = Run { session: Session::adopted(NOW) };
    run.expect(Event::Stored(SecretsNeeded::Wanted), []);
    run.feed(Event::ProviderExited);
    run.expect(
        Event::LimitPassed,
        [E::ArmLimit(ANSWER_LIMIT), E::AskForSecrets { refused: false }],
    );
    assert!(run.session.is_restarting());
    run.expect(Event::InterfaceLost, [E::DisarmLimit]);
    run.expect(Event::SecretsGiven, []);
    run.feed(Event::InterfaceRestored(Ok(())));
    run.expect(Event::SecretsGiven, [E::ArmLimit(START_LIMIT), E::RelaunchProvider]);
    run.expect(Event::Launched, [E::StartProvider]);
    assert_eq!(run.session.status(), Reasserting);
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
