//! A later version of a profile in the place of the one before.

use adit_model::VpnConfiguration;

/// What `stored` becomes when `imported`, a file that says all about its tunnel, takes its place. What a person calls it and where
/// its secrets are kept stays. Spec MDM-1.
#[must_use]
pub fn succeed(imported: &VpnConfiguration, mut stored: VpnConfiguration) -> VpnConfiguration {
    let places = std::mem::take(&mut stored.protocol.user_secrets);
    stored.protocol = imported.protocol.clone();
    stored.protocol.user_secrets.extend(places);
    stored.on_demand = imported.on_demand.clone();
    // Where that is another, the helper refuses.
    stored.routing_method = imported.routing_method;
    stored.app_id.clone_from(&imported.app_id);
    stored.unknown.clone_from(&imported.unknown);
    let was_called = stored.profile.take().map(|origin| origin.name);
    if was_called.is_some_and(|name| name == stored.name) {
        stored.name.clone_from(&imported.name);
    }
    stored.profile.clone_from(&imported.profile);
    stored
}

#[cfg(test)]
mod tests {
    use adit_model::{
        ConfigurationId, Enablement, ProfileOrigin, SecretPlace, SecretPlaces,
        TunnelProviderProtocol,
    };

    use super::*;

    // spec: MDM-1
    #[test]
    fn a_person_keeps_the_name_and_the_place_of_secrets() {
        let version = |name: &str, server: &str| {
            let origin = ProfileOrigin {
                profile: "example.office".into(),
                payload: "example.office.vpn".into(),
                name: name.into(),
            };
            let id = ConfigurationId::from_random([1; 16]);
            let protocol = TunnelProviderProtocol::new("org.example.vpn", server);
            let configuration = VpnConfiguration::new(id, name, protocol);
            VpnConfiguration { profile: Some(origin), ..configuration }
        };
        let later = version("Headquarters", "b.example");
        let mut stored = version("Office", "a.example");
        stored.generation = 4;
        stored.enablement = Enablement::SetAside;
        let places = SecretPlaces::from([("password".into(), SecretPlace::Keyring)]);
        stored.protocol.user_secrets.clone_from(&places);

        let succeeded = succeed(&later, stored.clone());
        assert_eq!((succeeded.id, succeeded.generation), (stored.id, 4));
        assert_eq!(succeeded.enablement, Enablement::SetAside);
        assert_eq!(succeeded.name, "Headquarters", "nobody has called it otherwise");
        assert_eq!(succeeded.protocol.server_address, "b.example");
        assert_eq!(succeeded.protocol.user_secrets, places);
        assert_eq!(succeeded.profile, later.profile);

        stored.name = "Mine".into();
        assert_eq!(succeed(&later, stored).name, "Mine");
    }
}
