//! Providers and interfaces that take the place of others.

use super::*;
use crate::session::replacement::RESTART_PAUSES;

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
