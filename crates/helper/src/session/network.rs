//! The network of one run: applies, adapts and reverts in the order in which it is told.

use std::{sync::Arc, time::Duration};

use adit_model::{
    HealthCode, HealthItem, NetworkSettingsError, PacketTunnelNetworkSettings, Severity,
    session::{Event, RequestId},
};
use adit_network::{ApplyError, Network, NetworkState, Plan, Slot, Strength, Tunnel, plan};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tracing::Instrument;

use super::{Report, Reporter, assignment::Assignment};

/// What to do.
#[derive(Debug)]
pub(super) enum Job {
    /// Make the system as the settings say; without any, clear it.
    Apply {
        id: RequestId,
        /// Absent only where there is nothing to clear.
        tunnel: Option<Tunnel>,
        settings: Option<Box<PacketTunnelNetworkSettings>>,
        strength: Strength,
    },
    /// Settings that an earlier process of ours has applied, once more.
    Resume {
        settings: Box<PacketTunnelNetworkSettings>,
        strength: Strength,
        state: Box<NetworkState>,
    },
    /// The same settings on another network.
    Adapt(Box<NetworkState>),
    /// The same settings on another interface, in the place of one that is gone.
    Move { tunnel: Tunnel, state: Box<NetworkState> },
    /// Undo everything.
    Revert,
}

/// What is in force.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(super) settings: Option<PacketTunnelNetworkSettings>,
    pub(super) strength: Strength,
    pub(super) plan: String,
    pub(super) health: Vec<HealthItem>,
}

impl Applied {
    /// By an earlier process of ours; the rest is told when they have been applied again.
    pub(super) fn before(
        settings: Option<PacketTunnelNetworkSettings>,
        strength: Strength,
    ) -> Self {
        Self { settings, strength, plan: String::new(), health: Vec::new() }
    }
}

/// The task's inbox. The task ends with it, after what it was told before.
pub(super) struct NetworkTask {
    jobs: mpsc::UnboundedSender<Job>,
}

impl NetworkTask {
    pub(super) fn spawn(
        slot: Slot,
        tunnel: Option<Tunnel>,
        network: Arc<Network>,
        reporter: Reporter,
    ) -> Self {
        let (jobs, inbox) = mpsc::unbounded_channel();
        let worker = Worker {
            slot,
            tunnel,
            network,
            reporter,
            current: None,
            assignment: Assignment::default(),
            again: None,
        };
        tokio::spawn(worker.run(inbox).in_current_span());
        Self { jobs }
    }

    pub(super) fn submit(&self, job: Job) {
        // The task ends only after this.
        let _ = self.jobs.send(job);
    }
}

struct Worker {
    slot: Slot,
    /// None as long as nothing was applied.
    tunnel: Option<Tunnel>,
    network: Arc<Network>,
    reporter: Reporter,
    /// The settings as they were asked for.
    current: Option<(PacketTunnelNetworkSettings, Strength, Plan)>,
    assignment: Assignment,
    /// A network that could not be followed; tried again.
    again: Option<NetworkState>,
}

/// After which a network that could not be followed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// After which a session ends although its settings are not undone yet: somebody else's service does
/// not answer.
const REVERT_LIMIT: Duration = Duration::from_secs(20);

impl Worker {
    async fn run(mut self, mut jobs: mpsc::UnboundedReceiver<Job>) {
        loop {
            let again = self.again.is_some();
            let job = tokio::select! {
                job = jobs.recv() => job,
                () = sleep(RETRY), if again => self.again.take().map(|state| Job::Adapt(Box::new(state))),
                () = self.assignment.changed() => {
                    self.follow_assignment().await;
                    continue;
                }
            };
            let Some(job) = job else { return };
            match job {
                Job::Apply { id, tunnel, settings, strength } => {
                    self.tunnel = tunnel;
                    self.apply(id, settings, strength).await;
                }
                Job::Resume { settings, strength, state } => {
                    self.current = Some((*settings, strength, Plan::empty()));
                    self.adapt(&state).await;
                }
                Job::Adapt(state) => self.adapt(&state).await,
                Job::Move { tunnel, state } => {
                    self.tunnel = Some(tunnel);
                    if let Some((_, _, plan)) = &mut self.current {
                        *plan = Plan::empty();
                    }
                    self.adapt(&state).await;
                }
                Job::Revert => self.revert().await,
            }
        }
    }

    async fn apply(
        &mut self,
        id: RequestId,
        settings: Option<Box<PacketTunnelNetworkSettings>>,
        strength: Strength,
    ) {
        let done = match settings {
            Some(settings) => self.apply_settings(*settings, strength).await,
            None => self.clear(strength).await,
        };
        match done {
            Ok(applied) => self.reporter.report(Report::Applied(id, Box::new(applied))).await,
            Err(error) => self.reporter.event(Event::SettingsFailed(id, error)).await,
        }
    }

