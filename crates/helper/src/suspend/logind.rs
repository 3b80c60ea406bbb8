//! What systemd-logind tells, org.freedesktop.login1(5).

use std::time::Duration;

use futures_util::StreamExt;
use tokio::{sync::mpsc, time::sleep};
use zbus::{Connection, OwnedFd, fdo::DBusProxy};

use super::{Inhibitor, Suspend};

const SERVICE: &str = "org.freedesktop.login1";
/// A bus that is not there is looked for again after this time, doubled each time up to the longest.
const FIRST_LOOK: Duration = Duration::from_secs(5);
const LONGEST_LOOK: Duration = Duration::from_secs(15 * 60);

#[zbus::proxy(
    interface = "org.freedesktop.login1.Manager",
    default_service = "org.freedesktop.login1",
    default_path = "/org/freedesktop/login1"
)]
trait Manager {
    fn inhibit(&self, what: &str, who: &str, why: &str, mode: &str) -> zbus::Result<OwnedFd>;
    #[zbus(signal)]
    fn prepare_for_sleep(&self, start: bool);
}

/// Until nobody listens any more.
pub(super) async fn follow(events: mpsc::Sender<Suspend>) {
    let mut patience = FIRST_LOOK;
    loop {
        tokio::select! {
            followed = follow_bus(&events) => match followed {
                Ok(()) => patience = FIRST_LOOK,
                Err(error) => tracing::debug!("logind cannot be asked: {error}"),
            },
            () = events.closed() => return,
        }
        tokio::select! {
            () = sleep(patience) => {}
            () = events.closed() => return,
        }
        patience = (patience * 2).min(LONGEST_LOOK);
    }
}

/// Until the connection to the bus ends.
async fn follow_bus(events: &mpsc::Sender<Suspend>) -> zbus::Result<()> {
    let connection = Connection::system().await?;
    let bus = DBusProxy::new(&connection).await?;
    let mut owners = bus.receive_name_owner_changed_with_args(&[(0, SERVICE)]).await?;
    let manager = ManagerProxy::new(&connection).await?;
    // Before the inhibitor, so that no sleep falls between them.
    let mut signals = manager.receive_prepare_for_sleep().await?;
    let mut inhibitor =
        if bus.name_has_owner(SERVICE.try_into()?).await? { inhibit(&manager).await } else { None };
    loop {
        tokio::select! {
            owner = owners.next() => {
                let Some(owner) = owner else { return Ok(()) };
                // Who starts anew knows nothing of inhibitors.
                inhibitor = match owner.args()?.new_owner().as_ref() {
                    Some(_) => inhibit(&manager).await,
                    None => None,
                };
            }
            signal = signals.next() => {
                let Some(signal) = signal else { return Ok(()) };
                if *signal.args()?.start() {
                    let held = Inhibitor { _fd: inhibitor.take() };
                    let _ = events.send(Suspend::Begins(held)).await;
                } else {
                    inhibitor = inhibit(&manager).await;
                    let _ = events.send(Suspend::Ended).await;
                }
            }
        }
    }
}

/// Without one, sleep is told but not held back.
async fn inhibit(manager: &ManagerProxy<'_>) -> Option<OwnedFd> {
    let why = "VPN servers are told that the computer sleeps";
    let inhibitor = manager.inhibit("sleep", "Adit", why, "delay").await;
    inhibitor.inspect_err(|error| tracing::debug!("sleep is not held back: {error}")).ok()
}
