//! A session: carries out what the pure state machine decides.
//!
//! One task owns each configuration's session from the moment it is stored (COL-4). Whatever takes
//! time runs beside it and reports back into its inbox, numbered by the run that it belongs to, so
//! that nothing of an earlier run is mistaken for the present one.

mod host;
mod network;
mod record;
mod run;

use std::{sync::Arc, time::Duration};

use adit_api::{Event as ApiEvent, SessionDetails, StatusChange};
use adit_model::{
    ConfigurationId, HealthItem, NetworkSettingsError, PacketTunnelNetworkSettings,
    ProviderStopReason, SessionStatus, Severity, VpnStatus,
    session::{Effect, Event, Request, RequestId, Session, StartAnswer},
};
use adit_network::NetworkState;
use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until},
};

use self::run::{LaunchError, Run};
pub(crate) use self::{network::Applied, record::RunRecord};
use crate::{service::Surroundings, store::Record};

/// The way to a session's task.
#[derive(Debug, Clone)]
pub(crate) struct SessionHandle {
    inbox: mpsc::Sender<Input>,
    status: watch::Receiver<SessionStatus>,
}

/// What a session's task is told.
#[derive(Debug)]
pub(crate) enum Input {
    /// The configuration was created or changed.
    Stored(Box<Record>),
    /// It was deleted.
    Removed,
    /// Answered when the session has begun, or is going to after the one that ends.
    Start(Option<Map<String, Value>>, oneshot::Sender<()>),
    Stop(ProviderStopReason),
    /// The physical network is different.
    NetworkChanged(Box<NetworkState>),
    Details(oneshot::Sender<SessionDetails>),
    Message(String, oneshot::Sender<Option<String>>),
    /// From something that runs beside the task, with the number of the run that it belongs to.
    Report(u64, Report),
}

/// What the surroundings of one run report.
#[derive(Debug)]
pub(crate) enum Report {
    Event(Event),
    SettingsRequested {
        settings: Option<Box<PacketTunnelNetworkSettings>>,
        answer: oneshot::Sender<Result<(), NetworkSettingsError>>,
    },
    StartCompleted {
        result: Result<(), adit_model::DisconnectError>,
        answer: oneshot::Sender<StartAnswer>,
    },
    Applied(RequestId, Box<Applied>),
    /// Whether the provider follows the configuration that was saved while it runs.
    Followed(bool),
    /// The network changed and the same settings mean something else on it.
    Adapted(Box<Applied>),
}

/// Sends reports of one run.
#[derive(Debug, Clone)]
pub(crate) struct Reporter {
    run: u64,
    inbox: mpsc::Sender<Input>,
}

const INBOX: usize = 32;

impl SessionHandle {
    /// Starts the task of a stored configuration.
    pub(crate) fn spawn(record: Record, surroundings: Arc<Surroundings>) -> Self {
        let (inbox, inputs) = mpsc::channel(INBOX);
        let first = SessionStatus {
            id: record.configuration.id,
            status: VpnStatus::Invalid,
            sequence: 0,
            connected_at: None,
            interface: None,
            blocking: false,
            last_error: None,
            health: Vec::new(),
        };
        let (publisher, status) = watch::channel(first);
        let mut actor = Actor {
            id: record.configuration.id,
            machine: Session::new(),
            record,
            surroundings,
            inbox: inbox.clone(),
            publisher,
            run: None,
            runs: 0,
            options: None,
            limit: None,
            answers: Vec::new(),
            start_answer: None,
            is_behind: false,
        };
        actor.feed(Event::Stored);
        tokio::spawn(actor.run_until_removed(inputs));
        Self { inbox, status }
    }

    /// Whether the task still runs. It ends when its configuration is removed and its session over.
    pub(crate) fn lives(&self) -> bool {
        !self.inbox.is_closed()
    }

    pub(crate) fn status(&self) -> SessionStatus {
        self.status.borrow().clone()
    }

    /// Tells the task something. A task that has ended has nothing to do with it.
    pub(crate) async fn tell(&self, input: Input) {
        let _ = self.inbox.send(input).await;
    }

