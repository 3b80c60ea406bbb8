//! What the keyring has to say to a request for secrets.

use adit_api::{SecretAnswer, SecretRequest, SecretsUnavailable};
use adit_model::{SecretPlace, SecretPlaces, Secrets};

use crate::{Access, Keyring, KeyringError};

/// What was found without asking for it.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The secrets.
    pub secrets: Secrets,
    /// Why the keyring is of no use, for this request and for remembering what is entered.
    pub trouble: Option<KeyringError>,
}

impl Found {
    /// Looks into the keyring for what is there. What the server did not accept is not looked up again.
    pub async fn look_up(request: &SecretRequest) -> Self {
        if !is_in_keyring(&request.secrets) {
            return Self::default();
        }
        let access = if request.may_ask { Access::Asking } else { Access::Quiet };
        let looking = async {
            let keyring = Keyring::open().await?;
            if request.refused {
                return Ok(Secrets::new());
            }
            keyring.find(request.id, &request.secrets, access).await
        };
        match looking.await {
            Ok(secrets) => Self { secrets, trouble: None },
            Err(error) => Self { secrets: Secrets::new(), trouble: Some(error) },
        }
    }

    /// Whether nobody has to be asked.
    #[must_use]
    pub fn is_complete(&self, request: &SecretRequest) -> bool {
        request.secrets.keys().all(|name| self.secrets.contains_key(name))
    }

    /// The answer, if it is known without asking the person.
    #[must_use]
    pub fn answer(&self, request: &SecretRequest) -> Option<SecretAnswer> {
        if self.is_complete(request) {
            return Some(SecretAnswer::Given(self.secrets.clone()));
        }
        if request.may_ask {
            return None;
        }
        let reason = match &self.trouble {
            Some(trouble) => format!("{trouble} Connect by hand to enter it."),
            None if request.refused => "It was not accepted.".into(),
            None => "It is not in the keyring. Connect by hand to enter it.".into(),
        };
        Some(SecretAnswer::Unavailable(SecretsUnavailable { reason }))
    }
}

/// Stores what was entered, as far as it belongs into the keyring.
pub async fn remember(request: &SecretRequest, entered: &Secrets) -> Result<(), KeyringError> {
    let mut kept = entered.clone();
    kept.retain(|name, _| request.secrets.get(name) == Some(&SecretPlace::Keyring));
    if kept.is_empty() {
        return Ok(());
    }
    Keyring::open().await?.keep(request.id, &request.name, &kept).await
}

/// Whether any of them is, or could be remembered there.
#[must_use]
pub fn is_in_keyring(places: &SecretPlaces) -> bool {
    places.values().any(|place| *place == SecretPlace::Keyring)
}

#[cfg(test)]
mod tests {
    use adit_model::{ConfigurationId, Secret};

    use super::*;

    #[test]
    fn nobody_is_bothered_for_a_rule() {
        let request = request();
        let nothing = Found::default();
        assert_eq!(nothing.answer(&request), None);
        let by_rule = SecretRequest { may_ask: false, ..request.clone() };
        let Some(SecretAnswer::Unavailable(why)) = nothing.answer(&by_rule) else {
            panic!("it asks")
        };
        assert_eq!(why.reason, "It is not in the keyring. Connect by hand to enter it.");
        let locked = Found { trouble: Some(KeyringError::Locked), ..Found::default() };
        let Some(SecretAnswer::Unavailable(why)) = locked.answer(&by_rule) else {
            panic!("it asks")
        };
        assert_eq!(why.reason, "The keyring is locked. Connect by hand to enter it.");
    }

    #[test]
    fn what_is_found_is_given_when_it_is_all() {
        let mut request = request();
        let secrets = Secrets::from([("password".into(), Secret::new("x"))]);
        let found = Found { secrets: secrets.clone(), trouble: None };
        assert_eq!(found.answer(&request), Some(SecretAnswer::Given(secrets)));
        request.secrets.insert("pin".into(), SecretPlace::Nowhere);
        assert_eq!(found.answer(&request), None);
    }

    fn request() -> SecretRequest {
        SecretRequest {
            number: 1,
            id: ConfigurationId::from_random([1; 16]),
            name: "home".into(),
            server: "vpn.example".into(),
            username: None,
            secrets: SecretPlaces::from([("password".into(), SecretPlace::Keyring)]),
            refused: false,
            may_ask: true,
        }
    }
}
