//! The configurations in memory, in step with the store, and the rules of changing them.

use std::{collections::BTreeMap, sync::Arc};

use adit_api::HelperError;
use adit_model::{
    ConfigurationId, Enablement, ROOT, Scope, Secrets, VpnConfiguration, owns_default_route,
};

use crate::{
    access,
    store::{Record, Store, StoreError},
};

/// They are all held in memory, and names are looked up among them.
const MOST_OF_ONE_USER: usize = 64;

/// All configurations.
#[derive(Debug)]
pub(crate) struct Configurations {
    store: Arc<Store>,
    records: BTreeMap<ConfigurationId, Record>,
}

impl Configurations {
    /// Reads all of them.
    pub(crate) fn load(store: Store) -> Result<Self, StoreError> {
        let by_id = |record: Record| (record.configuration.id, record);
        let records = store.load()?.into_iter().map(by_id).collect();
        Ok(Self { store: Arc::new(store), records })
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Record> {
        self.records.values()
    }

    fn of_owner(&self, uid: u32) -> impl Iterator<Item = &Record> {
        self.all().filter(move |record| record.configuration.owner == uid)
    }

    pub(crate) fn get(&self, id: ConfigurationId) -> Option<&Record> {
        self.records.get(&id)
    }

    /// The record if `uid` may know of it.
    pub(crate) fn seen_by(&self, uid: u32, id: ConfigurationId) -> Result<&Record, HelperError> {
        self.records
            .get(&id)
            .filter(|record| access::may_see(uid, &record.configuration))
            .ok_or_else(|| HelperError::NoSuchConfiguration { id: id.to_string() })
    }

    /// Where they are kept.
    pub(crate) fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }

    /// What is to be stored when `uid` creates or changes a configuration.
    ///
    /// A record that does not exist yet never takes the default route from another: it is set
    /// aside until somebody starts it.
    pub(crate) fn changed(
        &self,
        uid: u32,
        mut configuration: VpnConfiguration,
        secrets: Option<Secrets>,
    ) -> Result<Record, HelperError> {
        configuration.name = configuration.name.trim().into();
        let before = self.records.get(&configuration.id);
        let current_generation = before.map_or(0, |record| record.configuration.generation);
        if configuration.generation != current_generation {
            return Err(HelperError::ConfigurationStale { current_generation });
        }
        configuration.managed_by = None;
        if let Some(before) = before {
            access::authorise_change(uid, &before.configuration, &configuration)?;
            configuration.owner = before.configuration.owner;
        } else {
            if uid != ROOT && self.of_owner(uid).count() >= MOST_OF_ONE_USER {
                let message = format!(
                    "You have {MOST_OF_ONE_USER} configurations, and one user may not have more. \
                     Remove one first."
                );
                return Err(HelperError::SystemFailed { message });
            }
            configuration.owner = uid;
            if takes_default_route(&configuration) && !self.rivals(uid, &configuration).is_empty() {
                configuration.enablement = Enablement::SetAside;
            }
        }
        self.check(&configuration)?;
        Ok(self.next(configuration, secrets))
    }

    /// What is to be stored of what a file of the administrator says, if that is a change. Whether it
    /// is set aside stays as it is.
    pub(crate) fn managed(
        &self,
        file: &str,
        mut configuration: VpnConfiguration,
        secrets: Secrets,
    ) -> Result<Option<Record>, HelperError> {
        configuration.managed_by = Some(file.into());
        configuration.owner = ROOT;
        configuration.generation = 0;
        if let Some(before) = self.records.get(&configuration.id) {
            configuration.generation = before.configuration.generation;
            configuration.enablement = before.configuration.enablement;
            if before.configuration == configuration && before.secrets == secrets {
                return Ok(None);
            }
        } else if takes_default_route(&configuration)
            && !self.rivals(ROOT, &configuration).is_empty()
        {
            configuration.enablement = Enablement::SetAside;
        }
        self.check(&configuration)?;
        Ok(Some(self.next(configuration, Some(secrets))))
    }

    /// Whether it is whole and has a name that is free.
    fn check(&self, configuration: &VpnConfiguration) -> Result<(), HelperError> {
        configuration.validate().map_err(|invalid| HelperError::ConfigurationInvalid {
            field: invalid.field,
            reason: invalid.reason.to_string(),
        })?;
        let before = self.records.get(&configuration.id).map(|record| &record.configuration);
        if before.is_some_and(|before| before.routing_method != configuration.routing_method) {
            return Err(HelperError::ConfigurationInvalid {
                field: "routingMethod".into(),
                reason: "is fixed when a configuration is made; make another one".into(),
            });
        }
        let same_name = |other: &&Record| {
            let other = &other.configuration;
            other.id != configuration.id
                && other.name == configuration.name
                && (other.owner == configuration.owner || other.scope == Scope::System)
        };
        if self.all().any(|other| same_name(&other)) {
            let name = configuration.name.clone();
            return Err(HelperError::NameTaken { name });
        }
        Ok(())
    }

