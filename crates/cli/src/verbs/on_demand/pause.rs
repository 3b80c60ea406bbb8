//! `adit on-demand pause` and `adit on-demand resume`

use adit_api::{HelperClient, PauseOnDemand, ResumeOnDemand};
use adit_model::on_demand::PauseEnd;
use adit_sentence::{Language, pause_end};
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    args::Pause,
    context::{Context, find},
    failure::Failure,
    output::Report,
    page::Page,
};

pub(super) async fn pause(
    name: &str,
    end: Option<Pause>,
    helper: &mut HelperClient,
    context: &Context,
) -> Result<(), Failure> {
    let configuration = find(helper, name).await?.configuration;
    let end = match end {
        Some(Pause::For(time)) => PauseEnd::Time { at: Timestamp::now() + time },
        Some(Pause::UntilNetwork) => PauseEnd::NextNetwork,
        Some(Pause::UntilBoot) => PauseEnd::NextBoot,
        None => PauseEnd::ByHand,
    };
    helper.call(&PauseOnDemand { id: configuration.id, end }).await?;
    context.output.report(&Paused { name: configuration.name, end })
}

pub(super) async fn resume(
    name: &str,
    helper: &mut HelperClient,
    context: &Context,
) -> Result<(), Failure> {
    let configuration = find(helper, name).await?.configuration;
    helper.call(&ResumeOnDemand { id: configuration.id }).await?;
    context.output.report(&Resumed { name: configuration.name })
}

#[derive(Serialize)]
struct Paused {
    name: String,
    #[serde(flatten)]
    end: PauseEnd,
}

#[derive(Serialize)]
struct Resumed {
    name: String,
}

impl Report for Paused {
    fn write(&self, page: &mut Page) {
        page.line(&format!(
            "“{}” does not connect or disconnect by itself {}.",
            self.name,
            pause_end(self.end, Language::English)
        ));
    }
}

impl Report for Resumed {
    fn write(&self, page: &mut Page) {
        page.line(&format!("The rules of “{}” count again.", self.name));
    }
}