    /// Asks the task something.
    pub(crate) async fn ask<T>(
        &self,
        input: impl FnOnce(oneshot::Sender<T>) -> Input,
    ) -> Option<T> {
        let (sender, receiver) = oneshot::channel();
        self.tell(input(sender)).await;
        receiver.await.ok()
    }

    /// Waits until the session is in a state that satisfies `wanted`, or for `limit`.
    pub(crate) async fn reach(&self, limit: Duration, wanted: impl Fn(VpnStatus) -> bool) -> bool {
        let mut status = self.status.clone();
        let reached = status.wait_for(|status| wanted(status.status));
        matches!(tokio::time::timeout(limit, reached).await, Ok(Ok(_)))
    }
}

impl Reporter {
    pub(crate) async fn report(&self, report: Report) {
        // The task may have ended.
        let _ = self.inbox.send(Input::Report(self.run, report)).await;
    }

    pub(crate) async fn event(&self, event: Event) {
        self.report(Report::Event(event)).await;
    }
}

struct Actor {
    id: ConfigurationId,
    machine: Session,
    record: Record,
    surroundings: Arc<Surroundings>,
    inbox: mpsc::Sender<Input>,
    publisher: watch::Sender<SessionStatus>,
    run: Option<Run>,
    runs: u64,
    options: Option<Map<String, Value>>,
    limit: Option<Instant>,
    /// Settings requests that the provider waits for.
    answers: Vec<(RequestId, oneshot::Sender<Result<(), NetworkSettingsError>>)>,
    start_answer: Option<oneshot::Sender<StartAnswer>>,
    /// The configuration was changed and the provider does not follow before the next connect.
    is_behind: bool,
}

impl Actor {
    async fn run_until_removed(mut self, mut inputs: mpsc::Receiver<Input>) {
        while self.machine.status() != VpnStatus::Invalid {
            let limit = self.limit;
            let input = tokio::select! {
                input = inputs.recv() => input,
                () = pass(limit) => {
                    self.limit = None;
                    self.feed(Event::LimitPassed);
                    continue;
                }
            };
            let Some(input) = input else { return };
            self.take(input);
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Stored(record) => self.stored(*record),
            Input::Removed => self.feed(Event::Removed),
            Input::Start(options, answer) => {
                // Those of a start that changes nothing are not for the next one.
                if matches!(
                    self.machine.status(),
                    VpnStatus::Disconnected | VpnStatus::Disconnecting
                ) {
                    self.options = options;
                }
                self.feed(Event::Start);
                // The caller may have left.
                let _ = answer.send(());
            }
            Input::Stop(reason) => self.feed(Event::Stop(reason)),
            Input::NetworkChanged(state) => {
                if let Some(run) = &self.run {
                    run.network_changed(*state);
                }
            }
            Input::Details(answer) => self.details(answer),
            Input::Message(message, answer) => {
                if let Some(run) = &self.run {
                    run.send_message(message, answer);
                }
            }
            Input::Report(run, report) => {
                if run == self.runs {
                    self.reported(report);
                }
            }
        }
    }

    fn stored(&mut self, record: Record) {
        self.record = record;
        self.feed(Event::Stored);
        if let Some(run) = &self.run {
            run.configuration_changed(&self.record);
        }
    }