    /// The record that comes after the one that is stored. Secrets that are not mentioned stay, but for
    /// those that are kept elsewhere from now on.
    fn next(&self, mut configuration: VpnConfiguration, secrets: Option<Secrets>) -> Record {
        let before = self.records.get(&configuration.id);
        configuration.generation += 1;
        let secrets = secrets.or_else(|| before.map(|record| record.secrets.clone()));
        let mut secrets = secrets.unwrap_or_default();
        secrets.retain(|name, _| !configuration.protocol.user_secrets.contains_key(name));
        let unknown = before.map(|record| record.unknown.clone()).unwrap_or_default();
        Record { configuration, secrets, unknown }
    }

    /// What is to be stored when a configuration may start or not, if that is a change.
    pub(crate) fn with_enablement(
        &self,
        id: ConfigurationId,
        enablement: Enablement,
    ) -> Result<Option<Record>, HelperError> {
        let Some(record) = self.records.get(&id) else {
            return Err(HelperError::NoSuchConfiguration { id: id.to_string() });
        };
        if record.configuration.enablement == enablement {
            return Ok(None);
        }
        let mut record = record.clone();
        record.configuration.enablement = enablement;
        record.configuration.generation += 1;
        Ok(Some(record))
    }

    /// The other enabled configurations that want the default route, of those that `uid` may
    /// change. Spec MGR-6.
    pub(crate) fn rivals(
        &self,
        uid: u32,
        configuration: &VpnConfiguration,
    ) -> Vec<ConfigurationId> {
        if !owns_default_route(configuration.claimed_routes()) {
            return Vec::new();
        }
        self.all()
            .map(|record| &record.configuration)
            .filter(|other| other.id != configuration.id && takes_default_route(other))
            .filter(|other| access::may_change(uid, other))
            .map(|other| other.id)
            .collect()
    }

    /// Takes what was stored.
    pub(crate) fn put(&mut self, record: Record) {
        self.records.insert(record.configuration.id, record);
    }

    /// Forgets what was deleted.
    pub(crate) fn forget(&mut self, id: ConfigurationId) -> Result<Record, HelperError> {
        self.records
            .remove(&id)
            .ok_or_else(|| HelperError::NoSuchConfiguration { id: id.to_string() })
    }
}

fn takes_default_route(configuration: &VpnConfiguration) -> bool {
    configuration.enablement == Enablement::Enabled
        && owns_default_route(configuration.claimed_routes())
}

impl From<StoreError> for HelperError {
    fn from(error: StoreError) -> Self {
        let message = match &error {
            StoreError::Io { source, path, .. }
                if source.kind() == std::io::ErrorKind::StorageFull =>
            {
                format!(
                    "The disk is full; nothing was changed. Make room for {} and try again.",
                    path.display()
                )
            }
            StoreError::Io { action, path, source } => {
                let reason = source.kind();
                format!("{} cannot be {action}: {reason}. Nothing was changed.", path.display())
            }
            StoreError::Unencodable(_) => error.to_string(),
        };
        Self::StorageFailed { message }
    }
}

#[cfg(test)]
mod tests {
    use adit_model::{RoutingMethod, Secret, SecretPlace, TunnelProviderProtocol};

    use super::*;

    const ALICE: u32 = 1000;
    const BOB: u32 = 1001;

    // spec: D-2, ERR-4, MGR-2, MGR-3, MGR-20, MGR-C1
    #[test]
    fn a_stale_write_is_refused_and_changes_nothing() {
        let mut world = World::new();
        assert_eq!(world.configurations.all().count(), 0);
        let loaded = world.save(ALICE, example("home")).unwrap().configuration;
        let mut first = loaded.clone();
        first.name = "first".into();
        world.save(ALICE, first).unwrap();
        let mut second = loaded;
        second.name = "second".into();
        let error = world.save(ALICE, second.clone()).unwrap_err();
        assert_eq!(error, HelperError::ConfigurationStale { current_generation: 2 });
        assert_eq!(world.reload().get(second.id).unwrap().configuration.name, "first");
    }

    // spec: PROTO-5, MGR-15
    #[test]
    fn secrets_and_owner_stay_when_a_save_does_not_mention_them() {
        let mut world = World::new();
        let secrets = Secrets::from([("privateKey".into(), Secret::new("x"))]);
        let saved = world.save_with(ALICE, example("home"), Some(secrets.clone())).unwrap();
        let mut edited = saved.configuration;
        edited.owner = BOB;
        edited.name = "other".into();
        let id = edited.id;
        world.save(0, edited).unwrap();
        let stored = world.reload().get(id).unwrap().clone();
        assert_eq!(stored.secrets, secrets);
        assert_eq!(stored.configuration.owner, ALICE);
        let mut saved = stored.configuration.clone();
        saved.protocol.user_secrets.insert("privateKey".into(), SecretPlace::Keyring);
        let saved = world.save_with(ALICE, saved, None).unwrap();
        assert_eq!(
            world.configurations.get(saved.configuration.id).unwrap().secrets,
            Secrets::new()
        );
    }

