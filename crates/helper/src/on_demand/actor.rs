//! Makes true what one configuration's machine wants.

use std::{sync::Arc, time::Duration};

use adit_api::HelperError;
use adit_model::{
    ConfigurationId, SessionStatus, StartCause, VpnConfiguration, VpnStatus,
    on_demand::{NetworkState, Obstacle, OnDemandStatus, RefusalCode, Verdict, next_change},
};
use jiff::{Timestamp, Zoned};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinError, JoinHandle},
};

use super::{
    Input, Pauses,
    idleness::Idleness,
    judge,
    machine::{Demand, Machine, Wish},
};
use crate::{
    counters,
    logins::{Logins, Presence},
    service::Service,
    trigger::{self, Armed, Trigger, Wanted},
    wall_clock,
};

/// The task of one configuration.
pub(super) struct Actor {
    id: ConfigurationId,
    configuration: VpnConfiguration,
    machine: Machine,
    service: Arc<Service>,
    pauses: Arc<Pauses>,
    network: watch::Receiver<Option<NetworkState>>,
    session: watch::Receiver<SessionStatus>,
    /// Tells when another tunnel leaves destinations.
    room: watch::Receiver<()>,
    logins: watch::Receiver<Option<Logins>>,
    judging: Option<Judging>,
    waiting: Option<Waiting>,
    idleness: Option<Idleness>,
    /// When the time alone may make another rule the current one.
    outdated_at: Option<Timestamp>,
    published: Option<OnDemandStatus>,
}

/// Which rule is the current one is being found out.
struct Judging(JoinHandle<Verdict>);

/// What is waited for.
struct Waiting {
    demand: Demand,
    armed: Armed,
    /// Something came. If no session begins of that, it has to be waited for anew.
    is_over: bool,
}

impl Actor {
    pub(super) fn new(
        configuration: VpnConfiguration,
        service: Arc<Service>,
        pauses: Arc<Pauses>,
        mut logins: watch::Receiver<Option<Logins>>,
    ) -> Result<Self, HelperError> {
        let id = configuration.id;
        let mut network = service.on_demand().network();
        network.mark_changed();
        let session = service.watch_session(id)?;
        let room = service.surroundings().claims.watch_room();
        let mut machine = Machine::new(&configuration, pauses.of(id), &session.borrow());
        machine.attended(is_attended(&configuration, &mut logins));
        Ok(Self {
            id,
            configuration,
            machine,
            service,
            pauses,
            network,
            session,
            room,
            logins,
            judging: None,
            waiting: None,
            idleness: None,
            outdated_at: None,
            published: None,
        })
    }

    /// Until the configuration is removed.
    pub(super) async fn run(mut self, mut inputs: mpsc::UnboundedReceiver<Input>) {
        loop {
            self.act().await;
            let deadline = self.deadline();
            tokio::select! {
                input = inputs.recv() => match input {
                    Some(input) => self.take(input).await,
                    None => break,
                },
                Ok(()) = self.network.changed() => self.network_changed(),
                Ok(()) = self.session.changed() => self.session_changed(),
                Ok(()) = self.room.changed(), if self.machine.is_refused() => {
                    self.machine.room_was_made();
                }
                Ok(()) = self.logins.changed() => self.logins_changed(),
                verdict = found(&mut self.judging) => self.judged(verdict),
                wanted = wanted(&mut self.waiting) => self.wanted(wanted),
                () = pass(deadline) => self.waited().await,
            }
        }
        self.disarm().await;
    }

    async fn take(&mut self, input: Input) {
        match input {
            Input::Saved(configuration) => self.saved(*configuration),
            // The way to this task is closed instead.
            Input::Removed => {}
            Input::StartedByHand => self.machine.started_by_hand(),
            Input::StoppedByHand => self.machine.stopped_by_hand(self.pauses.boot()),
            Input::OwnerCame => self.machine.owner_came(),
            Input::HoldOff(end, answer) => {
                self.machine.hold_off(end, self.pauses.boot());
                self.disarm().await;
                // The caller may have left.
                let _ = answer.send(self.write_down());
            }
            Input::Resume(answer) => {
                self.machine.resume();
                let _ = answer.send(self.write_down());
            }
        }
    }

    /// Only what is about on demand makes the rules be looked at again.
    fn saved(&mut self, configuration: VpnConfiguration) {
        let before = std::mem::replace(&mut self.configuration, configuration);
        let now = &self.configuration;
        if (before.enablement, &before.on_demand) != (now.enablement, &now.on_demand) {
            self.judging = None;
            self.machine.configured(now);
        } else if before.protocol != now.protocol {
            // What is parked is of the former one.
            self.waiting = None;
        }
        self.logins_changed();
    }

