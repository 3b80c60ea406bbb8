//! `adit enable` and `adit disable`

use adit_api::{SaveReply, SetEnabled};
use adit_model::{Enablement, VpnConfiguration};
use serde::Serialize;

use crate::{
    context::{Context, find},
    failure::Failure,
    output::Report,
    page::Page,
};

pub(super) async fn set(name: &str, enabled: bool, context: &Context) -> Result<(), Failure> {
    let mut helper = context.helper().await?;
    let id = find(&mut helper, name).await?.configuration.id;
    let SaveReply { configuration } = helper.call(&SetEnabled { id, enabled }).await?;
    context.output.report(&Set { configuration })
}

#[derive(Serialize)]
struct Set {
    configuration: VpnConfiguration,
}

impl Report for Set {
    fn write(&self, page: &mut Page) {
        let name = &self.configuration.name;
        page.line(&match self.configuration.enablement {
            Enablement::Enabled => format!("“{name}” is enabled."),
            Enablement::SetAside => format!("“{name}” is enabled and set aside for another one."),
            Enablement::Disabled => format!("“{name}” is disabled."),
        });
    }
}
