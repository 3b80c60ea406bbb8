//! Why sessions end, and what is said of it.

use super::*;
use crate::{ProviderStopReason as Reason, session::replacement::RESTART_PAUSES};

// spec: STOP-2
#[test]
fn a_provider_that_gives_up_is_not_told_to_stop() {
    let error = ConnectionError::ServerDead.plain();
    for error in [None, Some(error)] {
        let mut run = Run::connected();
        let down = [status(Disconnecting), E::DisarmLimit, E::RevertSettings];
        run.expect(Event::Canceled(error.clone()), down);
        assert_eq!(run.session.stop_reason(), Some(ProviderStopReason::ProviderFailed));
        assert_eq!(run.session.last_error(), error.as_ref());
    }
}

// spec: STOP-2
#[test]
fn a_provider_that_does_not_answer_is_ended_and_replaced() {
    let mut run = Run::connected();
    run.expect(Event::ProviderHangs, [E::KillProvider]);
    run.expect(Event::ProviderExited, [status(Reasserting), E::ArmLimit(RESTART_PAUSES[0])]);
    let mut run = Run::starting();
    run.expect(Event::ProviderHangs, [E::KillProvider]);
    run.feed(Event::ProviderExited);
    assert_eq!(run.session.stop_reason(), Some(ProviderStopReason::ProviderFailed));
    assert_eq!(run.session.status(), Disconnected);
}

// spec: STOP-16, X-1
#[test]
fn a_provider_that_is_updated_makes_room_for_the_next_on_the_same_settings() {
    let told = || {
        [
            status(Reasserting),
            E::ArmLimit(STOP_LIMIT),
            E::StopProvider(ProviderStopReason::AppUpdate),
        ]
    };
    let retired = [E::DisarmLimit, E::KillProvider];
    let mut run = Run::connected();
    run.expect(Event::ProviderUpdated, told());
    run.expect(Event::ProviderUpdated, []);
    run.expect(Event::StopAcknowledged, retired.clone());
    run.expect(Event::ProviderExited, [E::ArmLimit(START_LIMIT), E::RelaunchProvider]);
    run.expect(Event::Launched, [E::StartProvider]);
    run.feed(request(2));
    run.feed(Event::SettingsApplied(2));
    run.feed(Event::StartCompleted(Ok(())));
    assert_eq!((run.session.status(), run.session.connected_at()), (Connected, Some(NOW)));

    // One that takes too long is ended all the same, and a stop ends the session at once.
    run.expect(Event::ProviderUpdated, told());
    run.expect(Event::LimitPassed, retired);
    let down = [status(Disconnecting), E::DisarmLimit, E::RevertSettings];
    run.expect(Event::Stop(ProviderStopReason::UserInitiated), down);
}

// spec: STOP-3, CERR-2
#[test]
fn a_start_without_a_network_ends_with_that() {
    let mut run = Run::starting();
    run.expect(Event::NetworkChanged { online: false }, []);
    let reason = ProviderStopReason::NoNetworkAvailable;
    run.expect(
        Event::LimitPassed,
        [status(Disconnecting), E::ArmLimit(STOP_LIMIT), E::StopProvider(reason)],
    );
    run.feed(Event::StopAcknowledged);
    run.feed(Event::ProviderExited);
    assert_eq!(run.session.last_error(), Some(&ConnectionError::NoNetworkAvailable.plain()));
}

// spec: STOP-4, STOP-5, STOP-7, CERR-3
#[test]
fn an_error_that_says_why_is_the_reason_and_the_other_way_round() {
    for (error, reason) in [
        (ConnectionError::UnrecoverableNetworkChange, Reason::UnrecoverableNetworkChange),
        (ConnectionError::PluginDisabled, Reason::ProviderDisabled),
        (ConnectionError::ConfigurationFailed, Reason::ConfigurationFailed),
    ] {
        let error = error.plain();
        let mut stopped = Run::connected();
        stopped.feed(Event::Stop(reason));
        let mut canceled = Run::connected();
        canceled.feed(Event::Canceled(Some(error.clone())));
        let mut failed = Run::starting();
        failed.feed(Event::StartCompleted(Err(error.clone())));
        for run in [stopped, canceled, failed] {
            assert_eq!(run.session.last_error(), Some(&error));
            assert_eq!(run.session.stop_reason(), Some(reason));
        }
    }
}
