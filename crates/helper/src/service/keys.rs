//! Keys and other secrets of configurations.

use std::time::Instant;

use adit_api::{HelperError, SecretChanges, SecretEvent};
use adit_model::{ConfigurationId, Secrets, VpnConfiguration, wireguard::Key};
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

    /// What a save makes of the secrets; `None` leaves them as they are. What is given here is kept here
    /// from now on.
    pub(super) fn changed_secrets(
        &self,
        uid: u32,
        before: Option<&Record>,
        configuration: &mut VpnConfiguration,
        secrets: Option<Secrets>,
        changes: SecretChanges,
    ) -> Result<Option<Secrets>, HelperError> {
        let given = secrets.iter().flat_map(Secrets::keys).chain(changes.keys());
        for name in given {
            configuration.protocol.user_secrets.remove(name);
        }
        if changes.is_empty() {
            return Ok(secrets);
        }
        let secrets = secrets.or_else(|| before.map(|record| record.secrets.clone()));
        let secrets = secrets.unwrap_or_default();
        locked(&self.key_pairs).apply(uid, secrets, changes, Instant::now()).map(Some)
    }
}
