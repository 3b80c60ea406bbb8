//! The provider of a run: its process, and what it is told. A run may have several, one after the
//! other.

use std::{
    io,
    os::fd::OwnedFd,
    sync::{Arc, OnceLock},
    time::Duration,
};

use adit_model::{ProviderStopReason, session::Event};
use adit_network::Network;
use adit_provider::protocol::{ConfigurationChanged, HandleAppMessage, Sleep, Start, Status, Stop};
use adit_varlink::{Method, NoError};
use serde_json::Value;
use tokio::{
    sync::{Semaphore, oneshot},
    task::AbortHandle,
};
use tracing::Instrument;

use super::{
    Report, Reporter,
    calls::{ProviderCalls, protocol_broken},
    host,
    interface::Interface,
};
use crate::{
    provider::{Lifeline, ProcessName, ProgramVersion, ProviderProcess, duplicate},
    store::Record,
};

/// How long a provider may take to tell its status.
const STATUS_LIMIT: Duration = Duration::from_secs(1);
/// How long a provider may take to answer an app. Spec TUN-17.
const MESSAGE_LIMIT: Duration = Duration::from_secs(10);

const MOST_MESSAGES: usize = 8;

/// A provider process with the connections to it.
pub(super) struct Provider {
    reporter: Reporter,
    name: Option<ProcessName>,
    program: Option<ProgramVersion>,
    calls: ProviderCalls,
    /// Messages of apps that the provider has before it.
    messages: Arc<Semaphore>,
    /// Dropping it ends the process.
    lifeline: Option<Lifeline>,
    /// The name of the tunnel's interface, once there is one.
    interface: Arc<OnceLock<String>>,
    hosting: AbortHandle,
}

impl Provider {
    /// Serves the process and reports its end.
    pub(super) fn attend(
        process: ProviderProcess,
        network: &Arc<Network>,
        interface: &Interface,
        reporter: Reporter,
    ) -> Self {
        let (name, program) = (process.process.name(), process.program);
        let known = interface.name().map_or_else(OnceLock::new, |name| name.to_owned().into());
        let name_of_interface = Arc::new(known);
        let (provider, host, lifeline, gone) = process.guard();
        let hosting = host::Hosting {
            reporter: reporter.clone(),
            network: Arc::clone(network),
            interface: Arc::clone(&name_of_interface),
        };
        let hosting = tokio::spawn(host::serve(host, hosting).in_current_span()).abort_handle();
        let exited = reporter.clone();
        tokio::spawn(
            async move {
                gone.await;
                exited.event(Event::ProviderExited).await;
            }
            .in_current_span(),
        );
        let calls = ProviderCalls::new(provider, reporter.clone());
        Self {
            reporter,
            name,
            program,
            calls,
            messages: Arc::new(Semaphore::new(MOST_MESSAGES)),
            lifeline: Some(lifeline),
            interface: name_of_interface,
            hosting,
        }
    }

    /// The tunnel has an interface of this name. Another one comes with another provider.
    pub(super) fn has_interface(&self, name: &str) {
        self.interface.get_or_init(|| name.to_owned());
    }

    /// The process; none if it ended at once.
    pub(super) fn name(&self) -> Option<ProcessName> {
        self.name
    }

    /// What it runs; none if nobody knows.
    pub(super) fn program(&self) -> Option<ProgramVersion> {
        self.program
    }

    /// Tells it to establish the tunnel on these queues.
    pub(super) fn start(&self, start: Start, queues: &[OwnedFd]) -> io::Result<()> {
        let queues = duplicate(queues)?;
        let (calls, reporter) = (self.calls.clone(), self.reporter.clone());
        tokio::spawn(
            async move {
                if let Err(error) = calls.call_with(&start, &queues).await {
                    protocol_broken(&reporter, &error).await;
                }
            }
            .in_current_span(),
        );
        Ok(())
    }

    pub(super) fn stop(&self, reason: ProviderStopReason) {
        let (calls, reporter) = (self.calls.clone(), self.reporter.clone());
        tokio::spawn(
            async move {
                // A provider that fails to answer is given up when the limit passes, or has exited.
                if calls.call(&Stop { reason }).await.is_ok() {
                    reporter.event(Event::StopAcknowledged).await;
                }
            }
            .in_current_span(),
        );
    }

    /// Ends the process, and listens to it no more.
    pub(super) fn kill(&mut self) {
        self.hosting.abort();
        self.calls.close();
        self.lifeline = None;
    }

    /// Tells it something that needs no answer from us.
    pub(super) fn tell<M: Method<Error = NoError> + Sync>(&self, call: M) {
        let (calls, reporter) = (self.calls.clone(), self.reporter.clone());
        tokio::spawn(
            async move {
                if let Err(error) = calls.call(&call).await {
                    protocol_broken(&reporter, &error).await;
                }
            }
            .in_current_span(),
        );
    }

    /// Answers when it has done what it does before the machine sleeps.
    pub(super) fn sleep(&self, answer: oneshot::Sender<bool>) {
        let (calls, reporter) = (self.calls.clone(), self.reporter.clone());
        tokio::spawn(
            async move {
                if let Err(error) = calls.call(&Sleep {}).await {
                    protocol_broken(&reporter, &error).await;
                }
                let _ = answer.send(false);
            }
            .in_current_span(),
        );
    }

    pub(super) fn configuration_changed(&self, record: &Record) {
        let call = ConfigurationChanged {
            configuration: record.configuration.clone(),
            secrets: record.secrets.clone(),
        };
        let (calls, reporter) = (self.calls.clone(), self.reporter.clone());
        tokio::spawn(
            async move {
                match calls.call(&call).await {
                    Ok(reply) => reporter.report(Report::Followed(reply.applied)).await,
                    Err(error) => protocol_broken(&reporter, &error).await,
                }
            }
            .in_current_span(),
        );
    }

    pub(super) fn send_message(&self, message: String, answer: oneshot::Sender<Option<String>>) {
        let Ok(place) = Arc::clone(&self.messages).try_acquire_owned() else { return };
        let calls = self.calls.clone();
        tokio::spawn(
            async move {
                let call = HandleAppMessage { message };
                if let Some(reply) = calls.call_within(MESSAGE_LIMIT, call).await {
                    let _ = answer.send(reply.reply);
                }
                drop(place);
            }
            .in_current_span(),
        );
    }

    /// What it has to tell, for whoever awaits it. A provider that is busy with another call is not
    /// asked: whoever wants its status asks often, and a stop would have to wait behind all of them.
    pub(super) fn status(&self) -> impl Future<Output = Option<Value>> + Send + 'static {
        let calls = self.calls.clone();
        async move {
            if !calls.are_idle() {
                return None;
            }
            Some(calls.call_within(STATUS_LIMIT, Status {}).await?.status)
        }
    }
}
