//! `adit rename`

use adit_api::{Save, SaveReply, SecretChanges};
use adit_model::VpnConfiguration;
use serde::Serialize;

use crate::{
    args::Rename,
    context::{Context, find},
    failure::Failure,
    output::Report,
    page::Page,
};

pub(super) async fn run(arguments: Rename, context: &Context) -> Result<(), Failure> {
    let mut helper = context.helper().await?;
    let mut configuration = find(&mut helper, &arguments.old).await?.configuration;
    let old = std::mem::replace(&mut configuration.name, arguments.new);
    configuration.validate()?;
    let save = Save { configuration, secrets: None, secret_changes: SecretChanges::new() };
    let SaveReply { configuration } = helper.call(&save).await?;
    context.output.report(&Renamed { old, configuration })
}

#[derive(Serialize)]
struct Renamed {
    old: String,
    configuration: VpnConfiguration,
}

impl Report for Renamed {
    fn write(&self, page: &mut Page) {
        page.line(&format!("“{}” is “{}” now.", self.old, self.configuration.name));
    }
}
