//! `adit disconnect`

use adit_sentence::{Glyph, Language, pause_end};
use std::{collections::BTreeMap, time::Duration};

use adit_api::{CallError, Entry, Event, HelperError, List, Snapshot, Stop};
use adit_model::{
    ConfigurationId, MachineStatus, SessionStatus, VpnConfiguration,
    on_demand::{OnDemandStatus, PauseEnd},
};
use serde::Serialize;
use tokio::{signal, time};

use crate::{
    args::Disconnect, context::Context, failure::Failure, machine, output::Report, page::Page,
    select::select, subscription::Subscription,
};

/// The helper gives a provider less, so what takes longer does not come.
const LIMIT: Duration = Duration::from_secs(30);

pub(super) async fn run(arguments: Disconnect, context: &Context) -> Result<(), Failure> {
    let (Snapshot { entries, .. }, mut changes) = Subscription::open(&context.socket).await?;
    let wanted = match &arguments.name {
        Some(name) => vec![select(&entries, name)?],
        None => own(&entries),
    };
    let active: Vec<_> = wanted.iter().copied().filter(|entry| is_there(&entry.session)).collect();
    stop(&active, &mut changes, context).await?;
    let armed = wanted.iter().copied().filter(|entry| is_armed(&entry.session));
    let held_off = hold_off(armed, context).await?;
    let idle = match (wanted.as_slice(), active.as_slice()) {
        ([entry], []) if arguments.name.is_some() && held_off.is_empty() => {
            Some(entry.configuration.name.clone())
        }
        _ => None,
    };
    let disconnected = active.iter().map(|entry| Stopped::of(&entry.configuration)).collect();
    let machine = context.helper().await?.call(&List {}).await?.machine;
    context.output.report(&Ending { disconnected, held_off, machine, idle })
}

/// Keeps those from connecting that would do so by themselves. Returns their names.
async fn hold_off(
    entries: impl Iterator<Item = &Entry>,
    context: &Context,
) -> Result<Vec<String>, Failure> {
    let mut held_off = Vec::new();
    for Entry { configuration, .. } in entries {
        // Who may not hold it off does not end it for good either.
        if configuration.on_demand.user_override_disabled {
            continue;
        }
        context.helper().await?.call(&Stop { id: configuration.id }).await?;
        held_off.push(configuration.name.clone());
    }
    Ok(held_off)
}

/// Ends these sessions and waits until everything is undone. `changes` must begin with what
/// `entries` were.
pub(super) async fn stop(
    entries: &[&Entry],
    changes: &mut Subscription,
    context: &Context,
) -> Result<(), Failure> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut helper = context.helper().await?;
    let mut pending = BTreeMap::new();
    for Entry { configuration, .. } in entries {
        match helper.call(&Stop { id: configuration.id }).await {
            // It has ended by itself meanwhile, and the end is still to be heard of.
            Ok(_) | Err(CallError::Api(HelperError::NotRunning { .. })) => {}
            Err(error) => return Err(error.into()),
        }
        pending.insert(configuration.id, configuration.name.clone());
    }
    let result = tokio::select! {
        result = all_ended(&mut pending, changes) => result.map(|()| None),
        () = time::sleep(LIMIT) => Ok(Some(Interruption::Limit)),
        _ = signal::ctrl_c() => Ok(Some(Interruption::Person)),
    };
    let name = pending.into_values().collect::<Vec<_>>().join("”, “");
    match result? {
        None => Ok(()),
        Some(Interruption::Limit) => Err(Failure::NotDownInTime { name, seconds: LIMIT.as_secs() }),
        Some(Interruption::Person) => Err(Failure::NotWaitingForEnd { name }),
    }
}

/// Why nobody waits any longer.
enum Interruption {
    Limit,
    Person,
}

/// Takes out whatever ends, until nothing is left.
async fn all_ended(
    pending: &mut BTreeMap<ConfigurationId, String>,
    changes: &mut Subscription,
) -> Result<(), Failure> {
    while !pending.is_empty() {
        match changes.next().await? {
            Event::StatusChanged(change) if !is_there(&change.session) => {
                pending.remove(&change.session.id);
            }
            Event::ConfigurationRemoved(removed) => {
                pending.remove(&removed.id);
            }
            Event::Snapshot(Snapshot { entries, .. }) => pending.retain(|id, _| {
                let is_it = |entry: &&Entry| entry.configuration.id == *id;
                entries.iter().find(is_it).is_some_and(|entry| is_there(&entry.session))
            }),
            Event::StatusChanged(_)
            | Event::ConfigurationSaved(_)
            | Event::SessionEnded(_)
            | Event::MachineChanged(_)
            | Event::NetworkChanged(_)
            | Event::Lagged(_)
            | Event::Unknown(_) => {}
        }
    }
    Ok(())
}

/// Whether there is something to end: a session, or what one that failed holds back.
fn is_there(session: &SessionStatus) -> bool {
    session.status.is_active() || session.blocking
}

/// Whether it is down, and may come up by itself.
fn is_armed(session: &SessionStatus) -> bool {
    !is_there(session) && matches!(session.on_demand, Some(OnDemandStatus::Armed { .. }))
}

fn own(entries: &[Entry]) -> Vec<&Entry> {
    let user = rustix::process::geteuid().as_raw();
    entries.iter().filter(|entry| entry.configuration.owner == user).collect()
}

#[derive(Serialize)]
struct Ending {
    disconnected: Vec<Stopped>,
    /// Those that were down and might have connected by themselves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    held_off: Vec<String>,
    /// A person is told when traffic stays blocked.
    machine: MachineStatus,
    /// The one that was named and was not connected.
    #[serde(skip)]
    idle: Option<String>,
}

#[derive(Serialize)]
struct Stopped {
    id: ConfigurationId,
    name: String,
}

impl Stopped {
    fn of(configuration: &VpnConfiguration) -> Self {
        Self { id: configuration.id, name: configuration.name.clone() }
    }
}

impl Report for Ending {
    fn write(&self, page: &mut Page) {
        for stopped in &self.disconnected {
            page.glyph(Glyph::Disconnected);
            page.line(&format!("“{}” is disconnected.", stopped.name));
        }
        for name in &self.held_off {
            page.line(&format!(
                "“{name}” does not connect by itself {}.",
                pause_end(PauseEnd::ByHand, Language::English)
            ));
        }
        match &self.idle {
            Some(name) => page.line(&format!("“{name}” is not connected.")),
            None if self.disconnected.is_empty() && self.held_off.is_empty() => {
                page.line("None of yours is connected.");
            }
            None => {}
        }
        machine::write(&self.machine, page);
    }
}
