//! `adit connect` and `adit reconnect`

use adit_sentence::{Glyph, Language, Traffic, waiting_for};
use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use adit_api::{Entry, Snapshot, Start};
use adit_model::{ConfigurationId, SessionStatus, VpnConfiguration, VpnStatus};
use serde::Serialize;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{self, MissedTickBehavior},
};

use super::disconnect;
use crate::{
    args::Connect,
    attempt::{Attempt, Stage},
    context::Context,
    failure::{Failure, Held},
    output::Report,
    page::Page,
    secret_agent::SecretAgent,
    select::select,
    subscription::Subscription,
    terminal::Progress,
};

/// What takes no longer needs no explanation.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn run(arguments: Connect, context: &Context) -> Result<(), Failure> {
    let (Snapshot { entries, .. }, changes) = Subscription::open(&context.socket).await?;
    let entry = select(&entries, &arguments.name)?.clone();
    connect(entry, changes, arguments.wait, context).await
}

/// `adit reconnect`: what is not connected is connected.
pub(super) async fn again(arguments: Connect, context: &Context) -> Result<(), Failure> {
    let (Snapshot { entries, .. }, mut changes) = Subscription::open(&context.socket).await?;
    let entry = select(&entries, &arguments.name)?;
    if entry.session.status.is_active() {
        disconnect::stop(&[entry], &mut changes, context).await?;
    }
    // Nothing that is heard from here on is of the session before.
    let name = entry.configuration.id.to_string();
    run(Connect { name, ..arguments }, context).await
}

async fn connect(
    entry: Entry,
    changes: Subscription,
    wait: Duration,
    context: &Context,
) -> Result<(), Failure> {
    let Entry { configuration, session } = entry;
    let begun = Instant::now();
    let was_connected = match session.status {
        VpnStatus::Connected | VpnStatus::Reasserting => true,
        VpnStatus::Invalid
        | VpnStatus::Disconnected
        | VpnStatus::Connecting
        | VpnStatus::Disconnecting => false,
    };
    if was_connected {
        return context.output.report(&Connected::new(configuration, session, Outcome::Already));
    }
    // From here on an interruption must say that the session may go on.
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::System)?;
    let asks = Cell::new(false);
    let agent = if wait.is_zero() {
        None
    } else {
        SecretAgent::attend(&configuration, &asks, context).await?
    };
    let start = Start { id: configuration.id, options: None, credentials: None };
    let mut helper = context.helper().await?;
    tokio::select! {
        started = helper.call(&start) => started?,
        _ = interrupt.recv() => return Err(Failure::NotWaiting { name: configuration.name }),
    };
    if wait.is_zero() {
        return context.output.report(&Connected::new(configuration, session, Outcome::Started));
    }
    let waiting = Waiting {
        configuration: &configuration,
        changes,
        begun,
        limit: wait,
        interrupt,
        agent,
        asks: &asks,
        progress: Progress::new(context.output.shows_progress()),
    };
    let session = waiting.until_connected(session).await?;
    let seconds = begun.elapsed().as_secs_f64();
    context.output.report(&Connected::new(configuration, session, Outcome::Connected { seconds }))
}

/// What waits for a session that was started.
struct Waiting<'a> {
    configuration: &'a VpnConfiguration,
    changes: Subscription,
    begun: Instant,
    limit: Duration,
    interrupt: Signal,
    agent: Option<SecretAgent<'a>>,
    /// Whether the person is being asked, which takes the time that it takes.
    asks: &'a Cell<bool>,
    progress: Progress,
}

impl Waiting<'_> {
    /// `session` is as it was before it was started.
    async fn until_connected(
        mut self,
        mut session: SessionStatus,
    ) -> Result<SessionStatus, Failure> {
        let name = || self.configuration.name.clone();
        let mut attempt = Attempt::beginning_at(&session);
        let mut second = time::interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let limit = time::sleep(self.limit);
        tokio::pin!(limit);
        let mut agent = self.agent.take();
        let serving = SecretAgent::serve(&mut agent);
        tokio::pin!(serving);
        loop {
            tokio::select! {
                change = self.changes.next_of(self.configuration.id) => {
                    session = change?.ok_or_else(|| Failure::Removed { name: name() })?;
                    match attempt.observe(&session) {
                        Stage::Underway => {}
                        Stage::Connected => return Ok(session),
                        Stage::Ended(Some(error)) => {
                            let held = Held::of(&session);
                            return Err(Failure::Session { name: name(), error, held });
                        }
                        Stage::Ended(None) => return Err(Failure::Stopped { name: name() }),
                    }
                }
                never = &mut serving => match never {},
                _ = second.tick() => {
                    if self.asks.get() {
                        limit.as_mut().reset(time::Instant::now() + self.limit);
                        continue;
                    }
                    let elapsed = self.begun.elapsed();
                    self.progress.show(&progress_line(self.configuration, &session, elapsed));
                }
                () = &mut limit => {
                    let waiting = waiting_for(self.configuration, &session);
                    let seconds = self.limit.as_secs();
                    return Err(Failure::NotConnectedInTime { name: name(), seconds, waiting });
                }
                _ = self.interrupt.recv() => {
                    return Err(Failure::NotWaiting { name: name() });
                }
            }
        }
    }
}

fn progress_line(
    configuration: &VpnConfiguration,
    session: &SessionStatus,
    elapsed: Duration,
) -> String {
    let shape = Glyph::Connecting.shape();
    let connecting = format!("{shape} Connecting to {} ...", configuration.protocol.server_address);
    if elapsed < PATIENCE {
        return connecting;
    }
    format!("{connecting} {} s, {}", elapsed.as_secs(), waiting_for(configuration, session))
}

#[derive(Serialize)]
struct Connected {
    id: ConfigurationId,
    name: String,
    server: String,
    #[serde(flatten)]
    outcome: Outcome,
    session: SessionStatus,
    #[serde(skip)]
    traffic: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase", tag = "outcome")]
enum Outcome {
    /// On its way; nobody waits for it.
    Started,
    /// It was so before.
    Already,
    Connected {
        seconds: f64,
    },
}

impl Connected {
    fn new(configuration: VpnConfiguration, session: SessionStatus, outcome: Outcome) -> Self {
        let traffic = Traffic::expected(&configuration);
        let server = configuration.protocol.server_address;
        let traffic = traffic.sentence(&server, Language::English);
        Self { id: configuration.id, name: configuration.name, server, outcome, session, traffic }
    }
}

impl Report for Connected {
    fn write(&self, page: &mut Page) {
        let Self { name, server, .. } = self;
        let (glyph, text) = match self.outcome {
            Outcome::Started => (Glyph::Connecting, format!("Connecting to {server} ...")),
            Outcome::Already => (Glyph::Connected, format!("“{name}” is connected already.")),
            Outcome::Connected { seconds } => {
                let text = format!("Connected to {name} through {server} in {seconds:.2} s.");
                (Glyph::Connected, text)
            }
        };
        page.glyph(glyph);
        page.line(&text);
        match self.outcome {
            Outcome::Started => {}
            Outcome::Already | Outcome::Connected { .. } => {
                page.part(self.traffic.as_deref().unwrap_or_default());
                for item in &self.session.health {
                    page.part(&format!("{}: {}", item.title, item.text));
                }
            }
        }
    }
}
