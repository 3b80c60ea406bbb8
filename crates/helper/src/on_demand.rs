//! Connecting and disconnecting by rules, with no app running, from boot. Spec OD-23.
//!
//! A task for each configuration learns of its network, its session and its owner's wishes, and makes
//! true what [`Machine`](machine::Machine) wants.

mod actor;
mod idleness;
mod judgement;
mod machine;
mod pauses;

use std::{collections::BTreeMap, convert::Infallible, sync::Arc, time::Duration};

use adit_api::HelperError;
use adit_model::{
    ConfigurationId, VpnConfiguration,
    on_demand::{NetworkState, PauseEnd},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::timeout,
};

use self::actor::Actor;
pub(crate) use self::{judgement::judge, pauses::Pauses};
use crate::{logins::Logins, service::Service};

/// Where on demand is told what happens.
#[derive(Debug, Clone)]
pub(crate) struct OnDemand {
    notices: mpsc::UnboundedSender<(ConfigurationId, Input)>,
    network: watch::Receiver<Option<NetworkState>>,
}

/// What happens, as [`Keeper`] hears it.
pub(crate) type Notices = mpsc::UnboundedReceiver<(ConfigurationId, Input)>;

/// What happens to a configuration.
#[derive(Debug)]
pub(crate) enum Input {
    /// It was created or changed.
    Saved(Box<VpnConfiguration>),
    Removed,
    /// A person asks for its session.
    StartedByHand,
    /// A person ends its session.
    StoppedByHand,
    /// Its owner's session can be asked for its secrets.
    OwnerCame,
    /// A person holds its rules off.
    HoldOff(PauseEnd, oneshot::Sender<Result<(), HelperError>>),
    /// A person lets its rules count again.
    Resume(oneshot::Sender<Result<(), HelperError>>),
}

impl OnDemand {
    /// `network` is what [`adit_network::primary_network`] follows.
    pub(crate) fn new(network: watch::Receiver<Option<NetworkState>>) -> (Self, Notices) {
        let (notices, receiver) = mpsc::unbounded_channel();
        (Self { notices, network }, receiver)
    }

    /// Never waits: whoever tells may hold what is needed to act on it.
    pub(crate) fn tell(&self, id: ConfigurationId, input: Input) {
        // Nobody acts on anything any more when the service ends.
        let _ = self.notices.send((id, input));
    }

    /// The network that the computer is in; nothing while it changes.
    pub(crate) fn network(&self) -> watch::Receiver<Option<NetworkState>> {
        self.network.clone()
    }
}

/// Acts on what happens, with a task for each configuration.
pub(crate) struct Keeper {
    service: Arc<Service>,
    notices: Notices,
    pauses: Arc<Pauses>,
    logins: watch::Receiver<Option<Logins>>,
    actors: BTreeMap<ConfigurationId, mpsc::UnboundedSender<Input>>,
    tasks: JoinSet<()>,
}

/// How long tasks may take to take back what they wait for.
const END_LIMIT: Duration = Duration::from_secs(5);

impl Keeper {
    pub(crate) fn new(
        service: Arc<Service>,
        notices: Notices,
        pauses: Arc<Pauses>,
        logins: watch::Receiver<Option<Logins>>,
    ) -> Self {
        let configurations = service.all_configurations();
        let (actors, tasks) = (BTreeMap::new(), JoinSet::new());
        let mut keeper = Self { service, notices, pauses, logins, actors, tasks };
        for configuration in configurations {
            keeper.spawn(configuration);
        }
        keeper
    }

    pub(crate) async fn keep(&mut self) -> Infallible {
        let mut network = self.service.on_demand().network();
        network.mark_changed();
        loop {
            tokio::select! {
                Some((id, input)) = self.notices.recv() => self.pass_on(id, input),
                Some(_) = self.tasks.join_next() => {}
                Ok(()) = network.changed() => {
                    let state = network.borrow_and_update().clone();
                    if let Some(state) = state {
                        self.service.surroundings().events.announce_network(state);
                    }
                }
                else => return std::future::pending().await,
            }
        }
    }

    /// Begins and ends nothing any more, and waits for nothing. Sessions stay as they are.
    pub(crate) async fn end(mut self) {
        self.actors.clear();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(END_LIMIT, ended).await.is_err() {
            tracing::warn!("What waited for a tunnel could not be undone in time.");
        }
    }

    fn pass_on(&mut self, id: ConfigurationId, input: Input) {
        match (input, self.actors.get(&id)) {
            (Input::Removed, _) => {
                // Its task ends with the way to it.
                self.actors.remove(&id);
                self.pauses.forget(id);
            }
            (input, Some(actor)) => {
                // It has ended only if it failed.
                let _ = actor.send(input);
            }
            (Input::Saved(configuration), None) => self.spawn(*configuration),
            (_, None) => {}
        }
    }

    fn spawn(&mut self, configuration: VpnConfiguration) {
        let id = configuration.id;
        let (sender, inputs) = mpsc::unbounded_channel();
        let (service, pauses) = (Arc::clone(&self.service), Arc::clone(&self.pauses));
        match Actor::new(configuration, service, pauses, self.logins.clone()) {
            Ok(actor) => {
                self.tasks.spawn(actor.run(inputs));
                self.actors.insert(id, sender);
            }
            Err(error) => tracing::error!(%error, %id, "a configuration’s rules do not count"),
        }
    }
}
