//! `adit edit`

use adit_api::{Got, HelperClient, Save, SecretChanges};
use adit_model::VpnConfiguration;
use adit_profile::{Imported, Note, completed, import_wg_quick, lint, set_wireguard, wireguard_of};
use serde::Serialize;

use super::export;
use crate::{
    args::Named,
    context::{Context, find_with_secrets},
    draft::Draft,
    failure::Failure,
    output::Report,
    page::Page,
    terminal,
};

pub(super) async fn run(arguments: Named, context: &Context) -> Result<(), Failure> {
    let mut helper = context.helper().await?;
    let Got { entry, secrets, .. } = find_with_secrets(&mut helper, &arguments.name).await?;
    let configuration = entry.configuration;
    let before = export::wg_quick(&configuration, &secrets.unwrap_or_default())?;
    let draft = Draft::write("wireguard.conf", &before).map_err(Failure::TemporaryFile)?;
    let edited = loop {
        draft.edit().await?;
        let text = draft.read().map_err(Failure::TemporaryFile)?;
        if *text == *before.as_bytes() {
            break Edited { configuration, changed: false, notes: Vec::new() };
        }
        let error = match understand(&text, &configuration) {
            Ok(imported) => match save(&configuration, imported, &mut helper).await {
                Ok(edited) => break edited,
                Err(failure) => failure,
            },
            Err(failure) => failure,
        };
        if !terminal::is_attended() {
            return Err(error);
        }
        context.output.note(&error.to_string());
        if !terminal::ask("Edit again?", true).await? {
            return Err(Failure::Interrupted);
        }
    };
    context.output.report(&edited)
}

fn understand(text: &[u8], configuration: &VpnConfiguration) -> Result<Imported, Failure> {
    import_wg_quick(text, &configuration.name, configuration.id)
        .map_err(|error| Failure::Import { file: configuration.name.clone(), error })
}

/// Everything that the text says nothing about stays.
async fn save(
    configuration: &VpnConfiguration,
    imported: Imported,
    helper: &mut HelperClient,
) -> Result<Edited, Failure> {
    let mut configuration = configuration.clone();
    if let Some(wireguard) = wireguard_of(&imported.configuration) {
        let wireguard = completed(wireguard, &configuration);
        set_wireguard(&mut configuration, &wireguard);
    }
    let save = Save {
        configuration,
        secrets: Some(imported.secrets),
        secret_changes: SecretChanges::new(),
    };
    let configuration = adit_keyring::save(helper, save).await?;
    let notes = [imported.notes, lint(&configuration)].concat();
    Ok(Edited { configuration, changed: true, notes })
}

#[derive(Serialize)]
struct Edited {
    configuration: VpnConfiguration,
    changed: bool,
    notes: Vec<Note>,
}

impl Report for Edited {
    fn write(&self, page: &mut Page) {
        let name = &self.configuration.name;
        if !self.changed {
            page.line(&format!("“{name}” was not changed."));
            return;
        }
        page.line(&format!("“{name}” is saved."));
        for note in &self.notes {
            page.part(&note.to_string());
        }
    }
}
