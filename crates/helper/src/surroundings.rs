//! What all sessions share, and what keeps them apart.

mod app_groups;
mod claims;
mod slots;

use std::{path::PathBuf, sync::Arc};

use adit_model::{NetworkPath, NetworkSettingsError, VpnConfiguration, on_demand};
use adit_network::{Network, NetworkState, Strength};
use adit_provider::{Manifest, ManifestError};
use tokio::sync::watch;

use self::{app_groups::AppGroups, claims::Claims, slots::Slots};
pub(crate) use self::{app_groups::dissolved, claims::InTheWay, slots::SlotGuard};
use crate::{
    barrier::Barrier, events::Events, secret_agents::SecretAgents, session_history::SessionHistory,
    trigger::Parking,
};

/// One of these for the whole helper.
pub(crate) struct Surroundings {
    pub(crate) network: Arc<Network>,
    pub(crate) barrier: Barrier,
    pub(crate) events: Events,
    pub(crate) history: Arc<SessionHistory>,
    pub(crate) slots: Slots,
    pub(crate) claims: Claims,
    pub(crate) app_groups: AppGroups,
    pub(crate) parking: Parking,
    pub(crate) secret_agents: SecretAgents,
    pub(crate) sessions_dir: PathBuf,
    pub(crate) providers_dir: PathBuf,
    state: watch::Receiver<NetworkState>,
    /// The same network as rules see it, which takes longer to find out.
    primary: watch::Receiver<Option<on_demand::NetworkState>>,
}

impl Surroundings {
    pub(crate) fn new(
        network: Arc<Network>,
        barrier: Barrier,
        history: SessionHistory,
        state: watch::Receiver<NetworkState>,
        primary: watch::Receiver<Option<on_demand::NetworkState>>,
        sessions_dir: PathBuf,
        providers_dir: PathBuf,
    ) -> Self {
        Self {
            network,
            barrier,
            events: Events::new(),
            history: Arc::new(history),
            slots: Slots::default(),
            claims: Claims::default(),
            app_groups: AppGroups::default(),
            parking: Parking::default(),
            secret_agents: SecretAgents::default(),
            sessions_dir,
            providers_dir,
            state,
            primary,
        }
    }

    /// The physical network at this moment.
    pub(crate) fn state(&self) -> NetworkState {
        let mut state = self.state.borrow().clone();
        state.path.expensive = expensive(&state.path, self.primary.borrow().as_ref());
        state
    }

    /// The physical network from now on.
    pub(crate) fn watch_state(&self) -> watch::Receiver<NetworkState> {
        let mut state = self.state.clone();
        state.mark_unchanged();
        state
    }

    /// What a configuration's tunnel carries, and how strongly.
    pub(crate) fn strength(
        &self,
        configuration: &VpnConfiguration,
    ) -> Result<Strength, NetworkSettingsError> {
        if !configuration.routing_method.is_per_app() {
            return Ok((&configuration.protocol).into());
        }
        let group = self.app_groups.get(configuration.id).ok_or_else(|| {
            NetworkSettingsError::Failed("the apps of the tunnel are not known any more".into())
        })?;
        Ok(Strength { apps: Some(group), ..Strength::default() })
    }

    pub(crate) fn manifest(&self, provider_id: &str) -> Result<Manifest, ManifestError> {
        let trusted = rustix::process::geteuid().as_raw();
        Manifest::load(&self.providers_dir, provider_id, trusted)
    }
}

/// Whether the way out costs money. What is known of another network says nothing about it.
fn expensive(path: &NetworkPath, primary: Option<&on_demand::NetworkState>) -> Option<bool> {
    let primary = primary?.primary.as_ref()?;
    let is_it = path.interface.as_ref().is_some_and(|out| out.name == primary.interface);
    primary.metered.filter(|_| is_it)
}
