//! By what it is decided which packets a tunnel carries (`NETunnelProviderRoutingMethod`).

use serde::{Deserialize, Serialize};

use crate::{Fault, InvalidConfiguration, VpnConfiguration};

/// By what a configuration's tunnel gets its packets; fixed when the configuration is made. Spec
/// COL-2, TUN-4, MGR-22.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum RoutingMethod {
    /// By where they go.
    #[default]
    DestinationIp,
    /// By the app that sends them: all that its apps send goes through the tunnel or nowhere, and
    /// nothing else does (`sourceApplication`).
    SourceApplication,
}

impl RoutingMethod {
    /// Whether it is a per-app VPN.
    #[must_use]
    pub fn is_per_app(self) -> bool {
        match self {
            Self::DestinationIp => false,
            Self::SourceApplication => true,
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What is said about destinations has no meaning where apps decide. It is refused, so that nobody
/// relies on it.
pub(crate) fn validate(configuration: &VpnConfiguration) -> Result<(), InvalidConfiguration> {
    if !configuration.routing_method.is_per_app() {
        return Ok(());
    }
    let protocol = &configuration.protocol;
    for (is_set, field) in [
        (protocol.include_all_networks, "includeAllNetworks"),
        (protocol.enforce_routes, "enforceRoutes"),
        (protocol.exclude_local_networks, "excludeLocalNetworks"),
    ] {
        if is_set {
            return Err(InvalidConfiguration::new(
                format!("protocol.{field}"),
                Fault::OfDestinations,
            ));
        }
    }
    if configuration.on_demand.enabled {
        return Err(InvalidConfiguration::new("onDemand.enabled", Fault::PerAppByHand));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ConfigurationId, TunnelProviderProtocol};

    // spec: COL-2, MGR-25
    #[test]
    fn a_per_app_tunnel_takes_no_destinations() {
        let fault = |edit: fn(&mut VpnConfiguration)| {
            let mut configuration = per_app();
            edit(&mut configuration);
            configuration.validate().unwrap_err().field
        };
        assert_eq!(per_app().validate(), Ok(()));
        assert_eq!(
            fault(|it| it.protocol.include_all_networks = true),
            "protocol.includeAllNetworks"
        );
        assert_eq!(fault(|it| it.protocol.enforce_routes = true), "protocol.enforceRoutes");
        assert_eq!(
            fault(|it| it.protocol.exclude_local_networks = true),
            "protocol.excludeLocalNetworks"
        );
        assert_eq!(fault(|it| it.on_demand.enabled = true), "onDemand.enabled");
        assert_eq!(per_app().claimed_routes(), []);
        let by_destination =
            VpnConfiguration { routing_method: RoutingMethod::DestinationIp, ..per_app() };
        assert_eq!(by_destination.claimed_routes(), by_destination.protocol.expected_routes);
    }

    fn per_app() -> VpnConfiguration {
        let mut protocol = TunnelProviderProtocol::new("org.example.vpn", "vpn.example");
        protocol.expected_routes = vec!["0.0.0.0/0".parse().unwrap()];
        let id = ConfigurationId::from_random([7; 16]);
        let mut configuration = VpnConfiguration::new(id, "work", protocol);
        configuration.routing_method = RoutingMethod::SourceApplication;
        configuration
    }
}