    /// What was found out about the last network is void (OD-14).
    fn network_changed(&mut self) {
        self.judging = None;
        let state = self.network.borrow_and_update().clone();
        if let Some(state) = state {
            self.machine.moved(state);
        }
    }

    fn session_changed(&mut self) {
        let session = self.session.borrow_and_update().clone();
        self.machine.session_changed(&session, Timestamp::now());
        self.observe_idleness(&session);
    }

    fn logins_changed(&mut self) {
        self.machine.attended(is_attended(&self.configuration, &mut self.logins));
    }

    fn judged(&mut self, verdict: Result<Verdict, JoinError>) {
        self.judging = None;
        let verdict = match verdict {
            Ok(verdict) => verdict,
            Err(error) => return tracing::error!(%error, "rules could not be looked at"),
        };
        let rules = &self.configuration.on_demand.rules;
        let current = verdict.current.and_then(|current| {
            let action = rules.get(current.index)?.action.clone();
            Some((current, action))
        });
        let name = &self.configuration.name;
        let outcome = current.as_ref().map_or_else(
            || "no rule is for this network".to_owned(),
            |(rule, action)| format!("rule {}: {action}", rule.index + 1),
        );
        tracing::info!("“{name}”: {outcome}.");
        let now = Zoned::now();
        let change = next_change(rules, now.datetime());
        let change = change.and_then(|at| at.to_zoned(now.time_zone().clone()).ok());
        self.outdated_at = change.map(|at| at.timestamp());
        self.machine.judged(current);
    }

    /// The interface goes on waiting: the session that comes of it takes that over, with the packets
    /// that are there.
    fn wanted(&mut self, wanted: Option<Wanted>) {
        match (wanted, &mut self.waiting) {
            (Some(Wanted { cause }), Some(waiting)) => {
                waiting.is_over = true;
                self.machine.wanted(cause);
            }
            (Some(_) | None, _) => self.waiting = None,
        }
    }

    async fn waited(&mut self) {
        let now = Timestamp::now();
        self.machine.waited(now);
        if self.outdated_at.is_some_and(|at| at <= now) {
            self.outdated_at = None;
            self.machine.outdated();
        }
        if self.idleness.as_ref().is_some_and(|it| it.next_look() <= now) && self.is_idle(now) {
            self.idleness = None;
            tracing::info!("“{}” is not used any more.", self.configuration.name);
            self.service.end_idle(self.id).await;
        }
    }

    /// The soonest moment at which something is to be done.
    fn deadline(&self) -> Option<Timestamp> {
        let now = Timestamp::now();
        let outdated = self.outdated_at.filter(|_| self.machine.is_on());
        let look = self.idleness.as_ref().map(Idleness::next_look);
        [self.machine.deadline(now), outdated, look].into_iter().flatten().min()
    }

    /// Makes true what the machine wants.
    async fn act(&mut self) {
        self.begin_judging();
        if let Wish::Up(cause) = self.machine.wish(Timestamp::now()) {
            self.start(cause).await;
        }
        match self.machine.wish(Timestamp::now()) {
            // It has just been tried.
            Wish::Keep | Wish::Up(_) => {}
            Wish::Nothing => self.disarm().await,
            Wish::Wait(demand) => self.wait_for(demand).await,
            Wish::Down => {
                self.disarm().await;
                self.service.end_by_rule(self.id).await;
            }
        }
        if let Err(error) = self.write_down() {
            tracing::warn!("{error}");
        }
        self.publish().await;
    }

    fn begin_judging(&mut self) {
        if self.judging.is_some() || !self.machine.needs_judgement() {
            return;
        }
        let state = self.network.borrow().clone();
        let Some(state) = state else { return };
        let rules = self.configuration.on_demand.rules.clone();
        let service = Arc::clone(&self.service);
        let judging = async move { judge(&service.surroundings().network, &rules, &state).await };
        self.judging = Some(Judging(tokio::spawn(judging)));
    }

    async fn start(&mut self, cause: StartCause) {
        self.room.mark_unchanged();
        let name = &self.configuration.name;
        if let Some(other) = self.service.surroundings().claims.in_the_way(&self.configuration) {
            tracing::info!("“{name}” does not connect by itself: {other}.");
            return self.machine.refused(other.into(), Timestamp::now());
        }
        match self.service.start_on_demand(self.id, cause).await {
            Ok(()) => {
                // The session has taken over what was waiting.
                self.waiting = None;
                self.session_changed();
            }
            Err(error) => {
                tracing::warn!("“{name}” could not connect by itself: {error}");
                self.machine.refused(refusal(error), Timestamp::now());
            }
        }
    }

