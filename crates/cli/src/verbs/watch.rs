//! `adit watch`

use adit_sentence::{Glyph, Language, local_time, network_sentence, sentence};
use std::collections::BTreeMap;

use adit_api::{Event, Snapshot};
use adit_model::{ConfigurationId, MachineStatus, SessionStatus, VpnConfiguration};
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    context::Context, failure::Failure, machine, output::Report, page::Page,
    subscription::Subscription,
};

/// Until the helper is gone for good, or whoever started it.
pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let (snapshot, mut changes) = Subscription::open(&context.socket).await?;
    let mut known = Known::default();
    let mut event = Event::Snapshot(snapshot);
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
            Event::Snapshot(Snapshot { entries, machine }) => {
                let configurations = entries.iter().map(|entry| entry.configuration.clone());
                self.0 = configurations.map(|known| (known.id, known)).collect();
                let sessions = entries.iter().map(|e| state(&e.configuration, &e.session, now));
                let blocked = (!machine.health.is_empty()).then(|| whole(machine, now));
                blocked.into_iter().chain(sessions).collect()
            }
            Event::StatusChanged(change) => {
                let known = self.0.get(&change.session.id).into_iter();
                known.map(|configuration| state(configuration, &change.session, now)).collect()
            }
            Event::MachineChanged(change) => vec![whole(&change.machine, now)],
            Event::ConfigurationSaved(saved) => {
                let configuration = &saved.configuration;
                self.0.insert(configuration.id, configuration.clone());
                vec![plain(now, &format!("{}: Saved.", configuration.name))]
            }
            Event::ConfigurationRemoved(removed) => {
                let known = self.0.remove(&removed.id).into_iter();
                known.map(|gone| plain(now, &format!("{}: Removed.", gone.name))).collect()
            }
            Event::NetworkChanged(change) => {
                vec![plain(now, &network_sentence(&change.network))]
            }
            Event::Lagged(lagged) => {
                vec![plain(now, &format!("{} changes were missed.", lagged.missed))]
            }
            // That it is over was said already.
            Event::SessionEnded(_) | Event::Unknown(_) => Vec::new(),
        }
    }
}

fn state(configuration: &VpnConfiguration, session: &SessionStatus, now: Timestamp) -> Line {
    let said = sentence(configuration, session, now, Language::English);
    let text = format!("{}: {}", configuration.name, said.text);
    Line { glyph: Some(said.glyph), ..plain(now, &text) }
}

fn whole(machine: &MachineStatus, now: Timestamp) -> Line {
    let glyph = machine.blocking.then_some(Glyph::Blocked);
    Line { glyph, ..plain(now, &machine::sentence(machine)) }
}

fn plain(now: Timestamp, text: &str) -> Line {
    Line { glyph: None, text: format!("{}  {text}", local_time(now)) }
}
