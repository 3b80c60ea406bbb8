//! Feeds the state machine what happens and carries out what it decides.

mod hold;
mod installation;
mod launch;
mod lost_interface;
mod publication;
mod remembrance;
mod secrets;

use std::sync::Arc;

use adit_model::{
    ConfigurationId, PathStatus, ProviderStopReason, SessionStatus, VpnStatus,
    on_demand::OnDemandStatus,
    session::{Effect, Event, Request, RequestId, Session, StartAnswer},
};
use adit_network::NetworkState;
use jiff::Timestamp;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::AbortHandle,
    time::{Instant, sleep_until},
};

use super::{
    Adoption, Input, Report, SettingsAnswer, StartRequest, account::Account, record::SessionFolder,
    run::Run, secrets::GivenSecrets,
};
use crate::{store::Record, surroundings::Surroundings, trigger::ParkedTunnel};

/// The task of one configuration's session.
pub(super) struct Actor {
    id: ConfigurationId,
    machine: Session,
    record: Record,
    surroundings: Arc<Surroundings>,
    inbox: mpsc::Sender<Input>,
    publisher: watch::Sender<SessionStatus>,
    run: Option<Run>,
    account: Option<Account>,
    /// The number of what the present run reports.
    run_number: u64,
    /// The number of what its present provider reports: the last that was given.
    provider_number: u64,
    /// What the session was started with.
    start: Option<StartRequest>,
    /// An interface that waits for the session.
    parked: Option<ParkedTunnel>,
    limit: Option<Instant>,
    /// Settings requests that the provider waits for.
    answers: Vec<(RequestId, oneshot::Sender<SettingsAnswer>)>,
    start_answer: Option<oneshot::Sender<StartAnswer>>,
    /// The configuration was changed and the provider does not follow before the next connect.
    is_behind: bool,
    /// Since when the provider looks for the way to its server.
    silent_since: Option<Timestamp>,
    /// Somebody wants the tunnel gone: what it holds back may go when it is down.
    lifts_hold: bool,
    /// What rules do about the session.
    on_demand: Option<OnDemandStatus>,
    /// What its owner has given.
    secrets: GivenSecrets,
    /// Its owner is being asked.
    asking: Option<AbortHandle>,
    /// What is written down while that is all there is.
    asked: Option<SessionFolder>,
}

impl Actor {
    /// The session of a configuration that is stored.
    pub(super) fn new(
        record: Record,
        surroundings: Arc<Surroundings>,
        inbox: mpsc::Sender<Input>,
        publisher: watch::Sender<SessionStatus>,
    ) -> Self {
        Self {
            id: record.configuration.id,
            machine: Session::new(),
            record,
            surroundings,
            inbox,
            publisher,
            run: None,
            account: None,
            run_number: 0,
            provider_number: 0,
            start: None,
            parked: None,
            limit: None,
            answers: Vec::new(),
            start_answer: None,
            is_behind: false,
            silent_since: None,
            lifts_hold: false,
            on_demand: None,
            secrets: GivenSecrets::default(),
            asking: None,
            asked: None,
        }
    }

    /// Begins without a session.
    pub(super) fn begin(&mut self) {
        self.tell_network();
        let needed = self.secrets.needed(&self.record.configuration);
        self.feed(Event::Stored(needed));
    }

    /// Begins with the tunnel of an earlier helper.
    pub(super) fn adopt(&mut self, adoption: Adoption) {
        let configuration = &self.record.configuration;
        let routes = adoption.routes(configuration);
        if let Err(error) = self.surroundings.claims.take(configuration, routes) {
            tracing::error!("the destinations of a tunnel that goes on are not free: {error}");
        }
        let connected_at = adoption.established.connected_at;
        self.machine = Session::adopted(connected_at);
        self.start = Some(adoption.start.clone());
        let (history, cause) = (&self.surroundings.history, adoption.start.cause.clone());
        self.account = Some(Account::resume(history, configuration, cause, connected_at));
        let reasserting = adoption.provider.as_ref().map(|provider| provider.reasserting);
        let reporter = self.reporter_of_run();
        let configuration = &self.record.configuration;
        self.run = Some(Run::adopt(adoption, configuration, &self.surroundings, reporter));
        tracing::info!("“{}” goes on: its tunnel outlived the service.", configuration.name);
        self.publish(self.machine.status());
        self.feed(Event::Stored(self.secrets.needed(&self.record.configuration)));
        match reasserting {
            Some(false) => {}
            Some(true) => self.feed(Event::Reasserting(true)),
            None => self.feed(Event::ProviderExited),
        }
        self.tell_network();
        // The next version of the service may have come together with that of the provider.
        self.providers_changed();
        self.save();
    }

