//! Keys and other secrets of configurations.

use std::time::Instant;

use adit_api::{HelperError, SecretChanges, SecretEvent};
use adit_model::{
    ConfigurationId, Secret, SecretChange, Secrets, VpnConfiguration, wireguard::Key,
};
use futures_util::Stream;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::{Service, locked};
use crate::{key_pairs::public_half, on_demand, store::Record};

impl Service {
    /// Makes a key pair for `uid` and keeps it for a while.
    pub(crate) fn generate_key(&self, uid: u32) -> Result<Key, HelperError> {
        let mut random = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(random.as_mut()).map_err(|_| HelperError::SystemFailed {
            message: "The system has no random numbers for a key.".into(),
        })?;
        Ok(locked(&self.key_pairs).keep(uid, &random, Instant::now()))
    }

    /// The public half of a secret that is a Curve25519 key.
    pub(crate) fn public_key(
        &self,
        uid: u32,
        id: ConfigurationId,
        secret: &str,
    ) -> Result<Key, HelperError> {
        let record = self.owned(uid, id)?;
        record.secrets.get(secret).and_then(public_half).ok_or_else(|| {
            let reason = "is not there, or is no Curve25519 key".into();
            HelperError::ConfigurationInvalid { field: secret.into(), reason }
        })
    }

    /// Registers somebody who can be asked for the secrets of `uid`, or for those of `only` one
    /// configuration of theirs. Rules that had nobody to ask begin anew when the first of the former comes.
    /// One of the latter connects by hand, and a rule must not be faster.
    pub(crate) fn attend_secrets(
        &self,
        uid: u32,
        only: Option<ConfigurationId>,
    ) -> impl Stream<Item = SecretEvent> + Send + use<> {
        let agents = &self.surroundings.secret_agents;
        let is_first = only.is_none() && !agents.is_attended(uid);
        let events = agents.attend(uid, only);
        if !is_first {
            return events;
        }
        for record in locked(&self.configurations).all() {
            let configuration = &record.configuration;
            if configuration.owner == uid && !configuration.protocol.user_secrets.is_empty() {
                self.on_demand.tell(configuration.id, on_demand::Input::OwnerCame);
            }
        }
        events
    }

    /// The private half of a pair that was made for `uid`, for an owner who keeps it.
    pub(crate) fn private_key(&self, uid: u32, public: Key) -> Result<Secret, HelperError> {
        locked(&self.key_pairs).private_half(uid, public, "publicKey", Instant::now())
    }

    /// What a save makes of the secrets.
    pub(super) fn changed_secrets(
        &self,
        uid: u32,
        before: Option<&Record>,
        configuration: &mut VpnConfiguration,
        secrets: Option<Secrets>,
        changes: SecretChanges,
    ) -> Result<ChangedSecrets, HelperError> {
        let places = &mut configuration.protocol.user_secrets;
        for (name, change) in &changes {
            match change {
                SecretChange::Remove {} => {
                    places.remove(name);
                }
                SecretChange::Set(_) | SecretChange::KeyOf(_) => {}
            }
        }
        let is_given = |name: &String| {
            secrets.as_ref().is_some_and(|secrets| secrets.contains_key(name))
                || changes.contains_key(name)
        };
        let names: Vec<String> = places.keys().filter(|name| is_given(name)).cloned().collect();
        let mut stored = secrets;
        if !changes.is_empty() {
            let secrets = stored.or_else(|| before.map(|record| record.secrets.clone()));
            let secrets = secrets.unwrap_or_default();
            stored = Some(locked(&self.key_pairs).apply(uid, secrets, changes, Instant::now())?);
        }
        let mut given = Secrets::new();
        for name in names {
            given.extend(stored.as_mut().and_then(|stored| stored.remove_entry(&name)));
        }
        Ok(ChangedSecrets { stored, given })
    }
}

/// What a save makes of the secrets.
pub(super) struct ChangedSecrets {
    /// `None` leaves them as they are.
    pub(super) stored: Option<Secrets>,
    /// Those that their owner keeps: for a session that runs.
    pub(super) given: Secrets,
}
