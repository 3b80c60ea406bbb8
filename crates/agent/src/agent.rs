//! The agent's one loop: it hears of the helper, the tray, notifications and the window, and acts.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use adit_api::{
    Details, Entry, Event, Heard, Link, Older, PauseOnDemand, ResumeOnDemand, Start, Stop, Viewer,
    attach,
};
use adit_model::{ConfigurationId, ProviderStopReason, VpnStatus};
use jiff::Timestamp;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::sleep_until,
};
use zbus::{Connection, connection, fdo::RequestNameFlags};

use crate::{
    bus::{self, Agent as BusObject, Request},
    call::call,
    notification::{Answer, Circumstances, Notice, Says, notice},
    notifier::{self, Answered, Notifier},
    proxy::{Asked, Fetched, Proxies, Scripts},
    secrets::{InWindow, attend_secrets, tend_keyring},
    settings::{Settings, state_folder},
    told::Told,
    tray::{Action, Pause, TrayItem, armed, paused, tray},
    update, window,
};

/// A change that the user has asked for and that has not come after this time is none of theirs.
const OWN: Duration = Duration::from_secs(60);

/// Why the agent does not run.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// It runs already.
    #[error("The agent of Adit runs already in this session.")]
    Running,
    /// There is no session.
    #[error("The session bus cannot be used: {0}. The agent runs in a graphical session.")]
    Bus(zbus::Error),
    /// The system refuses what every program needs.
    #[error("The system refused what every program needs: {0}.")]
    System(io::Error),
}

/// Why the agent does not run any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Somebody wants so.
    Quit,
    /// This program was updated, and the service too: it is to be started in the place of this process.
    Updated(PathBuf),
}

/// Runs the agent until it is told to quit or the session ends. `socket` is the helper's.
pub async fn run(socket: &Path) -> Result<Ending, AgentError> {
    let (request, requests) = unbounded_channel();
    let (choose, chosen) = unbounded_channel();
    let (notify, notified) = unbounded_channel();
    let (hear, heard) = unbounded_channel();
    let (bring, scripts) = unbounded_channel();
    let terminate = signal(SignalKind::terminate()).map_err(AgentError::System)?;
    let bus = connect(BusObject(request)).await?;
    let item = TrayItem::serve(&bus, choose).await.map_err(AgentError::Bus)?;
    let agent = Agent {
        bus: bus.clone(),
        socket: socket.into(),
        viewer: Viewer::default(),
        settings: settings(),
        last_used: last_used(),
        own: BTreeMap::new(),
        up: BTreeSet::new(),
        displaced: BTreeSet::new(),
        notifier: Notifier::new(notify.clone()),
        told: Told::default(),
        proxies: Proxies::new(&bus),
        scripts: Scripts::new(socket, bring),
    };
    let follow = attach(socket, |event| {
        // Only an agent that ends does not listen.
        let _ = hear.send(event);
    });
    let register = item.register(|is_shown| {
        if !is_shown {
            tracing::info!("There is no tray. Adit shows its icon as soon as there is one.");
        }
    });
    let attend = attend_secrets(socket, InWindow::new(&bus));
    let notifications = notifier::follow(&bus, notify);
    let inputs = Inputs { heard, chosen, notified, requests, scripts, terminate };
    tokio::select! {
        never = follow => never,
        never = attend => never,
        ended = notifications => ended.map(|()| Ending::Quit).map_err(AgentError::Bus),
        ended = register => ended.map(|()| Ending::Quit).map_err(AgentError::Bus),
        ended = agent.act(&item, inputs) => ended.map_err(AgentError::Bus),
    }
}

async fn connect(object: BusObject) -> Result<Connection, AgentError> {
    let bus = connection::Builder::session().serve_at(bus::PATH, object).build().await;
    let bus = bus.map_err(AgentError::Bus)?;
    let alone = bus.request_name_with_flags(bus::AGENT, RequestNameFlags::DO_NOT_QUEUE).await;
    match alone {
        Ok(_) => Ok(bus),
        Err(zbus::Error::NameTaken) => Err(AgentError::Running),
        Err(error) => Err(AgentError::Bus(error)),
    }
}

struct Agent {
    bus: Connection,
    socket: PathBuf,
    viewer: Viewer,
    settings: Settings,
    last_used: Option<ConfigurationId>,
    /// What the user changes at this moment, and since when.
    own: BTreeMap<ConfigurationId, Instant>,
    /// What has been connected since it was started.
    up: BTreeSet<ConfigurationId>,
    /// What ends at this moment because another one takes its place.
    displaced: BTreeSet<ConfigurationId>,
    notifier: Notifier,
    told: Told,
    proxies: Proxies,
    scripts: Scripts,
}

