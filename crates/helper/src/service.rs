//! Configurations and their sessions together: what may be started beside what, and what follows
//! from a change.

mod apps;
mod keys;
mod lockdown;
mod logins;
mod managed;
mod providers;
mod proxies;
mod rules;
mod sleep;
mod start;
mod storage;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use adit_api::{
    Entry, Event, HelperError, History, Removed, Saved, SecretChanges, SessionDetails, Snapshot,
};
use adit_model::{
    ConfigurationId, Enablement, HealthItem, PastSession, ProviderStopReason, ROOT, Scope, Secrets,
    VpnConfiguration,
};
use adit_network::{NetworkState, healing::Healed};
use tokio::sync::Mutex as AsyncMutex;

use self::keys::ChangedSecrets;
use crate::{
    access,
    configurations::Configurations,
    key_pairs::KeyPairs,
    on_demand::{self, OnDemand},
    recovery,
    session::{Adoption, Input, SessionHandle},
    store::Record,
    surroundings::Surroundings,
};

/// Everything that the interface acts on.
pub(crate) struct Service {
    surroundings: Arc<Surroundings>,
    configurations: Mutex<Configurations>,
    sessions: Mutex<BTreeMap<ConfigurationId, SessionHandle>>,
    /// One start at a time: whether it may start depends on what else has started.
    starting: AsyncMutex<()>,
    key_pairs: Mutex<KeyPairs>,
    /// Of the administrator's files.
    managed_problems: Mutex<Vec<HealthItem>>,
    on_demand: OnDemand,
}

/// A session that was told to stop is down within the provider's limit and a little more.
const STOP_PATIENCE: Duration = Duration::from_secs(25);

impl Service {
    pub(crate) fn new(
        surroundings: Arc<Surroundings>,
        configurations: Configurations,
        mut adoptions: BTreeMap<ConfigurationId, Adoption>,
        on_demand: OnDemand,
    ) -> Self {
        let spawn = |record: &Record| {
            let id = record.configuration.id;
            let left = adoptions.remove(&id);
            (id, SessionHandle::spawn(record.clone(), Arc::clone(&surroundings), left))
        };
        let sessions = configurations.all().map(spawn).collect();
        Self {
            surroundings,
            configurations: Mutex::new(configurations),
            sessions: Mutex::new(sessions),
            starting: AsyncMutex::default(),
            key_pairs: Mutex::default(),
            managed_problems: Mutex::default(),
            on_demand,
        }
    }

    pub(crate) fn surroundings(&self) -> &Arc<Surroundings> {
        &self.surroundings
    }

    /// What `uid` may see, by name.
    pub(crate) fn snapshot(&self, uid: u32) -> Snapshot {
        let mut entries: Vec<Entry> = locked(&self.configurations)
            .all()
            .filter(|record| access::may_see(uid, &record.configuration))
            .filter_map(|record| self.entry(&record.configuration))
            .collect();
        entries.sort_by(|a, b| a.configuration.name.cmp(&b.configuration.name));
        Snapshot { entries, machine: self.machine(uid) }
    }

    pub(crate) fn get(
        &self,
        uid: u32,
        id: ConfigurationId,
    ) -> Result<(Entry, Record), HelperError> {
        let record = locked(&self.configurations).seen_by(uid, id)?.clone();
        let entry = self.entry(&record.configuration);
        let entry = entry.ok_or(HelperError::NoSuchConfiguration { id: id.to_string() })?;
        Ok((entry, record))
    }

    /// The record, if `uid` may change it.
    pub(crate) fn owned(&self, uid: u32, id: ConfigurationId) -> Result<Record, HelperError> {
        let record = locked(&self.configurations).seen_by(uid, id)?.clone();
        if access::may_change(uid, &record.configuration) {
            return Ok(record);
        }
        let name = &record.configuration.name;
        let message = format!("“{name}” belongs to the system; only root may do that.");
        Err(HelperError::NotAuthorized { message })
    }

    /// Whether this is the first configuration that `uid`, who is not root, stores for themselves.
    pub(crate) fn is_first_of(&self, uid: u32, configuration: &VpnConfiguration) -> bool {
        let is_own = uid != ROOT && configuration.scope == Scope::User;
        let configurations = locked(&self.configurations);
        let mut stored = configurations.all().map(|record| &record.configuration);
        is_own && !stored.any(|stored| stored.owner == uid || stored.id == configuration.id)
    }

