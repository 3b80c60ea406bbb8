//! The stubs that answer names in the place of the tunnels' servers, one for each session that needs it.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use adit_model::HealthItem;
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time::sleep,
};

use super::UnderlyingNames;
use crate::{
    Slot, Tunnel,
    dns::{DnsError, StubPlan},
    error::NetworkError,
    stub::{InnerServers, NameServer, Question},
};

/// All that are running.
#[derive(Debug)]
pub(super) struct Stubs {
    running: Mutex<BTreeMap<Slot, Stub>>,
    names: UnderlyingNames,
    news: Arc<Notify>,
}

/// What a stub was before it was changed; to go back to it.
#[derive(Debug)]
pub(super) struct Former(Option<(Assignment, Arc<InnerServers>)>);

/// Listens, and answers with what the servers say.
#[derive(Debug)]
struct Stub {
    assignment: Assignment,
    servers: watch::Sender<Option<Arc<InnerServers>>>,
    serving: JoinHandle<()>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Assignment {
    plan: StubPlan,
    /// The way to the servers. Another interface in its place is another way, also under its name.
    tunnel: Tunnel,
}

/// One that has ended may still be giving its address back.
const RETRIES: u32 = 20;
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

impl Stubs {
    pub(super) fn new(names: UnderlyingNames) -> Self {
        Self { running: Mutex::default(), names, news: Arc::default() }
    }

    /// Has a session's stub ask as planned. Without a plan it goes on as it is.
    pub(super) async fn prepare(
        &self,
        tunnel: &Tunnel,
        plan: Option<&StubPlan>,
    ) -> Result<Former, NetworkError> {
        let former = self.locked().get(&tunnel.slot).and_then(Stub::assigned);
        let Some(plan) = plan else { return Ok(Former(former)) };
        let assignment = Assignment { plan: plan.clone(), tunnel: tunnel.clone() };
        if former.as_ref().is_some_and(|(former, _)| *former == assignment) {
            return Ok(Former(former));
        }
        let plan = &assignment.plan;
        let servers = InnerServers::new(plan, tunnel, &self.names, &self.news)
            .map_err(DnsError::Unsupported)?;
        let servers = Arc::new(servers);
        if let Some(stub) = self.locked().get_mut(&tunnel.slot) {
            stub.assign(assignment, servers);
            return Ok(Former(former));
        }
        let listening = listen(plan).await;
        let server =
            listening.map_err(|source| DnsError::Stub { address: plan.address, source })?;
        self.locked().insert(tunnel.slot, Stub::start(server, assignment, servers));
        Ok(Former(former))
    }

    /// Has a session's stub be again as it was.
    pub(super) async fn restore(&self, slot: Slot, former: Former) {
        match former.0 {
            Some((assignment, servers)) => {
                if let Some(stub) = self.locked().get_mut(&slot) {
                    stub.assign(assignment, servers);
                }
            }
            None => self.end(slot).await,
        }
    }

    /// Ends a session's stub. Who still waits for an answer asks somebody else then.
    pub(super) async fn end(&self, slot: Slot) {
        let stub = self.locked().remove(&slot);
        if let Some(mut stub) = stub {
            stub.servers.send_replace(None);
            stub.serving.abort();
            // It is cancelled.
            let _ = (&mut stub.serving).await;
        }
    }

    /// What a person should know about a session's stub.
    pub(super) fn health(&self, slot: Slot) -> Option<HealthItem> {
        self.locked().get(&slot).and_then(Stub::assigned).and_then(|(_, servers)| servers.health())
    }

    /// Waits until some health has changed.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    /// The map is whole after every statement, so a panic elsewhere does not spoil it.
    fn locked(&self) -> MutexGuard<'_, BTreeMap<Slot, Stub>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn listen(plan: &StubPlan) -> io::Result<NameServer> {
    let mut outcome = NameServer::bind(plan.address).await;
    for _ in 0..RETRIES {
        match &outcome {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Ok(_) | Err(_) => break,
        }
        sleep(RETRY_INTERVAL).await;
        outcome = NameServer::bind(plan.address).await;
    }
    outcome
}

impl Stub {
    fn start(server: NameServer, assignment: Assignment, servers: Arc<InnerServers>) -> Self {
        let (servers, current) = watch::channel(Some(servers));
        let answering = move |question| answer(question, current.clone());
        Self { assignment, servers, serving: tokio::spawn(server.serve(answering)) }
    }

    fn assign(&mut self, assignment: Assignment, servers: Arc<InnerServers>) {
        self.assignment = assignment;
        self.servers.send_replace(Some(servers));
    }

    fn assigned(&self) -> Option<(Assignment, Arc<InnerServers>)> {
        let servers = self.servers.borrow().clone();
        servers.map(|servers| (self.assignment.clone(), servers))
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// None as soon as the stub has ended: as long as somebody waits, its address is taken.
async fn answer(
    question: Question,
    mut current: watch::Receiver<Option<Arc<InnerServers>>>,
) -> Option<Vec<u8>> {
    let servers = current.borrow_and_update().clone()?;
    tokio::select! {
        answer = servers.answer(&question) => answer,
        _ = current.wait_for(Option::is_none) => None,
    }
}
