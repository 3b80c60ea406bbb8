//! Which stored configuration goes on as which one of a file.

use adit_model::{ConfigurationId, VpnConfiguration};
use adit_profile::Imported;

/// One configuration of a file, or one that is no longer in it.
#[derive(Debug, PartialEq)]
pub(crate) enum Pair {
    /// New in the file.
    Appeared(Imported),
    /// In the file before and now, perhaps changed.
    Stayed(ConfigurationId, Imported),
    /// No longer in the file.
    Vanished(ConfigurationId),
}

/// A configuration keeps its id as long as its profile says that it is the same one. Where no profile
/// says anything, as long as it has its name or is the only one of its file.
pub(crate) fn pair(stored: &[&VpnConfiguration], found: Vec<Imported>) -> Vec<Pair> {
    if let ([only], [_]) = (stored, found.as_slice()) {
        let id = only.id;
        return found.into_iter().map(|imported| Pair::Stayed(id, imported)).collect();
    }
    let goes_on = |stored: &VpnConfiguration, found: &VpnConfiguration| match stored.profile {
        Some(_) if found.profile.is_some() => stored.is_version_of(found),
        Some(_) | None => stored.name == found.name,
    };
    // First, so that what comes may have the names of what goes.
    let vanished: Vec<Pair> = stored
        .iter()
        .filter(|stored| !found.iter().any(|found| goes_on(stored, &found.configuration)))
        .map(|stored| Pair::Vanished(stored.id))
        .collect();
    let here = found.into_iter().map(|imported| {
        match stored.iter().find(|stored| goes_on(stored, &imported.configuration)) {
            Some(stored) => Pair::Stayed(stored.id, imported),
            None => Pair::Appeared(imported),
        }
    });
    vanished.into_iter().chain(here).collect()
}

#[cfg(test)]
mod tests {
    use adit_model::{ProfileOrigin, Secrets, TunnelProviderProtocol};

    use super::*;

    #[test]
    fn a_configuration_goes_on_under_its_name_or_alone() {
        let (a, b, c) = (example("a"), example("b"), example("c"));
        assert_eq!(pair(&[], vec![found(&a)]), [Pair::Appeared(found(&a))]);
        assert_eq!(pair(&[&a], vec![found(&b)]), [Pair::Stayed(a.id, found(&b))]);
        assert_eq!(pair(&[&a], vec![]), [Pair::Vanished(a.id)]);
        let pairs = pair(&[&a, &b], vec![found(&c), found(&b)]);
        let expected =
            [Pair::Vanished(a.id), Pair::Appeared(found(&c)), Pair::Stayed(b.id, found(&b))];
        assert_eq!(pairs, expected);
    }

    // spec: MDM-1
    #[test]
    fn a_profile_says_itself_which_configuration_is_a_version_of_which() {
        let part = |name: &str, payload: &str| {
            let profile = ProfileOrigin {
                profile: "example.office".into(),
                payload: payload.into(),
                name: name.into(),
            };
            VpnConfiguration { profile: Some(profile), ..example(name) }
        };
        let (a, b) = (part("a", "one"), part("b", "two"));
        // They have changed their names.
        let (was_a, was_b) = (part("b", "one"), part("a", "two"));
        assert_eq!(
            pair(&[&was_a, &was_b], vec![found(&a), found(&b)]),
            [Pair::Stayed(was_a.id, found(&a)), Pair::Stayed(was_b.id, found(&b))]
        );
        // What no profile has said yet goes by its name.
        let old = example("b");
        let pairs = pair(&[&was_a, &old], vec![found(&a), found(&b)]);
        assert_eq!(pairs[1], Pair::Stayed(old.id, found(&b)));
    }

    fn found(configuration: &VpnConfiguration) -> Imported {
        let configuration = configuration.clone();
        Imported { configuration, secrets: Secrets::new(), notes: Vec::new() }
    }

    fn example(name: &str) -> VpnConfiguration {
        let protocol = TunnelProviderProtocol::new("org.example.vpn", "vpn.example");
        VpnConfiguration::new(ConfigurationId::random(), name, protocol)
    }
}