struct Inputs {
    heard: UnboundedReceiver<Heard>,
    chosen: UnboundedReceiver<Action>,
    notified: UnboundedReceiver<notifier::Event>,
    requests: UnboundedReceiver<Request>,
    scripts: UnboundedReceiver<Fetched>,
    /// How a session that ends tells its programs.
    terminate: Signal,
}

impl Agent {
    async fn act(mut self, item: &TrayItem, mut inputs: Inputs) -> zbus::Result<Ending> {
        let ending = loop {
            if let Some(program) = self.update() {
                break Ending::Updated(program);
            }
            item.show(tray(&self.viewer, self.last_used, self.settings.language())).await?;
            tokio::select! {
                Some(heard) = inputs.heard.recv() => self.hear(heard).await,
                Some(event) = inputs.notified.recv() => {
                    if let Some(answered) = self.notifier.hear(event) {
                        self.answer(answered).await;
                    }
                }
                Some(action) = inputs.chosen.recv() => match action {
                    Action::Start(id) => self.start(id).await,
                    Action::Stop(id) => self.stop(id).await,
                    Action::Pause(pause) => self.pause(pause).await,
                    Action::Resume => self.resume().await,
                    Action::Open => self.open(item.take_token()).await,
                    Action::Quit => break Ending::Quit,
                },
                Some(fetched) = inputs.scripts.recv() => {
                    self.scripts.hear(fetched);
                    self.apply_proxy().await;
                }
                () = until(self.told.next()) => self.show_due().await,
                Some(()) = inputs.terminate.recv() => break Ending::Quit,
                Some(request) = inputs.requests.recv() => match request {
                    Request::UserChanges(id) => self.user_changes(&id).await,
                    Request::ReadSettings => self.settings = settings(),
                    Request::Quit => break Ending::Quit,
                },
                else => break Ending::Quit,
            }
        };
        // Nobody would take it back when the tunnel ends.
        self.proxies.apply(None).await;
        match &ending {
            Ending::Quit => window::close(&self.bus).await,
            Ending::Updated(_) => drop(self.bus.release_name(bus::AGENT).await?),
        }
        Ok(ending)
    }

    /// The next version of this program, if the service is one already.
    fn update(&self) -> Option<PathBuf> {
        match self.viewer.link {
            Link::OtherVersion { older: Older::Viewer, .. } => update::replacement(),
            Link::OtherVersion { older: Older::Service, .. }
            | Link::Connecting
            | Link::Attached { .. }
            | Link::Missing
            | Link::Untrusted { .. }
            | Link::Failed { .. } => None,
        }
    }

    async fn hear(&mut self, heard: Heard) {
        let before = self.viewer.entries.clone();
        tend_keyring(&before, &heard);
        self.displaced.extend(displaced(&heard));
        if self.viewer.follow(heard).is_none() {
            return;
        }
        if matches!(self.viewer.link, Link::Attached { .. }) {
            self.apply_proxy().await;
        }
        let after = self.viewer.entries.clone();
        for (id, entry) in &after {
            match before.get(id) {
                Some(before) if before != entry => self.tell(before, entry).await,
                // Of what was so before, nobody has to be told.
                None if entry.session.connected_at.is_some() => drop(self.up.insert(*id)),
                Some(_) | None => {}
            }
        }
        // Afterwards, so that what is new takes the place of what is not true any more.
        for id in self.told.check(&after) {
            self.notifier.withdraw(id).await;
        }
    }

    /// Of the tunnels that are up, the last one decides: what it asks for, else what its configuration does.
    async fn apply_proxy(&mut self) {
        let up = self.viewer.entries.values().filter(|entry| match entry.session.status {
            VpnStatus::Connected | VpnStatus::Reasserting => true,
            VpnStatus::Invalid
            | VpnStatus::Disconnected
            | VpnStatus::Connecting
            | VpnStatus::Disconnecting => false,
        });
        // The desktop's proxy is everybody's, and not for those apps alone.
        let up = up.filter(|entry| !entry.configuration.routing_method.is_per_app());
        let mut up: Vec<&Entry> = up.collect();
        up.sort_by_key(|entry| std::cmp::Reverse(entry.session.connected_at));
        let mut asked = None;
        for entry in up {
            let id = entry.configuration.id;
            let details = call(&self.socket, Details { id }).await;
            let settings = details.ok().and_then(|details| details.settings);
            let proxy = entry.configuration.protocol.proxy_beside(settings.as_ref());
            if let Some(proxy) = proxy {
                let since = entry.session.connected_at;
                asked = Some(Asked { id, since, settings: proxy.clone() });
                break;
            }
        }
        let wanted = self.scripts.complete(asked);
        self.proxies.apply(wanted).await;
    }