    pub(super) async fn run_until_removed(mut self, mut inputs: mpsc::Receiver<Input>) {
        while self.machine.status() != VpnStatus::Invalid {
            let limit = self.limit;
            let input = tokio::select! {
                input = inputs.recv() => input,
                () = pass(limit) => {
                    self.limit = None;
                    self.feed(Event::LimitPassed);
                    self.save();
                    continue;
                }
            };
            let Some(input) = input else { return };
            self.take(input).await;
            self.disinherit();
            self.save();
        }
    }

    async fn take(&mut self, input: Input) {
        match input {
            Input::Stored { record, given } => self.stored(*record, given),
            Input::Removed => {
                self.surroundings.parking.forget(self.id);
                self.set_lifts_hold(true).await;
                self.feed(Event::Removed);
                self.lift_hold();
            }
            Input::Start { request, parked, answer } => {
                self.inherit(parked);
                // Those of a start that changes nothing are not for the next one.
                if matches!(
                    self.machine.status(),
                    VpnStatus::Disconnected | VpnStatus::Disconnecting
                ) {
                    self.start = Some(request);
                }
                self.set_lifts_hold(false).await;
                self.feed(Event::Start);
                // The caller may have left.
                let _ = answer.send(());
            }
            Input::Stop(reason) => {
                if reason.lifts_hold() {
                    self.set_lifts_hold(true).await;
                }
                self.feed(Event::Stop(reason));
                self.lift_hold();
            }
            Input::StopByRule => {
                // Whoever wrote the rule wants it so.
                self.lifts_hold = true;
                self.feed(Event::Stop(ProviderStopReason::None));
                self.lift_hold();
            }
            Input::OnDemandChanged(status) => {
                self.on_demand = status;
                self.publish(self.machine.status());
            }
            Input::BarrierChanged => self.publish(self.machine.status()),
            Input::NetworkChanged(state) => self.network_changed(*state),
            Input::ProvidersChanged => self.providers_changed(),
            Input::Healed(healed) => self.healed(&healed),
            Input::Sleep(answer) => self.sleep(answer),
            Input::Wake => {
                if let Some(run) = &self.run {
                    run.wake();
                }
            }
            Input::Details(answer) => self.details(answer),
            Input::Message(message, answer) => {
                if let Some(run) = &self.run {
                    run.send_message(message, answer);
                }
            }
            Input::Report(number, report) => {
                if number == self.run_number || number == self.provider_number {
                    self.reported(report);
                }
            }
        }
    }

    fn network_changed(&mut self, state: NetworkState) {
        self.tell_network();
        let Some(run) = &mut self.run else { return };
        if run.is_left_behind(&state.path) {
            self.feed(Event::Stop(ProviderStopReason::UnrecoverableNetworkChange));
        } else {
            run.network_changed(state);
        }
        self.publish_health();
    }

    fn tell_network(&mut self) {
        let online = self.surroundings.state().path.status == PathStatus::Satisfied;
        self.feed(Event::NetworkChanged { online });
    }

    /// Whoever asks for it is disconnected, and stays so after waking (PROTO-8).
    fn sleep(&mut self, answer: oneshot::Sender<bool>) {
        let Some(run) = &self.run else {
            let _ = answer.send(false);
            return;
        };
        if self.record.configuration.protocol.disconnect_on_sleep {
            let _ = answer.send(true);
            self.feed(Event::Stop(ProviderStopReason::Sleep));
        } else {
            run.sleep(answer);
        }
    }