    fn reported(&mut self, report: Report) {
        match report {
            Report::Event(event) => {
                if matches!(event, Event::SettingsFailed(..)) {
                    self.narrow_claim();
                }
                self.feed(event);
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
                self.feed(Event::StartCompleted(result));
            }
            Report::Applied(id, applied) => {
                if let Some(run) = &mut self.run {
                    run.applied(*applied);
                }
                self.narrow_claim();
                self.feed(Event::SettingsApplied(id));
                self.publish(self.machine.status());
            }
            Report::Followed(follows) => {
                self.is_behind = !follows;
                self.publish(self.machine.status());
            }
            Report::Adapted(applied) => {
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
        for effect in self.machine.handle(event, Timestamp::now()) {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::StatusChanged(status) => self.status_changed(status),
            Effect::LaunchProvider => self.launch(),
            Effect::StartProvider => {
                let options = self.options.take();
                self.with_run(|run, record| run.start_provider(record, options));
            }
            Effect::StopProvider(reason) => self.with_run(|run, _| run.stop_provider(reason)),
            Effect::KillProvider => self.with_run(|run, _| run.kill_provider()),
            Effect::ApplySettings(id) => self.with_run(|run, record| run.apply(id, record)),
            Effect::RevertSettings => self.with_run(|run, _| run.revert()),
            Effect::AnswerSettings(id, result) => {
                let waiting = self.answers.iter().position(|(request, _)| *request == id);
                if let Some(position) = waiting {
                    // The provider may be gone.
                    let _ = self.answers.swap_remove(position).1.send(result);
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

    fn status_changed(&mut self, status: VpnStatus) {
        let name = &self.record.configuration.name;
        match status {
            VpnStatus::Connected => tracing::info!("“{name}” is connected."),
            VpnStatus::Reasserting => tracing::info!("“{name}” is reconnecting."),
            VpnStatus::Disconnected => {
                if let Some(run) = self.run.take() {
                    tracing::info!("“{name}” is disconnected.");
                    run.end();
                }
                self.surroundings.claims.release(self.id);
            }
            VpnStatus::Invalid | VpnStatus::Connecting | VpnStatus::Disconnecting => {}
        }
        self.publish(status);
    }

    fn launch(&mut self) {
        self.runs += 1;
        self.is_behind = false;
        let reporter = Reporter { run: self.runs, inbox: self.inbox.clone() };
        let id = self.id;
        match self.claim_and_launch(&reporter) {
            Ok(run) => {
                self.run = Some(run);
                tokio::spawn(async move { reporter.event(Event::Launched).await });
            }
            Err(error) => {
                tracing::debug!(%id, "the launch failed: {error}");
                let error = error.to_disconnect_error();
                tokio::spawn(async move { reporter.event(Event::LaunchFailed(error)).await });
            }
        }
        self.publish(VpnStatus::Connecting);
    }

    fn claim_and_launch(&self, reporter: &Reporter) -> Result<Run, LaunchError> {
        let configuration = &self.record.configuration;
        let expected = configuration.protocol.expected_routes.clone();
        self.surroundings.claims.take(configuration, expected).map_err(LaunchError::Taken)?;
        Run::launch(configuration, &self.surroundings, reporter.clone())
    }

    /// What a session may hold on to when the settings it asked for were not applied.
    fn narrow_claim(&self) {
        let applied = self.run.as_ref().and_then(Run::applied_routes);
        let expected = || self.record.configuration.protocol.expected_routes.clone();
        self.surroundings.claims.narrow(self.id, applied.unwrap_or_else(expected));
    }

    fn details(&self, answer: oneshot::Sender<SessionDetails>) {
        match &self.run {
            Some(run) => run.details(answer),
            None => drop(answer),
        }
    }

    fn health(&self) -> Vec<HealthItem> {
        let Some(run) = &self.run else { return Vec::new() };
        let behind = self.is_behind.then(|| behind(&self.record.configuration.name));
        run.health().into_iter().chain(behind).collect()
    }

    fn publish(&self, status: VpnStatus) {
        self.publisher.send_modify(|published| {
            published.status = status;
            published.sequence += 1;
            published.connected_at = self.machine.connected_at();
            published.last_error = self.machine.last_error().cloned();
            published.interface = self.run.as_ref().map(|run| run.interface().to_owned());
            published.health = self.health();
        });
        let session = self.publisher.borrow().clone();
        let event = ApiEvent::StatusChanged(StatusChange { session });
        self.surroundings.events.announce(&self.record.configuration, event);
    }
}

fn behind(name: &str) -> HealthItem {
    HealthItem {
        code: "configuration.behind".into(),
        severity: Severity::Notice,
        title: "Changes take effect at the next connect".into(),
        text: "The configuration was changed in a way that a connected tunnel cannot follow."
            .into(),
        action: Some(format!("adit reconnect {name}")),
    }
}

/// Never, if there is no limit.
async fn pass(limit: Option<Instant>) {
    match limit {
        Some(limit) => sleep_until(limit).await,
        None => std::future::pending().await,
    }
}
