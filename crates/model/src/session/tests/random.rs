//! Random event sequences against a model of the system.

use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    // spec: PRV-10, SES-3, SES-4, SES-C1, STAT-1, TUN-10, TUN-11, TUN-18
    #[test]
    fn random_events_never_break_an_invariant(
        adopted in any::<bool>(),
        events in proptest::collection::vec(any_event(), 0..60),
    ) {
        let mut system = if adopted { System::adopted() } else { System::default() };
        for event in events {
            system.feed(event);
        }
        system.settle();
        prop_assert!(matches!(system.session.status(), Disconnected | Invalid));
        prop_assert_eq!(system.session.settings, Settings::NONE);
        prop_assert!(!system.session.provider && !system.provider && !system.applied);
        prop_assert!(!system.limit, "a limit is left armed");
        prop_assert!(system.open_requests.is_empty(), "a request was never answered");
    }
}

/// A session with a model of the system around it, which checks each effect.
#[derive(Default)]
struct System {
    session: Session,
    seen: Option<VpnStatus>,
    provider: bool,
    applied: bool,
    reverting: bool,
    limit: bool,
    asked: bool,
    open_requests: Vec<RequestId>,
    next_request: RequestId,
}

impl System {
    /// An earlier process of ours had established the tunnel.
    fn adopted() -> Self {
        Self {
            session: Session::adopted(NOW),
            seen: Some(Connected),
            provider: true,
            applied: true,
            ..Self::default()
        }
    }

    fn feed(&mut self, event: Event) {
        let Some(event) = self.possible(event) else { return };
        let completes_start = matches!(event, Event::StartCompleted(_));
        let effects = self.session.handle(event, NOW);
        let answers =
            effects.iter().filter(|effect| matches!(effect, E::AnswerStartCompleted(_))).count();
        assert_eq!(answers, usize::from(completes_start));
        let is_ending = self.session.status() == Disconnecting;
        assert!(!is_ending || self.session.stop_reason().is_some(), "it ends for no reason");
        for effect in &effects {
            self.check(effect);
        }
        assert_eq!(self.seen.unwrap_or(Invalid), self.session.status(), "an unseen change");
        let dated = self.session.connected_at().is_some();
        let established = matches!(self.session.status(), Connected | Reasserting);
        assert_eq!(dated, established, "connected_at is known exactly while established");
    }

