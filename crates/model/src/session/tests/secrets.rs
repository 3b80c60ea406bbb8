//! Secrets that somebody has to be asked for.

use super::*;

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
