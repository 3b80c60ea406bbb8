//! The machine sleeps and wakes.

use std::{convert::Infallible, time::Duration};

use futures_util::future::join_all;
use tokio::{sync::mpsc, time::timeout};

use super::{Service, locked};
use crate::{
    session::{Input, SessionHandle},
    suspend::Suspend,
};

/// How long sleep is held back at most: logind waits for 5 s unless it is told otherwise
/// (`InhibitDelayMaxSec`, logind.conf(5)), and something is left for the way to and from it.
const SLEEP_LIMIT: Duration = Duration::from_millis(4500);

impl Service {
    /// Tells sessions of every sleep and of every waking.
    pub(crate) async fn follow_sleep(&self, mut suspends: mpsc::Receiver<Suspend>) -> Infallible {
        while let Some(suspend) = suspends.recv().await {
            match suspend {
                Suspend::Begins(inhibitor) => {
                    if timeout(SLEEP_LIMIT, self.fall_asleep()).await.is_err() {
                        tracing::warn!("Not every tunnel was ready before the computer slept.");
                    }
                    drop(inhibitor);
                }
                Suspend::Ended => self.tell_all(|| Input::Wake).await,
            }
        }
        std::future::pending().await
    }

    /// Returns when every session has ended that ends at sleep, and every other provider is ready.
    async fn fall_asleep(&self) {
        let sessions: Vec<SessionHandle> = locked(&self.sessions).values().cloned().collect();
        join_all(sessions.iter().map(async |session| {
            if session.ask(Input::Sleep).await == Some(true) {
                session.reach(SLEEP_LIMIT, |status| !status.is_active()).await;
            }
        }))
        .await;
    }
}
