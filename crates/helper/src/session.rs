//! A session: carries out what the pure state machine decides.
//!
//! One task owns each configuration's session from the moment it is stored (COL-4). Whatever takes
//! time runs beside it and reports back into its inbox, numbered by the run or the provider that it belongs to, so
//! that nothing of an earlier run is mistaken for the present one. All of it is logged as of this
//! session.

mod account;
mod actor;
mod adoption;
mod assignment;
mod calls;
mod demand;
mod health;
mod host;
mod interface;
mod network;
mod provider;
mod record;
mod run;
mod secrets;
mod start_request;

use std::{sync::Arc, time::Duration};

use adit_api::SessionDetails;
use adit_model::{
    ConfigurationId, DisconnectError, NetworkSettingsError, PacketTunnelNetworkSettings,
    ProviderStopReason, Secrets, SessionStatus, VpnStatus,
    on_demand::OnDemandStatus,
    session::{Event, RequestId, StartAnswer},
};
use adit_network::{NetworkState, healing::Healed};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{Instrument, Span};

use self::{actor::Actor, interface::TapDevice, network::Applied};
pub(crate) use self::{
    adoption::{Adoption, Left},
    record::SessionFolder,
    start_request::StartRequest,
};
use crate::{store::Record, surroundings::Surroundings, trigger::ParkedTunnel};

/// The way to a session's task.
#[derive(Debug, Clone)]
pub(crate) struct SessionHandle {
    inbox: mpsc::Sender<Input>,
    status: watch::Receiver<SessionStatus>,
}

/// What a session's task is told.
#[derive(Debug)]
pub(crate) enum Input {
    /// The configuration was created or changed, perhaps with secrets that its owner keeps.
    Stored {
        record: Box<Record>,
        given: Secrets,
    },
    /// It was deleted.
    Removed,
    /// Answered when the session has begun, or is going to after the one that ends.
    Start {
        request: StartRequest,
        /// An interface that waits for it.
        parked: Option<ParkedTunnel>,
        answer: oneshot::Sender<()>,
    },
    Stop(ProviderStopReason),
    /// A rule wants it down (OD-4).
    StopByRule,
    /// What rules do about the session is different.
    OnDemandChanged(Option<OnDemandStatus>),
    /// What is held back, for this session or for the machine, is different.
    BarrierChanged,
    /// The physical network is different.
    NetworkChanged(Box<NetworkState>),
    /// What is installed of providers is different.
    ProvidersChanged,
    /// What others have changed of the sessions' settings is different.
    Healed(Arc<Healed>),
    /// The machine is about to sleep. Answered with whether the session ends for that, or when its
    /// provider is ready.
    Sleep(oneshot::Sender<bool>),
    /// The machine woke.
    Wake,
    Details(oneshot::Sender<SessionDetails>),
    Message(String, oneshot::Sender<Option<String>>),
    /// From something that runs beside the task, with the number of what it belongs to.
    Report(u64, Report),
}

/// What a provider hears about the settings that it has asked for: in force, with the device of an Ethernet
/// tunnel.
pub(crate) type SettingsAnswer = Result<Option<TapDevice>, NetworkSettingsError>;

/// What the surroundings of one run report.
#[derive(Debug)]
pub(crate) enum Report {
    Event(Event),
    /// The owner has given what was asked for.
    SecretsGiven(Secrets),
    SettingsRequested {
        settings: Option<Box<PacketTunnelNetworkSettings>>,
        answer: oneshot::Sender<SettingsAnswer>,
    },
    StartCompleted {
        result: Result<(), DisconnectError>,
        answer: oneshot::Sender<StartAnswer>,
    },
    /// For the person. Answered with whether anybody is there who can be shown it.
    Message {
        message: String,
        answer: oneshot::Sender<bool>,
    },
    Applied(RequestId, Box<Applied>),
    /// Whether the provider follows the configuration that was saved while it runs.
    Followed(bool),
    /// The network changed and the same settings mean something else on it.
    Adapted(Box<Applied>),
}

/// Sends reports of one run, or of one of its providers.
#[derive(Debug, Clone)]
pub(crate) struct Reporter {
    number: u64,
    inbox: mpsc::Sender<Input>,
}

/// A task that is this far behind makes those wait that tell it something.
const INBOX: usize = 32;

impl SessionHandle {
    /// Starts the task of a stored configuration, with what an earlier helper has left of its session.
    pub(crate) fn spawn(
        record: Record,
        surroundings: Arc<Surroundings>,
        left: Option<Adoption>,
    ) -> Self {
        let (inbox, inputs) = mpsc::channel(INBOX);
        let (publisher, status) = watch::channel(SessionStatus::new(record.configuration.id));
        let span = span(record.configuration.id);
        let mut actor = Actor::new(record, surroundings, inbox.clone(), publisher);
        span.in_scope(|| match left {
            Some(adoption) => actor.adopt(adoption),
            None => actor.begin(),
        });
        tokio::spawn(actor.run_until_removed(inputs).instrument(span));
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

    /// Follows what it reports.
    pub(crate) fn watch(&self) -> watch::Receiver<SessionStatus> {
        self.status.clone()
    }

    /// Waits until the session is in a state that satisfies `wanted`, or for `limit`.
    pub(crate) async fn reach(&self, limit: Duration, wanted: impl Fn(VpnStatus) -> bool) -> bool {
        let mut status = self.status.clone();
        let reached = status.wait_for(|status| wanted(status.status));
        matches!(tokio::time::timeout(limit, reached).await, Ok(Ok(_)))
    }
}

/// Whose session something is that is logged. Of every level, so that a log which shows little says it
/// all the same.
fn span(id: ConfigurationId) -> Span {
    tracing::error_span!("session", %id)
}

impl Reporter {
    pub(crate) async fn report(&self, report: Report) {
        // The task may have ended.
        let _ = self.inbox.send(Input::Report(self.number, report)).await;
    }

    pub(crate) async fn event(&self, event: Event) {
        self.report(Report::Event(event)).await;
    }
}
