//! `adit secrets`

use std::collections::BTreeMap;

use adit_api::{Get, Got};
use adit_keyring::{Place, relocate};
use adit_model::{ConfigurationId, SecretPlace, VpnConfiguration, secret_words};
use serde::Serialize;

use crate::{
    args::{KeepIn, SecretsOf},
    context::{Context, find},
    failure::Failure,
    output::Report,
    page::Page,
};

pub(super) async fn run(arguments: SecretsOf, context: &Context) -> Result<(), Failure> {
    let mut helper = context.helper().await?;
    let id = find(&mut helper, &arguments.name).await?.configuration.id;
    if let Some(place) = arguments.keep_in {
        let to = match place {
            KeepIn::System => Place::System,
            KeepIn::Keyring => Place::Owner(SecretPlace::Keyring),
            KeepIn::Nowhere => Place::Owner(SecretPlace::Nowhere),
        };
        relocate(&mut helper, id, to).await?;
    }
    let Got { entry, secret_names, .. } = helper.call(&Get { id, include_secrets: false }).await?;
    context.output.report(&Kept::new(&entry.configuration, secret_names))
}

#[derive(Serialize)]
struct Kept {
    id: ConfigurationId,
    name: String,
    secrets: BTreeMap<String, Where>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Where {
    System,
    Keyring,
    Nowhere,
}

impl Kept {
    fn new(configuration: &VpnConfiguration, names: Vec<String>) -> Self {
        let places = &configuration.protocol.user_secrets;
        let place = |name: &String| match places.get(name) {
            None => Where::System,
            Some(SecretPlace::Keyring) => Where::Keyring,
            Some(SecretPlace::Nowhere) => Where::Nowhere,
        };
        let secrets = names.into_iter().map(|name| (name.clone(), place(&name))).collect();
        Self { id: configuration.id, name: configuration.name.clone(), secrets }
    }
}

impl Report for Kept {
    fn write(&self, page: &mut Page) {
        page.line(&self.name);
        if self.secrets.is_empty() {
            page.part("It has no keys and no passwords.");
        }
        for (name, place) in &self.secrets {
            let place = match place {
                Where::System => "with the Adit service, readable by root alone",
                Where::Keyring => "in its owner’s keyring",
                Where::Nowhere => "nowhere; its owner is asked at every start",
            };
            page.part(&format!("{}: {place}", secret_words(name)));
        }
    }
}
