//! Services on the message bus.

use std::time::Duration;

use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use zbus::{Connection, fdo::DBusProxy};

use crate::network::Bus;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// A bus that is not there is looked for again after this time, doubled each time up to the longest.
const FIRST_LOOK: Duration = Duration::from_secs(5);
const LONGEST_LOOK: Duration = Duration::from_secs(15 * 60);

/// A connection to a service, if it is running. Nothing is started by asking, and nothing waits for
/// long: there may be no bus.
pub(crate) async fn connect(bus: &Bus, service: &'static str) -> Option<Connection> {
    let builder = bus.builder()?;
    let connect = async {
        let connection = builder.method_timeout(CALL_TIMEOUT).build().await?;
        is_running(&connection, service).await.map(|running| running.then_some(connection))
    };
    timeout(CONNECT_TIMEOUT, connect).await.ok()?.ok()?
}

async fn is_running(connection: &Connection, service: &'static str) -> zbus::Result<bool> {
    Ok(DBusProxy::new(connection).await?.name_has_owner(service.try_into()?).await?)
}

/// Follows the bus until nobody listens to `changes` any more: `follow` returns when its connection
/// has ended, and is called again with another.
pub(crate) async fn keep_following<T, F>(
    bus: Bus,
    changes: mpsc::Sender<T>,
    follow: impl Fn(Connection, mpsc::Sender<T>) -> F,
) where
    F: Future<Output = zbus::Result<()>>,
{
    let mut patience = FIRST_LOOK;
    while let Some(builder) = bus.builder() {
        let followed = async { follow(builder.build().await?, changes.clone()).await };
        tokio::select! {
            followed = followed => match followed {
                Ok(()) => patience = FIRST_LOOK,
                Err(error) => tracing::debug!("the message bus cannot be watched: {error}"),
            },
            () = changes.closed() => return,
        }
        tokio::select! {
            () = sleep(patience) => {}
            () = changes.closed() => return,
        }
        patience = (patience * 2).min(LONGEST_LOOK);
    }
}