    // spec: ODP-2
    #[test]
    fn locked_rules_are_changed_by_root_alone() {
        let mut world = World::new();
        let mut locked = example("home");
        locked.on_demand.enabled = true;
        locked.on_demand.user_override_disabled = true;
        let mut edited = world.save(ALICE, locked).unwrap().configuration;
        edited.on_demand.enabled = false;
        let error = world.save(ALICE, edited.clone()).unwrap_err();
        assert!(error.to_string().starts_with("Only root may change when “home”"), "{error}");
        world.save(ROOT, edited).unwrap();
    }

    #[test]
    fn a_name_is_unique_for_its_owner_only() {
        let mut world = World::new();
        world.save(ALICE, example("home")).unwrap();
        world.save(BOB, example("home")).unwrap();
        let error = world.save(ALICE, example(" home ")).unwrap_err();
        assert_eq!(error, HelperError::NameTaken { name: "home".into() });
    }

    // spec: MGR-16
    #[test]
    fn one_user_has_a_bounded_number_of_configurations() {
        let mut world = World::new();
        for number in 0..MOST_OF_ONE_USER {
            world.save(ALICE, example(&number.to_string())).unwrap();
        }
        let error = world.save(ALICE, example("one more")).unwrap_err();
        assert!(error.to_string().contains("64 configurations"), "{error}");
        world.save(BOB, example("first")).unwrap();
    }

    // spec: MGR-6
    #[test]
    fn one_enabled_configuration_of_each_user_takes_the_default_route() {
        let mut world = World::new();
        let full = |name: &str| {
            let mut configuration = example(name);
            configuration.protocol.expected_routes = vec!["0.0.0.0/0".parse().unwrap()];
            configuration
        };
        let first = world.save(ALICE, full("first")).unwrap().configuration;
        let second = world.save(ALICE, full("second")).unwrap().configuration;
        let split = world.save(ALICE, example("split")).unwrap().configuration;
        assert_eq!(first.enablement, Enablement::Enabled);
        assert_eq!(second.enablement, Enablement::SetAside);
        assert_eq!(split.enablement, Enablement::Enabled);
        assert_eq!(world.configurations.rivals(ALICE, &second), [first.id]);
        assert_eq!(world.configurations.rivals(ALICE, &split), []);
        let theirs = world.save(BOB, full("theirs")).unwrap().configuration;
        assert_eq!(theirs.enablement, Enablement::Enabled);
    }

    // spec: COL-2, MGR-22, MGR-25
    #[test]
    fn whether_it_is_per_app_is_fixed_and_it_takes_no_default_route() {
        let mut world = World::new();
        let mut full = example("full");
        full.protocol.expected_routes = vec!["0.0.0.0/0".parse().unwrap()];
        let full = world.save(ALICE, full).unwrap().configuration;
        let mut per_app = example("work");
        per_app.protocol.expected_routes.clone_from(&full.protocol.expected_routes);
        per_app.routing_method = RoutingMethod::SourceApplication;
        let mut per_app = world.save(ALICE, per_app).unwrap().configuration;
        assert_eq!(per_app.enablement, Enablement::Enabled);
        assert_eq!(world.configurations.rivals(ALICE, &per_app), []);
        per_app.routing_method = RoutingMethod::DestinationIp;
        let error = world.save(ALICE, per_app.clone()).unwrap_err();
        assert!(error.to_string().contains("routingMethod: is fixed"), "{error}");
        assert!(world.reload().get(per_app.id).unwrap().configuration.routing_method.is_per_app());
    }

    fn example(name: &str) -> VpnConfiguration {
        let protocol = TunnelProviderProtocol::new("org.example.vpn", "vpn.example");
        VpnConfiguration::new(ConfigurationId::random(), name, protocol)
    }

    struct World {
        folder: tempfile::TempDir,
        configurations: Configurations,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path().into()).unwrap();
            Self { configurations: Configurations::load(store).unwrap(), folder }
        }

        fn save(
            &mut self,
            uid: u32,
            configuration: VpnConfiguration,
        ) -> Result<Record, HelperError> {
            self.save_with(uid, configuration, None)
        }

        fn save_with(
            &mut self,
            uid: u32,
            configuration: VpnConfiguration,
            secrets: Option<Secrets>,
        ) -> Result<Record, HelperError> {
            let record = self.configurations.changed(uid, configuration, secrets)?;
            self.configurations.store().write(&record)?;
            self.configurations.put(record.clone());
            Ok(record)
        }

        fn reload(&self) -> Configurations {
            Configurations::load(Store::open(self.folder.path().into()).unwrap()).unwrap()
        }
    }
}