    async fn wait_for(&mut self, demand: Demand) {
        let is_waiting = |waiting: &Waiting| waiting.demand == demand && !waiting.is_over;
        if self.waiting.as_ref().is_some_and(is_waiting) {
            return;
        }
        self.room.mark_unchanged();
        let surroundings = self.service.surroundings();
        let trigger = match &demand {
            Demand::Traffic => Trigger::FirstPacket,
            Demand::Nobody => Trigger::Nothing,
            Demand::Names(rules) => {
                Trigger::Names { rules: rules.clone(), session: self.session.clone() }
            }
        };
        match trigger::arm(surroundings, &self.configuration, trigger).await {
            Ok(armed) => self.waiting = Some(Waiting { demand, armed, is_over: false }),
            // It is waited for another try already.
            Err(error) if demand == Demand::Nobody => {
                tracing::debug!(id = %self.id, "nothing is held back meanwhile: {error}");
            }
            Err(error) => {
                let name = &self.configuration.name;
                tracing::warn!("“{name}” cannot wait for what wants it: {error}");
                self.machine.refused(error.into(), Timestamp::now());
            }
        }
    }

    async fn disarm(&mut self) {
        if let Some(Waiting { armed, .. }) = self.waiting.take() {
            armed.disarm().await;
        }
    }

    fn write_down(&self) -> Result<(), HelperError> {
        self.pauses.set(self.id, self.machine.pause())
    }

    /// Viewers see it as a part of the session.
    async fn publish(&mut self) {
        let status = self.machine.status(Timestamp::now());
        if status != self.published {
            self.published.clone_from(&status);
            self.service.show_on_demand(self.id, status).await;
        }
    }

    fn observe_idleness(&mut self, session: &SessionStatus) {
        let timeout = self.configuration.on_demand.idle_timeout;
        let is_observed = self.machine.runs_on_demand() && session.status == VpnStatus::Connected;
        let Some(timeout) = timeout.filter(|_| is_observed) else {
            self.idleness = None;
            return;
        };
        if self.idleness.is_none() {
            let timeout = Duration::from_secs(timeout.into());
            let now = Timestamp::now();
            self.idleness = packets(session).map(|packets| Idleness::new(timeout, packets, now));
        }
    }

    fn is_idle(&mut self, now: Timestamp) -> bool {
        let packets = packets(&self.session.borrow());
        let Some((idleness, packets)) = self.idleness.as_mut().zip(packets) else { return false };
        idleness.look(packets, now)
    }
}

/// Whether its owner is there. Until anybody says who is, nobody is.
fn is_attended(
    configuration: &VpnConfiguration,
    logins: &mut watch::Receiver<Option<Logins>>,
) -> bool {
    const NOBODY: &Logins = &Logins::Known(Vec::new());
    let logins = logins.borrow_and_update();
    logins.as_ref().unwrap_or(NOBODY).presence(configuration) == Presence::Present
}

fn refusal(error: HelperError) -> Obstacle {
    let message = error.to_string();
    let (code, reason) = match error {
        HelperError::ConfigurationDisabled { .. } => (RefusalCode::Disabled, String::new()),
        HelperError::ProviderUnavailable { message } => (RefusalCode::Provider, message),
        HelperError::SystemFailed { message } => (RefusalCode::Network, message),
        HelperError::StorageFailed { message } => (RefusalCode::Storage, message),
        HelperError::NoSuchConfiguration { .. }
        | HelperError::NoSuchRequest {}
        | HelperError::NotAuthorized { .. }
        | HelperError::ConfigurationInvalid { .. }
        | HelperError::ConfigurationStale { .. }
        | HelperError::NameTaken { .. }
        | HelperError::RoutesConflict { .. }
        | HelperError::NotPerApp { .. }
        | HelperError::OnDemandOff { .. }
        | HelperError::NotRunning { .. }
        | HelperError::ProviderSilent { .. } => (RefusalCode::Other, String::new()),
    };
    Obstacle::Refused { message, code, reason }
}

/// Ends what it looks for.
impl Drop for Judging {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn packets(session: &SessionStatus) -> Option<u64> {
    let counters = counters::read(session.interface.as_ref()?)?;
    Some(counters.rx_packets + counters.tx_packets)
}

async fn found(judging: &mut Option<Judging>) -> Result<Verdict, JoinError> {
    match judging {
        Some(Judging(task)) => task.await,
        None => std::future::pending().await,
    }
}

async fn wanted(waiting: &mut Option<Waiting>) -> Option<Wanted> {
    match waiting {
        Some(Waiting { armed, .. }) => armed.wanted().await,
        None => std::future::pending().await,
    }
}

async fn pass(deadline: Option<Timestamp>) {
    match deadline {
        Some(at) => wall_clock::reach(at).await,
        None => std::future::pending().await,
    }
}