    /// Creates or changes a configuration. What follows from it for running sessions has been told
    /// to them when this returns. Spec MGR-3, MGR-6, ordering H.
    pub(crate) async fn save(
        &self,
        uid: u32,
        configuration: VpnConfiguration,
        secrets: Option<Secrets>,
        changes: SecretChanges,
    ) -> Result<VpnConfiguration, HelperError> {
        let _one = self.starting.lock().await;
        let before = locked(&self.configurations).get(configuration.id).cloned();
        if before.is_some() {
            self.owned(uid, configuration.id)?;
        }
        if configuration.scope == Scope::System {
            access::authorise_system(uid)?;
        }
        let mut configuration = configuration;
        let ChangedSecrets { stored, given } =
            self.changed_secrets(uid, before.as_ref(), &mut configuration, secrets, changes)?;
        let record = locked(&self.configurations).changed(uid, configuration, stored)?;
        let record = self.store(record).await?;
        if let Some(before) = &before
            && before.configuration.scope != record.configuration.scope
        {
            // For those who do not see it any more; the others hear at once that it was saved.
            let event = Event::ConfigurationRemoved(Removed { id: before.configuration.id });
            self.surroundings.events.announce(&before.configuration, event);
        }
        let was = before.map(|before| before.configuration.enablement);
        self.saved(&record, given).await;
        let saved = record.configuration;
        if saved.enablement == Enablement::Enabled
            && was.is_some_and(|was| was != Enablement::Enabled)
        {
            self.set_rivals_aside(uid, &saved, ProviderStopReason::ConfigurationDisabled).await?;
        }
        if saved.enablement != Enablement::Enabled {
            self.tell(saved.id, Input::Stop(ProviderStopReason::ConfigurationDisabled)).await;
        }
        Ok(saved)
    }

    pub(crate) async fn set_enabled(
        &self,
        uid: u32,
        id: ConfigurationId,
        enabled: bool,
    ) -> Result<VpnConfiguration, HelperError> {
        let mut configuration = self.owned(uid, id)?.configuration;
        configuration.enablement = if enabled { Enablement::Enabled } else { Enablement::Disabled };
        self.save(uid, configuration, None, SecretChanges::new()).await
    }

    pub(crate) async fn remove(&self, uid: u32, id: ConfigurationId) -> Result<(), HelperError> {
        let _one = self.starting.lock().await;
        access::authorise_removal(&self.owned(uid, id)?.configuration)?;
        let record = self.delete(id).await?;
        self.tell(id, Input::Removed).await;
        self.on_demand.tell(id, on_demand::Input::Removed);
        self.close_apps_after_session(id);
        let event = Event::ConfigurationRemoved(Removed { id });
        self.surroundings.events.announce(&record.configuration, event);
        Ok(())
    }

    pub(crate) async fn stop(&self, uid: u32, id: ConfigurationId) -> Result<(), HelperError> {
        self.owned(uid, id)?;
        // Before the session ends: rules must not begin another.
        self.on_demand.tell(id, on_demand::Input::StoppedByHand);
        self.tell(id, Input::Stop(ProviderStopReason::UserInitiated)).await;
        Ok(())
    }

    pub(crate) async fn details(
        &self,
        uid: u32,
        id: ConfigurationId,
    ) -> Result<SessionDetails, HelperError> {
        let name = self.owned(uid, id)?.configuration.name;
        let details = self.session(id)?.ask(Input::Details).await;
        details.ok_or(HelperError::NotRunning { name })
    }

    /// The sessions that are over, of those configurations that `uid` may see.
    pub(crate) fn history(
        &self,
        uid: u32,
        call: &History,
    ) -> Result<Vec<PastSession>, HelperError> {
        let configurations = locked(&self.configurations);
        if let Some(id) = call.id {
            configurations.seen_by(uid, id)?;
        }
        let is_wanted = |id| {
            call.id.is_none_or(|wanted| wanted == id) && configurations.seen_by(uid, id).is_ok()
        };
        Ok(self.surroundings.history.past(is_wanted, call.limit.unwrap_or(usize::MAX)))
    }

    pub(crate) async fn send_message(
        &self,
        uid: u32,
        id: ConfigurationId,
        message: String,
    ) -> Result<Option<String>, HelperError> {
        let name = self.owned(uid, id)?.configuration.name;
        let session = self.session(id)?;
        if !session.status().status.is_active() {
            return Err(HelperError::NotRunning { name });
        }
        let reply = session.ask(|answer| Input::Message(message, answer)).await;
        reply.ok_or(HelperError::ProviderSilent { name })
    }

