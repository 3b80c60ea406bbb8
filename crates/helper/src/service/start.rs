//! Starting a session: what must be right first, and what has to make room.

use adit_api::HelperError;
use adit_model::{
    Admission, ConfigurationId, Enablement, ProviderStopReason, StartCause, VpnConfiguration,
};
use adit_provider::ManifestError;

use super::{STOP_PATIENCE, Service, locked};
use crate::{
    access, on_demand,
    session::{Input, StartRequest},
};

impl Service {
    /// Starts a session and returns when it is connecting. Spec SES-1, SES-3, ordering I.
    pub(crate) async fn start(
        &self,
        uid: u32,
        id: ConfigurationId,
        request: StartRequest,
    ) -> Result<(), HelperError> {
        let _one = self.starting.lock().await;
        let configuration = self.owned(uid, id)?.configuration;
        let session = self.session(id)?;
        let is_by_hand = match request.cause {
            StartCause::User { .. } => true,
            StartCause::OnDemand { .. } => false,
        };
        self.check_startable(&configuration)?;
        let superseded = match self.surroundings.claims.admit(&configuration) {
            Admission::Free => None,
            Admission::Conflict { id: other, name, route } => {
                self.authorise_displacing(uid, other)?;
                return Err(HelperError::RoutesConflict { name, route: route.to_string() });
            }
            Admission::Supersedes(other) => {
                self.authorise_displacing(uid, other)?;
                if !is_by_hand {
                    return Err(self.in_the_way(other));
                }
                Some(other)
            }
        };
        self.prepare_apps(&configuration).await?;
        // Before the other one ends, so that nothing is open in between.
        self.hold_back(&configuration).await?;
        if let Some(other) = superseded
            && let Err(error) = self.supersede(other).await
        {
            session.tell(Input::Stop(ProviderStopReason::UserInitiated)).await;
            return Err(error);
        }
        if configuration.enablement == Enablement::SetAside {
            self.enable(id, Enablement::Enabled).await?;
        }
        if is_by_hand {
            self.set_rivals_aside(uid, &configuration, ProviderStopReason::Superceded).await?;
        }
        self.surroundings.parking.make_room(&configuration).await;
        let parked = self.surroundings.parking.take(id).await;
        // The session takes its destinations when it launches, before it answers.
        let started = session.ask(|answer| Input::Start { request, parked, answer }).await;
        started.ok_or_else(|| HelperError::NoSuchConfiguration { id: id.to_string() })?;
        if is_by_hand {
            self.on_demand.tell(id, on_demand::Input::StartedByHand);
        }
        Ok(())
    }

    /// Starts the sessions that were starting when an earlier helper died, as their owners had asked.
    pub(crate) async fn start_again(&self, sessions: Vec<(ConfigurationId, StartRequest)>) {
        for (id, request) in sessions {
            let owner = locked(&self.configurations).get(id).map(|it| it.configuration.owner);
            let Some(owner) = owner else { continue };
            if let Err(error) = self.start(owner, id, request).await {
                tracing::warn!("a session that was starting cannot be started again: {error}");
            }
        }
    }

    /// Everything that can be known to be wrong before anything is started.
    fn check_startable(&self, configuration: &VpnConfiguration) -> Result<(), HelperError> {
        if configuration.enablement == Enablement::Disabled {
            return Err(HelperError::ConfigurationDisabled { name: configuration.name.clone() });
        }
        let manifest = self.surroundings.manifest(&configuration.protocol.provider_id);
        let unavailable =
            |error: ManifestError| HelperError::ProviderUnavailable { message: error.to_string() };
        manifest.map(drop).map_err(unavailable)
    }

    /// Whether `uid` may end the session that is in the way of another. Who may not see it does not
    /// learn its name (ENT-14).
    fn authorise_displacing(&self, uid: u32, other: ConfigurationId) -> Result<(), HelperError> {
        let configurations = locked(&self.configurations);
        let other = configurations.get(other).map(|record| &record.configuration);
        let Some(other) = other.filter(|other| !access::may_change(uid, other)) else {
            return Ok(());
        };
        let seen = access::may_see(uid, other);
        let whose = if seen { "The system’s VPN" } else { "The VPN of another user" };
        let message = format!("{whose} is in the way; only its owner and root may disconnect it.");
        Err(HelperError::NotAuthorized { message })
    }

    /// Why a rule does not start a session.
    fn in_the_way(&self, other: ConfigurationId) -> HelperError {
        let configurations = locked(&self.configurations);
        let name = configurations.get(other).map(|record| record.configuration.name.clone());
        let route = "the default route".into();
        HelperError::RoutesConflict { name: name.unwrap_or_default(), route }
    }

    /// Takes the default route from a session and waits until it is down. One that is being
    /// removed is waited for too.
    async fn supersede(&self, id: ConfigurationId) -> Result<(), HelperError> {
        let session = self.session(id)?;
        session.tell(Input::Stop(ProviderStopReason::Superceded)).await;
        if session.reach(STOP_PATIENCE, |status| !status.is_active()).await {
            return Ok(());
        }
        let message = "The connected tunnel does not end. Try “adit reset” as root.".into();
        Err(HelperError::SystemFailed { message })
    }

    /// Only those that `uid` could set aside by hand.
    pub(super) async fn set_rivals_aside(
        &self,
        uid: u32,
        configuration: &VpnConfiguration,
        reason: ProviderStopReason,
    ) -> Result<(), HelperError> {
        let rivals = locked(&self.configurations).rivals(uid, configuration);
        for rival in rivals {
            self.enable(rival, Enablement::SetAside).await?;
            self.tell(rival, Input::Stop(reason)).await;
        }
        Ok(())
    }
}
