//! The secrets of a session that the helper does not keep: asked for when it starts, and held in memory
//! until it ends.

use adit_api::SecretRequest;
use adit_model::{
    ConnectionError, DisconnectError, HealthItem, SecretPlaces, Secrets, StartCause,
    VpnConfiguration,
    session::{SecretsMissing, SecretsNeeded},
};

use super::health;
use crate::{secret_agents::NotGiven, store::Record};

/// What was given.
#[derive(Debug, Default)]
pub(super) struct GivenSecrets {
    given: Secrets,
}

impl GivenSecrets {
    /// Whether a provider of the configuration needs more than what is at hand.
    pub(super) fn needed(&self, configuration: &VpnConfiguration) -> SecretsNeeded {
        let wanted = &configuration.protocol.user_secrets;
        if wanted.is_empty() {
            SecretsNeeded::No
        } else if wanted.keys().all(|name| self.given.contains_key(name)) {
            SecretsNeeded::AtHand
        } else {
            SecretsNeeded::Wanted
        }
    }

    /// A configuration was changed while its session runs: what it had at hand stays so, but for what
    /// was given in its place.
    pub(super) fn follow(&mut self, before: &Record, given: Secrets, after: &Record) {
        self.given.extend(before.secrets.clone());
        self.given.extend(given);
        self.retain(&after.configuration);
    }

    pub(super) fn take(&mut self, given: Secrets, configuration: &VpnConfiguration) {
        self.given = given;
        self.retain(configuration);
    }

    pub(super) fn forget(&mut self) {
        self.given.clear();
    }

    /// The configuration with all its secrets.
    pub(super) fn complete(&self, record: &Record) -> Record {
        let mut whole = record.clone();
        whole.secrets.extend(self.given.clone());
        whole
    }

    fn retain(&mut self, configuration: &VpnConfiguration) {
        self.given.retain(|name, _| configuration.protocol.user_secrets.contains_key(name));
    }
}

/// What to ask for. Rules start sessions when nobody looks, so that nobody is bothered then.
pub(super) fn request(
    configuration: &VpnConfiguration,
    cause: &StartCause,
    refused: bool,
) -> SecretRequest {
    let may_ask = match cause {
        StartCause::User { .. } => true,
        StartCause::OnDemand { .. } => false,
    };
    let protocol = &configuration.protocol;
    SecretRequest {
        number: 0,
        id: configuration.id,
        name: configuration.name.clone(),
        server: protocol.server_address.clone(),
        username: protocol.username.clone(),
        secrets: protocol.user_secrets.clone(),
        refused,
        may_ask,
    }
}

/// Why a session does not start, in the words of a person who could have given the secrets.
pub(super) fn missing(
    why: NotGiven,
    configuration: &VpnConfiguration,
    refused: Option<&DisconnectError>,
) -> SecretsMissing {
    let reasons = match why {
        NotGiven::Canceled => return SecretsMissing::Canceled,
        NotGiven::Unavailable(reasons) => reasons,
    };
    // That the server refused them tells more than that there are no others.
    if let Some(refused) = refused {
        return SecretsMissing::Unavailable(refused.clone());
    }
    let what = names(&configuration.protocol.user_secrets);
    let name = &configuration.name;
    let mut sentence = format!("Nobody gave the {what} of “{name}”.");
    if reasons.is_empty() {
        sentence += " Adit’s own program in its owner’s session gives it; start Adit there, or \
                      connect with “adit connect” at a terminal.";
    }
    for reason in reasons {
        sentence += " ";
        sentence += &reason;
    }
    SecretsMissing::Unavailable(ConnectionError::AuthenticationFailed.because(sentence))
}

/// That the session waits for its owner.
pub(super) fn waiting(configuration: &VpnConfiguration) -> HealthItem {
    let secrets = &configuration.protocol.user_secrets;
    health::asking(secrets, &names(secrets), &configuration.name)
}

fn names(secrets: &SecretPlaces) -> String {
    let words: Vec<String> = secrets.keys().map(|name| adit_model::secret_words(name)).collect();
    match &words[..] {
        [] => String::new(),
        [only] => only.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}