    async fn tell(&mut self, before: &Entry, after: &Entry) {
        let id = after.configuration.id;
        let is_displaced = self.displaced.contains(&id);
        // Whoever starts one asks the other to make room.
        let mut own = self.own.iter().filter(|(own, _)| is_displaced || **own == id);
        let is_own = own.any(|(_, since)| since.elapsed() < OWN);
        let circumstances = Circumstances { is_own, was_up: self.up.contains(&id), is_displaced };
        let (level, language) = (self.settings.notifications, self.settings.language());
        if let Some(notice) = notice(before, after, circumstances, level, language) {
            self.show(&notice).await;
        }
        if before.session.status == after.session.status {
            return;
        }
        match after.session.status {
            VpnStatus::Connecting => self.use_(id),
            VpnStatus::Connected => {
                self.own.remove(&id);
                self.up.insert(id);
            }
            VpnStatus::Disconnected | VpnStatus::Invalid => {
                self.own.remove(&id);
                self.up.remove(&id);
                self.displaced.remove(&id);
            }
            VpnStatus::Reasserting | VpnStatus::Disconnecting => {}
        }
    }

    async fn show(&mut self, notice: &Notice) {
        if self.told.tell(notice, Instant::now()) {
            self.notifier.show(notice, self.settings.language()).await;
        }
    }

    async fn show_due(&mut self) {
        for notice in self.told.due(Instant::now()) {
            self.notifier.show(&notice, self.settings.language()).await;
        }
    }

    async fn answer(&mut self, Answered { about, answer, token }: Answered) {
        // It has been read. Not every server closes it by itself.
        self.notifier.withdraw(about).await;
        match answer {
            Answer::Reconnect => self.start(about).await,
            Answer::Unblock => self.stop(about).await,
            Answer::Open => self.open(token).await,
        }
    }

    async fn start(&mut self, id: ConfigurationId) {
        self.is_of_the_user(id).await;
        let called = call(&self.socket, Start { id, options: None, credentials: None }).await;
        self.tell_refusal(id, called).await;
    }

    async fn stop(&mut self, id: ConfigurationId) {
        self.is_of_the_user(id).await;
        let called = call(&self.socket, Stop { id }).await;
        self.tell_refusal(id, called).await;
    }

    async fn pause(&mut self, pause: Pause) {
        let end = pause.end(Timestamp::now());
        let all: Vec<ConfigurationId> = armed(self.viewer.entries.values()).collect();
        for id in all {
            let called = call(&self.socket, PauseOnDemand { id, end }).await;
            self.tell_refusal(id, called).await;
        }
    }

    async fn resume(&mut self) {
        let all: Vec<_> = paused(self.viewer.entries.values()).collect();
        for (id, _) in all {
            let called = call(&self.socket, ResumeOnDemand { id }).await;
            self.tell_refusal(id, called).await;
        }
    }

    /// Whoever clicked somewhere without a window has to see why nothing happens.
    async fn tell_refusal<T>(&mut self, id: ConfigurationId, called: Result<T, String>) {
        let Err(text) = called else { return };
        self.own.remove(&id);
        let Some(entry) = self.viewer.entries.get(&id) else { return };
        let says = Says::Refused(entry.session.status);
        let title = entry.configuration.name.clone();
        let answers = vec![Answer::Open];
        self.show(&Notice { about: id, title, text, is_urgent: false, answers, says }).await;
    }

    /// The user changes a session where it can be seen: nobody has to be told, and what was told before is known.
    async fn is_of_the_user(&mut self, id: ConfigurationId) {
        self.own.insert(id, Instant::now());
        self.told.forget(id);
        self.notifier.withdraw(id).await;
    }

    async fn open(&self, token: Option<String>) {
        if let Err(error) = window::open(&self.bus, token).await {
            tracing::error!("The window cannot be opened: {error}");
        }
    }

    async fn user_changes(&mut self, id: &str) {
        if let Ok(id) = id.parse() {
            self.is_of_the_user(id).await;
        }
    }

    fn use_(&mut self, id: ConfigurationId) {
        if self.last_used == Some(id) {
            return;
        }
        self.last_used = Some(id);
        let kept = state_folder().map(|folder| folder.join("adit/last-used"));
        let kept = kept.map_err(|error| error.to_string()).and_then(|file| {
            crate::settings::replace(&file, &id.to_string()).map_err(|error| error.to_string())
        });
        if let Err(error) = kept {
            tracing::warn!("Which configuration was used last is not kept: {error}");
        }
    }
}

/// The helper tells this before it tells that the session is down.
fn displaced(heard: &Heard) -> Option<ConfigurationId> {
    let Heard::Event(Event::SessionEnded(ended)) = heard else { return None };
    let is_displaced = ended.session.stop_reason == ProviderStopReason::Superceded;
    is_displaced.then_some(ended.session.id)
}

/// Never, if there is no moment.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

fn settings() -> Settings {
    Settings::read().unwrap_or_else(|error| {
        tracing::warn!("{error}");
        Settings::default()
    })
}

fn last_used() -> Option<ConfigurationId> {
    let file = state_folder().ok()?.join("adit/last-used");
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}
