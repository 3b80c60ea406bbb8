//! `adit remove`

use adit_api::{Remove as RemoveCall, Removed as RemovedId};
use adit_keyring::{Keyring, KeyringError, is_in_keyring};
use adit_model::ConfigurationId;
use serde::Serialize;

use crate::{
    args::Remove,
    context::{Context, find},
    failure::Failure,
    output::Report,
    page::Page,
    terminal,
};

pub(super) async fn run(arguments: Remove, context: &Context) -> Result<(), Failure> {
    let mut helper = context.helper().await?;
    let entry = find(&mut helper, &arguments.name).await?;
    let (id, name) = (entry.configuration.id, entry.configuration.name.clone());
    if !arguments.yes {
        let first =
            if entry.session.status.is_active() { "Disconnect and remove" } else { "Remove" };
        confirm(&format!("{first} “{name}” and its keys?")).await?;
    }
    helper.call(&RemoveCall { id }).await?;
    if is_in_keyring(&entry.configuration.protocol.user_secrets)
        && let Err(error) = forget(id).await
    {
        context.output.note(&format!("Its keys may still be in its owner’s keyring. {error}"));
    }
    context.output.report(&Removed { removed: RemovedId { id }, name })
}

async fn forget(id: ConfigurationId) -> Result<(), KeyringError> {
    Keyring::open().await?.forget(id).await
}

async fn confirm(question: &str) -> Result<(), Failure> {
    if !terminal::is_attended() {
        let message = "Nobody is there to ask. To remove it nevertheless, add: --yes";
        return Err(Failure::Usage(message.into()));
    }
    if terminal::ask(question, false).await? { Ok(()) } else { Err(Failure::Interrupted) }
}

#[derive(Serialize)]
struct Removed {
    #[serde(flatten)]
    removed: RemovedId,
    name: String,
}

impl Report for Removed {
    fn write(&self, page: &mut Page) {
        page.line(&format!("“{}” is removed.", self.name));
    }
}
