//! What systemd-logind tells of logins, org.freedesktop.login1(5).

use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use tokio::{sync::watch, time::sleep};
use zbus::{
    Connection, MatchRule, MessageStream, OwnedObjectPath, message::Type, proxy::CacheProperties,
};

use super::{Login, Logins};

const SERVICE: &str = "org.freedesktop.login1";
/// How long it may take to say who is logged in, the first time: rules wait for it.
const FIRST_LIMIT: Duration = Duration::from_secs(5);
/// A bus that is not there is looked for again after this time, doubled each time up to the longest.
const FIRST_LOOK: Duration = Duration::from_secs(5);
const LONGEST_LOOK: Duration = Duration::from_secs(15 * 60);

#[zbus::proxy(
    interface = "org.freedesktop.login1.Manager",
    default_service = "org.freedesktop.login1",
    default_path = "/org/freedesktop/login1"
)]
trait Manager {
    /// Of each its id, its user's number and name, its seat, and where it is.
    fn list_sessions(&self) -> zbus::Result<Vec<(String, u32, String, String, OwnedObjectPath)>>;
}

#[zbus::proxy(
    interface = "org.freedesktop.login1.Session",
    default_service = "org.freedesktop.login1"
)]
trait Session {
    #[zbus(property)]
    fn class(&self) -> zbus::Result<String>;
    #[zbus(property)]
    fn state(&self) -> zbus::Result<String>;
}

/// Who is logged in, from now on; nothing until that is known, or nobody is there to say it.
pub(crate) fn watch() -> watch::Receiver<Option<Logins>> {
    let (sender, logins) = watch::channel(None);
    tokio::spawn(async move {
        let patience = async {
            sleep(FIRST_LIMIT).await;
            give_up(&sender);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = follow(&sender) => {}
            () = patience => {}
            () = sender.closed() => {}
        }
    });
    logins
}

async fn follow(logins: &watch::Sender<Option<Logins>>) {
    let mut patience = FIRST_LOOK;
    loop {
        match follow_bus(logins).await {
            Ok(()) => patience = FIRST_LOOK,
            Err(error) => tracing::debug!("nobody says who is logged in: {error}"),
        }
        give_up(logins);
        sleep(patience).await;
        patience = (patience * 2).min(LONGEST_LOOK);
    }
}

/// What was known before stays known.
fn give_up(logins: &watch::Sender<Option<Logins>>) {
    logins.send_if_modified(|known| {
        let is_news = known.is_none();
        known.get_or_insert(Logins::Unknown);
        is_news
    });
}

/// Until the connection to the bus ends.
async fn follow_bus(logins: &watch::Sender<Option<Logins>>) -> zbus::Result<()> {
    let connection = Connection::system().await?;
    let mut changes = changes(&connection).await?;
    loop {
        let people = people(&connection).await?;
        let number = people.len();
        let latest = Some(Logins::Known(people));
        if logins.send_if_modified(|known| std::mem::replace(known, latest.clone()) != latest) {
            tracing::debug!("{number} sessions of people are there");
        }
        if changes.next().await.is_none() {
            return Ok(());
        }
    }
}

/// Somebody came or went, or a seat shows another session.
async fn changes(connection: &Connection) -> zbus::Result<impl Stream<Item = ()> + Unpin> {
    let signal = || MatchRule::builder().msg_type(Type::Signal).sender(SERVICE);
    let of_manager = || signal().interface("org.freedesktop.login1.Manager");
    let properties = signal().interface("org.freedesktop.DBus.Properties");
    let mut streams = Vec::new();
    for rule in [
        of_manager().member("SessionNew").build()?,
        of_manager().member("SessionRemoved").build()?,
        properties.member("PropertiesChanged").arg(0, "org.freedesktop.login1.Seat").build()?,
    ] {
        streams.push(MessageStream::for_match_rule(rule, connection, None).await?.map(drop));
    }
    Ok(stream::select_all(streams))
}

async fn people(connection: &Connection) -> zbus::Result<Vec<Login>> {
    let mut people = Vec::new();
    for (_, uid, _, seat, path) in ManagerProxy::new(connection).await?.list_sessions().await? {
        let session = SessionProxy::builder(connection).path(path);
        let session = session.cache_properties(CacheProperties::No).build().await?;
        // One that is gone meanwhile is no login any more.
        let Ok((class, state)) = described(&session).await else { continue };
        // Not a login screen's or a service's, nor what processes somebody has left behind.
        if class.starts_with("user") && state != "closing" {
            let seat = (!seat.is_empty()).then_some(seat);
            people.push(Login { uid, seat, is_active: state == "active" });
        }
    }
    Ok(people)
}

async fn described(session: &SessionProxy<'_>) -> zbus::Result<(String, String)> {
    Ok((session.class().await?, session.state().await?))
}
