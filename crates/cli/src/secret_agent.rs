//! Whoever starts a tunnel at a terminal is asked there for the secrets that the helper does not keep.

use std::{
    cell::Cell,
    convert::Infallible,
    future::pending,
    path::{Path, PathBuf},
    time::Duration,
};

use adit_api::{
    AnswerSecrets, CallError, HelperClient, HelperError, SecretAnswer, SecretEvent, SecretRequest,
};
use adit_keyring::{Found, KeyringError, is_in_keyring, remember};
use adit_model::{ConfigurationId, Secret, Secrets, VpnConfiguration, secret_words};
use futures_util::{Stream, StreamExt};
use tokio::time::sleep;

use crate::{context::Context, failure::Failure, terminal};

/// Is asked for the secrets of one configuration, for as long as it lives.
pub(crate) struct SecretAgent<'a> {
    id: ConfigurationId,
    socket: PathBuf,
    events: Events,
    /// Whether the person is being asked.
    asks: &'a Cell<bool>,
}

/// After which a helper that went is looked for again.
const PAUSE: Duration = Duration::from_millis(50);

type Events = Box<dyn Stream<Item = Result<SecretEvent, CallError<HelperError>>> + Unpin>;

impl<'a> SecretAgent<'a> {
    /// None where it is not needed, or nobody is there.
    pub(crate) async fn attend(
        configuration: &VpnConfiguration,
        asks: &'a Cell<bool>,
        context: &Context,
    ) -> Result<Option<Self>, Failure> {
        let is_owner = configuration.owner == rustix::process::geteuid().as_raw();
        let is_needed = !configuration.protocol.user_secrets.is_empty();
        if !is_owner || !is_needed || !terminal::is_attended() {
            return Ok(None);
        }
        let (id, socket) = (configuration.id, context.socket.clone());
        let events = attend(&socket, id).await?;
        Ok(Some(Self { id, socket, events, asks }))
    }

    /// Answers what is asked, if there is one that can. Without it, the helper asks others.
    pub(crate) async fn serve(agent: &mut Option<Self>) -> Infallible {
        let Some(agent) = agent else { return pending().await };
        loop {
            agent.answer_all().await;
            agent.events = next_events(&agent.socket, agent.id).await;
        }
    }

    /// Until the helper goes.
    async fn answer_all(&mut self) {
        let mut event = self.next().await;
        while let Some(now) = event {
            event = match now {
                SecretEvent::Wanted(request) => self.attend_to(request).await,
                SecretEvent::Attending {} | SecretEvent::Withdrawn(_) | SecretEvent::Unknown(_) => {
                    self.next().await
                }
            };
        }
    }

    /// Answers a request, or leaves it when another event comes: it was answered elsewhere, or there is
    /// another one.
    async fn attend_to(&mut self, request: SecretRequest) -> Option<SecretEvent> {
        let number = request.number;
        let answered = tokio::select! {
            answer = answer(request, self.asks) => Ok(answer),
            event = self.events.next() => Err(event.and_then(Result::ok)),
        };
        self.asks.set(false);
        match answered {
            Ok(answer) => {
                tell(&self.socket, number, answer).await.ok()?;
                self.next().await
            }
            Err(event) => event,
        }
    }

    async fn next(&mut self) -> Option<SecretEvent> {
        self.events.next().await?.ok()
    }
}

/// Returns when the helper knows that there is somebody to ask.
async fn attend(socket: &Path, id: ConfigurationId) -> Result<Events, Failure> {
    let mut events = HelperClient::connect(socket).await?.attend_secrets(Some(id)).await?;
    events.next().await.transpose()?;
    Ok(Box::new(events))
}

/// From the helper that comes in the place of one that went, which asks again what that one has asked.
async fn next_events(socket: &Path, id: ConfigurationId) -> Events {
    loop {
        sleep(PAUSE).await;
        if let Ok(events) = attend(socket, id).await {
            return events;
        }
    }
}

async fn tell(socket: &Path, number: u64, answer: SecretAnswer) -> Result<(), Failure> {
    let mut helper = HelperClient::connect(socket).await?;
    match helper.call(&AnswerSecrets { number, answer }).await {
        Ok(_) | Err(CallError::Api(HelperError::NoSuchRequest {})) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn answer(request: SecretRequest, asks: &Cell<bool>) -> SecretAnswer {
    let found = Found::look_up(&request).await;
    if let Some(answer) = found.answer(&request) {
        return answer;
    }
    asks.set(true);
    match ask(&request, found).await {
        Some(secrets) => SecretAnswer::Given(secrets),
        None => SecretAnswer::Canceled {},
    }
}

/// None if the person does not want to.
async fn ask(request: &SecretRequest, found: Found) -> Option<Secrets> {
    if request.refused {
        terminal::say("This was not accepted. Enter it again.");
    }
    let Found { mut secrets, trouble } = found;
    let mut entered = Secrets::new();
    for name in request.secrets.keys() {
        if secrets.contains_key(name) {
            continue;
        }
        let question = format!("{} ({}): ", request.name, secret_words(name));
        let text = terminal::ask_secret(&question).await?;
        entered.insert(name.clone(), Secret::new(text.as_str()));
    }
    if is_in_keyring(&request.secrets) {
        offer_to_remember(request, &entered, trouble).await;
    }
    secrets.extend(entered);
    Some(secrets)
}

async fn offer_to_remember(
    request: &SecretRequest,
    entered: &Secrets,
    trouble: Option<KeyringError>,
) {
    let kept = match trouble {
        Some(error) => Err(error),
        None => match terminal::ask("Remember it in the keyring?", true).await {
            Ok(true) => remember(request, entered).await,
            Ok(false) | Err(_) => Ok(()),
        },
    };
    if let Err(error) = kept {
        terminal::say(&format!("It counts for this session alone. {error}"));
    }
}
