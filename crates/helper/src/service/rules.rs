//! What on demand does with sessions, and what people do with on demand.

use std::time::Duration;

use adit_api::{HelperError, OnDemandExplanation};
use adit_model::{
    ConfigurationId, ProviderStopReason, ROOT, SessionStatus, StartCause, VpnConfiguration,
    on_demand::{NetworkState, OnDemandStatus, PauseEnd},
};
use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};

use super::{Service, locked};
use crate::{
    on_demand::{self, OnDemand, judge},
    session::{Input, StartRequest},
};

/// How long a network may take to be quiet before it is explained.
const QUIET_LIMIT: Duration = Duration::from_secs(5);

impl Service {
    pub(crate) fn on_demand(&self) -> &OnDemand {
        &self.on_demand
    }

    pub(crate) fn all_configurations(&self) -> Vec<VpnConfiguration> {
        let configurations = locked(&self.configurations);
        configurations.all().map(|record| record.configuration.clone()).collect()
    }

    /// Follows a session.
    pub(crate) fn watch_session(
        &self,
        id: ConfigurationId,
    ) -> Result<watch::Receiver<SessionStatus>, HelperError> {
        Ok(self.session(id)?.watch())
    }

    /// Starts a session because a rule says so, as its owner. Nobody's session ends for it: what is
    /// in the way was begun by a person or by a rule that came first.
    pub(crate) async fn start_on_demand(
        &self,
        id: ConfigurationId,
        cause: StartCause,
    ) -> Result<(), HelperError> {
        let owner = locked(&self.configurations).get(id).map(|it| it.configuration.owner);
        let owner = owner.ok_or_else(|| HelperError::NoSuchConfiguration { id: id.to_string() })?;
        self.start(owner, id, StartRequest { cause, options: None, credentials: None }).await
    }

    /// Ends a session because a rule says so. What it holds back may leave.
    pub(crate) async fn end_by_rule(&self, id: ConfigurationId) {
        self.tell(id, Input::StopByRule).await;
    }

    /// Ends a session that nobody uses.
    pub(crate) async fn end_idle(&self, id: ConfigurationId) {
        self.tell(id, Input::Stop(ProviderStopReason::IdleTimeout)).await;
    }

    /// Shows viewers how on demand stands.
    pub(crate) async fn show_on_demand(&self, id: ConfigurationId, status: Option<OnDemandStatus>) {
        self.tell(id, Input::OnDemandChanged(status)).await;
    }

    /// Holds the rules of a configuration off. Spec OD-22.
    pub(crate) async fn pause_on_demand(
        &self,
        uid: u32,
        id: ConfigurationId,
        end: PauseEnd,
    ) -> Result<(), HelperError> {
        let configuration = self.owned(uid, id)?.configuration;
        let name = configuration.name;
        if !configuration.on_demand.enabled {
            return Err(HelperError::OnDemandOff { name });
        }
        if configuration.on_demand.user_override_disabled && uid != ROOT {
            let message = format!(
                "“{name}” connects by itself, and whoever manages it has locked that; only root may \
                 hold it off."
            );
            return Err(HelperError::NotAuthorized { message });
        }
        self.ask_on_demand(id, |answer| on_demand::Input::HoldOff(end, answer)).await
    }

    /// Lets them count again.
    pub(crate) async fn resume_on_demand(
        &self,
        uid: u32,
        id: ConfigurationId,
    ) -> Result<(), HelperError> {
        let configuration = self.owned(uid, id)?.configuration;
        if !configuration.on_demand.enabled {
            return Err(HelperError::OnDemandOff { name: configuration.name });
        }
        self.ask_on_demand(id, on_demand::Input::Resume).await
    }

    /// The network that the computer is in, and what the rules of a configuration make of it,
    /// whether they count or not.
    pub(crate) async fn explain_on_demand(
        &self,
        uid: u32,
        id: Option<ConfigurationId>,
    ) -> Result<OnDemandExplanation, HelperError> {
        let configuration = match id {
            Some(id) => Some(self.get(uid, id)?.1.configuration),
            None => None,
        };
        let network = self.quiet_network().await?;
        let verdict = match configuration {
            Some(configuration) => {
                let rules = &configuration.on_demand.rules;
                Some(judge(&self.surroundings.network, rules, &network).await)
            }
            None => None,
        };
        Ok(OnDemandExplanation { network, verdict })
    }

    /// Holds off all rules that would begin a session, until somebody lets them count again.
    pub(super) async fn hold_all_off(&self) {
        for configuration in self.all_configurations() {
            if configuration.on_demand.enabled {
                let hold_off = |answer| on_demand::Input::HoldOff(PauseEnd::ByHand, answer);
                if let Err(error) = self.ask_on_demand(configuration.id, hold_off).await {
                    tracing::warn!("“{}”: {error}", configuration.name);
                }
            }
        }
    }

    async fn ask_on_demand(
        &self,
        id: ConfigurationId,
        input: impl FnOnce(oneshot::Sender<Result<(), HelperError>>) -> on_demand::Input,
    ) -> Result<(), HelperError> {
        let (answer, answered) = oneshot::channel();
        self.on_demand.tell(id, input(answer));
        let gone = || HelperError::NoSuchConfiguration { id: id.to_string() };
        answered.await.unwrap_or_else(|_| Err(gone()))
    }

    async fn quiet_network(&self) -> Result<NetworkState, HelperError> {
        let mut network = self.on_demand.network();
        let quiet = timeout(QUIET_LIMIT, network.wait_for(Option::is_some)).await;
        let state = quiet.ok().and_then(Result::ok).and_then(|state| state.clone());
        state.ok_or_else(|| {
            let message = "The network does not stop changing. Try again in a moment.".into();
            HelperError::SystemFailed { message }
        })
    }
}
