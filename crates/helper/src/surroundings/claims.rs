//! The destinations of running sessions: no two have the same. Spec MGR-12.

use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
    sync::{Mutex, MutexGuard, PoisonError},
};

use adit_model::{
    Admission, Claim, ConfigurationId, NetworkSettingsError, Scope, VpnConfiguration, admit,
    on_demand::Obstacle,
};
use ipnet::IpNet;
use tokio::sync::watch;

use crate::access;

/// Which session has which destinations.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    active: Mutex<BTreeMap<ConfigurationId, Active>>,
    room: watch::Sender<()>,
}

/// A tunnel that is connected, as far as the owner of another one may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InTheWay {
    name: Option<String>,
    /// The destination that both want; absent if that is the default route.
    route: Option<IpNet>,
}

#[derive(Debug)]
struct Active {
    configuration: VpnConfiguration,
    routes: Vec<IpNet>,
}

impl Claims {
    /// Whether a session may start, as far as its destinations are known before it does.
    pub(crate) fn admit(&self, configuration: &VpnConfiguration) -> Admission {
        let expected = configuration.claimed_routes().to_vec();
        decide(&self.active(), configuration, expected)
    }

    /// What is in the way of a session that displaces nobody.
    pub(crate) fn in_the_way(&self, configuration: &VpnConfiguration) -> Option<InTheWay> {
        let expected = configuration.claimed_routes().to_vec();
        in_the_way(&self.active(), configuration, expected)
    }

    /// Tells when destinations become free.
    pub(crate) fn watch_room(&self) -> watch::Receiver<()> {
        self.room.subscribe()
    }

    /// Takes destinations for a session, unless another one has them.
    pub(crate) fn take(
        &self,
        configuration: &VpnConfiguration,
        routes: Vec<IpNet>,
    ) -> Result<(), NetworkSettingsError> {
        let mut active = self.active();
        if let Some(other) = in_the_way(&active, configuration, routes.clone()) {
            return Err(NetworkSettingsError::Failed(other.to_string()));
        }
        let configuration = configuration.clone();
        active.insert(configuration.id, Active { configuration, routes });
        Ok(())
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
            self.room.send_replace(());
        }
    }

    /// Gives a session's destinations free.
    pub(crate) fn release(&self, id: ConfigurationId) {
        if self.active().remove(&id).is_some() {
            self.room.send_replace(());
        }
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

fn in_the_way(
    active: &BTreeMap<ConfigurationId, Active>,
    configuration: &VpnConfiguration,
    routes: Vec<IpNet>,
) -> Option<InTheWay> {
    let (id, route) = match decide(active, configuration, routes) {
        Admission::Free => return None,
        Admission::Conflict { id, route, .. } => (id, Some(route)),
        Admission::Supersedes(id) => (id, None),
    };
    Some(InTheWay { name: name(active, id, configuration), route })
}

/// Nobody learns the names of other people's configurations (ENT-14), and everybody sees what is said of
/// one of the system's.
fn name(
    active: &BTreeMap<ConfigurationId, Active>,
    id: ConfigurationId,
    configuration: &VpnConfiguration,
) -> Option<String> {
    let other = &active.get(&id)?.configuration;
    let is_known = match configuration.scope {
        Scope::User => access::may_see(configuration.owner, other),
        Scope::System => other.scope == Scope::System,
    };
    is_known.then(|| other.name.clone())
}

/// In the middle of a sentence.
impl Display for InTheWay {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "“{name}”")?,
            None => f.write_str("the VPN of another user")?,
        }
        match self.route {
            Some(route) => write!(f, " is connected and already leads to {route}"),
            None => f.write_str(" is connected and has the default route"),
        }
    }
}

impl From<InTheWay> for Obstacle {
    fn from(InTheWay { name, route }: InTheWay) -> Self {
        Self::InTheWay { name, route }
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
        let shared = VpnConfiguration { scope: Scope::System, ..configuration("second", 0) };
        let refused = claims.take(&shared, network()).unwrap_err().to_string();
        assert!(refused.contains("the VPN of another user"), "{refused}");
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
