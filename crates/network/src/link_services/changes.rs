//! When what the services know of a link may have changed.

use futures_util::{Stream, StreamExt, stream};
use tokio::sync::mpsc;
use zbus::{
    Connection, MatchRule, MessageStream,
    fdo::{DBusProxy, PropertiesChanged},
    message::Type,
};

use super::{iwd, network_manager, wpa_supplicant};
use crate::{bus, network::Bus};

const SERVICES: [&str; 3] = [network_manager::SERVICE, iwd::SERVICE, wpa_supplicant::SERVICE];

/// What is listened to. Strengths of signals and bit rates change every few seconds and are not in it:
/// another access point is a new `SpecificObject`. A lease that is renewed with other servers shows in
/// its configuration alone while those of a tunnel are in force.
const INTERFACES: [(&str, &str, &[&str]); 7] = [
    (network_manager::SERVICE, "org.freedesktop.NetworkManager", &["Startup"]),
    (
        network_manager::SERVICE,
        "org.freedesktop.NetworkManager.Device",
        &["State", "ActiveConnection", "Metered", "Ip4Connectivity", "Ip6Connectivity"],
    ),
    (
        network_manager::SERVICE,
        "org.freedesktop.NetworkManager.IP4Config",
        &["NameserverData", "Searches", "Domains"],
    ),
    (
        network_manager::SERVICE,
        "org.freedesktop.NetworkManager.IP6Config",
        &["Nameservers", "Searches", "Domains"],
    ),
    (
        network_manager::SERVICE,
        "org.freedesktop.NetworkManager.Connection.Active",
        &["State", "Id", "SpecificObject"],
    ),
    (
        iwd::SERVICE,
        "net.connman.iwd.Station",
        &["State", "ConnectedNetwork", "ConnectedAccessPoint"],
    ),
    (wpa_supplicant::SERVICE, "fi.w1.wpa_supplicant1.Interface", &["State", "CurrentBSS"]),
];

/// Follows the services, also those that start later or start anew. Never ends by itself.
pub(crate) fn changes(bus: &Bus) -> impl Stream<Item = ()> + use<> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(bus::keep_following(bus.clone(), sender, follow));
    stream::unfold(receiver, |mut receiver| async {
        match receiver.recv().await {
            Some(()) => Some(((), receiver)),
            None => std::future::pending().await,
        }
    })
}

/// Until the connection to the bus ends.
async fn follow(connection: Connection, changes: mpsc::Sender<()>) -> zbus::Result<()> {
    let bus = DBusProxy::new(&connection).await?;
    let mut streams = Vec::new();
    for service in SERVICES {
        let owners = bus.receive_name_owner_changed_with_args(&[(0, service)]).await?;
        streams.push(owners.map(|_| ()).boxed());
    }
    for (service, interface, properties) in INTERFACES {
        let messages = properties_changed(&connection, service, interface).await?;
        let concerned = messages.filter_map(move |message| {
            let signal = message.ok().and_then(PropertiesChanged::from_message);
            let is_concerned = signal.is_some_and(|signal| is_concerned(&signal, properties));
            std::future::ready(is_concerned.then_some(()))
        });
        streams.push(concerned.boxed());
    }
    // What it was before anybody listened is not known.
    let _ = changes.send(()).await;
    let mut streams = stream::select_all(streams);
    while streams.next().await.is_some() {
        // One that waits to be taken stands for all that come until then.
        let _ = changes.try_send(());
    }
    Ok(())
}

async fn properties_changed(
    connection: &Connection,
    service: &'static str,
    interface: &'static str,
) -> zbus::Result<MessageStream> {
    let rule = MatchRule::builder()
        .msg_type(Type::Signal)
        .sender(service)
        .interface("org.freedesktop.DBus.Properties")
        .member("PropertiesChanged")
        .arg(0, interface)
        .build()?;
    MessageStream::for_match_rule(rule, connection, None).await
}

fn is_concerned(signal: &PropertiesChanged, properties: &[&str]) -> bool {
    let Ok(args) = signal.args() else { return false };
    let invalidated = args.invalidated_properties().iter();
    let mut names = args.changed_properties().keys().chain(invalidated);
    names.any(|name| properties.contains(name))
}
