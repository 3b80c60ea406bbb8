//! Services on the message bus.

use std::time::Duration;

use tokio::time::timeout;
use zbus::{Connection, fdo::DBusProxy};

use crate::network::Bus;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection to a service, if it is running. Nothing is started by asking, and nothing waits for
/// long: there may be no bus.
pub(super) async fn connect(bus: &Bus, service: &'static str) -> Option<Connection> {
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
