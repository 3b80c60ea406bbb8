//! Whether a configuration can be used, beyond what can be said without its provider.

use adit_model::{
    InvalidConfiguration, VpnConfiguration,
    wireguard::{PROVIDER_ID, WireGuardConfiguration},
};

use crate::{set_wireguard, wg_quick::UNKNOWN_REMOTE};

/// Where a provider's own fields are in a configuration.
const PROVIDER_CONFIGURATION: &str = "protocol.providerConfiguration";

/// Brings the fields that follow from others up to date and names what is wrong, as the helper and
/// the provider would when a session starts.
pub fn check(configuration: &mut VpnConfiguration) -> Result<(), InvalidConfiguration> {
    if configuration.protocol.provider_id != PROVIDER_ID {
        return configuration.validate();
    }
    let map = &configuration.protocol.provider_configuration;
    let wireguard = WireGuardConfiguration::from_map(map)?;
    set_wireguard(configuration, &wireguard);
    configuration.validate()?;
    wireguard.validate().map_err(|error| {
        InvalidConfiguration::new(format!("{PROVIDER_CONFIGURATION}.{}", error.field), error.reason)
    })?;
    let settings = wireguard.network_settings(UNKNOWN_REMOTE);
    settings
        .validate()
        .map_err(|error| InvalidConfiguration::new(PROVIDER_CONFIGURATION, error.to_string()))
}

#[cfg(test)]
mod tests {
    use adit_model::{ConfigurationId, wireguard::Key};

    use super::*;
    use crate::import_wg_quick;

    // spec: PROTO-3
    #[test]
    fn what_follows_is_brought_up_to_date_and_what_is_wrong_named() {
        let id = ConfigurationId::from_random([7; 16]);
        let key = Key::new([1; 32]);
        let text = format!(
            "[Interface]\nPrivateKey = {key}\nAddress = 10.0.0.2/32\n\
             [Peer]\nPublicKey = {key}\nEndpoint = a.test:1\nAllowedIPs = 10.0.0.0/8\n"
        );
        let mut configuration = import_wg_quick(text.as_bytes(), "home", id).unwrap().configuration;
        let peer = &mut configuration.protocol.provider_configuration["peers"][0];
        peer["endpoint"] = "b.test:1".into();
        peer["allowedIps"] = serde_json::json!(["0.0.0.0/0"]);
        assert_eq!(check(&mut configuration), Ok(()));
        assert_eq!(configuration.protocol.server_address, "b.test");
        assert_eq!(configuration.protocol.expected_routes, ["0.0.0.0/0".parse().unwrap()]);

        let map = &mut configuration.protocol.provider_configuration;
        map.insert("mtu".into(), 100.into());
        assert_eq!(check(&mut configuration).unwrap_err().field, PROVIDER_CONFIGURATION);
        let map = &mut configuration.protocol.provider_configuration;
        map.insert("peers".into(), serde_json::json!([]));
        let fault = check(&mut configuration).unwrap_err();
        assert_eq!(fault.field, "protocol.providerConfiguration.peers");
    }
}
