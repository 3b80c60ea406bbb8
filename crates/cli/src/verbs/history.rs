//! `adit history`

use adit_api::{History, HistoryReply};
use adit_model::PastSession;
use adit_sentence::{Glyph, Sentence, local_time, past};
use serde::Serialize;

use crate::{
    args,
    context::{Context, find},
    failure::Failure,
    output::Report,
    page::Page,
};

pub(super) async fn run(arguments: args::History, context: &Context) -> Result<(), Failure> {
    let mut helper = context.helper().await?;
    let id = match &arguments.name {
        Some(name) => Some(find(&mut helper, name).await?.configuration.id),
        None => None,
    };
    let call = History { id, limit: Some(arguments.number) };
    let HistoryReply { sessions } = helper.call(&call).await?;
    context.output.report(&Sessions { sessions })
}

#[derive(Serialize)]
#[serde(transparent)]
struct Sessions {
    sessions: Vec<PastSession>,
}

impl Report for Sessions {
    fn write(&self, page: &mut Page) {
        if self.sessions.is_empty() {
            page.line("No session is over yet.");
        }
        let viewer = rustix::process::geteuid().as_raw();
        let names = self.sessions.iter().map(|session| session.name.chars().count());
        let width = names.max().unwrap_or(0);
        for session in &self.sessions {
            let began = local_time(session.started_at);
            let glyph = match session.last_error {
                Some(_) => Glyph::Problem,
                None => Glyph::Disconnected,
            };
            let text = format!("{:width$}  {}", session.name, past(session, viewer));
            page.state(&began, 0, &Sentence { glyph, text });
        }
    }
}