    /// What the surroundings can produce at this moment.
    fn possible(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::SettingsRequested(mut request) => {
                self.next_request += 1;
                request.id = self.next_request;
                self.open_requests.push(request.id);
                self.provider.then_some(Event::SettingsRequested(request)).or_else(|| {
                    self.open_requests.pop();
                    None
                })
            }
            Event::SecretsGiven | Event::SecretsMissing(_) => {
                std::mem::take(&mut self.asked).then_some(event)
            }
            Event::Launched
            | Event::StartCompleted(_)
            | Event::Reasserting(_)
            | Event::Canceled(_)
            | Event::StopAcknowledged => self.provider.then_some(event),
            Event::LaunchFailed(_) => {
                let launching = self.provider
                    && matches!(self.session.phase, Phase::Launching | Phase::Relaunching);
                if launching {
                    self.provider = false;
                }
                launching.then_some(event)
            }
            Event::InterfaceRestored(_) => self.session.lacks_interface().then_some(event),
            Event::ProviderExited => {
                let existed = self.provider;
                self.provider = false;
                existed.then_some(event)
            }
            Event::Reverted => {
                let done = self.reverting;
                if done {
                    (self.reverting, self.applied) = (false, false);
                }
                done.then_some(event)
            }
            Event::LimitPassed => {
                let armed = self.limit;
                self.limit = false;
                armed.then_some(event)
            }
            Event::Stored(_)
            | Event::Removed
            | Event::Start
            | Event::Stop(_)
            | Event::InterfaceLost
            | Event::ProviderHangs
            | Event::ProviderUpdated
            | Event::NetworkChanged { .. }
            | Event::SettingsApplied(_)
            | Event::SettingsFailed(..) => Some(event),
        }
    }

    fn check(&mut self, effect: &Effect) {
        match effect {
            E::StatusChanged(next) => {
                let next = *next;
                let before = self.seen.unwrap_or(Invalid);
                assert!(before.may_become(next), "{before:?} must not become {next:?}");
                if next == Disconnected && before == Disconnecting {
                    assert!(!self.provider, "down with a provider");
                    assert!(!self.applied, "down with settings");
                }
                self.seen = Some(next);
            }
            E::AskForSecrets { refused: _ } => {
                assert!(!self.provider && !self.reverting, "asked beside a provider");
                self.asked = true;
            }
            E::LaunchProvider => {
                assert_ne!(self.session.secrets, SecretsNeeded::Wanted);
                assert!(!self.provider && !self.applied, "the last session is not over");
                self.provider = true;
            }
            E::RelaunchProvider => {
                assert!(!self.provider, "two providers");
                assert_ne!(self.session.secrets, SecretsNeeded::Wanted);
                let established = self.session.connected_at().is_some();
                assert!(self.applied || !established, "the settings of the last one are gone");
                assert!(!self.reverting);
                self.provider = true;
            }
            E::StartProvider | E::StopProvider(_) => {}
            E::KillProvider => assert!(self.provider, "nothing to kill"),
            E::ApplySettings(_) => {
                assert!(self.provider && !self.reverting);
                self.applied = true;
            }
            E::AnswerSettings(id, _) => {
                let open = self.open_requests.iter().position(|request| request == id);
                self.open_requests.remove(open.expect("answered twice or never asked"));
            }
            E::AnswerStartCompleted(StartAnswer::Accepted) => {
                let connected = self.session.status() == Connected;
                assert!(!connected || self.applied, "connected without settings");
            }
            E::AnswerStartCompleted(StartAnswer::SettingsNotApplied) => {
                let restarting = self.session.is_restarting();
                assert!(self.session.status() == Connecting || restarting);
            }
            E::RevertSettings => {
                assert!(!self.reverting);
                self.reverting = true;
            }
            E::ArmLimit(_) => self.limit = true,
            E::DisarmLimit => self.limit = false,
        }
    }

    /// The user stops, and everything that was begun comes to its end.
    fn settle(&mut self) {
        self.feed(Event::Stop(ProviderStopReason::UserInitiated));
        self.feed(Event::Stop(ProviderStopReason::UserInitiated));
        for _ in 0..4 {
            self.feed(Event::StopAcknowledged);
            self.feed(Event::Reverted);
            if self.session.phase == Phase::Exiting {
                self.feed(Event::ProviderExited);
            }
        }
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    let error = || ConnectionError::ServerDead.plain();
    prop_oneof![
        1 => Just(Event::Stored(SecretsNeeded::No)),
        1 => Just(Event::Stored(SecretsNeeded::Wanted)),
        4 => Just(Event::SecretsGiven),
        1 => Just(Event::SecretsMissing(SecretsMissing::Canceled)),
        1 => Just(Event::SecretsMissing(SecretsMissing::Unavailable(error()))),
        1 => Just(Event::Removed),
        4 => Just(Event::Start),
        2 => Just(Event::Stop(ProviderStopReason::UserInitiated)),
        4 => Just(Event::Launched),
        1 => Just(Event::LaunchFailed(error())),
        4 => any::<bool>().prop_map(|clears| Event::SettingsRequested(Request { id: 0, clears })),
        4 => (0..8u64).prop_map(Event::SettingsApplied),
        1 => (0..8u64).prop_map(|id| {
            Event::SettingsFailed(id, NetworkSettingsError::Failed("x".into()))
        }),
        4 => Just(Event::StartCompleted(Ok(()))),
        1 => Just(Event::StartCompleted(Err(error()))),
        1 => Just(Event::StartCompleted(Err(ConnectionError::AuthenticationFailed.plain()))),
        2 => any::<bool>().prop_map(Event::Reasserting),
        1 => Just(Event::Canceled(Some(error()))),
        1 => Just(Event::StopAcknowledged),
        2 => Just(Event::ProviderExited),
        1 => Just(Event::ProviderHangs),
        2 => Just(Event::ProviderUpdated),
        1 => any::<bool>().prop_map(|online| Event::NetworkChanged { online }),
        2 => Just(Event::InterfaceLost),
        4 => Just(Event::InterfaceRestored(Ok(()))),
        1 => Just(Event::InterfaceRestored(Err(error()))),
        2 => Just(Event::Reverted),
        1 => Just(Event::LimitPassed),
    ]
}
