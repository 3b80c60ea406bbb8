//! The destinations of running sessions: no two have the same. Spec MGR-12.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use adit_model::{
    Admission, Claim, ConfigurationId, NetworkSettingsError, VpnConfiguration, admit,
};
use ipnet::IpNet;

use crate::access;

/// Which session has which destinations.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    active: Mutex<BTreeMap<ConfigurationId, Active>>,
}

#[derive(Debug)]
struct Active {
    configuration: VpnConfiguration,
    routes: Vec<IpNet>,
}

impl Claims {
    /// Whether a session may start, as far as its destinations are known before it does.
    pub(crate) fn admit(&self, configuration: &VpnConfiguration) -> Admission {
        let expected = configuration.protocol.expected_routes.clone();
        decide(&self.active(), configuration, expected)
    }

    /// Takes destinations for a session, unless another one has them.
    pub(crate) fn take(
        &self,
        configuration: &VpnConfiguration,
        routes: Vec<IpNet>,
    ) -> Result<(), NetworkSettingsError> {
        let mut active = self.active();
        let sentence = match decide(&active, configuration, routes.clone()) {
            Admission::Free => {
                let configuration = configuration.clone();
                active.insert(configuration.id, Active { configuration, routes });
                return Ok(());
            }
            Admission::Conflict { id, route, .. } => {
                let other = called(&active, id, configuration.owner);
                format!("{other} is connected and already leads to {route}")
            }
            Admission::Supersedes(id) => {
                let other = called(&active, id, configuration.owner);
                format!("{other} is connected and has the default route")
            }
        };
        Err(NetworkSettingsError::Failed(sentence))
    }

    /// Takes more destinations besides those that the session has.
    pub(crate) fn widen(
        &self,
        configuration: &VpnConfiguration,
        routes: Vec<IpNet>,
    ) -> Result<(), NetworkSettingsError> {
        let held = self.active().get(&configuration.id).map(|active| active.routes.clone());
        self.take(configuration, held.into_iter().flatten().chain(routes).collect())
    }

    /// Leaves a session these destinations and gives the rest of what it had free.
    pub(crate) fn narrow(&self, id: ConfigurationId, routes: Vec<IpNet>) {
        if let Some(active) = self.active().get_mut(&id) {
            active.routes = routes;
        }
    }

    /// Gives a session's destinations free.
    pub(crate) fn release(&self, id: ConfigurationId) {
        self.active().remove(&id);
    }

    /// The map is whole after every statement, so a panic elsewhere does not spoil it.
    fn active(&self) -> MutexGuard<'_, BTreeMap<ConfigurationId, Active>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn decide(
    active: &BTreeMap<ConfigurationId, Active>,
    configuration: &VpnConfiguration,
    routes: Vec<IpNet>,
) -> Admission {
    let claim = |configuration: &VpnConfiguration, routes| Claim {
        id: configuration.id,
        name: configuration.name.clone(),
        owner: configuration.owner,
        routes,
    };
    let others: Vec<Claim> =
        active.values().map(|other| claim(&other.configuration, other.routes.clone())).collect();
    admit(&claim(configuration, routes), &others)
}

/// Nobody learns the names of other people's configurations (ENT-14).
fn called(active: &BTreeMap<ConfigurationId, Active>, id: ConfigurationId, uid: u32) -> String {
    match active.get(&id) {
        Some(Active { configuration, .. }) if access::may_see(uid, configuration) => {
            format!("“{}”", configuration.name)
        }
        Some(_) | None => "the VPN of another user".into(),
    }
}

#[cfg(test)]
mod tests {
    use adit_model::TunnelProviderProtocol;

    use super::*;

    // spec: MGR-12, ENT-14
    #[test]
    fn what_is_taken_is_refused_and_its_name_told_to_its_owner_only() {
        let claims = Claims::default();
        let network = || vec!["10.0.0.0/8".parse().unwrap()];
        let first = configuration("first", 1000);
        claims.take(&first, network()).unwrap();
        let refusal = |owner| claims.take(&configuration("second", owner), network()).unwrap_err();
        assert!(refusal(1000).to_string().contains("“first”"));
        assert!(refusal(0).to_string().contains("“first”"));
        assert!(refusal(1001).to_string().contains("the VPN of another user"));
        claims.widen(&first, vec!["192.168.0.0/16".parse().unwrap()]).unwrap();
        claims.narrow(first.id, vec!["192.168.0.0/16".parse().unwrap()]);
        let second = configuration("second", 1000);
        claims.take(&second, network()).unwrap();
        assert!(claims.widen(&first, network()).is_err());
        claims.release(second.id);
        claims.widen(&first, network()).unwrap();
        claims.release(first.id);
        claims.take(&configuration("second", 1001), network()).unwrap();
    }

    fn configuration(name: &str, owner: u32) -> VpnConfiguration {
        let protocol = TunnelProviderProtocol::new("org.example.vpn", "vpn.example");
        let mut configuration = VpnConfiguration::new(ConfigurationId::random(), name, protocol);
        configuration.owner = owner;
        configuration
    }
}
