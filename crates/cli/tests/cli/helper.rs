//! A helper that keeps configurations in memory and whose sessions go as a test says.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use adit_api::{
    Counters, Details, Entry, Event, Get, Got, Hello, HelloReply, HelperError, History,
    HistoryReply, LiftLockdown, List, Listing, LockDown, MachineChange, MachineReply, Provider,
    ProviderListing, Providers, Remove, Removed, Reset, ResetReply, Save, SaveReply, Saved,
    SecretChanges, SessionDetails, SetEnabled, Snapshot, Start, StatusChange, Stop, Watch,
    WatchReply,
};
use adit_model::{
    ConfigurationId, ConnectionError, DisconnectError, Enablement, Lockdown, LockdownSetting,
    MachineStatus, PacketTunnelNetworkSettings, PastSession, ProviderStopReason, Secrets,
    SessionStatus, SessionTraffic, StartCause, Tunnel, TunnelName, VpnConfiguration, VpnStatus,
    wireguard::WireGuardConfiguration,
};
use adit_varlink::{Empty, Listener, Peer, Refusal, Router, ServiceInfo};
use futures_util::{Stream, StreamExt, stream};
use jiff::Timestamp;
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    sync::{broadcast, watch},
    task::JoinHandle,
    time::timeout,
};

use crate::program::LIMIT;

/// A running helper; it ends with this.
pub(crate) struct Helper {
    pub(crate) folder: TempDir,
    state: State,
    task: JoinHandle<()>,
}

/// How sessions go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    /// They connect.
    Connects,
    /// The server does not answer.
    Fails,
    /// Neither, and nothing goes around the tunnel.
    FailsClosed,
    /// Nothing ever happens.
    Hangs,
    /// Nobody may start one.
    Refuses,
}

#[derive(Clone)]
struct State {
    script: Script,
    entries: Arc<Mutex<BTreeMap<ConfigurationId, (Entry, Secrets)>>>,
    events: broadcast::Sender<Event>,
    starts: watch::Sender<u32>,
    lockdown: Arc<Mutex<LockdownSetting>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Anyone,
    Authorised,
}