    fn reported(&mut self, report: Report) {
        match report {
            Report::Event(event) => {
                if matches!(event, Event::SettingsFailed(..)) {
                    self.narrow_claim();
                }
                if matches!(event, Event::Canceled(Some(_)) | Event::ProviderExited) {
                    self.notice_lost_interface();
                }
                self.feed(event);
            }
            Report::SecretsGiven(given) => {
                self.secrets.take(given, &self.record.configuration);
                self.feed(Event::SecretsGiven);
            }
            Report::SettingsRequested { settings, answer } => {
                let Some(run) = &mut self.run else { return };
                let clears = settings.is_none();
                let id = run.remember_request(settings.map(|settings| *settings));
                self.answers.push((id, answer));
                self.feed(Event::SettingsRequested(Request { id, clears }));
            }
            Report::StartCompleted { result, answer } => {
                self.start_answer = Some(answer);
                if result.is_err() {
                    self.notice_lost_interface();
                }
                self.feed(Event::StartCompleted(result));
            }
            Report::Applied(id, applied) => {
                if let Some(settings) = &applied.settings {
                    self.surroundings.parking.remember(self.id, settings.clone());
                }
                if let Some(run) = &mut self.run {
                    run.applied(*applied);
                }
                self.narrow_claim();
                self.feed(Event::SettingsApplied(id));
                self.publish(self.machine.status());
            }
            Report::Message { message, answer } => {
                let is_seen = self.surroundings.events.are_heard_of(&self.record.configuration);
                if is_seen && let Some(run) = &mut self.run {
                    run.show(message);
                    self.publish(self.machine.status());
                }
                // The provider may be gone.
                let _ = answer.send(is_seen);
            }
            Report::Followed(follows) => {
                self.is_behind = !follows;
                self.publish(self.machine.status());
            }
            Report::Adapted(applied) => {
                if let Some(settings) = &applied.settings {
                    self.surroundings.parking.remember(self.id, settings.clone());
                }
                if let Some(run) = &mut self.run {
                    run.applied(*applied);
                }
                self.publish(self.machine.status());
            }
        }
    }

    /// Lets the machine decide and carries it out.
    fn feed(&mut self, event: Event) {
        if let Event::StartCompleted(Err(error)) | Event::LaunchFailed(error) = &event {
            tracing::warn!(name = %self.record.configuration.name, "The tunnel did not start: {}", error.message);
        }
        let completes = matches!(event, Event::StartCompleted(Ok(())));
        for effect in self.machine.handle(event, Timestamp::now()) {
            self.carry_out(effect);
        }
        self.stop_asking();
        if completes {
            // Another version may have come while this one started.
            self.providers_changed();
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::StatusChanged(status) => self.status_changed(status),
            Effect::AskForSecrets { refused } => self.ask_for_secrets(refused),
            Effect::LaunchProvider => self.launch(),
            Effect::RelaunchProvider => self.relaunch(),
            Effect::StartProvider => {
                let options = self.start.as_ref().and_then(|start| start.options.clone());
                let whole = self.whole_record();
                self.with_run(|run, _| run.start_provider(&whole, options));
            }
            Effect::StopProvider(reason) => self.with_run(|run, _| run.stop_provider(reason)),
            Effect::KillProvider => self.with_run(|run, _| run.kill_provider()),
            Effect::ApplySettings(id) => self.with_run(|run, record| run.apply(id, record)),
            Effect::RevertSettings => self.with_run(|run, _| run.revert()),
            Effect::AnswerSettings(id, result) => {
                let waiting = self.answers.iter().position(|(request, _)| *request == id);
                if let Some(position) = waiting {
                    let tap = || self.run.as_ref().map_or(Ok(None), Run::tap);
                    let answer = result.and_then(|()| tap());
                    // The provider may be gone.
                    let _ = self.answers.swap_remove(position).1.send(answer);
                }
            }
            Effect::AnswerStartCompleted(answer) => {
                if let Some(waiting) = self.start_answer.take() {
                    let _ = waiting.send(answer);
                }
            }
            Effect::ArmLimit(after) => self.limit = Some(Instant::now() + after),
            Effect::DisarmLimit => self.limit = None,
        }
    }

    fn with_run(&mut self, act: impl FnOnce(&mut Run, &Record)) {
        if let Some(run) = &mut self.run {
            act(run, &self.record);
        }
    }
}

/// Never, if there is no limit.
async fn pass(limit: Option<Instant>) {
    match limit {
        Some(limit) => sleep_until(limit).await,
        None => std::future::pending().await,
    }
}
