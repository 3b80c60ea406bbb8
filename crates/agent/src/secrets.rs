//! Secrets that the helper does not keep: the keyring is asked for them, then the person.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use adit_api::{
    AnswerSecrets, Arrival, CallError, Entry, Event, Heard, HelperClient, HelperError,
    SecretAnswer, SecretEvent, SecretRequest, SecretsUnavailable,
};
use adit_keyring::{Found, Keyring, is_in_keyring};
use adit_model::ConfigurationId;
use futures_util::StreamExt;
use tokio::{
    task::{AbortHandle, JoinSet},
    time::sleep,
};
use zbus::Connection;

use crate::window;

/// A helper that has gone is looked for after this time.
const PAUSE: Duration = Duration::from_secs(1);

/// Whoever can ask the person.
pub trait Person: Send + Sync + 'static {
    /// Asks for what was not found. Dropped when the request is over.
    fn ask(
        &self,
        request: SecretRequest,
        found: Found,
    ) -> impl Future<Output = SecretAnswer> + Send;
}

/// Where the agent asks the person: it opens the window, which attends to secrets too.
pub(crate) struct InWindow {
    bus: Connection,
}

impl InWindow {
    pub(crate) fn new(bus: &Connection) -> Self {
        Self { bus: bus.clone() }
    }
}

impl Person for InWindow {
    async fn ask(&self, _request: SecretRequest, _found: Found) -> SecretAnswer {
        match window::open(&self.bus, None).await {
            Ok(()) => SecretAnswer::Called {},
            Err(error) => {
                let reason = format!("The window of Adit cannot be opened: {error}.");
                SecretAnswer::Unavailable(SecretsUnavailable { reason })
            }
        }
    }
}

/// Answers the helper's requests for secrets of this user, whether there is a helper or not.
pub async fn attend_secrets(socket: &Path, person: impl Person) -> ! {
    let person = Arc::new(person);
    loop {
        let arrival = Arrival::watch(socket);
        match HelperClient::connect(socket).await {
            Ok(helper) => {
                if let Err(error) = attend(helper, socket, &person).await {
                    tracing::debug!("Nobody asks for secrets: {error}");
                }
                sleep(PAUSE).await;
            }
            Err(error) => {
                tracing::debug!("Nobody asks for secrets: {error}");
                arrival.after(&error).await;
            }
        }
    }
}

/// Until the helper goes.
async fn attend(
    helper: HelperClient,
    socket: &Path,
    person: &Arc<impl Person>,
) -> Result<(), String> {
    let mut events = helper.attend_secrets(None).await.map_err(|error| error.to_string())?;
    let mut answering = JoinSet::new();
    let mut open: BTreeMap<u64, AbortHandle> = BTreeMap::new();
    while let Some(event) = events.next().await {
        // Those that are done.
        while answering.try_join_next().is_some() {}
        open.retain(|_, task| !task.is_finished());
        match event.map_err(|error| error.to_string())? {
            SecretEvent::Wanted(request) => {
                let (number, socket, person) =
                    (request.number, PathBuf::from(socket), Arc::clone(person));
                let task = answering.spawn(async move {
                    let answer = answer(request, &*person).await;
                    tell(&socket, number, answer).await;
                });
                open.insert(number, task);
            }
            SecretEvent::Withdrawn(withdrawn) => {
                if let Some(task) = open.remove(&withdrawn.number) {
                    task.abort();
                }
            }
            SecretEvent::Attending {} | SecretEvent::Unknown(_) => {}
        }
    }
    Ok(())
}

async fn answer(request: SecretRequest, person: &impl Person) -> SecretAnswer {
    let found = Found::look_up(&request).await;
    match found.answer(&request) {
        Some(answer) => answer,
        None => person.ask(request, found).await,
    }
}

async fn tell(socket: &Path, number: u64, answer: SecretAnswer) {
    let told = async {
        let mut helper = HelperClient::connect(socket).await.map_err(|error| error.to_string())?;
        match helper.call(&AnswerSecrets { number, answer }).await {
            // It was answered elsewhere meanwhile.
            Ok(_) | Err(CallError::Api(HelperError::NoSuchRequest {})) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    };
    let told: Result<(), String> = told.await;
    if let Err(error) = told {
        tracing::warn!("The service does not hear the answer to its request: {error}");
    }
}

/// Follows with the keyring what becomes of a configuration of `known`: one that is removed takes its
/// secrets with it, one that is renamed keeps them. A configuration that is merely not there any more
/// may be another helper's.
pub(crate) fn tend_keyring(known: &BTreeMap<ConfigurationId, Entry>, heard: &Heard) {
    let Heard::Event(event) = heard else { return };
    let (id, name) = match event {
        Event::ConfigurationRemoved(removed) => (removed.id, None),
        Event::ConfigurationSaved(saved) => {
            (saved.configuration.id, Some(saved.configuration.name.clone()))
        }
        Event::Snapshot(_)
        | Event::StatusChanged(_)
        | Event::SessionEnded(_)
        | Event::MachineChanged(_)
        | Event::NetworkChanged(_)
        | Event::Lagged(_)
        | Event::Unknown(_) => return,
    };
    let Some(before) = known.get(&id).map(|entry| &entry.configuration) else { return };
    if !is_in_keyring(&before.protocol.user_secrets) || name.as_ref() == Some(&before.name) {
        return;
    }
    tokio::spawn(async move {
        let tended = async {
            let keyring = Keyring::open().await?;
            match name {
                Some(name) => keyring.rename(id, &name).await,
                None => keyring.forget(id).await,
            }
        };
        if let Err(error) = tended.await {
            tracing::warn!("The keyring does not follow a changed configuration: {error}");
        }
    });
}
