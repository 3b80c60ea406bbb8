//! `adit list`

use adit_api::{Entry, List};
use adit_sentence::{Language, sentence};
use jiff::Timestamp;
use serde::Serialize;

use crate::{context::Context, failure::Failure, output::Report, page::Page};

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let entries = context.helper().await?.call(&List {}).await?.entries;
    context.output.report(&Listing { entries, now: Timestamp::now() })
}

#[derive(Serialize)]
#[serde(transparent)]
struct Listing {
    entries: Vec<Entry>,
    #[serde(skip)]
    now: Timestamp,
}

impl Report for Listing {
    fn write(&self, page: &mut Page) {
        if self.entries.is_empty() {
            page.line("There are no configurations. Import one with: adit import FILE");
        }
        let names = self.entries.iter().map(|entry| entry.configuration.name.chars().count());
        let width = names.max().unwrap_or(0);
        for entry in &self.entries {
            let mut sentence =
                sentence(&entry.configuration, &entry.session, self.now, Language::English);
            if entry.configuration.managed_by.is_some() {
                sentence.text.push_str(" (managed)");
            }
            page.state(&entry.configuration.name, width, &sentence);
        }
    }
}
