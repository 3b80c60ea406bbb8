//! A subscription to the helper for as long as a viewer runs, whether there is a helper or not.

use std::{path::Path, time::Duration};

use tokio::time::sleep;

use crate::{Arrival, Event, Subscription, SubscriptionError};

/// A helper that is replaced by the next version is back sooner, and nobody needs to hear of it.
const PATIENCE: Duration = Duration::from_secs(2);
/// A helper that was there is looked for after this time.
const PAUSE: Duration = Duration::from_secs(1);

/// What is heard of the helper.
#[derive(Debug)]
pub enum Heard {
    /// There is one. A snapshot follows.
    Attached {
        /// Its version.
        version: String,
    },
    /// It tells something.
    Event(Event),
    /// There is none, or it cannot be understood. It is looked for again.
    Lost(SubscriptionError),
}

/// Passes on what the helper at `socket` tells, and why it tells nothing.
pub async fn attach(socket: &Path, mut hear: impl FnMut(Heard) + Send) -> ! {
    loop {
        let subscription = find(socket, &mut hear).await;
        let error = listen(subscription.with_patience(PATIENCE), &mut hear).await;
        hear(Heard::Lost(error));
        sleep(PAUSE).await;
    }
}

/// Sleeps until there is a helper.
async fn find(socket: &Path, hear: &mut (impl FnMut(Heard) + Send)) -> Subscription {
    loop {
        let arrival = Arrival::watch(socket);
        match Subscription::open(socket).await {
            Ok(subscription) => return subscription,
            Err(SubscriptionError::Connect(error)) => {
                hear(Heard::Lost(error.clone().into()));
                arrival.after(&error).await;
            }
            Err(error @ SubscriptionError::Call(_)) => {
                hear(Heard::Lost(error));
                sleep(PAUSE).await;
            }
        }
    }
}

async fn listen(
    mut subscription: Subscription,
    hear: &mut (impl FnMut(Heard) + Send),
) -> SubscriptionError {
    loop {
        match subscription.next().await {
            Ok(event) => {
                if matches!(event, Event::Snapshot(_)) {
                    hear(Heard::Attached { version: subscription.version().into() });
                }
                hear(Heard::Event(event));
            }
            Err(error) => return error,
        }
    }
}
