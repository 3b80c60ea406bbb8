//! Keys and other secrets of configurations.

use std::time::Instant;

use adit_api::{HelperError, SecretChanges};
use adit_model::{ConfigurationId, Secrets, wireguard::Key};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::{Service, locked};
use crate::{key_pairs::public_half, store::Record};

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

    /// What a save makes of the secrets; `None` leaves them as they are.
    pub(super) fn changed_secrets(
        &self,
        uid: u32,
        before: Option<&Record>,
        secrets: Option<Secrets>,
        changes: SecretChanges,
    ) -> Result<Option<Secrets>, HelperError> {
        if changes.is_empty() {
            return Ok(secrets);
        }
        let secrets = secrets.or_else(|| before.map(|record| record.secrets.clone()));
        let secrets = secrets.unwrap_or_default();
        locked(&self.key_pairs).apply(uid, secrets, changes, Instant::now()).map(Some)
    }
}
