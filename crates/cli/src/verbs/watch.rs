//! `adit watch`

use std::collections::BTreeMap;

use adit_api::{Event, Snapshot};
use adit_model::{ConfigurationId, SessionStatus, VpnConfiguration};
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    context::Context, failure::Failure, glyph::Glyph, output::Report, page::Page,
    quantity::local_time, sentence::sentence, subscription::Subscription,
};

/// Until the helper ends, or whoever started it.
pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let (entries, mut changes) = Subscription::open(&context.socket).await?;
    let mut known = Known::default();
    let mut event = Event::Snapshot(Snapshot { entries });
    loop {
        let lines = known.take(&event, Timestamp::now());
        context.output.event(&Change { event: &event, lines })?;
        event = changes.next().await?;
    }
}

/// An event as it came, and in words.
#[derive(Serialize)]
#[serde(transparent)]
struct Change<'a> {
    event: &'a Event,
    #[serde(skip)]
    lines: Vec<Line>,
}

struct Line {
    glyph: Option<Glyph>,
    text: String,
}

impl Report for Change<'_> {
    fn write(&self, page: &mut Page) {
        for line in &self.lines {
            if let Some(glyph) = line.glyph {
                page.glyph(glyph);
            }
            page.line(&line.text);
        }
    }
}

/// The configurations as they were last heard of.
#[derive(Default)]
struct Known(BTreeMap<ConfigurationId, VpnConfiguration>);

impl Known {
    /// Takes one event and says it in words.
    fn take(&mut self, event: &Event, now: Timestamp) -> Vec<Line> {
        match event {
            Event::Snapshot(Snapshot { entries }) => {
                let configurations = entries.iter().map(|entry| entry.configuration.clone());
                self.0 = configurations.map(|known| (known.id, known)).collect();
                entries.iter().map(|e| state(&e.configuration, &e.session, now)).collect()
            }
            Event::StatusChanged(change) => {
                let known = self.0.get(&change.session.id).into_iter();
                known.map(|configuration| state(configuration, &change.session, now)).collect()
            }
            Event::ConfigurationSaved(saved) => {
                let configuration = &saved.configuration;
                self.0.insert(configuration.id, configuration.clone());
                vec![plain(now, &format!("{}: Saved.", configuration.name))]
            }
            Event::ConfigurationRemoved(removed) => {
                let known = self.0.remove(&removed.id).into_iter();
                known.map(|gone| plain(now, &format!("{}: Removed.", gone.name))).collect()
            }
            Event::Lagged(lagged) => {
                vec![plain(now, &format!("{} changes were missed.", lagged.missed))]
            }
            Event::Unknown(_) => Vec::new(),
        }
    }
}

fn state(configuration: &VpnConfiguration, session: &SessionStatus, now: Timestamp) -> Line {
    let said = sentence(configuration, session, now);
    let text = format!("{}: {}", configuration.name, said.text);
    Line { glyph: Some(said.glyph), ..plain(now, &text) }
}

fn plain(now: Timestamp, text: &str) -> Line {
    Line { glyph: None, text: format!("{}  {text}", local_time(now)) }
}