    async fn apply_settings(
        &mut self,
        asked: PacketTunnelNetworkSettings,
        strength: Strength,
    ) -> Result<Applied, NetworkSettingsError> {
        let failed =
            |error: &dyn std::error::Error| NetworkSettingsError::Failed(error.to_string());
        let state = self.network.state().await.map_err(|error| failed(&error))?;
        let Some(tunnel) = &self.tunnel else {
            return Err(NetworkSettingsError::Failed("the tunnel has no interface".into()));
        };
        let other = self.assignment.other_for(tunnel, &asked).map_err(|error| {
            NetworkSettingsError::Failed(format!("addresses cannot be asked for: {error}"))
        })?;
        let settings = other.as_ref().unwrap_or(&self.assignment).complete(&asked);
        let plan = plan(tunnel, &settings, strength, &state)
            .map_err(|error| NetworkSettingsError::Invalid(error.to_string()))?;
        let health = self.network.apply(tunnel, &plan).await?;
        let applied =
            Applied { settings: Some(settings), strength, plan: plan.to_string(), health };
        if let Some(other) = other {
            self.assignment = other;
        }
        self.current = Some((asked, strength, plan));
        Ok(applied)
    }

    /// The network behind the tunnel has assigned other addresses, or none any more.
    async fn follow_assignment(&mut self) {
        match self.network.state().await {
            Ok(state) => self.adapt(&state).await,
            Err(error) => tracing::warn!(%error, "assigned addresses cannot be used yet"),
        }
    }

    async fn clear(&mut self, strength: Strength) -> Result<Applied, NetworkSettingsError> {
        let plan = Plan::empty();
        let health = match &self.tunnel {
            Some(tunnel) => self.network.apply(tunnel, &plan).await?,
            None => Vec::new(),
        };
        self.current = None;
        self.assignment = Assignment::default();
        Ok(Applied { settings: None, strength, plan: plan.to_string(), health })
    }

    /// Settings that follow the physical network: MTU, excluded routes, more specific routes of
    /// the system. Spec SET-8, V4-7, RTE-23.
    async fn adapt(&mut self, state: &NetworkState) {
        let (Some(tunnel), Some((asked, strength, before))) = (&self.tunnel, &self.current) else {
            return;
        };
        match self.assignment.other_for(tunnel, asked) {
            Ok(Some(other)) => self.assignment = other,
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "addresses cannot be asked for"),
        }
        let settings = self.assignment.complete(asked);
        let adapted = match plan(tunnel, &settings, *strength, state) {
            Ok(adapted) => adapted,
            Err(error) => {
                if settings.is_automatic() {
                    tracing::warn!(%error, "the assigned addresses are of no use");
                } else {
                    tracing::error!(%error, "active settings became invalid on another network");
                }
                return;
            }
        };
        if adapted == *before {
            return;
        }
        match self.network.apply(tunnel, &adapted).await {
            Ok(health) => {
                let asked = asked.clone();
                let applied = Applied {
                    settings: Some(settings),
                    strength: *strength,
                    plan: adapted.to_string(),
                    health,
                };
                self.current = Some((asked, *strength, adapted));
                self.reporter.report(Report::Adapted(Box::new(applied))).await;
            }
            Err(error) => {
                tracing::warn!(%error, "the tunnel's routes could not follow the network");
                let applied = Applied {
                    settings: Some(settings),
                    strength: *strength,
                    plan: before.to_string(),
                    health: vec![left_behind(&error)],
                };
                self.again = Some(state.clone());
                self.reporter.report(Report::Adapted(Box::new(applied))).await;
            }
        }
    }

    async fn revert(&mut self) {
        self.current = None;
        self.assignment = Assignment::default();
        self.again = None;
        let (network, slot) = (Arc::clone(&self.network), self.slot);
        // Carried through also when nobody waits for it any more: half undone is worse.
        let reverting = tokio::spawn(
            async move {
                if let Err(error) = network.revert(slot).await {
                    tracing::error!(%error, "the tunnel's settings could not be undone completely");
                }
            }
            .in_current_span(),
        );
        if timeout(REVERT_LIMIT, reverting).await.is_err() {
            tracing::error!(
                "The tunnel's settings are not undone yet, and nobody waits any longer."
            );
        }
        self.reporter.event(Event::Reverted).await;
    }
}

fn left_behind(error: &ApplyError) -> HealthItem {
    HealthItem::new(
        HealthCode::NetworkNotFollowed,
        Severity::Problem,
        "The tunnel's routes are those of the last network",
        format!("They could not follow the change of network: {error}. Adit keeps trying."),
    )
    .to_do("If it stays so, disconnect and connect again.")
    .with("reason", error)
}
