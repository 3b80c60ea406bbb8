//! The network settings that a provider asks for in a run.

use adit_model::{
    NetworkSettingsError, PacketTunnelNetworkSettings, ROOT, RouteTable, VpnConfiguration,
    session::{Event, RequestId},
};
use ipnet::IpNet;

use super::Run;
use crate::{
    session::{
        interface::TapDevice,
        network::{Applied, Job},
    },
    store::Record,
};

impl Run {
    /// Numbers a request and keeps what it asks for until it is applied.
    pub(in crate::session) fn remember_request(
        &mut self,
        settings: Option<PacketTunnelNetworkSettings>,
    ) -> RequestId {
        self.next_request += 1;
        self.requests.insert(self.next_request, settings);
        self.next_request
    }

    pub(in crate::session) fn apply(&mut self, id: RequestId, record: &Record) {
        let Some(asked) = self.requests.remove(&id) else { return };
        let settings = asked.clone().map(|asked| record.configuration.protocol.overrule(asked));
        self.asked = asked;
        // From here on it is for the session to revert.
        self.inherits = false;
        // A request before this one was cancelled.
        self.requests.clear();
        let configuration = &record.configuration;
        let routes = settings.as_ref().map(|settings| configuration.taken_routes(settings));
        let granted = may_use_table(configuration, settings.as_ref())
            .and_then(|()| may_carry_frames(configuration, settings.as_ref()))
            .and_then(|()| {
                self.surroundings.claims.widen(configuration, routes.unwrap_or_default())
            })
            .and_then(|()| self.have_interface(settings.as_ref(), configuration))
            .and_then(|()| self.surroundings.strength(configuration));
        match granted {
            Ok(strength) => {
                let (tunnel, settings) = (self.interface.tunnel(), settings.map(Box::new));
                self.network.submit(Job::Apply { id, tunnel, settings, strength });
            }
            Err(error) => {
                let reporter = self.reporter.clone();
                tokio::spawn(async move { reporter.event(Event::SettingsFailed(id, error)).await });
            }
        }
    }

    fn have_interface(
        &mut self,
        settings: Option<&PacketTunnelNetworkSettings>,
        configuration: &VpnConfiguration,
    ) -> Result<(), NetworkSettingsError> {
        let Some(settings) = settings else { return Ok(()) };
        self.interface.be_there_for(settings, configuration)?;
        if let (Some(provider), Some(name)) = (&self.provider, self.interface.name()) {
            provider.has_interface(name);
        }
        Ok(())
    }

    /// What goes with the answer that settings are in force.
    pub(in crate::session) fn tap(&self) -> Result<Option<TapDevice>, NetworkSettingsError> {
        self.interface.tap().map_err(|error| {
            let kind = error.kind();
            NetworkSettingsError::Failed(format!("the TAP device cannot be passed on: {kind}"))
        })
    }

    /// The destinations of the settings in force.
    pub(in crate::session) fn applied_routes(
        &self,
        configuration: &VpnConfiguration,
    ) -> Option<Vec<IpNet>> {
        let settings = self.applied.as_ref()?.settings.as_ref()?;
        Some(configuration.taken_routes(settings))
    }

    pub(in crate::session) fn applied(&mut self, applied: Applied) {
        self.interface.is_in_use();
        self.applied = Some(applied);
    }

    /// Brings what the provider has asked for into force as the configuration says now: what is its
    /// affair alone, the provider does not ask for anew.
    pub(super) fn overrule(&self, configuration: &VpnConfiguration) {
        let Some((asked, applied)) = self.asked.clone().zip(self.applied.as_ref()) else { return };
        let settings = configuration.protocol.overrule(asked);
        if applied.settings.as_ref().is_some_and(|applied| applied.dns != settings.dns) {
            let (settings, strength) = (Box::new(settings), applied.strength);
            let state = Box::new(self.surroundings.state());
            self.network.submit(Job::Resume { settings, strength, state });
        }
    }
}

/// A route in a table of somebody's own may lead anybody's packets away.
fn may_use_table(
    configuration: &VpnConfiguration,
    settings: Option<&PacketTunnelNetworkSettings>,
) -> Result<(), NetworkSettingsError> {
    let table = settings.map_or(RouteTable::Auto, |settings| settings.route_table);
    match table {
        RouteTable::Table(_) if configuration.owner != ROOT => Err(NetworkSettingsError::Invalid(
            "only a configuration of root may write to another routing table".into(),
        )),
        RouteTable::Table(_) | RouteTable::Auto | RouteTable::Off => Ok(()),
    }
}

/// What an app sends would look for every address of the world on the link behind the tunnel.
fn may_carry_frames(
    configuration: &VpnConfiguration,
    settings: Option<&PacketTunnelNetworkSettings>,
) -> Result<(), NetworkSettingsError> {
    let is_ethernet = settings.is_some_and(|settings| settings.ethernet_address.is_some());
    if configuration.routing_method.is_per_app() && is_ethernet {
        let reason = "a per-app tunnel carries IP packets, and no Ethernet frames";
        return Err(NetworkSettingsError::Invalid(reason.into()));
    }
    Ok(())
}
