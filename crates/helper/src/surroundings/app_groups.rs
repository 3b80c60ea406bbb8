//! The groups of apps that per-app tunnels carry, by whose tunnel it is. Spec RTE-20, MGR-30.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use adit_model::{ConfigurationId, VpnConfiguration};
use adit_network::{AppGroup, Network, NetworkError};

use crate::configurations::Configurations;

/// Those that there are. The network has them too, in a form that outlives this process.
#[derive(Debug, Default)]
pub(crate) struct AppGroups {
    known: Mutex<BTreeMap<ConfigurationId, AppGroup>>,
}

impl AppGroups {
    /// Takes over the groups of an earlier helper, and ends those that belong to no configuration any
    /// more. Apps that still run in one of these stay without a network.
    pub(crate) async fn recall(&self, network: &Network, configurations: &Configurations) {
        for (name, group) in network.app_groups().await {
            let id = name.parse().ok().filter(|id| {
                let record = configurations.get(*id);
                record.is_some_and(|it| it.configuration.routing_method.is_per_app())
            });
            match id {
                Some(id) => drop(self.known().insert(id, group)),
                None => close(network, &name).await,
            }
        }
    }

    /// The group of a configuration, if it was made.
    pub(crate) fn get(&self, id: ConfigurationId) -> Option<AppGroup> {
        self.known().get(&id).copied()
    }

    /// Makes the group of a per-app configuration, if need be. From then on its apps have no network
    /// but its tunnel.
    pub(crate) async fn make(
        &self,
        network: &Network,
        configuration: &VpnConfiguration,
    ) -> Result<(), NetworkError> {
        let id = configuration.id;
        let group = network.make_app_group(&id.to_string()).await?;
        self.known().insert(id, group);
        Ok(())
    }

    /// Ends the group of a configuration that is removed and whose session is down.
    pub(crate) async fn close(&self, network: &Network, id: ConfigurationId) {
        if self.known().remove(&id).is_some() {
            close(network, &id.to_string()).await;
        }
    }

    /// Lets the apps of all groups out. Says what that changed.
    pub(crate) async fn dissolve(&self, network: &Network) -> Result<Vec<String>, NetworkError> {
        let count = network.dissolve_app_groups().await?;
        self.known().clear();
        Ok(dissolved(count))
    }

    /// The map is whole after every statement, so a panic elsewhere does not spoil it.
    fn known(&self) -> MutexGuard<'_, BTreeMap<ConfigurationId, AppGroup>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sentence about groups that were dissolved, if there were any.
pub(crate) fn dissolved(count: usize) -> Vec<String> {
    match count {
        0 => Vec::new(),
        1 => vec!["The apps of a per-app tunnel are let out.".into()],
        count => vec![format!("The apps of {count} per-app tunnels are let out.")],
    }
}

async fn close(network: &Network, name: &str) {
    if let Err(error) = network.close_app_group(name).await {
        tracing::warn!("the apps of a tunnel that was removed stay without a network: {error}");
    }
}