impl Helper {
    /// Starts one within the runtime of the test.
    pub(crate) fn start(script: Script) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let events = broadcast::channel(64).0;
        let state = State {
            script,
            entries: Arc::default(),
            events,
            starts: watch::Sender::new(0),
            lockdown: Arc::new(Mutex::new(LockdownSetting::Off)),
        };
        let listener = Listener::bind(folder.path().join("helper.sock"), 0o600).unwrap();
        let router = Arc::new(router());
        let task = tokio::spawn({
            let state = state.clone();
            async move { match listener.serve(router, state).await {} }
        });
        Self { folder, state, task }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("helper.sock")
    }

    /// A file in the helper's folder.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        write(&self.folder.path().join(name), text)
    }

    /// Returns when Start was called for the `count`th time.
    pub(crate) async fn started(&self, count: u32) {
        let started = async |mut starts: watch::Receiver<u32>| {
            starts.wait_for(|starts| *starts >= count).await.map(|count| *count)
        };
        timeout(LIMIT, started(self.state.starts.subscribe())).await.expect("no start").unwrap();
    }

    pub(crate) fn status(&self, name: &str) -> VpnStatus {
        let entries = self.state.entries.lock().unwrap();
        let mut entries = entries.values().map(|(entry, _)| entry);
        entries.find(|entry| entry.configuration.name == name).unwrap().session.status
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn write(path: &Path, text: &str) -> PathBuf {
    std::fs::write(path, text).unwrap();
    path.into()
}

fn router() -> Router<State, Access> {
    let info = ServiceInfo {
        vendor: "Adit".into(),
        product: "scripted helper".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        url: "https://example.org".into(),
    };
    Router::new(info, |state: State, _, access| async move {
        match access {
            Access::Authorised if state.script == Script::Refuses => {
                Err(Refusal::new("Only an administrator may do this."))
            }
            Access::Anyone | Access::Authorised => Ok(()),
        }
    })
    .on(Access::Anyone, |_, _, _: Hello| async {
        Ok(HelloReply { version: env!("CARGO_PKG_VERSION").into(), features: Vec::new() })
    })
    .on(Access::Anyone, |state: State, _, _: List| async move {
        Ok(Listing { entries: state.listing(), machine: state.machine() })
    })
    .on(Access::Anyone, |state: State, _, call: Get| async move { state.get(&call) })
    .on(
        Access::Anyone,
        |state: State, peer: Peer, call: Save| async move { state.save(call, peer.uid) },
    )
    .on(Access::Anyone, |state: State, _, call: Remove| async move { state.remove(call.id) })
    .on(Access::Anyone, |state: State, _, call: SetEnabled| async move {
        let mut configuration = state.entry(call.id)?.configuration;
        configuration.enablement =
            if call.enabled { Enablement::Enabled } else { Enablement::Disabled };
        let secret_changes = SecretChanges::new();
        state.save(Save { configuration, secrets: None, secret_changes }, 0)
    })
    .on(Access::Authorised, |state: State, _, call: Start| async move { state.start(call.id) })
    .on(Access::Anyone, |state: State, _, call: Stop| async move { state.stop(call.id) })
    .on(Access::Anyone, |state: State, _, call: Details| async move { state.details(call.id) })
    .on(Access::Anyone, |state: State, _, call: History| async move {
        let entry = call.id.map(|id| state.entry(id)).transpose()?;
        Ok(HistoryReply { sessions: past(entry.as_ref(), call.limit) })
    })
    .on(Access::Anyone, |_, _, _: Providers| async {
        Ok(ProviderListing { providers: providers() })
    })
    .on(Access::Authorised, |state: State, peer: Peer, call: LockDown| async move {
        let allow_local_networks = call.allow_local_networks;
        let lockdown = Lockdown { allow_local_networks, set_by: peer.uid };
        Ok(state.set_lockdown(LockdownSetting::On(lockdown)))
    })
    .on(Access::Authorised, |state: State, _, _: LiftLockdown| async move {
        Ok(state.set_lockdown(LockdownSetting::Off))
    })
    .on(Access::Anyone, |_, _, _: Reset| async {
        Ok(ResetReply { undone: vec!["Removed the interface adit0.".into()] })
    })
    .on_stream(Access::Anyone, |state: State, _, _: Watch| async move { Ok(state.watch()) })
}

impl State {
    fn listing(&self) -> Vec<Entry> {
        let entries = self.entries.lock().unwrap();
        entries.values().map(|(entry, _)| entry.clone()).collect()
    }

    fn machine(&self) -> MachineStatus {
        let tunnel = |entry: &Entry| Tunnel {
            name: TunnelName::Own(entry.configuration.name.clone()),
            status: entry.session.status,
            takes_default_route: false,
            holds: entry.session.blocking,
            failed: entry.session.last_error.is_some(),
        };
        let tunnels: Vec<Tunnel> = self.listing().iter().map(tunnel).collect();
        MachineStatus::of(&self.lockdown.lock().unwrap(), None, &tunnels)
    }

    fn set_lockdown(&self, setting: LockdownSetting) -> MachineReply {
        *self.lockdown.lock().unwrap() = setting;
        let machine = self.machine();
        let change = MachineChange { machine: machine.clone() };
        let _ = self.events.send(Event::MachineChanged(change));
        MachineReply { machine }
    }

    fn entry(&self, id: ConfigurationId) -> Result<Entry, HelperError> {
        let entries = self.entries.lock().unwrap();
        let found = entries.get(&id).map(|(entry, _)| entry.clone());
        found.ok_or(HelperError::NoSuchConfiguration { id: id.to_string() })
    }

    fn get(&self, call: &Get) -> Result<Got, HelperError> {
        let entry = self.entry(call.id)?;
        let entries = self.entries.lock().unwrap();
        let secrets = entries.get(&call.id).map(|(_, secrets)| secrets.clone());
        let secret_names = secrets.iter().flatten().map(|(name, _)| name.clone()).collect();
        Ok(Got { entry, secrets: secrets.filter(|_| call.include_secrets), secret_names })
    }

    fn save(&self, call: Save, owner: u32) -> Result<SaveReply, HelperError> {
        let mut configuration = call.configuration;
        let mut entries = self.entries.lock().unwrap();
        let current = entries.get(&configuration.id).map_or(0, |(e, _)| e.configuration.generation);
        if current != configuration.generation {
            return Err(HelperError::ConfigurationStale { current_generation: current });
        }
        configuration.generation += 1;
        configuration.owner = owner;
        let fresh = || {
            (
                Entry { configuration: configuration.clone(), session: down(configuration.id) },
                Secrets::new(),
            )
        };
        let (entry, secrets) = entries.entry(configuration.id).or_insert_with(fresh);
        entry.configuration = configuration.clone();
        if let Some(given) = call.secrets {
            *secrets = given;
        }
        let saved = Saved { configuration: configuration.clone() };
        let _ = self.events.send(Event::ConfigurationSaved(Box::new(saved)));
        Ok(SaveReply { configuration })
    }

    fn remove(&self, id: ConfigurationId) -> Result<Empty, HelperError> {
        self.entry(id)?;
        self.entries.lock().unwrap().remove(&id);
        let _ = self.events.send(Event::ConfigurationRemoved(Removed { id }));
        Ok(Empty {})
    }

    fn start(&self, id: ConfigurationId) -> Result<Empty, HelperError> {
        let VpnConfiguration { name, enablement, .. } = self.entry(id)?.configuration;
        if enablement == Enablement::Disabled {
            return Err(HelperError::ConfigurationDisabled { name });
        }
        self.starts.send_modify(|count| *count += 1);
        self.change(id, VpnStatus::Connecting, None);
        match self.script {
            Script::Connects => self.change(id, VpnStatus::Connected, None),
            Script::Fails | Script::FailsClosed => {
                self.change(id, VpnStatus::Disconnecting, None);
                let error = ConnectionError::ServerNotResponding.plain();
                self.change(id, VpnStatus::Disconnected, Some(error));
            }
            Script::Hangs | Script::Refuses => {}
        }
        Ok(Empty {})
    }

    fn stop(&self, id: ConfigurationId) -> Result<Empty, HelperError> {
        let entry = self.entry(id)?;
        if !entry.session.status.is_active() && !entry.session.blocking {
            return Err(HelperError::NotRunning { name: entry.configuration.name });
        }
        self.change(id, VpnStatus::Disconnecting, None);
        self.change(id, VpnStatus::Disconnected, None);
        Ok(Empty {})
    }

    fn details(&self, id: ConfigurationId) -> Result<SessionDetails, HelperError> {
        let entry = self.entry(id)?;
        let map = &entry.configuration.protocol.provider_configuration;
        let settings: Option<PacketTunnelNetworkSettings> = WireGuardConfiguration::from_map(map)
            .ok()
            .map(|wireguard| wireguard.network_settings("192.0.2.1".parse().unwrap()));
        let peer = json!({
            "publicKey": "the-public-key", "endpoint": "192.0.2.1:51820", "rxBytes": 1500, "txBytes": 9,
        });
        Ok(SessionDetails {
            settings,
            plan: None,
            counters: Some(Counters {
                rx_bytes: 1_200_000,
                tx_bytes: 900,
                rx_packets: 1000,
                tx_packets: 9,
                rx_dropped: 0,
                tx_dropped: 2,
            }),
            provider: Some(json!({ "listenPort": 51820, "peers": [peer], "drops": {} })),
        })
    }

    fn change(&self, id: ConfigurationId, status: VpnStatus, last_error: Option<DisconnectError>) {
        let mut entries = self.entries.lock().unwrap();
        let (entry, _) = entries.get_mut(&id).unwrap();
        let session = &mut entry.session;
        session.status = status;
        session.sequence += 1;
        session.last_error = last_error;
        session.interface = (status == VpnStatus::Connected).then(|| "adit0".into());
        session.health.clear();
        let stopped = status == VpnStatus::Disconnected && session.last_error.is_none();
        let holds = self.script == Script::FailsClosed && !stopped;
        session.set_hold(&entry.configuration.name, holds, false);
        let change = StatusChange { session: session.clone() };
        let _ = self.events.send(Event::StatusChanged(Box::new(change)));
    }

    fn watch(&self) -> impl Stream<Item = Result<WatchReply, HelperError>> + Send + use<> {
        let changes = self.events.subscribe();
        let snapshot =
            Event::Snapshot(Snapshot { entries: self.listing(), machine: self.machine() });
        let changes = stream::unfold(changes, |mut changes| async move {
            let event = changes.recv().await.ok()?;
            Some((event, changes))
        });
        stream::once(async { snapshot }).chain(changes).map(|event| Ok(WatchReply { event }))
    }
}

fn down(id: ConfigurationId) -> SessionStatus {
    SessionStatus { status: VpnStatus::Disconnected, ..SessionStatus::new(id) }
}

/// A session of `entry` and one before it that failed; none without it.
fn past(entry: Option<&Entry>, limit: Option<usize>) -> Vec<PastSession> {
    let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
    let session = |entry: &Entry| PastSession {
        id: entry.configuration.id,
        name: entry.configuration.name.clone(),
        start_cause: StartCause::User { uid: rustix::process::geteuid().as_raw() },
        started_at: at(0),
        connected_at: Some(at(1)),
        ended_at: Some(at(7501)),
        stop_reason: ProviderStopReason::UserInitiated,
        last_error: None,
        traffic: Some(SessionTraffic { rx_bytes: 1500, tx_bytes: 9 }),
        provider_restarts: 0,
    };
    let failed = |entry: &Entry| PastSession {
        started_at: at(-60),
        connected_at: None,
        last_error: Some(ConnectionError::ServerNotResponding.plain()),
        ..session(entry)
    };
    let sessions = entry.into_iter().flat_map(|entry| [session(entry), failed(entry)]);
    sessions.take(limit.unwrap_or(usize::MAX)).collect()
}

fn providers() -> Vec<Provider> {
    let wireguard = Provider {
        id: "org.adit.wireguard".into(),
        name: Some("WireGuard".into()),
        kinds: vec!["packet-tunnel".into()],
        configuration_schema: None,
        reason: None,
    };
    let broken = Provider {
        id: "org.example.broken".into(),
        name: None,
        kinds: Vec::new(),
        configuration_schema: None,
        reason: Some("Its executable is missing.".into()),
    };
    vec![wireguard, broken]
}
