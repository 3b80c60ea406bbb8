//! The script that a tunnel's settings only name by its URL. The helper fetches it through the tunnel; the desktop's programs
//! would go wherever the routes lead. Spec PXY-4.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use adit_api::FetchProxyScript;
use adit_model::ProxyMode;
use tokio::{sync::mpsc::UnboundedSender, task::JoinHandle, time::sleep};

use super::{Asked, Wanted};
use crate::call::call;

/// Fetches, and knows what was fetched.
#[derive(Debug)]
pub(crate) struct Scripts {
    socket: PathBuf,
    tell: UnboundedSender<Fetched>,
    current: Option<Fetch>,
}

/// A script that has come.
#[derive(Debug)]
pub(crate) struct Fetched {
    asked: Asked,
    script: String,
}

/// Goes on until it is dropped.
#[derive(Debug)]
struct Fetch {
    asked: Asked,
    script: Option<String>,
    task: JoinHandle<()>,
}

/// How long to wait after a failure, twice as long after each.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

impl Scripts {
    /// `tell` is told of each script that comes, for [`hear`](Self::hear).
    pub(crate) fn new(socket: &Path, tell: UnboundedSender<Fetched>) -> Self {
        Self { socket: socket.into(), tell, current: None }
    }

    /// What is asked for with its script; nothing until that has come.
    pub(crate) fn complete(&mut self, asked: Option<Asked>) -> Option<Wanted> {
        let is_elsewhere = |asked: &Asked| matches!(asked.settings.mode, ProxyMode::ScriptUrl(_));
        let Some(asked) = asked.as_ref().filter(|asked| is_elsewhere(asked)) else {
            self.current = None;
            return asked.map(|asked| Wanted { settings: asked.settings, script: None });
        };
        if self.current.as_ref().is_none_or(|current| current.asked != *asked) {
            self.current = Some(Fetch::start(&self.socket, asked.clone(), self.tell.clone()));
        }
        let script = self.current.as_ref().and_then(|current| current.script.clone());
        script.map(|script| Wanted { settings: asked.settings.clone(), script: Some(script) })
    }

    /// Takes a script that has come, if it is still asked for.
    pub(crate) fn hear(&mut self, fetched: Fetched) {
        if let Some(current) = &mut self.current
            && current.asked == fetched.asked
        {
            current.script = Some(fetched.script);
        }
    }
}

impl Fetch {
    fn start(socket: &Path, asked: Asked, tell: UnboundedSender<Fetched>) -> Self {
        let (socket, wanted) = (socket.to_owned(), asked.clone());
        let task = tokio::spawn(async move {
            let mut pause = FIRST_PAUSE;
            loop {
                match call(&socket, FetchProxyScript { id: wanted.id }).await {
                    Ok(reply) => {
                        // Only an agent that ends does not listen.
                        let _ = tell.send(Fetched { asked: wanted, script: reply.script });
                        return;
                    }
                    Err(error) => {
                        tracing::warn!("A tunnel's proxy script cannot be fetched yet.");
                        tracing::debug!("{error}");
                    }
                }
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        });
        Self { asked, script: None, task }
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        self.task.abort();
    }
}