    /// Ends every session and undoes everything; says what there was to undo beyond them. Nothing
    /// starts meanwhile: its rules would be taken for something left behind.
    pub(crate) async fn reset(&self) -> Result<Vec<String>, HelperError> {
        // Rules that begin a session wait for the same lock.
        self.hold_all_off().await;
        let _one = self.starting.lock().await;
        let _closed = self.surroundings.parking.close().await;
        self.stop_all(ProviderStopReason::UserInitiated).await;
        let cleared = self.clear_barrier().await;
        let dissolved = self.dissolve_apps().await;
        let recovered = self.surroundings.network.recover(&recovery::NO_SESSION).await;
        match recovered {
            Ok(recovered) => Ok([cleared?, dissolved?, recovery::lines(&recovered)].concat()),
            Err(error) => Err(HelperError::SystemFailed { message: error.to_string() }),
        }
    }

    /// Ends every session and waits until all are down.
    pub(crate) async fn stop_all(&self, reason: ProviderStopReason) {
        let sessions: Vec<SessionHandle> = locked(&self.sessions).values().cloned().collect();
        for session in &sessions {
            session.tell(Input::Stop(reason)).await;
        }
        for session in &sessions {
            session.reach(STOP_PATIENCE, |status| !status.is_active()).await;
        }
    }

    /// Passes a change of the physical network on.
    pub(crate) async fn network_changed(&self) -> NetworkState {
        self.surroundings.barrier.enforce().await;
        self.surroundings.events.announce_machine();
        let state = self.surroundings.state();
        self.tell_all(|| Input::NetworkChanged(Box::new(state.clone()))).await;
        state
    }

    /// Passes on what others have changed of the sessions' settings.
    pub(crate) async fn healed(&self, healed: &Arc<Healed>) {
        self.tell_all(|| Input::Healed(Arc::clone(healed))).await;
    }

    /// Tells every session.
    async fn tell_all(&self, input: impl Fn() -> Input) {
        let sessions: Vec<SessionHandle> = locked(&self.sessions).values().cloned().collect();
        for session in sessions {
            session.tell(input()).await;
        }
    }

    async fn enable(&self, id: ConfigurationId, enablement: Enablement) -> Result<(), HelperError> {
        let changed = locked(&self.configurations).with_enablement(id, enablement)?;
        if let Some(record) = changed {
            let record = self.store(record).await?;
            self.saved(&record, Secrets::new()).await;
        }
        Ok(())
    }

    /// Tells the session, which is given what is not stored, and everybody who watches.
    async fn saved(&self, record: &Record, given: Secrets) {
        let id = record.configuration.id;
        let saved = Saved { configuration: record.configuration.clone() };
        let event = Event::ConfigurationSaved(Box::new(saved));
        // Before anything about its session, so that a watcher knows whose session that is.
        self.surroundings.events.announce(&record.configuration, event);
        // The task of a configuration that was removed ends with its session.
        let known = locked(&self.sessions).get(&id).filter(|session| session.lives()).cloned();
        if let Some(session) = known {
            session.tell(Input::Stored { record: Box::new(record.clone()), given }).await;
        } else {
            let surroundings = Arc::clone(&self.surroundings);
            let session = SessionHandle::spawn(record.clone(), surroundings, None);
            let mut sessions = locked(&self.sessions);
            sessions.retain(|_, session| session.lives());
            sessions.insert(id, session);
        }
        let configuration = Box::new(record.configuration.clone());
        self.on_demand.tell(id, on_demand::Input::Saved(configuration));
    }

    async fn tell(&self, id: ConfigurationId, input: Input) {
        let session = locked(&self.sessions).get(&id).cloned();
        if let Some(session) = session {
            session.tell(input).await;
        }
    }

    fn session(&self, id: ConfigurationId) -> Result<SessionHandle, HelperError> {
        let session = locked(&self.sessions).get(&id).cloned();
        session.ok_or_else(|| HelperError::NoSuchConfiguration { id: id.to_string() })
    }

    fn entry(&self, configuration: &VpnConfiguration) -> Option<Entry> {
        let session = locked(&self.sessions).get(&configuration.id)?.status();
        Some(Entry { configuration: configuration.clone(), session })
    }
}

/// The data behind these locks is whole after every statement, so a panic elsewhere does not spoil
/// it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
