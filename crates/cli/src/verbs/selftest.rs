//! `adit selftest`

use adit_api::SelfTest;
use adit_model::{Check, CheckOutcome};
use adit_sentence::{Glyph, Sentence};
use serde::Serialize;

use crate::{context::Context, failure::Failure, output::Report, page::Page};

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let mut helper = context.helper().await?;
    let checks = Checks(helper.call(&SelfTest {}).await?.checks);
    context.output.report(&checks)?;
    match checks.count(CheckOutcome::Failed) {
        0 => Ok(()),
        failed => Err(Failure::SelfTest { failed }),
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct Checks(Vec<Check>);

impl Report for Checks {
    fn write(&self, page: &mut Page) {
        let width = self.0.iter().map(|check| check.subject.chars().count()).max().unwrap_or(0);
        for Check { subject, outcome, text, .. } in &self.0 {
            let (glyph, word) = match outcome {
                CheckOutcome::Passed => (Glyph::Connected, "ok"),
                CheckOutcome::Failed => (Glyph::Problem, "failed"),
                CheckOutcome::NotApplicable => (Glyph::Disconnected, "not promised"),
            };
            let text = format!("{word}: {text}");
            page.state(subject, width, &Sentence { glyph, text });
        }
        if self.0.len() == self.count(CheckOutcome::NotApplicable) {
            page.line("Nothing is held back at this moment, so that nothing could be tried out.");
        }
    }
}

impl Checks {
    fn count(&self, outcome: CheckOutcome) -> usize {
        self.0.iter().filter(|check| check.outcome == outcome).count()
    }
}
